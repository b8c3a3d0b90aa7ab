"""Figures of the smoothing pages: curves, differences, derivatives, errors, the floor, the staircase."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures.line_ends import name_lines
from dashboard.figures.style import NEUTRAL, SEQUENCE, draw, fade, finish, log_axis, reference_line
from dashboard.figures.unchecked import Figure
from engine.smoothing.kernels import KERNELS

KERNEL_COLORS = dict(zip(KERNELS, SEQUENCE, strict=False))
"""One colour for each kernel on every page."""
ZERO = 1e-3  # where a loss of zero stands on a log axis, below one wrong integer of thirty
ROUNDING = 1e-13
"""Smaller differences are the rounding of the computer and are not drawn."""


def with_breaks(x: np.ndarray, y: np.ndarray) -> tuple[list[float | None], list[float | None]]:
    """Lift the pen at jumps: a gap between neighbouring points whose step is far above the usual one."""
    steps = np.abs(np.diff(y))
    usual = np.median(steps) * 30 + 1e-9
    xs: list[float | None] = []
    ys: list[float | None] = []
    for index, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if index and steps[index - 1] > max(usual, 0.2):
            xs.append(None)
            ys.append(None)
        xs.append(a)
        ys.append(b)
    return xs, ys


def curves(x: np.ndarray, original: np.ndarray, lines: Mapping[str, np.ndarray], *, y: str = "g(x)") -> go.Figure:
    """The original function in grey, and named curves over it."""
    figure = Figure()
    xs, ys = with_breaks(x, original)
    figure.add_scatter(x=xs, y=ys, name="f", mode="lines", line={"color": NEUTRAL, "width": 2})
    dashes = ("solid", "dot", "dash", "dashdot")
    for index, (name, values) in enumerate(lines.items()):
        line = {"color": SEQUENCE[index], "width": 2.5 if index == 0 else 2, "dash": dashes[index % 4]}
        figure.add_scatter(x=x, y=values, name=name, mode="lines", line=line)
    return finish(figure, x="x", y=y, height=400)


def differences(x: np.ndarray, lines: Mapping[str, np.ndarray], *, height: int = 400) -> go.Figure:
    """Absolute differences on a log axis, as far as they are more than rounding."""
    figure = Figure()
    for index, (name, values) in enumerate(lines.items()):
        size = np.abs(values)
        shown = np.where(size > ROUNDING, size, np.nan)
        figure.add_scatter(x=x, y=shown, name=name, mode="lines", line={"color": SEQUENCE[index]})
    y_axis = {"type": "log", "exponentformat": "power", "dtick": 3, "range": [-13, None]}
    return finish(figure, x="x", y="absolute difference (from 10⁻¹³, rounding, on)", height=height, y_axis=y_axis)


def derivatives(x: np.ndarray, lines: Mapping[str, np.ndarray], *, y: str, height: int = 330) -> go.Figure:
    """Derivatives, the kernel beside the second one."""
    figure = Figure()
    for index, (name, values) in enumerate(lines.items()):
        dash = "solid" if index == 0 else "dot"
        line = {"color": SEQUENCE[index], "width": 2.5, "dash": dash}
        figure.add_scatter(x=x, y=values, name=name, mode="lines", line=line)
    return finish(figure, x="x", y=y, height=height)


def error_lines(exact: pl.DataFrame, measured: pl.DataFrame, *, y: str) -> go.Figure:
    """Error against width on log axes: exact lines and stored measured points; frames have kernel, width, value."""
    figure = Figure()
    seen: list[list[float]] = []  # kernels can have the same errors: the later line is dashed over the earlier
    lines, found = (
        frame.sort("width", maintain_order=True).partition_by("kernel", as_dict=True) for frame in (exact, measured)
    )
    for (kernel,), part in lines.items():
        color = KERNEL_COLORS[kernel]
        line = {"color": color, "dash": "solid" if part["value"].to_list() not in seen else "dash"}
        seen.append(part["value"].to_list())
        figure.add_scatter(x=part["width"], y=part["value"], name=kernel, mode="lines", line=line)
        points = found.get((kernel,))
        if points is not None:
            figure.add_scatter(
                x=points["width"],
                y=points["value"],
                name=f"{kernel}, measured",
                showlegend=False,
                mode="markers",
                marker={"color": color, "size": 7},
            )
    across, up = log_axis(exact["width"]), log_axis(exact["value"])
    return name_lines(finish(figure, x="width w", y=y, height=400, x_axis=across, y_axis=up))


def windows(x: np.ndarray, exact: np.ndarray, window: np.ndarray, low: int, high: int) -> go.Figure:
    """The smoothed floor and the finite sum that saturates outside its window."""
    figure = Figure()
    xs, ys = with_breaks(x, np.floor(x))
    figure.add_scatter(x=xs, y=ys, name="floor", mode="lines", line={"color": NEUTRAL, "width": 1.5})
    figure.add_scatter(x=x, y=exact, name="smoothed floor", mode="lines", line={"color": SEQUENCE[0], "width": 2.5})
    line = {"color": SEQUENCE[1], "width": 2.5, "dash": "dot"}
    figure.add_scatter(x=x, y=window, name=f"sum over −{low} … {high}", mode="lines", line=line)
    inside = {"type": "rect", "x0": -low, "x1": high, "yref": "y domain", "y0": 0, "y1": 1}
    draw(figure, inside | {"fillcolor": fade(SEQUENCE[2], 0.08), "line": {"width": 0}})
    reference_line(figure, -low - 1, f"−M−1 = −{low + 1}")
    reference_line(figure, high, f"N = {high}", side="left")
    return finish(figure, x="x", y="⌊x⌋", height=420)


def wave(x: np.ndarray, lines: Mapping[str, np.ndarray]) -> go.Figure:
    """What is left of the steps around the line x − 1/2, kernel by kernel."""
    figure = Figure()
    for kernel, values in lines.items():
        figure.add_scatter(x=x, y=values, name=kernel, mode="lines", line={"color": KERNEL_COLORS[kernel]})
    return finish(figure, x="x", y="smoothed floor − (x − ½)", height=340)


def landscape(theta: np.ndarray, staircase: np.ndarray, smoothed: Mapping[str, np.ndarray]) -> go.Figure:
    """A staircase loss of one unknown and its smoothed versions."""
    figure = Figure()
    line = {"color": NEUTRAL, "width": 2, "shape": "hv"}
    figure.add_scatter(x=theta, y=staircase, name="staircase", mode="lines", line=line)
    for index, (name, values) in enumerate(smoothed.items()):
        figure.add_scatter(x=theta, y=values, name=name, mode="lines", line={"color": SEQUENCE[index], "width": 2})
    return finish(figure, x="θ", y="loss", height=380)


def descents(paths: Mapping[str, np.ndarray], *, x: str = "step", y: str = "staircase loss") -> go.Figure:
    """Loss against the step for several schedules; zeros are shown at the bottom of the log axis."""
    figure = Figure()
    for index, (name, losses) in enumerate(paths.items()):
        color = SEQUENCE[index % len(SEQUENCE)]
        figure.add_scatter(
            x=np.arange(len(losses)), y=np.maximum(losses, ZERO), name=name, mode="lines", line={"color": color}
        )
    decades = range(1 - int(-np.log10(ZERO)), 3)
    ticks = {"tickvals": [ZERO, *(10.0**k for k in decades)], "ticktext": ["0", *(f"{10.0**k:g}" for k in decades)]}
    return finish(figure, x=x, y=y, height=380, y_axis={"type": "log"} | ticks)


def intervals(frame: pl.DataFrame, *, label: str, x: str) -> go.Figure:
    """Means with intervals as a dot plot, best on top; frame has the label column, value, low, high (best first)."""
    ordered = frame.reverse()
    figure = Figure().add_scatter(
        x=ordered["value"],
        y=ordered[label],
        mode="markers",
        marker={"size": 9, "color": SEQUENCE[0]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": ordered["high"] - ordered["value"],
            "arrayminus": ordered["value"] - ordered["low"],
            "thickness": 1.5,
        },
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    return finish(figure, x=x, y="", height=90 + 26 * len(frame))
