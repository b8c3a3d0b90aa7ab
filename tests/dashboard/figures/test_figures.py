"""Figures of runs, leaderboard, tasks and SQL: what is drawn, named and coloured."""

import base64
import json
import math
import tomllib
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.chapters.smoothing import maximum
from dashboard.figures import leaderboard, run_grid, runs, sql, style, tasks
from dashboard.figures.labs import moving, smoothing_moving
from engine.text.tasks import TASKS, Example


def curve(run_id, name, values):
    x = list(range(len(values)))
    return pl.DataFrame(
        {"run_id": run_id, "name": name, "x": x, "value": values, "min": values, "max": values},
        schema_overrides={"value": pl.Float64, "min": pl.Float64, "max": pl.Float64},
    )


def test_smoothing_is_the_debiased_exponential_average():
    smoothed = runs.smooth(curve("a", "train/loss", [4.0, 2.0, 0.0]), 0.5)["value"].to_list()
    assert smoothed == pytest.approx([4.0, (4 * 0.5 + 2) / 1.5, (4 * 0.25 + 2 * 0.5 + 0) / 1.75])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 0.99))
def test_smoothing_stays_within_the_range_and_keeps_constants(values, weight):
    smoothed = runs.smooth(curve("a", "m", values), weight)["value"].to_numpy()
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert smoothed.min() >= min(values) - slack
    assert smoothed.max() <= max(values) + slack


def test_smoothing_leaves_out_what_is_not_finite():
    smoothed = runs.smooth(curve("a", "m", [1.0, float("nan"), 1.0]), 0.9)["value"].drop_nulls().to_list()
    assert smoothed == pytest.approx([1.0] * len(smoothed))


@pytest.mark.parametrize("weight", [-0.1, 1.0])
def test_smoothing_refuses_a_weight_outside_its_range(weight):
    with pytest.raises(ValueError, match=r"weight must be in \[0, 1\)"):
        runs.smooth(curve("a", "m", [1.0]), weight)


def test_metrics_of_one_kind_share_a_plot_and_loss_comes_first():
    groups = runs.metric_groups(["dev/accuracy", "train/loss", "dev/loss", "time"])
    assert list(groups) == ["loss", "accuracy", "time"]
    assert groups["loss"] == ["dev/loss", "train/loss"]


def test_metrics_with_numbers_in_their_names_stand_in_the_order_of_the_numbers():
    names = ["x/10", "x/2_a", "x/layer_10", "x/layer_2", "x/layer", "x/层２", "x/"]
    groups = runs.metric_groups([*names, "train/loss"])
    assert list(groups) == ["loss", "", "2_a", "10", "layer", "layer_2", "layer_10", "层２"]
    assert list(runs.metric_groups(["9" * 5000, "1" * 5001])) == ["9" * 5000, "1" * 5001]


def test_curves_of_a_run_are_coloured_by_split():
    one = pl.concat([curve("a", "train/loss", [1, 2]), curve("a", "dev/loss", [1, 2])])
    colors = {trace.name: trace.line.color for trace in runs.curves(one, metric="loss").data}
    assert colors["train loss"] != colors["dev loss"]


def test_fractions_are_drawn_in_percent_and_a_drag_draws_a_box():
    figure = runs.curves(curve("a", "dev/accuracy", [0.5, 0.6]), metric="accuracy")
    assert figure.layout.yaxis.tickformat == ".1~%"
    assert figure.layout.dragmode == "select"
    assert runs.curves(curve("a", "dev/loss", [1, 2]), metric="loss").layout.yaxis.tickformat is None


def test_curves_draw_the_range_of_a_bucket_as_a_band():
    frame = curve("a", "train/loss", [1.0, 2.0]).with_columns(min=pl.col("value") - 0.5, max=pl.col("value") + 0.5)
    band = runs.curves(frame, metric="loss").data[0]
    assert band.fill == "toself"
    assert list(band.y) == [1.5, 2.5, 1.5, 0.5]


def test_a_band_leaves_out_the_places_where_an_end_is_missing():
    drawn = style.band(go.Figure(), [1, 2, 3], [0.0, None, 1.0], [1.0, None, 2.0], "band")
    assert list(drawn.data[0].x) == [1, 3, 3, 1]
    assert not style.band(go.Figure(), [1, 2], [None, 0.0], [None, 1.0], "band").data


def test_a_moving_figure_sends_its_frames_and_keeps_them_in_a_copy():
    figure = moving.Moving({"type": "scatter", "y": [0.0, 1.0]})
    moving.animate(
        figure, [({"type": "scatter", "y": np.array([0.0, n])},) for n in (1, 2)], ["one", "two"], traces=[0]
    )
    sent = json.loads(figure.to_json())
    assert [frame["name"] for frame in sent["frames"]] == ["0", "1"]
    assert np.frombuffer(base64.b64decode(sent["frames"][1]["data"][0]["y"]["bdata"]), "f4").tolist() == [0, 2]
    assert len(go.Figure(figure).frames) == 2


def test_the_bars_of_a_moving_softmax_are_a_line_that_needs_no_new_layout():
    weights = np.array([[0.25, 0.75], [0.5, 0.5]])
    figure = smoothing_moving.temperatures(
        ["1: 0", "2: 1"], np.array([1.0, 9.0]), weights, np.ones(2), np.ones(2), start=1, largest=1.0
    )
    x, y = np.asarray(figure.data[0].x), np.asarray(figure.data[0].y)
    assert y.reshape(2, 5)[:, :4].tolist() == [[0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0]]
    assert x.reshape(2, 5)[:, :4].mean(axis=1) == pytest.approx([0, 1])
    steps = figure.layout.sliders[0].steps
    assert {step.args[1]["frame"]["redraw"] for step in steps} == {False}
    assert {trace["type"] for frame in figure.frames for trace in frame["data"]} == {"scatter"}


def test_the_temperatures_of_the_sentences_are_among_the_frames():
    assert set(maximum.TEMPERATURES) <= set(maximum.T.round(12))


def _in_the_grid(frame, metric):
    return go.Figure(run_grid.chart(frame, [run_grid.Line("a", "#3b7dd8", ("a",))], metric=metric).to_dict())


@pytest.mark.parametrize("draw", [lambda f, m: runs.curves(f, metric=m), _in_the_grid], ids=["run", "grid"])
@pytest.mark.parametrize(
    ("metric", "values", "range_"),
    [
        ("train/learning_rate", [0.001, 0.001], [0.0009, 0.0011]),
        ("dev/accuracy", [0.61], [0.56, 0.66]),
        ("dev/accuracy", [1.0, math.nan], [0.95, 1.005]),
        ("train/loss", [-2.0], [-2.2, -1.8]),
        ("train/loss", [2.0, 1.0], None),
        ("train/loss", [-math.inf], None),
        ("train/loss", [1.797e308], None),
        ("train/gradient", [0.0, 0.0], None),
    ],
)
def test_an_axis_of_one_value_stays_near_it(draw, metric, values, range_):
    axis = draw(curve("a", metric, values), metric).layout.yaxis.to_plotly_json()
    found = axis.get("range")
    assert found is None if range_ is None else list(found) == pytest.approx(range_)


def test_a_lone_curve_is_named_at_its_axis_and_two_in_a_legend():
    one = curve("a", "train/loss", [1, 2])
    two = pl.concat([one, curve("a", "dev/loss", [1, 2])])
    looks = [runs.curves(frame, metric="loss").layout for frame in (one, two)]
    assert [(look.yaxis.title.text, look.showlegend) for look in looks] == [("train loss", False), ("loss", True)]


def test_curves_have_titles_and_a_log_axis_on_demand():
    figure = runs.curves(curve("a", "train/loss", [1, 2]), metric="loss", x="time", log_y=True)
    assert figure.layout.xaxis.title.text == "seconds since the start"
    assert figure.layout.yaxis.title.text == "train loss"
    assert figure.layout.yaxis.type == "log"


def test_confusion_counts_rows_and_shares_of_the_label():
    frame = pl.DataFrame({"label": ["a", "a", "b", None], "prediction": ["a", "b", "b", "a"]})
    counts = runs.confusion_counts(frame)
    assert counts["count"].sum() == 3
    figure = runs.confusion(counts, ["a", "b"])
    assert [list(row) for row in figure.data[0].z] == [[0.5, 0.5], [0.0, 1.0]]
    assert [list(row) for row in figure.data[0].text] == [[1, 1], [0, 1]]
    assert figure.data[0].texttemplate == "%{text}"
    assert figure.data[0].colorscale == style.HEAT, "numbers in cells are readable on every one"
    assert figure.data[0].textfont.color == style.INK


def test_confidence_counts_right_and_wrong():
    frame = pl.DataFrame({"label": ["a", "a"], "prediction": ["a", "b"], "confidence": [1.0, 0.5]})
    right, wrong = runs.confidence(frame).data  # bins of 0.025
    assert (list(right.x), list(right.y)) == ([pytest.approx(0.9875)], [1])
    assert (list(wrong.x), list(wrong.y)) == ([pytest.approx(0.5125)], [1])


@given(st.lists(st.text(min_size=1), min_size=1, max_size=7, unique=True))
def test_configurations_shown_together_have_colours_of_their_own(keys):
    colors = style.run_colors(keys)
    assert len(set(colors)) == len(keys)
    assert colors[0] == style.run_colors(keys[:1])[0]  # the first keeps the colour that it has alone
    assert style.run_colors([*keys, *keys]) == [*colors, *colors]


def test_colours_of_the_theme_are_the_colours_of_the_figures():
    text = (Path(style.__file__).parents[1] / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    config = tomllib.loads(text)
    assert tuple(config["theme"]["chartCategoricalColors"]) == style.SEQUENCE
    assert config["server"]["address"] == "localhost"
    assert config["browser"]["gatherUsageStats"] is False


def contrast(color, background):
    def luminance(code):
        parts = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(color), luminance(background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("color", style.SEQUENCE)
@pytest.mark.parametrize("background", ["#ffffff", "#12161d"])
def test_colours_are_readable_in_light_and_dark(color, background):
    assert contrast(color, background) >= 3


def test_a_finished_figure_sets_no_background():
    figure = style.finish(go.Figure(go.Scatter(x=[1], y=[1])), x="seconds", y="score")
    assert figure.layout.paper_bgcolor is None
    assert figure.layout.plot_bgcolor is None
    assert "Noto Sans CJK" in figure.layout.font.family


@pytest.mark.parametrize(
    ("color", "faded"), [("#3b7dd8", "rgba(59,125,216,0.2)"), ("hsl(10, 62%, 46%)", "hsla(10, 62%, 46%, 0.2)")]
)
def test_colours_fade(color, faded):
    assert style.fade(color, 0.2) == faded


@pytest.mark.parametrize(
    ("cell", "text"),
    [((0.7361,), "73.61"), ((0.7361, 0.0031, 3), "73.61 ± 0.31 (3)"), ((0.7361, None, 1), "73.61"), ((None,), "")],
)
def test_scores_are_written_in_percent(cell, text):
    assert leaderboard.score_text(*cell) == text


def long(*rows):
    return pl.DataFrame(rows, schema=leaderboard.LONG_SCHEMA, orient="row")


def test_curves_have_logarithmic_axes_where_asked():
    figure = runs.curves(curve("a", "train/loss", [0.5, 1.0, 20.0]), metric="loss", log_y=True)
    assert (figure.layout.yaxis.type, figure.layout.xaxis.type) == ("log", None)
    assert figure.layout.yaxis.dtick == "D2"


def test_published_scores_are_hollow_diamonds_and_measured_ones_filled():
    measured, published = long(("tiny · modern", "afqmc", 0.7, 0.01, 3)), long(("BERT", "afqmc", 0.74, None, 1))
    figure = leaderboard.scores(measured, published, ["afqmc", "tnews"], baselines={"majority": {"afqmc": 0.69}})
    markers = {trace.name: trace.marker.symbol for trace in figure.data}
    assert markers == {"majority": "line-ew-open", "published": "diamond-open", "tiny · modern": "circle"}
    assert list(figure.layout.xaxis.range) == [-0.5, 1.5]


@pytest.mark.parametrize("kind", sql.KINDS)
def test_every_kind_of_plot_of_a_result(kind):
    frame = pl.DataFrame({"step": [2, 1], "loss": [0.5, 1.0], "task": ["a", "b"]})
    figure = sql.plot(frame, kind=kind, x="step", y=["loss"])
    assert figure.layout.xaxis.title.text == "step"
    if kind == "line":
        assert list(figure.data[0].x) == [1, 2]  # a line is drawn from left to right
    assert len(sql.plot(frame, kind=kind, x="step", y=["loss"], color="task").data) == 2


def test_an_unknown_kind_of_plot_is_refused():
    with pytest.raises(ValueError, match="kind must be one of line"):
        sql.plot(pl.DataFrame({"x": [1]}), kind="pie", x="x")


FIELDS = {
    "afqmc": {"sentence1": "花呗怎么还款", "sentence2": "如何还花呗"},
    "tnews": {"sentence": "今天股市大涨"},
    "cluewsc2020": {
        "text": "小明告诉小红他病了",
        "target": {"span1_text": "小明", "span1_index": 0, "span2_text": "他", "span2_index": 6},
    },
    "csl": {"keyword": ["图像", "分割"], "abst": "本文研究图像分割。"},
    "cmrc2018": {"context": "长江是中国最长的河流。" * 60, "question": "中国最长的河流是什么？"},
    "c3": {"passage": "男：你好。女：你好。", "question": "谁先说话？", "choice": ["男", "女"]},
    "cluener": {"text": "张三在北京大学读书"},
}


@pytest.mark.parametrize("task", FIELDS)
def test_token_rows_start_with_cls_and_know_every_character(task):
    frame = pl.DataFrame({"example_id": ["7"], "text": [json.dumps(FIELDS[task], ensure_ascii=False)]})
    found = tasks.as_examples(TASKS[task], frame)
    assert [example.example_id for example in found] == ["7"]
    (rows,) = tasks.token_rows(TASKS[task], found)
    assert all(row[0] == "[CLS]" and row[-1] == "[SEP]" for row in rows)
    assert not any("[UNK]" in row for row in rows)
    assert all(len(row) <= TASKS[task].max_length for row in rows)


def test_lengths_are_counted_before_anything_is_cut():
    spec = TASKS["tnews"]
    texts = [Example(example_id=str(n), fields={"sentence": "字" * n}) for n in (5, 300)]
    assert tasks.lengths(spec, texts).tolist() == [7, 302]
    figure = tasks.length_histogram(np.array([7, 302]), max_length=128, bins=2)
    assert list(figure.data[0].marker.color) == [style.MEASURED, style.BAD]


def test_rows_without_the_fields_of_the_task_are_left_out():
    frame = pl.DataFrame({"example_id": ["1", "2", "3"], "text": ['{"other": 1}', None, "no json"]})
    assert tasks.as_examples(TASKS["afqmc"], frame) == []


def test_class_balance_is_a_share_of_each_split():
    counts = pl.DataFrame({"split": ["train", "train", "dev"], "label": ["0", "1", "1"], "count": [3, 1, 2]})
    figure = tasks.class_balance(counts, titles={"0": "different", "1": "same"})
    shares = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    assert shares == {"train": {"different": 0.75, "same": 0.25}, "dev": {"different": 0.0, "same": 1.0}}


def test_special_tokens_are_marked_and_the_rest_is_escaped():
    assert tasks.marked(["[CLS]", "*", "好", "##1"]) == r":blue-badge[\[CLS\]] \* 好 \#\#1"


def test_logarithmic_axes_write_whole_numbers_at_their_ticks():
    short = style.log_axis([30, 600], [np.nan, 0, -1])
    assert short == {"type": "log", "tickformat": ",~g", "dtick": "D2"}
    assert style.log_axis([1, 1e5]) == {"type": "log", "tickformat": "~s", "dtick": 1.0}
    assert style.log_axis([1e-15, 1])["exponentformat"] == "power"
    assert style.log_axis([1e-15, 1])["dtick"] == 3.0
    assert "dtick" not in style.log_axis([2, 3])
    assert style.log_axis([])["type"] == "log"


def test_finishing_keeps_what_the_axes_had():
    figure = go.Figure(
        go.Scatter(x=[1, 2], y=[1, 2], name="a"), {"xaxis": {"range": [0, 3]}, "yaxis2": {"side": "right"}}
    )
    style.finish(figure, x="n", y="loss", y_axis={"type": "log"})
    assert list(figure.layout.xaxis.range) == [0, 3]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("n", "loss")
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis2.side == "right"
    assert figure.layout.yaxis2.automargin is True
    assert figure.layout.yaxis2.title.text is None


def test_reference_lines_cross_the_plot_and_keep_what_was_there():
    figure = style.reference_line(go.Figure(), 0.5, "chance")
    style.reference_line(figure, 3, "", axis="x")
    across, along = figure.layout.shapes
    assert (across.xref, across.x0, across.x1, across.y0, across.y1) == ("x domain", 0, 1, 0.5, 0.5)
    assert (along.yref, along.y0, along.y1, along.x0, along.x1) == ("y domain", 0, 1, 3, 3)
    assert [(note.text, note.y, note.xanchor) for note in figure.layout.annotations] == [("chance", 0.5, "right")]
