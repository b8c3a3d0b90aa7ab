"""The ladder of bounds, random angles, and the steps of the lemma's proof."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import line_ends, marks, style
from dashboard.figures.unchecked import Figure

BOUND_NAMES = {
    "post24": "post: 24 ln N/ε²",
    "post16": "post: 16 ln N/ε²",
    "sklearn": "scikit-learn",
    "achlioptas": "Achlioptas",
    "chernoff": "Chernoff",
    "exact_union": "exact law",
}
BOUND_DASHES = {"post16": "dot", "sklearn": "dash", "exact_union": "solid"}


def ladder(
    x: Sequence[float] | np.ndarray,
    dims: Mapping[str, np.ndarray],
    *,
    axis: str,
    n_features: int,
    measured: Sequence[tuple[float, float]] = (),
) -> go.Figure:
    """Dimensions that each bound asks for, the region n >= m shaded, and measured minima as points.

    Args:
        x: numbers of points N or errors eps.
        dims: bound -> dimensions at x.
        axis: "N" or "ε".
        n_features: m, columns of the data.
        measured: (x, smallest n that worked).
    """
    figure = Figure()
    for index, (bound, values) in enumerate(dims.items()):
        figure.add_scatter(
            x=x,
            y=values,
            name=BOUND_NAMES.get(bound, bound),
            mode="lines",
            line={
                "color": style.SEQUENCE[index % len(style.SEQUENCE)],
                "dash": BOUND_DASHES.get(bound, "solid"),
                "width": 3 if bound == "exact_union" else 2,
            },
        )
    if measured:
        figure.add_scatter(
            x=[point[0] for point in measured],
            y=[point[1] for point in measured],
            name="measured minimum",
            mode="markers",
            marker={"color": style.MEASURED, "size": 10, "symbol": "circle-open", "line": {"width": 2.5}},
        )
    top = max(float(np.max(values)) for values in dims.values()) * 1.3
    if top > n_features:
        figure.add_hrect(y0=n_features, y1=top, fillcolor=style.NEUTRAL, opacity=0.16, line_width=0)
        marks.horizontal(figure, n_features, f"n ≥ m = {n_features:,}: useless", logarithmic=True)
    drawn = [np.min(values) for values in dims.values()] + [point[1] for point in measured]
    lowest = 0.8 * min(map(float, drawn))
    style.finish(
        figure,
        x="points N" if axis == "N" else "ε, allowed relative error of squared distances",
        y="dimensions n",
        height=440,
        x_axis=style.log_axis(x) if axis == "N" else None,
        y_axis=style.log_axis([lowest, top]) | {"range": [np.log10(lowest), np.log10(top)]},
    )
    return line_ends.name_lines(figure)


def angles(degrees: np.ndarray, grid: np.ndarray, exact: np.ndarray, normal: np.ndarray | None) -> go.Figure:
    """Histogram of sampled angles with the exact density and its normal limit, all per degree."""
    figure = Figure()
    figure.add_histogram(
        x=degrees,
        histnorm="probability density",
        nbinsx=90,
        name="sampled",
        marker={"color": style.fade(style.MEASURED, 0.45)},
    )
    figure.add_scatter(x=grid, y=exact, name="exact density", line={"color": style.SEQUENCE[1], "width": 2.5})
    if normal is not None:
        figure.add_scatter(
            x=grid, y=normal, name="normal limit", line={"color": style.SEQUENCE[3], "dash": "dash", "width": 2}
        )
    style.finish(figure, x="angle between two random vectors, degrees", y="density per degree")
    return figure.update_xaxes(range=[float(grid[0]), float(grid[-1])])


def spread_by_dimension(dims: np.ndarray, quantiles: Mapping[str, np.ndarray]) -> go.Figure:
    """Bands of the angle against the number of dimensions: 50 %, 90 % and 98 % of all pairs."""
    figure = Figure()
    for low, high, name in (("0.01", "0.99", "98 %"), ("0.05", "0.95", "90 %"), ("0.25", "0.75", "50 %")):
        style.band(figure, dims, quantiles[low], quantiles[high], f"{name} of pairs")
    for trace, opacity in zip(figure.data, (0.15, 0.4, 0.8), strict=True):
        trace.update(showlegend=True, fillcolor=style.fade(style.MEASURED, opacity))
    degrees = {"range": [0, 180], "dtick": 30}
    x_axis = style.log_axis(dims)
    return style.finish(figure, x="dimensions n", y="angle, degrees", legend=True, x_axis=x_axis, y_axis=degrees)


def largest_cosine(
    samples: np.ndarray,
    curves: Mapping[int, np.ndarray],
    crude: np.ndarray,
    chosen: int,
    drawn: Sequence[tuple[int, float, float, float]] = (),
) -> go.Figure:
    """Median of the largest |cos| among N random vectors for several n, with sqrt(4 ln N / n) for the chosen one.

    Args:
        samples: N.
        curves: n -> exact medians at the samples.
        crude: the rule at the samples.
        chosen: n drawn thick.
        drawn: (N, median, smallest, largest) of random draws at the chosen n.
    """
    figure = Figure()
    for index, (n, values) in enumerate(curves.items()):
        figure.add_scatter(
            x=samples,
            y=values,
            name=f"n = {n}",
            line={"color": style.SEQUENCE[index % 8], "width": 3 if n == chosen else 1.5},
        )
    figure.add_scatter(
        x=samples, y=crude, name=f"√(4 ln N / n), n = {chosen}", line={"color": style.NEUTRAL, "dash": "dot"}
    )
    if drawn:
        count, median, low, high = (np.array(column) for column in zip(*drawn, strict=True))
        spread = {"array": high - median, "arrayminus": median - low, "thickness": 1.2}
        marker = {"color": style.SEQUENCE[list(curves).index(chosen) % 8], "size": 8}
        figure.add_scatter(
            x=count, y=median, error_y=spread, name=f"n = {chosen}, drawn", mode="markers", marker=marker
        )
    x_axis, y_axis = style.log_axis(samples), {"range": [0, 1.05]}
    style.finish(figure, x="vectors N", y="largest |cos|, median", x_axis=x_axis, y_axis=y_axis)
    return line_ends.name_lines(figure)


def lines(
    x: Sequence[float] | np.ndarray,
    curves: Mapping[str, np.ndarray],
    *,
    x_title: str,
    y_title: str,
    logarithmic: bool = False,
    mark: tuple[float, str] | None = None,
    mark_end: str = "top",
    level: tuple[float, str] | None = None,
    height: int = 320,
) -> go.Figure:
    """Several curves over one axis: the first is what is true (thick), the others are bounds.

    Args:
        x: shared abscissas.
        curves: name -> values.
        x_title: of the x axis.
        y_title: of the y axis.
        logarithmic: logarithmic y axis.
        mark: vertical line at a value of x with its name.
        mark_end: where that name stands, "top" or "bottom".
        level: horizontal line at a value of y with its name.
        height: pixels.
    """
    figure = Figure()
    dashes = ("solid", "dash", "dot", "dashdot")
    for index, (name, values) in enumerate(curves.items()):
        figure.add_scatter(
            x=x,
            y=values,
            name=name,
            mode="lines",
            line={"color": style.SEQUENCE[index], "dash": dashes[index % 4], "width": 3 if index == 0 else 2},
        )
    if mark is not None:
        marks.vertical(figure, mark[0], mark[1], logarithmic=False, end=mark_end)
    if level is not None:
        marks.horizontal(figure, level[0], level[1], logarithmic=logarithmic)
    style.finish(figure, x=x_title, y=y_title, height=height, legend=len(curves) > 1)
    if logarithmic:
        figure.update_yaxes(type="log", exponentformat="power")
    return figure
