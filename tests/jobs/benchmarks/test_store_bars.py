"""The store's load table can be taken, and a row says whether its bar holds."""

from jobs import benchmark
from jobs.benchmarks import store, store_bars


def test_every_row_has_a_value_and_a_bar(tmp_path, monkeypatch):
    monkeypatch.setattr(store_bars, "NAMES", 50)
    rows = list(store_bars.suite(tmp_path, count=30))
    assert len(rows) == 8
    assert all(row["value"] > 0 and row["holds"] == (row["value"] < row["bar"]) for row in rows)
    words = " ".join(row["name"] for row in rows)
    assert all(part in words for part in ("metric names", "by log", "log_many", "list of", "refresh", "leaderboard"))


def test_a_row_says_whether_its_bar_holds():
    slow = store._row("x", 9.0, "s", bar=3.0)
    quick = store._row("x", 9.0, "points/s", bar=3.0, at_least=True)
    beside = store._row("x", 9.0, "points/s", bar=2.5, peer="trackio", ratio=2.0, at_least=True)
    assert (slow["holds"], quick["holds"], beside["holds"], store._row("x", 1.0, "s")["holds"]) == (
        False,
        True,
        False,
        None,
    )
    assert "MISSED" in benchmark._line(slow)
    assert "pass" in benchmark._line(quick)
