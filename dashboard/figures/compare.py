"""Figures that set runs side by side: seeds as bands, differences with intervals, parameters against metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import runs as run_figures
from dashboard.figures import style, words
from dashboard.figures.unchecked import Figure
from dashboard.frames import name_order
from dashboard.frames.numbers import as_number
from engine.evidence.calibration import calibration_interval
from engine.evidence.class_report import ClassReport
from engine.evidence.intervals import proportion_bounds
from engine.evidence.metrics import METRICS, metric_of

LINES = ((0.0, "#b9c0c9"), (0.5, "#e0a23f"), (1.0, "#c2410c"))
"""Lines from the worst to the best: a contrast of 1.8:1 and more on light and dark, the best darkest."""
LINE = 22
"""Characters of a line of a name beside a plot."""
UNSET = "unset"
"""Stands lowest on an axis of lines, in letters: a dash would be a tick without a name."""
FEW_LEVELS = 8
"""Numbers with so few different values stand evenly along an axis, each with its name."""
DURATIONS = ("duration_s",)
_SECONDS = tuple(digit * 10.0**power for power in range(-3, 1) for digit in (1, 2, 5))
_STEPS = (*_SECONDS, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 12 * 3600, 86400)
_ROUND = (*_SECONDS, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 4 * 3600, 8 * 3600)
_ROUND += (86400, 2 * 86400, 7 * 86400, 30 * 86400)
SYMBOLS = ("circle", "square", "diamond", "triangle-up")
"""Shapes of points, for more values than there are colours."""


def seed_curves(
    frame: pl.DataFrame,
    owner: Mapping[str, str],
    *,
    metric: str,
    x: str = "step",
    log_x: bool = False,
    log_y: bool = False,
    smoothing: float = 0.0,
    colors: Mapping[str, str] | None = None,
) -> go.Figure:
    """Curves of configurations: the mean over seeds, and the range of the seeds as a band.

    Args:
        frame: run_id, name, x, value, one row a bucket.
        owner: configuration of each run_id.
        metric: name of the y axis.
        x: step, epoch or time.
        log_x: logarithmic x axis.
        log_y: logarithmic y axis.
        smoothing: weight of the moving average, applied to each run.
        colors: colour of each configuration.
    """
    traces: list[dict[str, Any]] = []
    names = list(dict.fromkeys(owner.values()))
    colors = colors or dict(zip(names, style.run_colors(names), strict=True))
    smoothed = run_figures.smooth(frame.sort("run_id", "name", "x"), smoothing)
    curves = run_figures.cut(smoothed, ["run_id", "name"])
    runs: dict[tuple[str, str], list[str]] = {}
    for run_id, series in smoothed.select("run_id", "name").unique(maintain_order=True).iter_rows():
        runs.setdefault((owner[run_id], series), []).append(run_id)
    several = len({series for _, series in runs}) > 1
    for name, series in sorted(runs, key=lambda key: (names.index(key[0]), name_order.key(key[1]))):
        parts = [curves[key] for run_id in runs[name, series] if (key := (run_id, series)) in curves]
        x_, y, low, high = run_figures.mean_and_range(parts or [(np.empty(0), np.empty(0))])
        label = f"{name}, {words.name(series)}" if several else name
        if len(runs[name, series]) > 1:
            traces += style.outline(x_, low, high, label, color=colors[name])
        drawn = run_figures.line(x_, y, label, colors[name])
        if several and series.startswith("train/"):
            drawn["line"]["dash"] = "dot"
        traces.append(drawn)
    return run_figures.finish_curves(Figure(traces), metric=metric, x=x, log_x=log_x, log_y=log_y, height=340)


def differences(rows: pl.DataFrame) -> go.Figure:
    """Differences from the baseline with their 95 % intervals, in percentage points.

    Args:
        rows: name, metric, value, low, high (fractions).
    """
    points = {
        "x": (rows["value"] * 100).to_numpy(),
        "y": rows["name"].to_list(),
        "mode": "markers",
        "name": "difference",
        "marker": {"size": 9, "color": style.MEASURED},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": ((rows["high"] - rows["value"]) * 100).to_numpy(),
            "arrayminus": ((rows["value"] - rows["low"]) * 100).to_numpy(),
        },
        "text": [words.points(value) for value in rows["value"]],  # a format of the hover text would write a hyphen
        "hovertemplate": "%{y}: %{text} points<extra></extra>",
    }
    figure = Figure([points])
    style.reference_line(figure, 0, "no difference", axis="x")
    title = f"points of {rows['metric'][0]}<br>over the baseline, 95 %"  # two lines: a narrow window shows them whole
    lines = {"tickvals": rows["name"].to_list(), "ticktext": [_in_lines(name) for name in rows["name"]]}
    y_axis = {"autorange": "reversed", "type": "category", **lines}
    return style.finish(figure, x=title, y="", height=150 + 46 * len(rows), y_axis=y_axis)


def _in_lines(name: str) -> str:
    """A long name in short lines, so that it leaves a narrow window room for the plot."""
    return "<br>".join(words.cut(part, LINE) for part in name.split(" · "))


def scatter(frame: pl.DataFrame, *, x: str, y: str, color: str, log_x: bool = False) -> go.Figure:
    """One point a run: any parameter or metric against any other; a selection hands back the run ids.

    Args:
        frame: run_id and the columns x, y and color.
        x: column of the x axis; text columns become categories.
        y: column of the y axis.
        color: column whose values become colours.
        log_x: logarithmic x axis.
    """
    frame = frame.filter(pl.col(x).is_not_null() & pl.col(y).is_not_null())
    called = "called" if "called" in frame.columns else "run_id"
    hover = "%{text}<br>" + f"{words.name(x)} %{{x}}<br>{words.name(y)} %{{y}}<extra></extra>"
    parts = frame.partition_by(color, maintain_order=True)
    values = [str(part[color][0]) for part in parts]
    traces = [
        {
            "x": part[x],
            "y": part[y],
            "mode": "markers",
            "name": value,
            "customdata": part["run_id"].to_list(),
            "text": part[called].to_list(),
            "marker": {"size": 9, "color": paint, "symbol": SYMBOLS[number // 7 % len(SYMBOLS)]},
            "hovertemplate": hover,
        }
        for number, (part, value, paint) in enumerate(zip(parts, values, style.run_colors(values), strict=True))
    ]
    x_axis, y_axis = _scale(x, frame[x], logarithmic=log_x), _scale(y, frame[y])
    if log_x and frame[x].dtype.is_numeric():
        x_axis |= {"type": "log"} if x in DURATIONS else style.log_axis(frame[x])
    axes: dict[str, Any] = {"x": words.name(x), "y": words.name(y), "x_axis": x_axis, "y_axis": y_axis}
    layout = {"modebar": {"remove": ["autoScale2d"]}, "dragmode": "select", "clickmode": "event+select"}
    return style.finish(Figure(traces), **axes, height=420, legend=True, layout=layout)


def _scale(name: str, values: pl.Series, *, logarithmic: bool = False) -> dict[str, Any]:
    """Settings of the axis of a parameter or metric: percent, ticks of durations, or nothing of its own."""
    if words.is_fraction(name):
        return dict(style.PERCENT)
    return duration_ticks(values, logarithmic=logarithmic) if name in DURATIONS else {}


def drawn(frame: pl.DataFrame, x: str, y: str) -> pl.DataFrame:
    """The runs that have both values: those that a scatter shows as points."""
    there = frame.drop_nulls([x, y])
    for name in (x, y):
        if there[name].dtype.is_float():
            there = there.filter(pl.col(name).is_finite())
    return there


def spans_decades(values: pl.Series) -> bool:
    """Whether positive numbers differ by a factor of ten or more: a logarithmic axis shows them."""
    if not values.dtype.is_numeric():
        return False
    known = values.drop_nulls().drop_nans() if values.dtype.is_float() else values.drop_nulls()
    return bool(len(known) and as_number(known.min()) > 0 and as_number(known.max()) >= 10 * as_number(known.min()))


def best_said(frame: pl.DataFrame, *, x: str, y: str, names: Mapping[str, str]) -> str:
    """The title of a scatter: which run is best on its y axis and where on the x axis; the question for other axes."""
    usual = f"How does {words.name(y)} go with {words.name(x)}?"
    if ("/" not in y and y not in METRICS) or not frame[y].dtype.is_numeric():
        return usual
    known = drawn(frame, x, y)
    if known.is_empty():
        return usual
    higher = metric_of(y).higher_is_better
    best = known.sort(y, descending=higher).row(0, named=True)
    value = words.value(y, best[y])
    return f"{'Highest' if higher else 'Lowest'} {words.name(y)}: {value}, {names[best['run_id']]}"


def duration_ticks(values: pl.Series, *, logarithmic: bool = False) -> dict[str, object]:
    """Settings of an axis of seconds with ticks that people read: 30 s, 5 min, 2 h.

    Args:
        values: all that is drawn along the axis.
        logarithmic: ticks at about equal ratios.
    """
    known = values.drop_nulls()
    low, high = (as_number(known.min()), as_number(known.max())) if len(known) else (1.0, 60.0)
    if logarithmic:
        ticks = np.array([step for step in _ROUND if low / 2 <= step <= 2 * high])
        ticks = ticks[:: max(1, -(-len(ticks) // 8))]
    else:
        step = next((step for step in _STEPS if (high - low) / step <= 7), _STEPS[-1])
        ticks = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    texts = [words.duration(float(tick)).replace(" 00 s", "").replace(" 00 min", "") for tick in ticks]
    return {"tickmode": "array", "tickvals": ticks, "ticktext": texts}


def parallel(
    frame: pl.DataFrame, columns: Sequence[str], *, color: str, lower_is_better: bool | None = None
) -> go.Figure:
    """Parallel coordinates, a line a row (a run, a trial), coloured by one numeric column with its best value darkest.

    Args:
        frame: the columns; text columns are drawn as categories.
        columns: axes, from left to right.
        color: numeric column of the colour scale, which is drawn where no axis tells it.
        lower_is_better: which of its values are the best; as its name says where None.
    """
    dimensions = []
    for name in columns:
        values = frame[name]
        if values.dtype.is_numeric() and values.drop_nulls().n_unique() > FEW_LEVELS:
            dimensions.append({"label": words.name(name), **_along(name, values)})
            continue
        if values.dtype.is_numeric():
            numbers = values.drop_nulls().unique().sort().to_list()
            if not numbers:
                continue  # an axis without a value on it
            told = [_level(name, number) for number in numbers]
            texts = values.replace_strict(numbers, told, return_dtype=pl.String)
        else:
            texts = values.cast(pl.String)
            told = texts.drop_nulls().unique().sort().to_list()
        levels = list(dict.fromkeys([UNSET, *told] if values.null_count() else told))
        texts = texts.fill_null(UNSET)
        codes = texts.replace_strict(levels, list(range(len(levels))), return_dtype=pl.Int64)
        dimensions.append(
            {
                "label": words.name(name),
                "values": codes.to_numpy(),
                "tickvals": list(range(len(levels))),
                "ticktext": levels,
            }
        )
    bar = {"title": {"text": words.name(color)}, "thickness": 12}
    bar |= {"tickformat": _format(color, frame[color])}
    reverse = not metric_of(color).higher_is_better if lower_is_better is None else lower_is_better
    lines = {
        "type": "parcoords",
        "dimensions": dimensions,
        "line": {
            "color": frame[color].to_numpy(),
            "colorscale": LINES,
            "reversescale": reverse,
            "showscale": color not in columns,
            "colorbar": bar,
        },
        "labelangle": -20,  # level labels run into each other
        "labelfont": {"color": style.NEUTRAL, "size": 13},  # a theme does not reach them: readable on light and dark
        "tickfont": {"shadow": "none", "color": style.NEUTRAL, "size": 12},  # no grey halo
        "rangefont": {"color": "rgba(0,0,0,0)"},  # ends of an axis, which its ticks tell
    }
    margin = {"l": 50, "r": 50, "t": 90, "b": 20}
    return style.finish(Figure([lines]), x="", y="", height=400, layout={"margin": margin})


def _along(name: str, values: pl.Series) -> dict[str, Any]:
    """Places and ticks of many numbers along an axis of lines, logarithmic where they span two powers of ten."""
    if name in DURATIONS:
        told = duration_ticks(values)
        return {"values": values.to_numpy(), "tickvals": told["tickvals"], "ticktext": told["ticktext"]}
    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    if words.is_fraction(name) or not 0 < 100 * low <= high < np.inf:
        return {"values": numbers, "tickformat": _format(name, values)}
    ticks = np.unique(np.geomspace(low, high, 5))
    return {
        "name": "log10",
        "values": np.log10(numbers),
        "tickvals": np.log10(ticks),
        "ticktext": [words.number(float(f"{tick:.1e}")) for tick in ticks],
    }


def _format(name: str, values: pl.Series) -> str:
    """Of the ticks over some values: percent of a fraction, else a number with commas between its thousands."""
    return str(style.percent_ticks(values.drop_nulls())["tickformat"]) if words.is_fraction(name) else ",~g"


def _level(name: str, value: float) -> str:
    """One of few values of an axis, with its unit."""
    if name in DURATIONS:
        return words.duration(value)
    return words.value(name, value)


def disagreement(counts: pl.DataFrame, classes: Sequence[str], a: str, b: str) -> go.Figure:
    """How often B answers what where A answers something else; rows on which both agree are left out of the picture.

    Args:
        counts: prediction_a, prediction_b, count.
        classes: order of rows and columns.
        a: name of the rows' run.
        b: name of the columns' run.
    """
    renamed = counts.rename({"prediction_a": "label", "prediction_b": "prediction"})
    share = renamed.with_columns(share=pl.col("count") / pl.col("count").sum().over("label"))
    differing = share.filter(pl.col("label") != pl.col("prediction"))
    figure = run_figures.confusion(differing, classes)
    hover = "A %{y}<br>B %{x}<br>%{customdata} rows, %{z:.1%} of A's<extra></extra>"
    most = max(differing["share"].max() or 0.0, 0.01)
    figure.update_traces(hovertemplate=hover, zmax=most, selector={"type": "heatmap"})
    titles = {"xaxis": {"title": {"text": f"prediction of {b}"}}, "yaxis": {"title": {"text": f"prediction of {a}"}}}
    return figure.update_layout(titles)


def calibration(
    runs: Sequence[tuple[str, pl.Series, pl.Series]], *, colors: Sequence[str] = style.SEQUENCE, bins: int = 10
) -> go.Figure:
    """Share of right answers against confidence, with Wilson's 95 % interval and n; ECE in the legend.

    Args:
        runs: (name, confidence, right) of one or two runs.
        colors: of the runs.
        bins: equal bins of confidence.
    """
    line = {"dash": "dot", "color": style.NEUTRAL}
    figure = Figure().add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="calibrated", line=line)
    for (name, confidence, right), color in zip(runs, colors, strict=False):
        frame = pl.DataFrame({"confidence": confidence, "right": right.cast(pl.Float64)}).drop_nulls()
        frame = frame.with_columns(bin=(pl.col("confidence") * bins).floor().clip(0, bins - 1))
        table = frame.group_by("bin").agg(pl.col("confidence", "right").mean(), pl.len().alias("n")).sort("bin")
        error = calibration_interval(frame["confidence"], frame["right"])
        low, high = proportion_bounds(table["right"] * table["n"], table["n"])
        told = f"ECE {error.value:.1%}, 95 % {error.low:.1%} to {error.high:.1%}, n = {frame.height:,}"
        figure.add_scatter(
            x=table["confidence"],
            y=table["right"],
            customdata=table["n"],
            mode="lines+markers",
            name=f"{words.cut(name, 44)}<br>{told}",
            line={"color": color},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": high - table["right"].to_numpy(),
                "arrayminus": table["right"].to_numpy() - low,
                "thickness": 1,
            },
            hovertemplate="confidence %{x:.1%}<br>right %{y:.1%} of %{customdata}<extra></extra>",
        )
    percent: dict[str, Any] = {"x_axis": style.PERCENT, "y_axis": style.PERCENT}
    return style.finish(figure, x="confidence", y="share of right answers", height=380, **percent)


def class_scores(report: ClassReport, classes: Sequence[str], *, most: int = 40) -> go.Figure:
    """Precision, recall and F1 of each class with 95 % intervals, the classes with the lowest F1 first.

    Args:
        report: scores of the classes.
        classes: their names.
        most: classes shown.
    """
    order = np.argsort(np.nan_to_num(report.f1, nan=-1.0))[:most]
    order = order[(report.support + report.predicted)[order] > 0]
    figure = Figure()
    sets = (
        ("precision", report.precision, report.precision_bounds),
        ("recall", report.recall, report.recall_bounds),
        ("F1", report.f1, report.f1_bounds),
    )
    places = np.arange(len(order))
    names = [f"{classes[i]} (n = {report.support[i]})" for i in order]
    for number, (name, values, bounds) in enumerate(sets):
        figure.add_scatter(
            x=values[order],
            y=places + 0.22 * (number - 1),
            customdata=names,
            name=name,
            mode="markers",
            marker={"size": 8, "symbol": ("circle", "square", "diamond")[number]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (bounds[:, 1] - values)[order],
                "arrayminus": (values - bounds[:, 0])[order],
                "thickness": 1,
            },
            hovertemplate="%{customdata}: %{x:.1%}<extra>" + name + "</extra>",
        )
    y_axis = {"autorange": "reversed", "tickvals": places, "ticktext": names}
    height = max(240, 110 + 30 * len(order))
    return style.finish(figure, x="score, 95 % interval", y="", height=height, x_axis=style.PERCENT, y_axis=y_axis)
