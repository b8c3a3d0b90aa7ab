"""A sequence that is computed as far as it is asked for."""

from itertools import count
from threading import Thread

from dashboard.frames.kept import Kept


def test_each_item_is_computed_once_and_only_as_far_as_asked():
    asked = []
    kept = Kept(asked.append(number) or 10 * number for number in count())
    assert kept[2] == 20
    assert kept[0] == 0
    assert asked == [0, 1, 2]


def test_sessions_may_ask_at_once():
    kept, found = Kept(count()), []
    threads = [Thread(target=lambda: found.append([kept[n] for n in range(50)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(50))] * 4
