"""Moving figures of smoothing: the kernel sliding over f, the temperature of a softmax, a ball on a staircase."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures import words
from dashboard.figures.labs import moving
from dashboard.figures.labs.smoothing import KERNEL_COLORS, with_breaks
from dashboard.figures.style import NEUTRAL, SEQUENCE, fade, finish, log_axis
from dashboard.figures.unchecked import Figure

BAR_X = np.array([-0.4, -0.4, 0.4, 0.4, np.nan])
"""Corners of a bar beside its middle, and the gap to the next."""
BALL = {"size": 13, "color": SEQUENCE[4], "line": {"width": 1.5, "color": "white"}}


def sliding(
    x: np.ndarray, f: np.ndarray, g: np.ndarray, products: np.ndarray, kernels: np.ndarray, places: np.ndarray
) -> moving.Moving:
    """The kernel at each place, the product with f below it, and g drawn up to there.

    Args:
        x: (n,) abscissas.
        f: (n,) values of f.
        g: (n,) values of the smooth function.
        products: (places, n) f times the kernel at each place.
        kernels: (places, n) the kernel at each place.
        places: (k,) indices into x.
    """
    figure = make_subplots(
        figure=moving.Moving(), rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1, row_heights=[0.62, 0.38]
    )
    low, high = min(f.min(), g.min()), max(f.max(), g.max(), f.min() + 1)
    tall = 0.45 * (high - low) / kernels.max()
    middle = len(places) // 2
    xs, ys = with_breaks(x, f)
    figure.add_scatter(x=xs, y=ys, name="f", line={"color": NEUTRAL, "width": 2}, row=1, col=1)
    shade = {"mode": "lines", "fill": "tozeroy"}
    figure.add_scatter(
        x=x, y=tall * kernels[middle], name="kernel (height scaled)", line={"color": SEQUENCE[1], "width": 1},
        fillcolor=fade(SEQUENCE[1], 0.2), row=1, col=1, **shade,
    )  # fmt: skip
    figure.add_scatter(
        x=x[: places[middle] + 1], y=g[: places[middle] + 1], name="g so far", mode="lines",
        line={"color": SEQUENCE[0], "width": 3}, row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=x[[places[middle]]], y=g[[places[middle]]], mode="markers", marker=BALL, showlegend=False, row=1, col=1
    )
    figure.add_scatter(
        x=x, y=products[middle], name="f · kernel: its area is g(x)", line={"color": SEQUENCE[2], "width": 2},
        fillcolor=fade(SEQUENCE[2], 0.3), row=2, col=1, **shade,
    )  # fmt: skip
    finish(figure, x="", y="value", height=560)
    figure.update_xaxes(title_text="y", row=2, col=1)
    figure.update_yaxes(title_text="per unit of y", row=2, col=1, range=[min(products.min(), 0), 1.05 * products.max()])
    margin = 0.06 * (high - low)
    figure.update_yaxes(range=[min(low, 0) - margin, high + margin], row=1, col=1)
    frames = [
        (
            {"type": "scatter", "y": tall * kernel},
            {"type": "scatter", "x": x[: place + 1], "y": g[: place + 1]},
            {"type": "scatter", "x": x[[place]], "y": g[[place]]},
            {"type": "scatter", "y": product},
        )
        for place, kernel, product in zip(places, kernels, products, strict=True)
    ]
    labels = [words.typeset(f"{x[place]:.2f}, area = g(x) = {g[place]:.3f}") for place in places]
    return moving.animate(figure, frames, labels, traces=(1, 2, 3, 4), start=middle, prefix="x = ", redraw=False)


def forms(x: np.ndarray, f: np.ndarray, lines: Mapping[str, np.ndarray], *, y: str, height: int = 400) -> go.Figure:
    """Every smooth form of one function, in the colours of their kernels; the gate dashed."""
    figure = Figure()
    xs, ys = with_breaks(x, f)
    figure.add_scatter(x=xs, y=ys, name="f", mode="lines", line={"color": NEUTRAL, "width": 3})
    for name, values in lines.items():
        kernel, _, kind = name.partition(" ")
        dash = "dash" if kind else "solid"
        figure.add_scatter(
            x=x, y=values, name=name, mode="lines", line={"color": KERNEL_COLORS[kernel], "width": 2, "dash": dash}
        )
    return finish(figure, x="x", y=y, height=height)


def temperatures(
    names: Sequence[str],
    t: np.ndarray,
    weights: np.ndarray,
    soft: np.ndarray,
    mean: np.ndarray,
    *,
    start: int,
    largest: float,
) -> moving.Moving:
    """Weights of a softmax as bars, and both smooth maxima against the temperature with a mark that moves.

    Args:
        names: of the numbers.
        t: (k,) temperatures.
        weights: (k, n) softmax at each temperature.
        soft: (k,) LogSumExp.
        mean: (k,) mean weighted by the softmax.
        start: index of the temperature shown first.
        largest: the true maximum.
    """
    figure = moving.Moving()
    make_subplots(2, 1, figure=figure, vertical_spacing=0.24, row_heights=[0.45, 0.55])
    figure.add_scatter(
        x=np.repeat(np.arange(len(names)), len(BAR_X)) + np.tile(BAR_X, len(names)), y=_bars(weights[start]),
        text=np.repeat(list(names), len(BAR_X)), hovertemplate="%{text}: %{y:.1%}<extra></extra>", mode="lines",
        fill="toself", fillcolor=SEQUENCE[0], line={"color": SEQUENCE[0], "width": 1}, showlegend=False,
        name="softmax weight", row=1, col=1,
    )  # fmt: skip
    for name, values, color in (("LogSumExp", soft, SEQUENCE[1]), ("softmax-weighted mean", mean, SEQUENCE[2])):
        figure.add_scatter(x=t, y=values, name=name, line={"color": color, "width": 2.5}, row=2, col=1)
    figure.add_scatter(
        x=t[[0, -1]],
        y=[largest] * 2,
        name="maximum",
        mode="lines",
        line={"color": NEUTRAL, "dash": "dot"},
        row=2,
        col=1,
    )
    figure.add_scatter(
        x=[t[start]] * 2, y=[soft[start], mean[start]], mode="markers", marker=BALL, showlegend=False, row=2, col=1
    )
    finish(figure, x="", y="softmax weight", height=560)
    figure.update_yaxes(range=[0, 1], tickformat=".0%", row=1, col=1)
    figure.update_xaxes(title_text="number", tickvals=list(range(len(names))), ticktext=list(names), row=1, col=1)
    figure.update_xaxes(title_text="temperature T", row=2, col=1, **log_axis(t))
    spread = float(max(largest - mean.min(), 0.5))  # LogSumExp grows without end: its start is what matters
    figure.update_yaxes(title_text="smooth maximum", range=[largest - 1.3 * spread, largest + 3 * spread], row=2, col=1)
    frames = [
        (
            {"type": "scatter", "y": _bars(weights[index])},
            {"type": "scatter", "x": [t[index]] * 2, "y": [soft[index], mean[index]]},
        )
        for index in range(len(t))
    ]
    labels = [f"{value:.3g}: {a:.3f} and {b:.3f}" for value, a, b in zip(t, soft, mean, strict=True)]
    return moving.animate(figure, frames, labels, traces=(0, 4), start=start, prefix="T = ", redraw=False)


def _bars(heights: np.ndarray) -> np.ndarray:
    """Corners of bars as one line with gaps: it moves without a new layout, which a bar trace does not."""
    zero, gap = np.zeros_like(heights), np.full_like(heights, np.nan)
    return np.stack([zero, heights, heights, zero, gap], axis=1).reshape(-1)


def ball(
    theta: np.ndarray, staircase: np.ndarray, smoothed: np.ndarray, path: np.ndarray, heights: np.ndarray,
    widths: np.ndarray,
) -> moving.Moving:  # fmt: skip
    """A ball that descends the smoothed loss while the kernel narrows.

    Args:
        theta: (n,) values of the unknown.
        staircase: (n,) true loss.
        smoothed: (frames, n) loss at the width of each frame.
        path: (frames,) where the ball is.
        heights: (frames,) smoothed loss there.
        widths: (frames,) of the kernel.
    """
    figure = moving.Moving()
    line = {"color": NEUTRAL, "width": 1.5, "shape": "hv"}
    figure.add_scatter(x=theta, y=staircase, name="true loss", mode="lines", line=line)
    line = {"color": SEQUENCE[0], "width": 2.5}
    figure.add_scatter(x=theta, y=smoothed[0], name="smoothed loss", mode="lines", line=line)
    figure.add_scatter(x=path[:1], y=heights[:1], name="ball", mode="markers", marker=BALL)
    finish(figure, x="θ", y="mean squared error", height=460)
    figure.update_yaxes(range=[-0.04 * staircase.max(), 1.05 * staircase.max()])
    frames = [
        ({"type": "scatter", "y": curve}, {"type": "scatter", "x": [place], "y": [height]})
        for curve, place, height in zip(smoothed, path, heights, strict=True)
    ]
    labels = [f"{index}, width {width:.3g}, θ = {place:.3f}" for index, (width, place) in
              enumerate(zip(widths, path, strict=True))]  # fmt: skip
    return moving.animate(figure, frames, labels, traces=(1, 2), prefix="step ", redraw=False)
