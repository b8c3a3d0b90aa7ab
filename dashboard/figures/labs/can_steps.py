"""Bars of the half-steps of alternating normalization, for one small matrix."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import line_ends, style
from dashboard.figures.labs import moving
from dashboard.figures.unchecked import Figure
from engine.can.alternation import HalfStep

NAMES = {
    "power": "raise to α",
    "between rows": "columns to the prior",
    "within row": "rows to one",
}


def half_steps(start: np.ndarray, steps: Sequence[HalfStep], classes: Sequence[str]) -> moving.Moving:
    """The matrix as groups of bars, a group for each row, the uncertain row last; a slider goes from step to step.

    Args:
        start: (rows, m) the matrix as it is.
        steps: every half-step, with the matrix after it.
        classes: (m,) names.
    """
    matrices = [start, *(step.matrix for step in steps)]
    rows, m = start.shape
    places = (np.arange(rows)[:, None] * (m + 1) + np.arange(m)).ravel()
    bars = {
        "type": "bar",
        "x": places,
        "marker": {"color": [style.NEUTRAL] * (rows - 1) * m + [style.MEASURED] * m},
        "textposition": "outside",
        "textangle": -90,  # as wide as a bar on the narrowest screen
        "constraintext": "none",
        "cliponaxis": False,
        "customdata": list(classes) * rows,
        "hovertemplate": "%{customdata}: %{y:.6f}<extra></extra>",
    }
    titles = [*(f"confident {index}" for index in range(1, rows)), "<b>uncertain</b>"]
    heads = [
        {"text": title, "x": row * (m + 1) + (m - 1) / 2, "y": 1, "yref": "y domain", "yanchor": "bottom"}
        | {"showarrow": False, "font": {"size": 12}}
        for row, title in enumerate(titles)
    ]
    last = len(matrices) - 1
    figure = moving.Moving(bars | _heights(matrices[last]), {"annotations": heads, "bargap": 0.15})
    x_axis = {"tickvals": places, "ticktext": list(classes) * rows, "tickangle": 0, "showgrid": False}
    y_axis = {"range": [0, max(1.0, *(float(matrix.max()) for matrix in matrices)) * 1.12]}
    style.finish(figure, x="", y="value in the row", height=400, legend=False, x_axis=x_axis, y_axis=y_axis)
    labels = ["as given", *(f"{step.iteration}, {NAMES[step.name]}" for step in steps)]
    frames = [[{"type": "bar", **_heights(matrix)}] for matrix in matrices]
    return moving.animate(figure, frames, labels, traces=[0], start=last, prefix="")


def _heights(matrix: np.ndarray) -> dict[str, list[object]]:
    """Bars and, above those of the uncertain row, their values."""
    text = [""] * (matrix.size - matrix.shape[1]) + [f"{value:.2f}" for value in matrix[-1]]
    return {"y": matrix.ravel().tolist(), "text": list(text)}


def path(steps: Sequence[HalfStep], start: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """The uncertain row after every iteration, one line per class."""
    ends = [start, *(step.matrix[-1] for step in steps if step.name == "within row")]
    number = list(range(len(ends)))
    lines = [
        {"x": number, "y": [row[index] for row in ends], "mode": "lines+markers", "name": str(name)}
        | {"line": {"color": style.SEQUENCE[index % len(style.SEQUENCE)]}}
        for index, name in enumerate(classes)
    ]
    title = "probability of the uncertain row"
    x_axis, y_axis = {"dtick": 1}, {"range": [0, 1.02]}
    figure = style.finish(Figure(lines), x="iteration", y=title, height=300, x_axis=x_axis, y_axis=y_axis)
    return line_ends.name_lines(figure)
