"""The chapter on the objective of each mean: its figure, its words, and the verdict over trainings that diverged."""

import numpy as np
import polars as pl
import pytest

from dashboard.chapters.initialization import training
from dashboard.figures.labs import initialization_objective as figures
from engine.initialization.rules import effective_dimension
from tests.dashboard.conftest import spoken

MEANS = list(figures.MEANS)


@pytest.mark.parametrize(("m", "n"), [(768, 3072), (3072, 768), (1, 20_000), (100, 101)])
def test_every_curve_is_lowest_at_its_mean(m, n):
    dimensions = np.geomspace(min(m, n) / 1.1, max(m, n) * 1.1, 4001)
    for rule, values in figures.curves(m, n, dimensions).items():
        assert values.min() == pytest.approx(1, rel=1e-4)
        lowest = dimensions[values.argmin()]
        assert np.log(lowest / effective_dimension(m, n, rule=rule)) == pytest.approx(0, abs=0.01)


def test_each_step_of_the_slider_moves_to_its_gains():
    figure = figures.objective(768, 3072).to_dict()
    steps = figure["layout"]["sliders"][0]["steps"]
    assert len(steps) == len(figure["frames"]) == figures.STEPS
    for step, frame in zip(steps, figure["frames"], strict=True):
        dimension = frame["data"][0]["x"][0]
        assert step["label"] == f"{dimension:,.0f}"
        assert [stroke["x"][1] for stroke in frame["data"][1:]] == pytest.approx([3072 / dimension, 768 / dimension])


def test_the_chapter_speaks_of_the_shape_that_was_chosen(empty_store, open_page):
    app = open_page("initialization/objective", empty_store)
    assert not app.exception
    assert "geometric mean gives exactly 1, Xavier's 0.64, the per-layer optimum 0.346" in spoken(app)
    app.number_input(key="initialization_objective_n").set_value(768).run()
    assert not app.exception
    assert "all means are 768" in app.info[0].value


def losses(**values):
    rows = [("loss", rule, value, value - 0.1, value + 0.1) for rule, value in values.items()]
    return pl.DataFrame(rows, schema=["metric", "rule", "value", "low", "high"], orient="row")


def test_a_diverged_rule_is_never_called_best():
    nothing = training.verdict(losses(geometric=float("nan"), fan_in=1.02, fan_out=float("inf")))
    assert nothing.startswith("**No rule is best**")
    some = training.verdict(losses(geometric=float("nan"), fan_in=0.4, fan_out=float("inf"), quadratic=1.3))
    assert some.startswith("Best is **fan_in** with a loss of 0.4000 [0.3000, 0.5000]")
    assert "under geometric, fan_out, quadratic" in some
