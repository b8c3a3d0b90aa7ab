"""The smoothing pages on an empty store and on stored measurements; their figures."""

import base64
import json

import numpy as np
import polars as pl
import pytest

from dashboard.figures.labs import smoothing as figures
from store import runs
from store.ingest import ingest
from tests.dashboard.conftest import spoken

PAGES = ("smoothing", "smoothing_errors", "smoothing_floor", "smoothing_staircase", "smoothing_training")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with errors, a regression, a staircase and two encoders."""
    return filled(tmp_path_factory.mktemp("smoothing") / "results.duckdb", 5)


def filled(db, n):
    """The store, with n seeds and problems."""
    options = {"config": {}, "command": "x", "config_hash": "s", "db": db, "follow": False}
    with runs.start("smoothing", task="errors", **options) as run:
        for width in (0.01, 0.1):
            run.measure("smoothing_error", {"function": "relu", "kernel": "gaussian", "width": width}, supremum=width)
    with runs.start("smoothing", task="train", **options) as run:
        for rank, name in enumerate(("gelu", "relu", "squareplus:0.5:trainable")):
            error = (0.1 + rank / 10, 0.08 + rank / 10, 0.12 + rank / 10, n)
            pair = (rank / 10 - 0.1, rank / 10 - 0.15, rank / 10 - 0.05, n)
            run.measure(
                "smoothing_regression", {"target": "smooth", "activation": name}, error=error, against_first=pair
            )
        axes = {"target": "smooth", "activation": "squareplus:0.5:trainable"}
        run.measure("smoothing_regression", axes, width=(0.7, 0.6, 0.8, n))
        for name, loss in (("annealed 1 to 0.02", 0.0), ("fixed 1", 0.2)):
            run.measure("staircase_final", {"schedule": name}, loss=(loss, loss, loss + 0.1, n), solved=1 - loss)
    with runs.start("clue", task="tnews", **options) as parent:
        for seed, score in enumerate((0.3, 0.4)):
            child = {**options, "config": {"activation": "sau:1"}}
            with runs.start("clue", task="tnews", model="tiny", parent_run_id=parent.run_id, seed=seed, **child) as run:
                run.summary({"dev/accuracy": score})
    ingest(db, force=True)
    return db


text = spoken


def charts(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_pages_work_on_an_empty_store(page, empty_store, open_page):
    app = open_page(page, empty_store, more=True)
    assert not app.exception
    if page in ("smoothing_errors", "smoothing_staircase", "smoothing_training"):
        assert any("python -m jobs.smoothing" in code.value for code in app.code)
    if page != "smoothing_training":
        assert len(charts(app)) >= 2


@pytest.mark.parametrize("page", PAGES)
def test_pages_work_on_a_filled_store(page, store, open_page):
    app = open_page(page, store)
    assert not app.exception
    assert not app.error


def test_stored_results_are_told(store, open_page):
    app = open_page("smoothing_training", store, more=True)
    assert "Best is **gelu** with 0.1000 (95 % 0.0800 to 0.1200). Means over 5 seeds with 95 % intervals." in text(app)
    assert "clearly worse: squareplus:0.5:trainable" in text(app)
    encoders = charts(app)[-1]["data"][0]
    assert encoders["y"] == ["sau:1"]
    errors = charts(open_page("smoothing_errors", store))[0]["data"]
    assert any(trace["name"] == "gaussian, measured" for trace in errors)


def test_two_seeds_are_told_without_an_interval_or_a_difference(tmp_path, open_page):
    db = filled(tmp_path / "two.duckdb", 2)
    told = text(open_page("smoothing_training", db, more=True))
    assert "Best is **gelu** with 0.1000. Means over 2 seeds, too few for intervals. Two seeds are too few" in told
    assert "clearly" not in told.split("Good for")[0]
    told = text(open_page("smoothing_staircase", db, more=True))
    assert "annealed 1 to 0.02 0, fixed 1 0.2. Means over 2 problems, too few for intervals." in told


def test_every_function_and_kernel_is_shown_or_refused_with_advice(empty_store, open_page):
    app = open_page("smoothing", empty_store)
    for f, kernel in (("floor", "student"), ("sign", "cauchy"), ("clip", "sech")):
        app.selectbox(key="smoothing_f").set_value(f)
        app.selectbox(key="smoothing_kernel").set_value(kernel).run()
        assert not app.exception
        assert not app.error
        assert len(charts(app)) == 4
    app.selectbox(key="smoothing_f").set_value("relu")
    app.selectbox(key="smoothing_kernel").set_value("cauchy").run()
    assert "no first moment" in app.error[0].value
    assert "gate" in app.error[0].value


def test_own_knots_are_a_function(empty_store, open_page):
    app = open_page("smoothing", empty_store, more=True)
    app.selectbox(key="smoothing_f").set_value("own knots").run()
    assert not app.error
    assert "step" in app.code[1].value
    app.text_input(key="smoothing_knots").set_value("0:1, 0:2").run()
    assert "increasing x" in app.error[0].value


def test_the_closed_form_lies_on_the_convolution(empty_store, open_page):
    app = open_page("smoothing", empty_store)
    app.slider(key="smoothing_width").set_value(0.0).run()
    lines = {trace["name"]: trace for trace in charts(app)[1]["data"]}
    assert set(lines) == {"g − f", "convolution − gate"}
    assert "0.398942" in text(app)
    assert "the rounding of the computer" in text(app)


def test_the_window_of_the_floor_saturates(empty_store, open_page):
    app = open_page("smoothing_floor", empty_store)
    app.slider(key="smoothing_floor_m").set_value(2).run()
    app.slider(key="smoothing_floor_n").set_value(3).run()
    assert "outside it stays at −3 and 3" in text(app)


def test_figures_lift_the_pen_at_jumps_and_name_their_axes():
    x = np.linspace(-1, 1, 41)
    xs, ys = figures.with_breaks(x, np.sign(x - 0.01))
    assert None in xs
    assert ys.count(None) == 1
    figure = figures.curves(x, np.abs(x), {"closed": x**2})
    assert figure.layout.xaxis.title.text == "x"
    assert [trace.name for trace in figure.data] == ["f", "closed"]
    gaps = figures.differences(x, {"d": np.where(x > 0, 1e-3, 1e-15)})
    drawn = gaps.data[0].y[~np.isnan(gaps.data[0].y)]
    assert drawn.tolist() == [1e-3] * 20  # neither zeros nor the rounding of the computer stand on a log axis
    frame = pl.DataFrame({"kernel": ["gaussian"] * 2, "width": [0.1, 1.0], "value": [0.04, 0.4]})
    lines = figures.error_lines(frame, frame.clear(), y="sup")
    assert lines.layout.xaxis.type == "log"
    assert len(lines.data) == 1


def test_the_kernel_slides_over_f_in_the_browser(open_page, empty_store):
    app = open_page("smoothing/slide", empty_store, smoothing_slide_f="sign", smoothing_slide_width="0.5")
    spec = charts(app)[0]
    assert len(spec["frames"]) == len(spec["layout"]["sliders"][0]["steps"]) == 41
    assert "half the jump at a jump, for every width" in text(app)
    app.selectbox(key="smoothing_slide_kernel").set_value("cauchy")
    app.selectbox(key="smoothing_slide_f").set_value("relu").run()
    assert not app.exception
    assert len(app.error) == 1


def decoded(values):
    """An array as plotly packs it for the browser."""
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])


def test_the_frame_of_the_middle_has_the_area_that_it_says():
    from dashboard.chapters.smoothing.slide import drawn

    figure, gap = drawn("relu", "gaussian", 0.5)
    frame = figure.to_dict()["frames"][20]
    x = np.linspace(-3, 3, 201)
    assert gap < 1e-5
    assert np.trapezoid(decoded(frame["data"][3]["y"]), x) == pytest.approx(0.5 / np.sqrt(2 * np.pi), abs=1e-3)
    assert figure.layout.sliders[0].steps[20].label == "0.00, area = g(x) = 0.199"


def test_the_smooth_maximum_reads_numbers_and_refuses_words(open_page, empty_store):
    app = open_page("smoothing/maximum", empty_store, smoothing_maximum_numbers="0, 0", smoothing_maximum_t="2.0")
    assert "1.386 above" in text(app) or "1.39 above" in text(app)  # T ln 2
    app.text_input(key="smoothing_maximum_numbers").set_value("one, nan").run()
    assert not app.exception
    assert "Two to twelve numbers" in app.error[0].value


def test_the_best_fit_is_never_worse_than_the_readers(open_page, empty_store):
    from dashboard.chapters.smoothing import fits

    for case, (best, least) in fits.best_fits().items():
        assert fits.largest(case, best) == pytest.approx(least, rel=1e-6)
        assert all(fits.largest(case, best + off) > least for off in (-0.02, 0.02))
    app = open_page("smoothing/fits", empty_store, smoothing_fits_case="SquarePlus(b) for SoftPlus")
    assert "**1.52382**" in text(app)
    assert "**0.0759314**" in text(app)


def test_the_ball_rolls_to_the_answer():
    from dashboard.chapters.smoothing.staircase import rolling

    figure, first, last, answer = rolling("gaussian", 1.0, 0.02, 0)
    assert abs(last - answer) < 0.15 < abs(first - answer)
    assert len(figure.to_dict()["frames"]) == 41


def test_a_window_of_one_term_has_no_inside(open_page, empty_store):
    app = open_page("smoothing/floor", empty_store, smoothing_floor_m="0", smoothing_floor_n="1")
    assert "too narrow to have an inside" in text(app)
