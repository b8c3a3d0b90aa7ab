"""Figures of points that are projected: their picture as the dimensions grow, chances of success, error and cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style
from dashboard.figures.labs import moving
from dashboard.figures.unchecked import Figure

Segments = tuple[list[float | None], list[float | None]]
BESIDE = 1.07
"""Factor between the places of two projections of one cost."""


def _segments(points: np.ndarray, pairs: np.ndarray) -> Segments:
    """Lines between pairs of points, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for a, b in pairs:
        x += [float(points[a, 0]), float(points[b, 0]), None]
        y += [float(points[a, 1]), float(points[b, 1]), None]
    return x, y


def projected(
    original: np.ndarray, images: np.ndarray, ratios: np.ndarray, dims: Sequence[int], *, eps: float, start: int
) -> moving.Moving:
    """Points in the plane and their images, joined by lines that are dotted where a distance is off by more than eps.

    Args:
        original: (N, 2) true places.
        images: (frames, N, 2) places after each projection, turned to fit.
        ratios: (frames, pairs) squared distances after and before.
        dims: (frames,) dimensions of each projection.
        eps: allowed error of squared distances.
        start: frame shown first.
    """
    pairs = np.array(np.triu_indices(len(original), 1)).T

    def parts(frame: int) -> tuple[dict[str, object], ...]:
        good = np.abs(ratios[frame] - 1) <= eps
        kept, lost = _segments(images[frame], pairs[good]), _segments(images[frame], pairs[~good])
        return (
            {"type": "scatter", "x": kept[0], "y": kept[1]},
            {"type": "scatter", "x": lost[0], "y": lost[1]},
            {"type": "scatter", "x": images[frame, :, 0], "y": images[frame, :, 1]},
        )

    figure = moving.Moving()
    names = (f"within 1 ± {eps:g}", f"off by more than {eps:g}")
    looks = ((style.GOOD, "solid"), (style.BAD, "dot"))
    for part, name, (color, dash) in zip(parts(start)[:2], names, looks, strict=True):
        line = {"color": style.fade(color, 0.55), "width": 1.2, "dash": dash}
        figure.add_scatter(x=part["x"], y=part["y"], name=name, mode="lines", line=line, hoverinfo="skip")
    marker = {"size": 10, "color": style.MEASURED}
    figure.add_scatter(x=images[start, :, 0], y=images[start, :, 1], name="after", mode="markers", marker=marker)
    hollow = {"size": 12, "symbol": "circle-open", "color": style.NEUTRAL, "line": {"width": 2}}
    figure.add_scatter(x=original[:, 0], y=original[:, 1], name="before", mode="markers", marker=hollow)
    reach = 1.3 * float(np.abs(original).max())
    style.finish(figure, x="", y="", height=520)
    figure.update_xaxes(range=[-reach, reach], visible=False, constrain="domain")
    figure.update_yaxes(range=[-reach, reach], visible=False, scaleanchor="x")
    labels = [
        f"{n}: {int((np.abs(found - 1) <= eps).sum())} of {len(pairs)} distances kept"
        for n, found in zip(dims, ratios, strict=True)
    ]
    frames = [parts(index) for index in range(len(dims))]
    return moving.animate(figure, frames, labels, traces=(0, 1, 2), start=start, prefix="n = ")


def success(
    dims: np.ndarray,
    promises: Mapping[str, np.ndarray],
    measured: Sequence[tuple[float, float, float, float]],
    *,
    asked: float,
) -> go.Figure:
    """Share of draws that keep every pair, with the promises of the proof and of the exact law.

    Args:
        dims: n of the promises.
        promises: name -> probability at dims.
        measured: (n, share, low, high).
        asked: 24 ln N / eps^2.
    """
    figure = Figure()
    for index, (name, values) in enumerate(promises.items()):
        line = {"color": style.SEQUENCE[index + 1], "dash": style.DASHES[index], "width": 2.5}
        figure.add_scatter(x=dims, y=values, name=name, mode="lines", line=line)
    n, share, low, high = (np.array(column) for column in zip(*measured, strict=True))
    spread = {"array": high - share, "arrayminus": share - low, "thickness": 1.4}
    marker = {"color": style.MEASURED, "size": 8}
    figure.add_scatter(x=n, y=share, error_y=spread, name="measured", mode="markers", marker=marker)
    style.reference_line(figure, asked, f"24 ln N / ε² = {asked:.0f}", axis="x")
    style.finish(figure, x="dimensions n", y="all pairs kept", y_axis={"range": [-0.02, 1.06]})
    return style.percent_axis(figure)


def error_and_cost(frame: pl.DataFrame, *, y: str) -> go.Figure:
    """Error of a projection against its multiplications per vector; exact hollow, measured filled with its interval.

    Projections of one cost stand beside one another.

    Args:
        frame: name, cost, exact (may be null), value, low, high.
        y: title.
    """
    figure, drawn = Figure(), list[float]()
    for index, row in enumerate(frame.iter_rows(named=True)):
        drawn.append(row["cost"])
        place = row["cost"] * BESIDE ** (drawn.count(row["cost"]) - 1)
        color = style.SEQUENCE[index % len(style.SEQUENCE)]
        spread = {"type": "data", "array": [row["high"] - row["value"]], "arrayminus": [row["value"] - row["low"]]}
        figure.add_scatter(
            x=[place], y=[row["value"]], error_y=spread, name=row["name"], mode="markers",
            marker={"color": color, "size": 10},
        )  # fmt: skip
        if row["exact"] is not None:
            hollow = {"color": color, "size": 17, "symbol": "circle-open", "line": {"width": 2}}
            figure.add_scatter(
                x=[place], y=[row["exact"]], name=f"{row['name']}, exact", mode="markers", marker=hollow,
                showlegend=False,
            )  # fmt: skip
    axis = style.log_axis(frame["cost"])
    figure = style.finish(figure, x="multiplications per vector", y=y, height=420, x_axis=axis)
    return figure.update_yaxes(rangemode="tozero")
