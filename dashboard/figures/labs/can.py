"""Figures of CAN: how uncertain predictions are, whether uncertainty means error, the class mix, and a sweep."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words
from dashboard.figures.unchecked import Figure
from engine.can.evaluation import UncertaintyBins
from engine.evidence.intervals import proportion_bounds
from engine.evidence.metrics import metric_of

METRICS = {
    "gain": "gain in accuracy, points",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "corrected": "rows corrected",
    "flips_to_right": "wrong → right",
    "flips_to_wrong": "right → wrong",
    "accuracy_uncertain": "accuracy of the uncertain rows",
    "p_value": "McNemar's p",
}
"""Cells of a sweep that can be drawn."""
HATCHED = {"fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.6, "size": 7, "solidity": 0.15}
"""Thin strokes over the colour of a bar: it is told from the other without colours too."""


def uncertainty_histogram(bins: UncertaintyBins, *, threshold: float) -> go.Figure:
    """Rows per bin of uncertainty, right and wrong stacked, with the threshold."""
    centres = (bins.edges[:-1] + bins.edges[1:]) / 2
    figure = Figure()
    for name, count, color in (("right", bins.right, style.GOOD), ("wrong", bins.count - bins.right, style.BAD)):
        hatched = HATCHED | {"shape": "/" if name == "wrong" else ""}
        marker = {"color": color, "line": {"width": 0}, "pattern": hatched}
        figure.add_bar(x=centres, y=count, name=name, marker=marker)
    figure.update_layout(barmode="stack", bargap=0.08)
    _threshold(figure, threshold)
    return style.finish(figure, x="uncertainty (top-k entropy)", y="rows", height=320)


def accuracy_by_uncertainty(bins: UncertaintyBins, *, threshold: float, overall: float) -> go.Figure:
    """Accuracy before the correction per bin of uncertainty, with Wilson intervals: CAN needs it to fall."""
    filled = bins.count > 0
    centres = ((bins.edges[:-1] + bins.edges[1:]) / 2)[filled]
    count, right = bins.count[filled], bins.right[filled]
    low, high = proportion_bounds(right, count)
    share = right / count
    figure = Figure().add_scatter(
        x=centres,
        y=share,
        error_y={"type": "data", "array": high - share, "arrayminus": share - low, "thickness": 1.2, "width": 3},
        mode="lines+markers",
        line={"color": style.MEASURED},
        customdata=count,
        name="accuracy",
        hovertemplate="%{y} of %{customdata} rows<extra></extra>",
    )
    style.reference_line(figure, overall, "all rows", side="left")
    _threshold(figure, threshold)
    style.finish(figure, x="uncertainty (top-k entropy)", y="accuracy", height=320, legend=False)
    figure.update_yaxes(range=[0, 1.02])
    return style.percent_axis(figure)


def class_mix(frame: pl.DataFrame) -> go.Figure:
    """Share of each class: prior, labels, predictions before and after.

    Args:
        frame: name, prior, before, after, labels.
    """
    names = frame["name"].to_list()[::-1]
    figure = Figure()
    before, after = (frame[column].to_list()[::-1] for column in ("before", "after"))
    gaps = [value for pair in zip(before, after, strict=True) for value in (*pair, None)]
    figure.add_scatter(
        x=gaps,
        y=[name for each in names for name in (each, each, each)],
        mode="lines",
        line={"color": style.MEASURED, "width": 2},
        showlegend=False,
        hoverinfo="skip",
    )
    marks = (
        ("prior", "prior", "line-ns-open", style.PUBLISHED, 14),
        ("labels", "true labels", "circle-open", style.GOOD, 9),
        ("before", "before", "circle", style.NEUTRAL, 8),
        ("after", "after CAN", "circle", style.MEASURED, 8),
    )
    for column, name, symbol, color, size in marks:
        figure.add_scatter(
            x=frame[column].to_list()[::-1],
            y=names,
            mode="markers",
            name=name,
            marker={"symbol": symbol, "color": color, "size": size, "line": {"color": color, "width": 2}},
            hovertemplate="%{y}: %{x}<extra>" + name + "</extra>",
        )
    style.finish(figure, x="share of all rows", y="class", height=120 + 22 * len(names))
    figure.update_yaxes(type="category", dtick=1)
    figure.update_xaxes(rangemode="tozero")
    return style.percent_axis(figure, axis="x")


def sweep(frame: pl.DataFrame, *, x: str, y: str, metric: str) -> go.Figure:
    """Heat map of one metric over two axes of a sweep.

    Args:
        frame: columns x, y, value; one row a cell.
        x: name of the column of the horizontal axis.
        y: name of the column of the vertical axis.
        metric: one of `METRICS`; a gain is coloured around zero.
    """
    xs, ys = (sorted(frame[name].unique().to_list()) for name in (x, y))
    cells = {(a, b): value for a, b, value in frame.select(x, y, "value").iter_rows()}
    table = [[cells.get((a, b)) for a in xs] for b in ys]
    shown, scale = _written(metric)
    largest = max((abs(value) for value in cells.values() if value is not None), default=0) or 1
    figure = Figure().add_heatmap(
        x=[f"{value:g}" if isinstance(value, float) else str(value) for value in xs],
        y=[f"{value:g}" if isinstance(value, float) else str(value) for value in ys],
        z=table,
        text=[
            ["" if value is None else words.typeset(shown.format(scale * value)) for value in line] for line in table
        ],
        texttemplate="%{text}",
        textfont={"size": 13, "color": style.INK},
        colorscale=style.DIVERGING if metric == "gain" else style.HEAT,
        zmin=-largest if metric == "gain" else None,
        zmax=largest if metric == "gain" else None,
        hovertemplate=f"{x} %{{x}}, {y} %{{y}}<br>{METRICS[metric]}: %{{text}}<extra></extra>",
        showscale=False,
        xgap=2,
        ygap=2,
    )
    style.finish(figure, x=x.replace("_", " "), y=y.replace("_", " "), height=150 + 46 * len(ys), legend=False)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False)
    return figure


def _written(metric: str) -> tuple[str, float]:
    """Format of a cell's number and what it is multiplied by: gains are differences of shares, hence points."""
    special = {"gain": ("{:+.2f}", 100.0), "p_value": ("{:.3f}", 1.0)}
    return special.get(metric, ("{:.2%}" if metric_of(metric).fraction else "{:.0f}", 1.0))


def _threshold(figure: go.Figure, threshold: float) -> None:
    style.reference_line(figure, threshold, f"threshold {threshold:g}", axis="x")
