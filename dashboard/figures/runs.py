"""Figures of single runs: curves with smoothing, confusion matrix, confidence of right and wrong predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words
from dashboard.figures.unchecked import Figure
from dashboard.frames import name_order
from dashboard.frames.numbers import as_number
from engine.evidence.metrics import METRICS, metric_of

Curve = tuple[np.ndarray, np.ndarray]
"""x and y of a curve."""
X_TITLES = {"step": "optimizer step", "epoch": "epoch", "time": "seconds since the start"}
LARGEST = 1e150
"""Values from here on have no finite square: they count as diverged."""
_WIDTHS = (1e-5, 1e-4, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05)
"""Widths of bins of confidence; each divides 1."""
_TEXT_CLASSES = 12
"""Confusion matrices up to this many classes carry their counts as text."""
_NAMED_CLASSES = 40
"""Up to this many, every class is named beside its row."""


def smooth(frame: pl.DataFrame, weight: float) -> pl.DataFrame:
    """Exponential moving average of each curve, without the bias towards zero at its start.

    The value at point t is `sum_i w^(t-i) v_i / sum_i w^(t-i)`: a weight of 0 changes nothing, 0.9 averages over about
    ten points. Points that are not finite are left out of the average.

    Args:
        frame: run_id, name, x, value, sorted by x within a curve.
        weight: w, at least 0 and below 1.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight must be in [0, 1), got {weight}")
    if weight == 0 or frame.is_empty():
        return frame
    finite = pl.when(pl.col("value").is_finite()).then(pl.col("value"))
    averaged = finite.ewm_mean(alpha=1 - weight, adjust=True, ignore_nulls=True)
    return frame.with_columns(averaged.over("run_id", "name").alias("value"))


def metric_groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Curves that belong into one plot: `{"loss": ["dev/loss", "train/loss"], ...}`, loss first, layer 2 before 10."""
    groups: dict[str, list[str]] = {}
    for name in name_order.ordered(names):
        groups.setdefault(name.split("/", 1)[-1], []).append(name)
    return dict(sorted(groups.items(), key=lambda item: (item[0] != "loss", -len(item[1]), name_order.key(item[0]))))


def curves(
    frame: pl.DataFrame,
    *,
    metric: str,
    x: str = "step",
    log_x: bool = False,
    log_y: bool = False,
    smoothing: float = 0.0,
) -> go.Figure:
    """Curves of one metric of a run, a colour a split, with min and max of each bucket as a band.

    Args:
        frame: name, x, value, min, max: one row a bucket.
        metric: the name of the y axis.
        x: step, epoch or time.
        log_x: logarithmic x axis.
        log_y: logarithmic y axis.
        smoothing: weight of `smooth`; the values as logged stay visible behind the smoothed curve.
    """
    traces: list[dict[str, Any]] = []
    for (name,), part in smooth(frame, smoothing).group_by("name", maintain_order=True):
        color, raw = _split_color(str(name)), frame.filter(name=name)
        if (raw["max"] > raw["min"]).any():
            traces += style.outline(raw["x"], raw["min"], raw["max"], words.name(str(name)), color=color)
        elif smoothing:
            behind = {"opacity": 0.3, "showlegend": False, "hoverinfo": "skip"}
            traces.append(line(*_points(raw), words.name(str(name)), color, legendgroup=name) | behind)
        traces.append(line(*_points(part), words.name(str(name)), color, legendgroup=name))
    names = frame["name"].unique().to_list()
    said = str(names[0]) if len(names) == 1 else metric  # one curve is named at the axis, not in a legend
    look: dict[str, Any] = {"legend": len(names) > 1, "hovermode": "x unified"}
    return finish_curves(Figure(traces), metric=said, x=x, log_x=log_x, log_y=log_y, **look)


def is_curve(frame: pl.DataFrame, names: Sequence[str]) -> bool:
    """Whether one of these has more than one point, and a finite value to draw."""
    counts = (
        frame.filter(pl.col("name").is_in(list(names)))
        .group_by("name")
        .agg(pl.len(), pl.col("value").is_finite().any())
    )
    return bool((counts["len"] > 1).any() and counts["value"].any())


def finding(frame: pl.DataFrame, names: Sequence[str], *, x: str = "step") -> str:
    """What a plot of these curves shows, in words: `dev accuracy: best 63.75 % at step 60`.

    Scores and losses tell their best value, of dev where it is there; other metrics their last one. Values that are not
    finite are counted; a curve without a finite value is told only where no other is drawn.
    """
    told = set(frame.filter(pl.col("value").is_finite())["name"])
    name = min(names, key=lambda name: (name not in told, not name.startswith("dev/"), name))
    part = frame.filter(name=name).sort("x")
    finite = part.filter(pl.col("value").is_finite())
    odd = f", {words.count(part.height - finite.height, 'value')} not finite" if finite.height < part.height else ""
    if finite.is_empty():
        return f"{words.name(name)}: no value is finite"
    if finite.height > 1 and finite["value"].n_unique() == 1:
        return f"{words.name(name)}: {words.value(name, finite['value'][0])} throughout{odd}"
    spec = metric_of(name)
    if spec.name not in METRICS:
        return f"{words.name(name)}: {words.value(name, finite['value'][-1])} at the end{odd}"
    best = finite.sort("value", descending=spec.higher_is_better).row(0, named=True)
    at = f"after {words.duration(best['x'])}" if x == "time" else f"at {x} {words.number(best['x'])}"
    word = "highest" if spec.higher_is_better else "lowest"
    return f"{words.name(name)}: {word} {words.value(name, best['value'])} {at}{odd}"


def finish_curves(
    figure: go.Figure,
    *,
    metric: str,
    x: str,
    log_x: bool,
    log_y: bool,
    height: int = 320,
    legend: bool = True,
    hovermode: str | None = None,
) -> go.Figure:
    """Axes of curves: fractions in percent, logarithms where asked; a view survives new points."""
    fraction = words.is_fraction(metric)
    x_axis = style.log_axis(*(trace.x for trace in figure.data)) if log_x else {}
    drawn = [trace.y for trace in figure.data]
    y_axis = style.log_axis(*drawn) if log_y else style.flat_axis(*drawn, fraction=fraction)
    if fraction:
        y_axis |= style.percent_ticks(*drawn)
    title = X_TITLES.get(x, x)
    style.finish(figure, x=title, y=words.name(metric), height=height, legend=legend, x_axis=x_axis, y_axis=y_axis)
    return style.zoomable(figure, uirevision=f"{metric}-{x}-{log_x}-{log_y}", hovermode=hovermode)


def cut(frame: pl.DataFrame, by: Sequence[str]) -> dict[tuple[Any, ...], Curve]:
    """Keys -> x and value of the finite points of a curve.

    Args:
        frame: the keys, x and value, sorted by the keys and then by x.
        by: the keys.
    """
    finite = frame.filter(pl.col("value").is_finite())
    x, y = finite["x"].cast(pl.Float64).to_numpy(), finite["value"].to_numpy()
    sizes = finite.group_by(by, maintain_order=True).len()
    ends = np.cumsum(sizes["len"].to_numpy(), dtype=np.int64)
    return {
        tuple(key): (x[end - size : end], y[end - size : end])
        for (*key, size), end in zip(sizes.iter_rows(), ends, strict=True)
    }


def mean_and_range(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, mean, lowest and highest over curves at the points of the longest one; each x ascending.

    Curves are interpolated linearly between their points and end where they end.
    """
    grid = max((x for x, _ in curves), key=len)
    values = np.array(
        [y if np.array_equal(x, grid) else np.interp(grid, x, y, left=np.nan, right=np.nan) for x, y in curves]
    )
    usable = np.abs(values) < LARGEST
    inside = usable.any(axis=0)
    if usable.all():
        return grid, values.mean(axis=0), values.min(axis=0), values.max(axis=0)
    values = np.where(usable, values, np.nan)[:, inside]
    return grid[inside], np.nanmean(values, axis=0), np.nanmin(values, axis=0), np.nanmax(values, axis=0)


def line(x: np.ndarray, y: np.ndarray, name: str, color: str, **more: Any) -> dict[str, Any]:
    """The trace of a curve, with points where there are few."""
    return {
        "x": x,
        "y": y,
        "name": name,
        "mode": "lines+markers" if len(x) < 30 else "lines",
        "line": {"color": color, "width": 2},
        "marker": {"size": 5},
        **more,
    }


def _points(frame: pl.DataFrame) -> Curve:
    return frame["x"].to_numpy(), frame["value"].to_numpy()


def _split_color(name: str) -> str:
    splits = {"train": style.SEQUENCE[0], "dev": style.SEQUENCE[1], "test": style.SEQUENCE[2]}
    return splits.get(name.split("/", 1)[0], style.SEQUENCE[3])


def confusion_counts(predictions: pl.DataFrame) -> pl.DataFrame:
    """label, prediction, count, share (of the label's rows), most frequent first; rows without a label are left out."""
    pairs = predictions.drop_nulls("label").group_by("label", "prediction").len("count")
    share = pl.col("count") / pl.col("count").sum().over("label")
    return pairs.with_columns(share=share).sort("count", "label", "prediction", descending=[True, False, False])


def confusion(counts: pl.DataFrame, classes: Sequence[str], *, height: int | None = None) -> go.Figure:
    """Confusion matrix: rows are the labels, columns the predictions, colour the share of the row.

    Args:
        counts: as `confusion_counts` returns them.
        classes: order of rows and columns.
        height: in pixels; None fits it to the number of classes.
    """
    share = {(row["label"], row["prediction"]): row["share"] for row in counts.iter_rows(named=True)}
    count = {(row["label"], row["prediction"]): row["count"] for row in counts.iter_rows(named=True)}
    cells = [[share.get((label, prediction), 0.0) for prediction in classes] for label in classes]
    texts = [[count.get((label, prediction), 0) for prediction in classes] for label in classes]
    numbered = len(classes) <= _TEXT_CLASSES
    figure = Figure().add_heatmap(
        z=cells,
        x=list(classes),
        y=list(classes),
        text=texts,
        texttemplate="%{text}" if numbered else None,
        textfont={"color": style.INK},
        zmin=0,
        zmax=1,
        colorscale=style.HEAT if numbered else style.SEQUENTIAL,
        colorbar={"title": {"text": "share<br>of row", "side": "top"}, "tickformat": ".0%", "thickness": 12},
        hovertemplate="label %{y}<br>prediction %{x}<br>%{text} rows, %{z:.1%}<extra></extra>",
    )
    side = height or min(760, 190 + 34 * len(classes))
    x_axis = {"type": "category", "showgrid": False}  # leaves names out where they would overlap
    y_axis = {**x_axis, "autorange": "reversed", **({"dtick": 1} if len(classes) <= _NAMED_CLASSES else {})}
    return style.finish(figure, x="prediction", y="label", height=side, x_axis=x_axis, y_axis=y_axis)


def confidence(predictions: pl.DataFrame, *, height: int = 300) -> go.Figure:
    """Histogram of the confidence of right and wrong predictions, stacked, over the range in which they lie.

    Args:
        predictions: label, prediction, confidence.
        height: in pixels.
    """
    frame = predictions.drop_nulls(["label", "confidence"])
    width = _bin_width(frame["confidence"])
    frame = frame.with_columns(
        bin=((pl.col("confidence") / width).floor().clip(0, round(1 / width) - 1) + 0.5) * width,
        right=pl.col("label") == pl.col("prediction"),
    )
    bars = []
    for right, name, color in ((True, "right", style.GOOD), (False, "wrong", style.BAD)):
        part = frame.filter(right=right).group_by("bin").len().sort("bin")
        places, counts = part["bin"].to_numpy(), part["len"].to_numpy()
        look = {"type": "bar", "name": name, "marker": {"color": color}, "width": 0.9 * width}
        bars.append({"x": places, "y": counts, **look})
    titles: dict[str, Any] = {"x": "confidence of the prediction", "y": "examples", "x_axis": {"tickformat": "~%"}}
    return style.finish(Figure(bars), **titles, height=height, legend=True, layout={"barmode": "stack"})


def _bin_width(confidences: pl.Series) -> float:
    """Width of bins of which at most twenty cover the values: the confidences of spans may all lie below 1 %."""
    span = as_number(confidences.max()) - as_number(confidences.min())
    return next((width for width in _WIDTHS if span <= 20 * width), _WIDTHS[-1])


def confidence_said(predictions: pl.DataFrame) -> str:
    """What the histogram shows: `Right answers are surer than wrong ones: median 81 % against 57 %`."""
    known = predictions.drop_nulls(["label", "confidence"])
    is_right = known["label"] == known["prediction"]
    right, wrong = known.filter(is_right)["confidence"].median(), known.filter(~is_right)["confidence"].median()
    if right is None or wrong is None:
        kind, median = ("right", right) if wrong is None else ("wrong", wrong)
        return f"All answers are {kind}; their median confidence is {words.share(as_number(median))}"
    high, low = words.share(as_number(right)), words.share(as_number(wrong))
    if high == low:
        return f"Wrong answers are as sure as right ones: median {low}"
    more = "surer" if as_number(right) > as_number(wrong) else "less sure"
    return f"Right answers are {more} than wrong ones: median {high} against {low}"


def span_overlap(predictions: pl.DataFrame, *, height: int = 300) -> go.Figure:
    """Histogram of the overlap of answers with the accepted one: character F1 of each example.

    Args:
        predictions: `overlap` in [0, 1].
        height: in pixels.
    """
    counts = predictions.with_columns(bin=((pl.col("overlap") * 10).floor().clip(0, 9) + 0.5) / 10)
    counts = counts.group_by("bin").len().sort("bin")
    figure = Figure().add_bar(x=counts["bin"], y=counts["len"], width=0.09, marker={"color": style.MEASURED})
    title, x_axis = "overlap with the accepted answer (character F1)", {"range": [0, 1], "tickformat": ".0%"}
    return style.finish(figure, x=title, y="questions", height=height, x_axis=x_axis)
