"""Two-dimensional vectors on their way to a circle, too few sentences, and the published gains set by set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures.labs.moving import AT_ONCE, BARE_SLIDER, Moving
from dashboard.figures.style import MEASURED, NEUTRAL, PUBLISHED, SEQUENCE, fade, finish, log_axis, reference_line
from dashboard.figures.unchecked import Figure
from dashboard.figures.words import typeset
from engine.embeddings.similarity import unit_rows
from engine.embeddings.whitening import WhiteningAccumulator

STEPS = 31
TITLES = ("ATEC", "BQ", "LCQMC", "PAWSX", "STS-B")
SETS = {"stsb-zh" if title == "STS-B" else title.lower(): title for title in TITLES}
"""sets of Chinese sentence pairs -> their names in the papers"""


@dataclass(frozen=True, slots=True)
class Step:
    """The vectors at one place of the slider."""

    points: np.ndarray  # (n, 2)
    ellipse: np.ndarray  # (k, 2), two standard deviations around the mean
    mean_cosine: float  # of all pairs
    pair_cosine: float  # of the first two


def steps(vectors: np.ndarray) -> list[Step]:
    """From the vectors (n, 2) as they are, over vectors without their mean, to whitened ones."""
    statistics = WhiteningAccumulator()
    statistics.update(vectors)
    mean = statistics.mean
    rotation = statistics.finish(gamma=0.0)
    scale = float(np.prod(rotation.eigenvalues) ** 0.25)  # so that the picture keeps its size
    angles = np.linspace(0, 2 * np.pi, 49)
    found = []
    for place in np.linspace(0, 2, STEPS):
        beta, gamma = min(1.0, place), max(0.0, place - 1)
        kernel = rotation.reduced(2, gamma=gamma).kernel @ rotation.kernel.T * scale**gamma
        points = (vectors - beta * mean) @ kernel
        axes = rotation.kernel * np.sqrt(rotation.eigenvalues ** (1 - gamma)) * scale**gamma
        circle = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) @ axes.T + points.mean(axis=0)
        units = unit_rows(points)
        total, n = float(np.square(units.sum(axis=0)).sum()), len(units)
        found.append(Step(points, circle, (total - n) / (n * (n - 1)), float(units[0] @ units[1])))
    return found


def circle(found: Sequence[Step]) -> go.Figure:
    """The steps as frames: points, their ellipse, and two sentences as arrows from the origin."""
    reach = 1.15 * float(max(np.abs(np.concatenate([step.points, step.ellipse])).max() for step in found))
    frames = [
        {"name": str(index), "data": _moving(step, reach), "traces": [0, 1, 2, 3]} for index, step in enumerate(found)
    ]
    labels = [f"{min(1, place):.2f}, {max(0, place - 1):.2f}" for place in np.linspace(0, 2, STEPS)]
    slider = {
        "active": 0,
        "currentvalue": {"prefix": "β, γ = ", "font": {"size": 14, "color": NEUTRAL}},
        "pad": {"t": 40, "b": 4},
        **BARE_SLIDER,
        "steps": [{"label": label, "method": "animate", "args": [[str(i)], AT_ONCE]} for i, label in enumerate(labels)],
    }
    play = {"mode": "immediate", "fromcurrent": False, "frame": {"duration": 90, "redraw": False},
            "transition": {"duration": 0}}  # fmt: skip
    button = {"type": "buttons", "showactive": False, "x": 1, "xanchor": "right", "y": 1.12, "yanchor": "top",
              "buttons": [{"label": "▶ Whiten", "method": "animate", "args": [None, play]}]}  # fmt: skip
    layout = {"sliders": [slider], "updatemenus": [button], "yaxis": {"scaleanchor": "x"}}
    figure = Moving(_look(_moving(found[0], reach)), layout)
    figure.frames = frames
    span = {"range": [-reach, reach], "zeroline": True}
    return finish(
        figure, x="first coordinate", y="second coordinate", height=520, legend=False, x_axis=span, y_axis=span
    )


def _moving(step: Step, reach: float) -> list[dict[str, Any]]:
    """What changes with the slider."""
    first, second = step.points[:2].round(3).tolist()
    text = typeset(f"cos of the two = {step.pair_cosine:+.2f} · mean of all pairs {step.mean_cosine:+.3f}")
    return [
        {"x": step.points[:, 0].round(3).tolist(), "y": step.points[:, 1].round(3).tolist()},
        {"x": step.ellipse[:, 0].round(3).tolist(), "y": step.ellipse[:, 1].round(3).tolist()},
        {"x": [first[0], 0, second[0]], "y": [first[1], 0, second[1]]},
        {"x": [0], "y": [reach * 0.93], "text": [text]},
    ]


def _look(moving: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The moving traces as they start, with all that stays the same."""
    looks = (
        {"mode": "markers", "marker": {"size": 5, "color": fade(MEASURED, 0.55)}},
        {"mode": "lines", "line": {"color": SEQUENCE[1], "width": 2.5}},
        {"mode": "lines+markers", "line": {"color": SEQUENCE[4], "width": 2.5}, "marker": {"size": 8}},
        {"mode": "text", "textfont": {"size": 14}},
    )
    bare = {"type": "scatter", "showlegend": False, "hoverinfo": "skip"}
    return [bare | data | look for data, look in zip(moving, looks, strict=True)]


def cloud(vectors: np.ndarray) -> go.Figure:
    """Points in two dimensions around the origin, with one scale on both axes."""
    reach = 1.1 * float(np.abs(vectors).max())
    points = {"type": "scatter", "mode": "markers", "marker": {"size": 5, "color": fade(MEASURED, 0.6)}}
    figure = Figure(points | {"x": vectors[:, 0], "y": vectors[:, 1], "hoverinfo": "skip"})
    span = {"range": [-reach, reach], "zeroline": True}
    return finish(
        figure, x="first coordinate", y="second coordinate", height=380, x_axis=span,
        y_axis=span | {"scaleanchor": "x"},
    )  # fmt: skip


def few_sentences(
    grid: Sequence[int], exact: Sequence[float], counts: Sequence[int], drawn: Sequence[float], width: int
) -> go.Figure:
    """Spread of the cosines of the fitted sentences against their number: the law on a grid, and draws."""
    figure = Figure(
        [
            {"type": "scatter", "x": list(grid), "y": list(exact), "name": "law", "mode": "lines",
             "line": {"color": SEQUENCE[1]}},
            {"type": "scatter", "x": list(counts), "y": [round(value, 9) for value in drawn], "name": "drawn",
             "mode": "markers", "marker": {"size": 8, "color": MEASURED}},
        ]
    )  # fmt: skip
    shape = {"type": "line", "xref": "x", "yref": "y domain", "x0": width + 1, "x1": width + 1, "y0": 0, "y1": 1}
    figure.layout.shapes = ({**shape, "line": {"dash": "dot", "color": SEQUENCE[4]}},)
    label = {"text": "width + 1", "x": float(np.log10(width + 1)), "y": 1, "yref": "y domain", "showarrow": False,
             "xanchor": "left", "yanchor": "top"}  # fmt: skip
    figure.layout.annotations = (label,)
    return finish(figure, x="sentences the statistics come from", y="spread (sd) of cosines", x_axis=log_axis(counts))


def published_gains(gains: pl.DataFrame) -> go.Figure:
    """Points gained by full whitening, a dot for each model and pooling; gains has dataset, full, text."""
    figure = Figure()
    for name, label in SETS.items():
        part = gains.filter(dataset=name)
        figure.add_box(
            y=part["full"],
            name=label,
            text=part["text"],
            boxpoints="all",
            jitter=0.6,
            pointpos=0,
            marker={"color": PUBLISHED, "size": 5},
            line={"width": 1},
            fillcolor="rgba(0,0,0,0)",
            hovertemplate="%{text}<br>%{y} points<extra></extra>",
        )
    reference_line(figure, 0.0, "")
    return finish(figure, x="", y="gain, points of Spearman × 100", legend=False, y_axis={"hoverformat": "+.2f"})
