"""Names with numbers in them stand in the order of the numbers, wherever metrics, settings and classes are listed."""

import polars as pl

from dashboard.figures import run_grid, tables
from dashboard.figures.runs import metric_groups
from dashboard.frames import name_order
from dashboard.reports import run_report

NAMES = [f"dev/acc_{k}" for k in (1, 2, 9, 10, 11, 100)]


def test_numbers_in_names_are_compared_as_numbers():
    assert sorted(NAMES) != NAMES, "the alphabet would put 10 before 2"
    assert name_order.ordered(reversed(NAMES)) == NAMES
    assert name_order.ordered(["b", "10", "9", "a2", "a10", "a"]) == ["9", "10", "a", "a2", "a10", "b"]


def test_every_list_of_names_is_in_that_order():
    values = pl.DataFrame({"name": NAMES[::-1], "value": [0.5] * len(NAMES)})
    assert run_grid.ordered(NAMES[::-1]) == NAMES
    assert [name for members in metric_groups(NAMES[::-1]).values() for name in members] == NAMES
    assert run_report.scores(values)["Metric"].to_list() == [f"dev acc {k}" for k in (1, 2, 9, 10, 11, 100)]
    classes = pl.DataFrame({"label": ["10", "2", "x"], "prediction": ["x", "x", "2"]})
    assert tables.class_order(classes) == ["2", "10", "x"]
