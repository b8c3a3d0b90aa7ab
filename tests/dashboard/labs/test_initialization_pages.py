"""The initialization pages on an empty store and on runs of the job at toy size; their figures."""

import json

import numpy as np
import polars as pl
import pytest

from dashboard.figures.labs import initialization as figures
from engine.initialization.rules import stack_gains
from engine.initialization.signal_propagation import propagate_vectors
from store import runs
from store.ingest import ingest
from tests.dashboard.conftest import spoken

PAGES = ("initialization", "initialization_shapes", "initialization_depth", "initialization_training")
RULES = ("fan_in", "geometric", "quadratic")


def store_training(run) -> None:
    """Curves and final losses in which geometric is best and quadratic clearly worse."""
    for rank, rule in enumerate(("geometric", "fan_in", "quadratic")):
        for rate in (0.1, 0.3):
            for step in (0, 10, 20):
                axes = {"variant": "plain", "optimizer": "sgd", "rule": rule, "learning_rate": rate, "step": step}
                loss = 1 - step / 40 + 0.1 * rank
                run.measure("init_training", axes, loss=(loss, loss - 0.05, loss + 0.05, 5))
        axes = {"variant": "plain", "optimizer": "sgd", "rule": rule}
        pair = {} if rank == 0 else {"against_geometric": (0.1 * rank, 0.1 * rank - 0.15, 0.1 * rank + 0.15, 5)}
        final = 0.5 + 0.1 * rank
        run.measure("init_training_best", axes, loss=(final, final - 0.05, final + 0.05, 5), learning_rate=0.1, **pair)


def store_matrix(run) -> None:
    """One trained matrix with its spectrum."""
    axes = {"name": "encoder.layer.0.intermediate.dense", "fan_in": 16, "fan_out": 64}
    values = {"variance": 1 / 32, "forward": 0.5, "backward": 2.0, "product": 1.0, "smallest": 0.7, "largest": 2.5}
    run.measure("init_matrices", axes, **values)
    for left in (0.5, 1.0, 1.5, 2.0):
        run.measure("init_matrix_spectra", {**axes, "left": left, "right": left + 0.5}, density=0.5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with one training and one measured encoder."""
    db = tmp_path_factory.mktemp("initialization") / "results.duckdb"
    options = {"config": {}, "command": "x", "config_hash": "i", "db": db, "follow": False}
    with runs.start("initialization", task="train", **options) as run:
        store_training(run)
    with runs.start("initialization", task="measure", **options) as run:
        store_matrix(run)
    ingest(db, force=True)
    return db


def charts(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_pages_work_on_an_empty_store(page, empty_store, open_page):
    app = open_page(page, empty_store, more=True)
    assert not app.exception
    if page == "initialization_training":
        assert any("python -m jobs.initialization train" in code.value for code in app.code)
    else:
        assert len(charts(app)) >= 3


def test_stored_trainings_have_a_verdict(store, open_page):
    app = open_page("initialization_training", store, more=True)
    assert not app.exception
    text = spoken(app)
    assert "Best is **geometric** with a loss of 0.5000" in text
    assert "clearly worse than geometric: quadratic" in text
    assert "fan_in" not in text.split("clearly worse")[1]
    assert len(charts(app)) == 3
    matrices = next(frame.value for frame in app.dataframe if "nearest rule" in frame.value.columns)
    assert matrices["nearest rule"].to_list() == ["geometric (× 1)"]


def test_widths_are_a_control(empty_store, open_page):
    app = open_page("initialization", empty_store)
    before = charts(app)[0]["data"][0]
    assert len(before["x"]) == 8 or before["x"]
    app.text_input(key="initialization_widths").set_value("64 256 64").run()
    app.selectbox(key="initialization_activation").set_value("gelu").run()
    assert not app.exception
    assert "Over the whole stack **" in spoken(app)
    app.text_input(key="initialization_widths").set_value("64 none").run()
    assert any("Widths" in error.value for error in app.error)
    app.text_input(key="initialization_widths").set_value("64").run()
    assert any("at least two widths" in error.value for error in app.error)


def test_shapes_and_depth_answer(empty_store, open_page):
    app = open_page("initialization_shapes", empty_store)
    app.number_input(key="initialization_shapes_m").set_value(3072).run()
    app.selectbox(key="initialization_shapes_law").set_value("orthogonal").run()
    assert not app.exception
    assert "their ratio, here without bound, depends on m/n alone" in spoken(app)
    app = open_page("initialization_depth", empty_store)
    app.slider(key="initialization_depth_width").set_value(8).run()
    assert not app.exception
    assert "exact" in " ".join(markdown.value for markdown in app.markdown)


def test_lines_are_exact_and_points_measured():
    widths = (32, 128, 32)
    exact = [stack_gains(widths, rule=rule) for rule in RULES]
    rng = np.random.default_rng(0)
    measured = {rule: propagate_vectors(widths, rule=rule, rng=rng, stacks=50) for rule in RULES[:1]}
    for quantity, title in figures.QUANTITIES.items():
        figure = figures.gains_by_layer(exact, measured, quantity)
        assert figure.layout.yaxis.title.text == title
        lines = [trace for trace in figure.data if trace.mode == "lines"]
        assert [trace.name for trace in lines] == list(RULES)
        assert len(figure.data) == 4
        np.testing.assert_allclose(figure.data[1].y, figure.data[0].y, rtol=0.5)
    product = figures.gains_by_layer(exact, {}, "product")
    np.testing.assert_allclose(product.data[1].y, 1)  # geometric


def test_other_figures_have_axes_with_names():
    shares = figures.residual_shares({"Post-Norm": np.array([0.25, 0.25, 0.5])})
    assert shares.data[0].y[-1] == 0.5
    frame = pl.DataFrame(
        {"rule": ["fan_in"] * 2, "step": [0, 1], "value": [1.0, 0.5], "low": [0.9, 0.4], "high": [1.1, 0.6]}
    )
    curves = figures.training_curves(frame)
    assert list(curves.data[1].y) == [1.0, 0.5]
    values = np.linspace(1, 3, 50)
    spectrum = figures.spectrum(values, fan_in=16, fan_out=64, variance=1 / 16, name="x")
    assert spectrum.layout.xaxis.title.text == "singular value"
    assert max(spectrum.data[1].x) == pytest.approx(3)  # the edge (4 + 8) / 4
    bars = figures.effective_dimensions({"fan_in": 16.0, "fan_out": 64.0}, 16, 64)
    assert list(bars.data[0].x) == [16, 64]


def test_dead_stacks_are_counted_and_left_out(empty_store, open_page):
    app = open_page("initialization_depth", empty_store, initialization_depth_width="4")
    assert "stacks died" in app.warning[0].value
    measured = next(item.value for item in app.markdown if "mean logarithm" in item.value)
    found, exact = (float(measured.split(word)[1].split()[0].strip("),")) for word in ("mean logarithm", "exact"))
    assert found == pytest.approx(exact, abs=2)  # -690 with the dead ones at the smallest float
    app.slider(key="initialization_depth_layers").set_value(100).run()
    assert not app.exception
    app.button_group(key="initialization_depth_activation").set_value("linear").run()
    assert not app.warning


def test_an_orthogonal_matrix_fills_one_bin_of_the_law():
    values = np.full(64, 0.5)
    figure = figures.spectrum(values, fan_in=64, fan_out=64, variance=1 / 256, name="orthogonal")
    assert (figure.data[0].y > 0).sum() == 1
    assert float(figure.data[0].x.min()) < 0.1
    assert float((figure.data[0].y * figure.data[0].width).sum()) == pytest.approx(1)


def test_the_interval_of_the_product_covers_the_exact_product():
    widths, covered = [64, 256, 64, 256], []
    exact = figures.exact_series(stack_gains(widths, rule="fan_in", activation="relu", gain="forward"), "product")
    for seed in range(40):
        rng = np.random.default_rng(seed)
        options = {"rule": "fan_in", "activation": "relu", "gain": "forward", "stacks": 30}
        mean, half = figures.measured_series(propagate_vectors(widths, rng=rng, **options), "product")
        covered.append(np.abs(mean - exact) <= half)
    assert 0.85 <= np.mean(covered) <= 1.0
    assert np.mean(half / mean) < 0.5
