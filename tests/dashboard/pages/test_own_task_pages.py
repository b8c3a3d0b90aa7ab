"""A task of one's own on the pages: facts, leaderboard, comparison, examples and CAN, like the tasks of CLUE."""

import pytest

from jobs.evaluate import start as evaluate
from jobs.evaluate.config import Config as Average
from store import queries
from tests.dashboard.conftest import copied


@pytest.mark.parametrize(
    ("page", "query", "shown"),
    [
        ("leaderboard", {}, "complaints"),
        ("leaderboard", {"leaderboard_view": "Tasks", "tasks_task": "complaints"}, "complaints"),
        ("examples", {"runs": "latest", "examples_show": "all"}, "，订单"),
        ("runs", {}, "complaints"),
    ],
)
def test_a_task_of_ones_own_stands_on_the_pages(open_page, own_task, page, query, shown):
    at = open_page(page, own_task[0], **query)
    assert not at.exception
    tables = [frame.value.to_string() for frame in at.dataframe]
    texts = [element.proto.body for kind in ("html", "markdown") for element in at.get(kind)]
    texts += [item.label for item in at.expander] + [item.proto.json for item in at.get("bidi_component")]
    assert any(shown in text for text in [*tables, *texts])


def test_sizes_and_balance_stand_there_also_when_the_newest_run_is_an_average(open_page, own_task, tmp_path):
    db = copied(own_task[0], tmp_path)
    evaluate.run(Average(ensemble=tuple(own_task[1]), db=db))
    queries.refresh(db=db)
    at = open_page("leaderboard", db, leaderboard_view="Tasks", tasks_task="complaints")
    assert not at.exception
    assert {"216", "24"} <= {item.value for item in at.metric}
    assert not any("are no classes" in caption.value for caption in at.caption)
