"""Titles that state a finding have a case for data in which there is none, and axes fit what is drawn."""

import numpy as np
import polars as pl
import pytest

from dashboard import queries
from dashboard.figures import compare, findings, leaderboard, runs, sql, style, sweep, tasks, words
from dashboard.frames.runs import run_names
from engine.evidence.class_report import class_report
from store import runs as stored
from store.ingest import ingest


def answers(right, wrong):
    kinds = ["a"] * len(right) + ["b"] * len(wrong)
    return pl.DataFrame(
        {"label": "a", "prediction": kinds, "confidence": [*right, *wrong]}, schema_overrides={"confidence": pl.Float64}
    )


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ([0.8, 0.9], [0.6], "Right answers are surer than wrong ones: median 85 % against 60 %"),
        ([0.5], [0.7], "Right answers are less sure than wrong ones: median 50 % against 70 %"),
        ([0.5], [0.5], "Wrong answers are as sure as right ones: median 50 %"),
        ([0.004, 0.002], [0.001], "Right answers are surer than wrong ones: median 0.30 % against 0.10 %"),
        ([0.8], [], "All answers are right; their median confidence is 80 %"),
        ([], [0.8], "All answers are wrong; their median confidence is 80 %"),
    ],
)
def test_the_histogram_of_confidence_says_what_it_shows(right, wrong, said):
    assert runs.confidence_said(answers(right, wrong)) == said


@pytest.mark.parametrize("scale", [1, 0.1, 0.01, 1e-3])
def test_confidences_fill_several_bins_however_small_they_are(scale):
    values = scale * np.random.default_rng(0).random(400)
    figure = runs.confidence(answers(values[:200], values[200:]))
    assert 8 <= len(figure.data[0].x) <= 21
    assert sum(sum(bar.y) for bar in figure.data) == 400
    assert all(0 <= x <= 1 for bar in figure.data for x in bar.x)


def long_form(**scores):
    return pl.DataFrame({"task": list(scores), "value": list(scores.values())}, schema=["task", "value"])


PAPERS = long_form(tnews=0.6, afqmc=0.7)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (long_form(tnews=0.55), "On tnews the best run is 5.00 points below the best published score"),
        (long_form(tnews=0.65), "On tnews the best run is 5.00 points above the best published score"),
        (
            long_form(tnews=0.55, afqmc=0.69),
            "The best runs are below the best published score on 2 of 2 tasks, by 1.00 to 5.00 points",
        ),
        (long_form(tnews=0.65, afqmc=0.7), "The best runs reach the best published score on all 2 tasks"),
        (long_form(own=0.5), "Scores measured here; no paper is known to report these tasks"),
        (long_form(tnews=0.5).clear(), "Published scores of every task; nothing is measured here yet"),
    ],
)
def test_the_leaderboard_says_how_far_the_best_runs_are_from_papers(measured, said):
    assert leaderboard.distance_said(measured, PAPERS) == said


@pytest.mark.parametrize("seconds", [(0.002, 0.008), (0.5, 40), (30, 4000), (5.0, 2e6)])
def test_a_logarithmic_axis_of_durations_has_ticks_with_units(seconds):
    frame = pl.DataFrame({"run_id": ["a", "b"], "duration_s": seconds, "dev/accuracy": [0.5, 0.6], "task": ["t", "t"]})
    axis = compare.scatter(frame, x="duration_s", y="dev/accuracy", color="task", log_x=True).layout.xaxis
    assert axis.type == "log"
    assert 2 <= len(axis.tickvals) <= 8
    assert all(tick > 0 for tick in axis.tickvals)
    assert len(set(axis.ticktext)) == len(axis.ticktext)


def test_an_axis_of_lines_has_units_and_none_is_without_values():
    frame = pl.DataFrame({"seed": [None, None], "dev/accuracy": [0.71, 0.79], "duration_s": [0.002, 0.008]})
    frame = frame.with_columns(pl.col("seed").cast(pl.Int64))
    (lines,) = compare.parallel(frame, list(frame.columns), color="dev/accuracy").data
    assert [list(axis.ticktext) for axis in lines.dimensions] == [["71.00 %", "79.00 %"], ["2 ms", "8 ms"]]
    (without,) = compare.parallel(frame, ["duration_s"], color="dev/accuracy").data
    assert (lines.line.showscale, without.line.showscale) == (False, True)  # an axis tells the colours already


def test_axes_of_lines_show_logarithms_words_and_percent_and_the_best_value_is_the_darkest():
    rates = np.geomspace(1e-5, 1e-2, 20)
    frame = pl.DataFrame({"learning_rate": rates, "max_length": np.arange(20) * 900, "kind": ["a", "b"] * 10})
    frame = frame.with_columns(pl.Series("dev/accuracy", np.linspace(0.5, 0.52, 20)), pl.lit(0.5).alias("dev/loss"))
    (lines,) = compare.parallel(frame, frame.columns[:4], color="dev/accuracy").data
    rate, length, kind, score = lines.dimensions
    assert [rate.label, rate.ticktext[0], rate.ticktext[-1]] == ["learning rate", "1e-5", "0.01"]
    np.testing.assert_allclose(rate["values"], np.log10(rates))
    assert [length.tickformat, list(kind.ticktext), score.tickformat] == [",~g", ["a", "b"], ".1~%"]
    assert not lines.line.reversescale
    for color, lower in (("dev/loss", None), ("dev/accuracy", True)):
        assert compare.parallel(frame, ["kind"], color=color, lower_is_better=lower).data[0].line.reversescale


def test_runs_without_a_value_lie_lowest_on_its_axis_which_says_so():
    frame = pl.DataFrame({"limit": [3000, None, 200], "kind": ["b", None, "a"], "dev/accuracy": [0.5, 0.6, 0.7]})
    limit, kind = compare.parallel(frame, ["limit", "kind"], color="dev/accuracy").data[0].dimensions
    assert [list(axis.ticktext) for axis in (limit, kind)] == [["unset", "200", "3,000"], ["unset", "a", "b"]]
    assert [list(axis["values"]) for axis in (limit, kind)] == [[2, 0, 1], [2, 0, 1]]


def test_a_bar_of_colours_tells_near_percentages_apart():
    frame = pl.DataFrame({"seed": [1, 2], "dev/accuracy": [0.421, 0.4242]})
    (lines,) = compare.parallel(frame, ["seed"], color="dev/accuracy").data
    assert lines.line.colorbar.tickformat == ".2~%"


def test_a_scatter_says_how_many_runs_have_both_values():
    frame = pl.DataFrame({"x": [1.0, None, 3.0, float("nan")], "y": ["a", "b", None, "d"]})
    assert compare.drawn(frame, "x", "y").height == 1


def test_a_parameter_that_is_logged_too_stays_a_parameter(empty_store, monkeypatch):
    monkeypatch.setenv("CLUEBOARD_DB", str(empty_store))
    for rate in (0.1, 0.2):
        known = {"config": {"lr": rate}, "command": "x", "config_hash": str(rate), "db": empty_store, "follow": False}
        with stored.start("own", **known) as run:
            run.log({"lr": rate / 2, "loss": 1.0}, step=1)
    ingest(empty_store, force=True)
    version = queries.store_version()
    table, params = queries.table_and_params(version)
    assert params == ["lr"]
    assert "lr" not in table.columns
    assert "loss" in table.columns


def test_small_numbers_are_words():
    row = {"experiment": "clue", "task": "tnews", "model": "tiny", "run_id": "r"}
    assert run_names.name_of({**row, "command": "python -m jobs.clue --limit 1"}) == "tnews · tiny · 1 row"
    assert words.duration(0.004) == "4 ms"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tnews: highest 61.2 % at step 60", "tnews: highest 61.2\N{NO-BREAK SPACE}% at step 60"),
        ("**md** `c` $x$ :red[r] a_b", r"\*\*md\*\* \`c\` \$x\$ \:red\[r\] a\_b"),
        (":material/delete: [link](x)\n~~gone~~", r"\:material/delete: \[link\](x) \~\~gone\~\~"),
    ],
)
def test_names_are_not_read_as_markdown(text, written):
    assert words.inline(text) == written


def test_calibration_says_how_sure_and_how_right():
    run = ("A", pl.Series([0.9, 0.7]), pl.Series([True, False]))
    assert findings.calibration([run]) == "A is 80 % sure on average and right in 50 % of the cases"
    assert findings.calibration([run, ("B", pl.Series([0.5]), pl.Series([True]))]).endswith(
        "; B is 50 % sure on average and right in 100 % of the cases"
    )
    nothing = ("A", pl.Series([None], dtype=pl.Float64), pl.Series([True]))
    assert findings.calibration([nothing]) == "No confidence is stored with these answers"


def test_disagreement_names_the_most_frequent_pair():
    counts = pl.DataFrame({"prediction_a": ["x", "x", "y"], "prediction_b": ["x", "y", "x"], "count": [9, 1, 3]})
    assert findings.disagreement(counts) == "Most often A says y where B says x: 3 examples"
    assert findings.disagreement(counts.head(1)) == "Both give the same answer everywhere"


def test_the_weakest_class_is_one_that_occurs():
    report = class_report([0, 0, 1, 1], [0, 0, 0, 2], n_classes=3, rng=np.random.default_rng(0))
    assert findings.weakest_class(report, ["a", "b", "never"], "A") == "A is weakest on b: F1 0 % on 2 examples"
    report = class_report([0, 0, 1, 1, 2], [0, 0, 0, 0, 0], n_classes=3, rng=np.random.default_rng(0))
    assert findings.weakest_class(report, ["a", "b", "c"], "A") == "A is weakest on 2 classes: F1 0 % on 3 examples"
    report = class_report([0, 1], [0, 1], n_classes=2, rng=np.random.default_rng(0))
    assert findings.weakest_class(report, ["a", "b"], "A") == "A is equally good on every class: F1 100 %"


def test_differences_are_said_for_one_and_for_several():
    rows = pl.DataFrame({"name": ["B", "C"], "metric": "accuracy", "value": [0.01, 0.1], "low": [-0.02, 0.05]})
    rows = rows.with_columns(high=pl.col("value") + 0.03)
    assert (
        findings.differences(rows.head(1), "A")
        == "B: +1.0 points of accuracy against A, 95 % \N{MINUS SIGN}2.0 to +4.0"
    )
    assert list(compare.differences(rows).data[0].text) == ["+1.00", "+10.00"]
    assert compare.differences(rows.with_columns(value=-pl.col("value"))).data[0].text[0] == "\N{MINUS SIGN}1.00"
    assert findings.differences(rows, "A") == "1 of 2 intervals against A leave out 0 points of accuracy"


@pytest.mark.parametrize(
    ("metric", "names", "said"),
    [
        ("loss", ["dev/loss", "train/loss"], "Lowest dev loss: 1, B"),
        ("accuracy", ["dev/accuracy"], "Highest accuracy: 300.00 %, B"),
        ("learning_rate", ["train/learning_rate"], "Learning rate of the settings over the training"),
    ],
)
def test_curves_of_settings_name_the_best(metric, names, said):
    rows = [
        (run_id, name, x, float(factor * x))
        for name in names for run_id, factor in (("r1", 1.1), ("r2", 1)) for x in (1, 2, 3)
    ]  # fmt: skip
    if metric == "accuracy":
        rows = [(run_id, name, x, x * (1 if run_id == "r2" else 0.5)) for run_id, name, x, _ in rows]
    frame = pl.DataFrame(rows, schema=["run_id", "name", "x", "value"], orient="row")
    frame = frame.with_columns(pl.col("value").cast(pl.Float64), min=pl.col("value"), max=pl.col("value"))
    drawn = compare.seed_curves(frame, {"r1": "A", "r2": "B"}, metric=metric)
    assert findings.curves(drawn, metric) == said


def test_the_course_of_a_sweep_says_where_the_best_came():
    trials = pl.DataFrame({"number": [0, 1, 2, 3], "state": "complete", "score": [0.5, 0.7, 0.6, 0.6]})
    assert sweep.course_said(trials, "dev/accuracy", lower_is_better=False) == (
        "Best dev accuracy so far: 70.00 % in trial 1; none of the 2 trials since is better"
    )
    assert sweep.course_said(trials, "dev/loss", lower_is_better=True).startswith(
        "Best dev loss so far: 0.5 in trial 0"
    )
    unended = trials.with_columns(state=pl.lit("running"))
    assert sweep.course_said(unended, "dev/loss", lower_is_better=True) == "No trial is complete yet"
    same = trials.with_columns(score=pl.lit(0.339))
    low, high = sweep.course(same, "dev/accuracy", lower_is_better=False).layout.yaxis.range
    assert 0 < low < 0.339 < high < 1


def test_lengths_and_classes_of_a_task_are_said():
    sizes = np.array([10, 20, 200])
    assert tasks.lengths_said(sizes, max_length=128) == (
        "33.3 % of the first 3 dev examples exceed the window of 128 tokens"
    )
    assert (
        tasks.lengths_said(sizes, max_length=200) == "All of the first 3 dev examples fit into the window of 200 tokens"
    )
    counts = pl.DataFrame({"split": ["dev", "dev", "train"], "label": ["0", "1", "0"], "count": [1, 1, 2]})
    assert tasks.balance_said(counts, titles={"0": "no"}) == (
        "The most frequent class: no, 75.0 % of the examples; the rarest: 1, 25.0 %"
    )
    even = counts.head(2)
    assert tasks.balance_said(even) == "Every class has the same share: 50.0 % of the examples"


@pytest.mark.parametrize("longest", [5, 61, 1000])
def test_bars_of_lengths_hold_equally_many_whole_lengths(longest):
    bars = tasks.length_histogram(np.arange(1, longest + 1), max_length=128).data[0]
    assert len(set(bars.y[:-1])) <= 1, "one example of every length"
    assert sum(bars.y) == longest


@pytest.mark.parametrize(("high", "form"), [(0.5, ".1~%"), (0.4, ".1~%"), (0.402, ".2~%"), (0.4002, ".3~%")])
def test_neighbouring_ticks_of_fractions_differ(high, form):
    assert style.percent_ticks([0.4, float("nan")], [high])["tickformat"] == form


def test_the_best_of_a_scatter_is_one_that_is_drawn():
    frame = pl.DataFrame({"run_id": ["a", "b"], "lr": [0.1, None], "dev/accuracy": [0.5, 0.9], "model": ["x", "y"]})
    assert compare.best_said(frame, x="lr", y="dev/accuracy", names={"a": "A", "b": "B"}).endswith("50.00 %, A")
    assert [trace.name for trace in compare.scatter(frame, x="lr", y="dev/accuracy", color="model").data] == ["x"]


def test_a_result_of_words_is_drawn_as_bars_at_first():
    assert sql.usual_kind(pl.DataFrame({"task": ["a", "a"], "runs": [1, 2]})) == "bar"
    assert sql.usual_kind(pl.DataFrame({"step": [1, 2], "loss": [1.0, 2.0]})) == "line"
    assert sql.usual_kind(pl.DataFrame()) == "line"
    frame = pl.DataFrame(
        {"task": ["a", "a"], "data": ["f", "f"], "model": ["x", "y"], "runs": [1, 2], "f1": [0.5, 0.6]}
    )
    assert (sql.usual_y(frame, "task"), sql.usual_color(frame, "task")) == (["f1"], "model")
    assert sql.usual_color(frame, "model") is None
    assert sql.usual_y(frame.select("task", "runs"), "runs") == []


def test_bars_of_a_result_keep_its_order_and_are_named_by_their_colour():
    frame = pl.DataFrame({"task": ["b", "a", "b", None], "model": ["x", "y", None, "z"], "f1": [0.5, 0.6, 0.4, 0.1]})
    drawn = sql.plot(frame, kind="bar", x="task", y=["f1"], color="model")
    assert [trace.name for trace in drawn.data] == ["x", "y", "–"]
    assert drawn.layout.xaxis.categoryarray == ("b", "a")
    assert [trace.name for trace in sql.plot(frame, kind="bar", x="task", y=["f1"]).data] == ["f1"]


def test_the_title_of_curves_tells_one_that_is_drawn_and_a_level_one_as_such():
    nan = float("nan")
    frame = pl.DataFrame({
        "name": ["dev/loss", "loss", "loss", "dev/f1", "dev/f1", "dev/em", "dev/em"],
        "x": [1.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
        "value": [nan, 0.5, 0.4, 0.0, 0.0, nan, nan],
    })  # fmt: skip
    assert runs.finding(frame, ["dev/loss", "loss"]) == "loss: lowest 0.4 at step 2"
    assert runs.finding(frame, ["dev/f1"]) == "dev F1: 0.00 % throughout"
    assert [runs.is_curve(frame, names) for names in (["dev/loss", "loss"], ["dev/em"])] == [True, False]
