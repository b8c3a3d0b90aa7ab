"""The CAN pages: empty and filled stores, sliders, flips, the neighbours, the sweep, the steps, the simulation."""

import contextlib
import json

import numpy as np
import polars as pl
import pytest

from dashboard.figures import style
from dashboard.figures.labs import can as figures
from dashboard.figures.labs import can_simulation as simulation_figures
from dashboard.figures.labs import can_steps as step_figures
from dashboard.figures.labs.can_map import gain_map
from dashboard.frames.labs import can_predictions
from dashboard.parts.labs import can_runs
from engine.can.alternation import half_steps
from engine.can.correct import alternating_normalization
from engine.can.evaluation import accuracy_by_uncertainty
from engine.can.gain_map import Faults
from engine.can.simulation import Setting, simulate
from store import runs
from store.ingest import ingest

NAMES = tuple(f"类{index}" for index in range(8))


def add_run(db, *, probabilities=True, names=NAMES):
    """A run with a class bias and training counts; returns its id and the problem."""
    setting = Setting(n_classes=len(names), n_test=400, n_confident=0, class_bias=1.2)
    problem = simulate(setting, rng=np.random.default_rng(0))
    ids = [str(row) for row in range(400)]
    texts = [{"sentence": f"第{row}条新闻"} for row in ids]
    hashes = [runs.example_hash(text) for text in texts]
    with runs.start(
        "clue", config={}, command="c", config_hash="h", db=db, task="tnews", dataset="tnews", follow=False
    ) as run:
        shown = [json.dumps(text, ensure_ascii=False) for text in texts]
        run.examples("tnews", "dev", pl.DataFrame({"example_id": ids, "hash": hashes, "text": shown}))
        frame = pl.DataFrame(
            {
                "example_id": ids,
                "hash": hashes,
                "label": np.array(names)[problem.labels],
                "prediction": np.array(names)[problem.probs.argmax(axis=1)],
                "confidence": problem.probs.max(axis=1),
            }
        )
        more = {"probabilities": problem.probs, "labels": names} if probabilities else {}
        run.predictions("dev", frame, **more)
        for name, share in zip(names, problem.train_prior, strict=True):
            run.measure("task_facts", {"split": "train", "label": name}, count=round(1000 * share))
    return run.run_id, problem


def add_sweep(db, parent):
    with runs.start(
        "can", config={}, command="python -m jobs.can sweep", config_hash="s", db=db, parent_run_id=parent, follow=False
    ) as run:
        for threshold in (0.8, 0.9):
            for k in (2, 3):
                axes = {"k": k, "threshold": threshold, "alpha": 1.0, "iterations": 1, "prior": "train"}
                run.measure("can_grid", axes, gain=(0.01 * k, 0.0, 0.05, 400), accuracy=0.6, corrected=10)
        run.measure("can_gain", {"choice": "cross-fitted"}, gain=(0.011, -0.002, 0.02, 400))
        run.measure("can_gain", {"choice": "tuned"}, gain=(0.033, 0.01, 0.05, 400))
    return run.run_id


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a run, its sweep and a small simulation."""
    db = tmp_path_factory.mktemp("can") / "results.duckdb"
    run_id, problem = add_run(db)
    add_sweep(db, run_id)
    with runs.start(
        "can", config={}, command="python -m jobs.can simulate", config_hash="m", db=db, task="simulation", follow=False
    ) as run:
        for axis, values in (("n_classes", (2, 30)), ("class_bias", (0, 2)), ("prior_shift", (0, 1))):
            for at in values:
                run.measure(
                    "can_simulation",
                    {"axis": axis, "at": float(at)},
                    can=(0.0123 * at, 0.0, 0.1, 20),
                    sinkhorn=(0.02, 0.0, 0.1, 20),
                )
    ingest(db, force=True)
    return db, run_id, problem


def shown(app):
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("page", ["can", "can_sweep", "can_steps", "can_simulation"])
def test_an_empty_store_shows_the_idea_or_the_command(page, empty_store, open_page):
    app = open_page(page, empty_store, more=True)
    assert app.title
    assert app.metric or any("python -m jobs." in code.value for code in app.code)


@pytest.mark.parametrize("page", ["can", "can_sweep", "can_steps", "can_simulation"])
def test_the_common_store_is_shown_without_error(page, filled_store, open_page):
    app = open_page(page, filled_store)
    assert not app.error


def test_the_page_shows_what_the_engine_computes(store, open_page):
    db, _, problem = store
    app = open_page("can", db)
    counts = np.round(1000 * problem.train_prior)
    after = alternating_normalization(problem.probs.astype(np.float32), counts / counts.sum())
    right = (after.argmax(axis=1) == problem.labels).mean()
    assert shown(app)["Accuracy after"] == f"{right:.2%}".replace("%", " %")
    flips = (after.argmax(axis=1) != problem.probs.argmax(axis=1)).sum()
    assert len(app.dataframe[0].value) == flips > 0
    assert "第" in app.dataframe[0].value["text"][0]


def test_a_slider_changes_the_result_and_threshold_one_half_more_rows(store, open_page):
    db, _, _ = store
    app = open_page("can", db)
    few = int(shown(app)["Rows corrected"])
    app.slider(key="can_threshold").set_value(0.5).run()
    assert int(shown(app)["Rows corrected"]) > few
    app.slider(key="can_iterations").set_value(3).run()
    app.selectbox(key="can_prior").set_value("dev").run()
    assert not app.exception


def test_a_link_restores_the_settings(store, open_page):
    db, run_id, _ = store
    app = open_page("can", db, can_run=run_id, can_threshold="0.75", can_prior="uniform")
    assert app.slider(key="can_threshold").value == 0.75
    assert app.selectbox(key="can_prior").value == "uniform"


def test_the_neighbours_are_computed_when_asked_for(store, open_page):
    db, _, _ = store
    app = open_page("can", db, can_correct_more_2="true")
    table = next(frame.value for frame in app.dataframe if "method" in frame.value.columns)
    assert table["method"].to_list()[:2] == ["predictions as they are", "CAN, one row at a time"]
    assert len(table) == 7


def test_a_run_without_probabilities_says_so(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    add_run(db, probabilities=False)
    ingest(db, force=True)
    app = open_page("can", db)
    assert "stored no class probabilities" in app.info[0].value


def test_the_page_opens_on_a_run_with_probabilities_among_newer_ones_without(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    run_id, _ = add_run(db)
    for _ in range(can_runs.TRIED + 1):
        add_run(db, probabilities=False)
    ingest(db, force=True)
    app = open_page("can", db)
    assert app.query_params["can_run"] in (run_id, [run_id])


def test_the_sweep_shows_the_honest_gain_first(store, open_page):
    db, run_id, _ = store
    app = open_page("can_sweep", db, can_run=run_id)
    texts = [text.value for text in app.markdown]
    assert any("Cross-fitted gain" in text and "+1.10 points" in text for text in texts)
    assert any("Tuned gain" in text and "too good" in text for text in texts)
    heat = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert heat["x"] == ["0.8", "0.9"]
    app.selectbox(key="can_sweep_y").set_value("prior").run()
    assert not app.exception


def test_steps_load_the_examples_and_refuse_bad_numbers(open_page, empty_store):
    app = open_page("can_steps", empty_store)
    assert shown(app)["Decision before"] == "A"
    assert shown(app)["Decision after"] == "D"
    app.selectbox(key="can_steps_example").set_value("The post's two classes").run()
    assert app.metric[1].proto.delta == "0.725"
    app.slider(key="can_steps_iterations").set_value(3).run()
    frames = json.loads(app.get("plotly_chart")[0].proto.spec)["frames"]
    assert len(frames) == 1 + 2 * 3  # as given, then both half-steps of every iteration


def test_the_simulation_is_put_into_words_with_its_figures(store, open_page):
    db, _, _ = store
    app = open_page("can_simulation", db, more=True)
    assert any("class bias" in text.value and "+2.46" in text.value for text in app.markdown)
    assert len(app.get("plotly_chart")) == 1 + 3


def test_the_lab_leaves_out_rows_without_a_label():
    ids = pl.DataFrame({"example_id": ["1", "2", "3"], "hash": ["a", "b", "c"]})
    probs = ids.with_columns(pl.Series("x", [0.5, 0.2, 0.1]), pl.Series("y", [0.5, 0.8, 0.9]))
    table = ids.with_columns(pl.Series("label", ["x", None, "y"]), pl.lit('{"s": "甲", "t": ["乙"]}').alias("text"))
    lab = can_predictions.build(
        probs,
        table.sample(fraction=1, shuffle=True, seed=0),
        pl.DataFrame({"label": [], "value": []}),
        titles={"x": "x sports"},
    )
    assert lab.names == ("x sports", "y")
    assert (lab.unlabelled, lab.labels.tolist(), list(lab.priors)) == (1, [0, 1], ["uniform", "dev"])
    (row,) = can_predictions.flips(lab, np.array([[0.1, 0.9], [0.1, 0.9]]), np.zeros(2)).rows(named=True)
    assert row["text"] == "甲 ｜ 乙"
    with pytest.raises(ValueError, match="no prediction of this run has a label"):
        can_predictions.build(
            probs,
            table.with_columns(label=pl.lit(None, pl.String)),
            pl.DataFrame({"label": [], "value": []}),
            titles={},
        )


def test_flips_are_named_and_sorted():
    lab = can_predictions.Lab(
        np.array([[0.6, 0.4], [0.6, 0.4], [0.6, 0.4]]), np.array([1, 0, 0]), ("a", "b"), ("1", "2", "3"), {}, 0
    )
    after = np.array([[0.4, 0.6], [0.3, 0.7], [0.6, 0.4]])
    frame = can_predictions.flips(lab, after, np.array([0.95, 0.99, 0.97]))
    assert frame["outcome"].to_list() == ["wrong → right", "right → wrong"]
    assert frame["p_after"].to_list() == [0.6, 0.7]


def test_figures_have_named_axes_and_the_right_numbers():
    bins = accuracy_by_uncertainty([0.1, 0.2, 0.95], [1, 1, 0], bins=10)
    histogram = figures.uncertainty_histogram(bins, threshold=0.9)
    assert sum(sum(bar.y) for bar in histogram.data) == 3
    curve = figures.accuracy_by_uncertainty(bins, threshold=0.9, overall=2 / 3)
    assert curve.data[0].y.tolist() == [1.0, 1.0, 0.0]
    assert curve.layout.yaxis.title.text == "accuracy"
    mix = pl.DataFrame({"name": ["a"], "prior": [1.0], "before": [0.4], "after": [0.6], "labels": [0.5]})
    assert [list(trace.x) for trace in figures.class_mix(mix).data[1:]] == [[1.0], [0.5], [0.4], [0.6]]
    steps = half_steps(np.array([[0.05, 0.95], [0.5, 0.5]]), np.array([0.5, 0.5]))
    bars = step_figures.half_steps(np.array([[0.05, 0.95], [0.5, 0.5]]), steps, ["A", "B"]).data[0]
    assert bars.y[-2:] == pytest.approx([0.725, 0.275])
    assert set(bars.marker.color[-2:]) == {style.MEASURED}
    points = pl.DataFrame({"at": [2.0, 9.0], "metric": "can", "value": [0.0, 0.1], "low": 0.0, "high": 0.2})
    gain = simulation_figures.gain(points, axis="n_classes", methods=["can", "sinkhorn"])
    assert gain.layout.xaxis.title.text == "number of classes"
    assert len([trace for trace in gain.data if trace.showlegend is not False]) == 1


@pytest.mark.parametrize(("shift", "written"), [(0.01, "<br><br>−0.4"), (-0.01, "−0.4<br><br>")])
def test_the_number_under_the_star_of_a_run_makes_room_for_it(shift, written):
    gains = np.array([[-0.4, 0.3], [1.0, 2.0]])
    run = (Faults(class_bias=0.08, prior_shift=shift), "your run")
    figure = gain_map((0.0, 0.4), (0.0, 0.5), gains, np.full((2, 2), 0.1), chosen=None, run=run)
    assert [list(line) for line in figure.data[0].text] == [[written, "+0.3"], ["+1.0", "+2.0"]]


@pytest.mark.parametrize("classes", [2, 4])
def test_a_run_of_fewer_classes_takes_a_k_that_it_has(tmp_path, open_page, classes):
    db = tmp_path / "results.duckdb"
    many, few = (add_run(db, names=NAMES[:count])[0] for count in (8, classes))
    ingest(db)
    app = open_page("can", db, more=True, can_run=many, can_k="7")
    assert app.slider(key="can_k").value == 7
    app.selectbox(key="can_run_pick").set_value(few).run()
    assert not app.exception
    assert not app.warning
    assert len(app.dataframe) == 3


def test_a_sweep_that_was_interrupted_stands_behind_the_finished_one(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    parent, _ = add_run(db)
    finished = add_sweep(db, parent)
    with (
        contextlib.suppress(KeyboardInterrupt),
        runs.start("can", config={}, command="c", config_hash="i", db=db, parent_run_id=parent, follow=False) as run,
    ):
        axes = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1, "prior": "train"}
        run.measure("can_grid", axes, gain=(0.01, 0.0, 0.05, 400), accuracy=0.6, corrected=10)
        raise KeyboardInterrupt
    ingest(db, force=True)
    app = open_page("can_sweep", db)
    assert app.selectbox(key="can_sweep_of").options == [finished, f"{run.run_id} (interrupted)"]
    assert any("Cross-fitted gain" in text.value for text in app.markdown)
