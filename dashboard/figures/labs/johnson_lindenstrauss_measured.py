"""Measured projections, hashes and low-rank approximations with their theory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import marks, style
from dashboard.figures.unchecked import Figure

KIND_COLORS = dict(
    zip(("gaussian", "rademacher", "achlioptas", "sparse", "srht", "haar"), style.SEQUENCE, strict=False)
)
METHOD_COLORS = {"pca": style.SEQUENCE[3], "pca_rescaled": style.SEQUENCE[5], "gaussian": style.SEQUENCE[0]}
SVD_NAMES = {
    "optimum": "optimum of rank k (Eckart–Young)",
    "range_finder": "range finder",
    "repaired": "repaired: U Uᵀ M, U of MQ",
    "post_orthonormal": "as printed, Q by QR: M Q Qᵀ",
    "post_raw": "as printed, Gaussian Q",
}
BOUND_NAME = "bound of the range finder's mean"
SVD_COLORS = {
    "optimum": style.NEUTRAL,
    "range_finder": style.SEQUENCE[0],
    "repaired": style.GOOD,
    "post_orthonormal": style.SEQUENCE[1],
    "post_raw": style.BAD,
}


def ratios(
    edges: np.ndarray, counts: np.ndarray, grid: np.ndarray, law: np.ndarray, *, law_name: str, eps: float
) -> go.Figure:
    """Histogram of the ratios of squared distances with the law of one pair and the interval 1 +- eps."""
    width = edges[1] - edges[0]
    figure = Figure()
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts / max(counts.sum(), 1) / width,
        width=width,
        name="all pairs",
        marker={"color": style.fade(style.MEASURED, 0.45)},
    )
    figure.add_scatter(x=grid, y=law, name=law_name, line={"color": style.SEQUENCE[1], "width": 2.5})
    for value in (1 - eps, 1 + eps):
        style.reference_line(figure, value, "", axis="x")
    style.finish(figure, x="squared distance after / before (dotted: 1 ± ε)", y="density", legend=True)
    return figure.update_xaxes(range=[max(0, float(grid[0])), float(grid[-1])])


def largest_by_dimension(
    frame: pl.DataFrame, *, series: str, colors: Mapping[str, str], metric: str, exact: pl.DataFrame | None = None
) -> go.Figure:
    """A metric of the distortion against n, one line a projection or method, with intervals over repeats.

    Args:
        frame: n_components, the series column, metric, value, low, high.
        series: column whose values are the lines.
        colors: value -> colour.
        metric: which metric is drawn.
        exact: rows like those of the frame with the exact values, drawn dotted where the metric has any.
    """
    figure = Figure()
    for name in colors:
        theory = (
            exact.filter((pl.col(series) == name) & (pl.col("metric") == metric)) if exact is not None else frame[:0]
        )
        if not theory.is_empty():
            theory = theory.sort("n_components")
            line = {"color": colors[name], "dash": "dot", "width": 3}
            figure.add_scatter(
                x=theory["n_components"], y=theory["value"], name=f"{name}, exact", mode="lines", line=line
            )
        part = frame.filter((pl.col(series) == name) & (pl.col("metric") == metric)).sort("n_components")
        if part.is_empty():
            continue
        if part["low"].is_not_null().all() and part["low"].is_finite().all():
            style.band(figure, part["n_components"], part["low"], part["high"], name, color=colors[name])
        figure.add_scatter(
            x=part["n_components"], y=part["value"], name=name, mode="lines+markers", line={"color": colors[name]}
        )
    titles = {
        "largest": "largest |ratio − 1| of all pairs",
        "rms": "root mean square of ratio − 1",
        "sd": "sd of the ratio",
    }
    drawn = frame.filter(pl.col("metric") == metric)
    dims = {"type": "log", "tickvals": drawn["n_components"].unique().sort().to_list()}
    values = style.log_axis(drawn["value"], drawn["low"].drop_nulls(), drawn["high"].drop_nulls())
    return style.finish(figure, x="target dimensions n", y=titles[metric], legend=True, x_axis=dims, y_axis=values)


def readings(cosines: np.ndarray, raw: np.ndarray, error: np.ndarray, measured: pl.DataFrame | None) -> go.Figure:
    """What a sign hash reads off: the raw mean product, the repaired cosine with its error, and measurements.

    Args:
        cosines: true cosines.
        raw: expected raw reading.
        error: standard error of the repaired reading.
        measured: cosine, metric (raw_cosine, repaired_cosine), value; None without a stored run.
    """
    figure = Figure()
    style.band(figure, cosines, cosines - 2 * error, cosines + 2 * error, "± 2 standard errors", color=style.GOOD)
    figure.add_scatter(
        x=cosines, y=cosines, name="repaired, cos(π·Hamming/n)", line={"color": style.GOOD, "width": 2.5}
    )
    figure.add_scatter(
        x=cosines, y=raw, name="raw, as the post reads it", line={"color": style.BAD, "dash": "dash", "width": 2.5}
    )
    if measured is not None:
        for metric, color, name in (
            ("repaired_cosine", style.GOOD, "repaired, measured"),
            ("raw_cosine", style.BAD, "raw, measured"),
        ):
            part = measured.filter(metric=metric).sort("cosine")
            figure.add_scatter(
                x=part["cosine"], y=part["value"], name=name, mode="markers", marker={"color": color, "size": 8}
            )
    style.finish(figure, x="true cosine", y="cosine read off the hash", height=400)
    return figure


def bands(
    agreement: np.ndarray, cosines: np.ndarray, curves: Mapping[str, np.ndarray], measured: pl.DataFrame
) -> go.Figure:
    """S-curves: probability that two vectors become candidates, against their cosine."""
    figure = Figure()
    for index, (name, values) in enumerate(curves.items()):
        figure.add_scatter(
            x=cosines,
            y=values,
            name=name,
            line={"color": style.SEQUENCE[index]},
            customdata=agreement,
            hovertemplate="cos %{x}, bit agrees %{customdata:.3f}<br>%{y}<extra>" + name + "</extra>",
        )
    if not measured.is_empty():
        measured = measured.sort("cosine")
        figure.add_scatter(
            x=measured["cosine"],
            y=measured["value"],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": measured["high"] - measured["value"],
                "arrayminus": measured["value"] - measured["low"],
            },
            name="measured",
            mode="markers",
            marker={"color": style.SEQUENCE[0], "size": 8},
        )
    x_axis = {"hoverformat": ".2f"}
    style.finish(figure, x="cosine of the pair", y="share of pairs that become candidates", legend=True, x_axis=x_axis)
    return style.percent_axis(figure)


def recall(frame: pl.DataFrame) -> go.Figure:
    """Recall of the exact neighbours against the number of candidates, one line a code length."""
    figure = Figure()
    for index, n_bits in enumerate(sorted(frame["n_bits"].unique())):
        part = frame.filter(n_bits=n_bits).sort("candidates")
        color = style.SEQUENCE[index]
        style.band(figure, part["candidates"], part["low"], part["high"], f"{n_bits} bits", color=color)
        figure.add_scatter(
            x=part["candidates"], y=part["value"], name=f"{n_bits} bits", mode="lines+markers", line={"color": color}
        )
    axis = style.log_axis(frame["candidates"])
    style.finish(figure, x="candidates examined", y="recall of the 10 nearest", legend=True, x_axis=axis)
    return style.percent_axis(figure)


def svd_errors(ranks: np.ndarray, curves: Mapping[str, np.ndarray], *, bound: np.ndarray | None = None) -> go.Figure:
    """Relative Frobenius errors against the rank: methods of `SVD_NAMES`, and the bound of the expectation."""
    figure = Figure()
    for method, values in curves.items():
        figure.add_scatter(
            x=ranks,
            y=values,
            name=SVD_NAMES[method],
            mode="lines+markers",
            line={
                "color": SVD_COLORS[method],
                "dash": "dot" if method == "optimum" else "dash" if method.startswith("post") else "solid",
            },
        )
    if bound is not None:
        figure.add_scatter(x=ranks, y=bound, name=BOUND_NAME, line={"color": style.SEQUENCE[3], "dash": "dashdot"})
    marks.horizontal(figure, 1.0, "‖M‖: nothing approximated", logarithmic=True)
    y_axis = style.log_axis(*curves.values())
    return style.finish(figure, x="rank k", y="‖M − M̂‖ / ‖M‖ (Frobenius)", height=440, y_axis=y_axis)


def svd_sweep(frame: pl.DataFrame, *, norm: str) -> go.Figure:
    """Stored errors against the rank with their intervals, exact values and bounds as lines of the same colour.

    Args:
        frame: method, power_iterations, rank, source, value, low, high of one matrix, one norm and, for the range
            finder and its optimum, one oversampling.
        norm: "frobenius" or "spectral".
    """
    traces: list[dict[str, Any]] = []
    series = frame.select("method", "power_iterations", "source").unique(maintain_order=True).sort("power_iterations")
    order = {method: place for place, method in enumerate(SVD_NAMES)}
    for method, power, source in sorted(series.rows(), key=lambda row: (order[row[0]], row[1], row[2])):
        part = frame.filter(method=method, power_iterations=power, source=source).sort("rank")
        name, color = _svd_series(method, power, source)
        trace = {"type": "scatter", "x": part["rank"], "y": part["value"], "name": name, "line": {"color": color}}
        if source == "measured":
            spread = {
                "array": part["high"] - part["value"],
                "arrayminus": part["value"] - part["low"],
                "thickness": 1.2,
            }
            trace |= {"mode": "lines+markers", "error_y": spread, "customdata": part["n"]}
            trace["hovertemplate"] = f"rank %{{x}}: %{{y:.4g}}, %{{customdata}} draws<extra>{name}</extra>"
        else:
            trace |= {"mode": "lines", "line": {"color": color, "dash": "dashdot" if source == "bound" else "dot"}}
        traces.append(trace)
    figure = Figure(traces)
    marks.horizontal(figure, 1.0, "‖M‖: nothing approximated", logarithmic=True)
    ranks = {"tickvals": sorted(frame["rank"].unique())}
    return style.finish(
        figure, x="rank k", y=f"‖M − M̂‖ / ‖M‖ ({norm})", height=520, x_axis=ranks, y_axis=style.log_axis(frame["value"])
    )


def _svd_series(method: str, power: int, source: str) -> tuple[str, str]:
    """Name and colour of one line: the range finder has one colour for each number of power iterations."""
    if method == "optimum":
        return "optimum of rank k + p", SVD_COLORS[method]
    if method != "range_finder":
        return SVD_NAMES[method] + (", theory" if source == "exact" else ""), SVD_COLORS[method]
    color = (style.SEQUENCE[0], style.SEQUENCE[5], style.SEQUENCE[8])[min(power, 2)]
    return (f"{BOUND_NAME}, q = {power}" if source == "bound" else f"range finder, q = {power}"), color
