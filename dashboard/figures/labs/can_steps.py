"""Bars of the half-steps of alternating normalization, for one small matrix."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import style
from engine.can.alternation import HalfStep

NAMES = {
    "power": "raise to α",
    "between rows": "columns to the prior",
    "within row": "rows to one",
}


def half_step(matrix: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """One matrix as groups of bars: a group for each row, the uncertain row last and in another colour.

    Args:
        matrix: (rows, m).
        classes: (m,) names.
    """
    rows, m = matrix.shape
    places = (np.arange(rows)[:, None] * (m + 1) + np.arange(m)).ravel()
    bars = {
        "type": "bar",
        "x": places,
        "y": matrix.ravel(),
        "marker": {"color": [style.NEUTRAL] * (rows - 1) * m + [style.MEASURED] * m},
        "text": [f"{value:.3f}" for value in matrix.ravel()],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": list(classes) * rows,
        "hovertemplate": "%{customdata}: %{y:.6f}<extra></extra>",
    }
    titles = [*(f"confident<br>{index}" for index in range(1, rows)), "<br>uncertain"]
    heads = [
        {"text": title, "x": row * (m + 1) + (m - 1) / 2, "y": 1, "yref": "y domain", "yanchor": "bottom"}
        | {"showarrow": False, "font": {"size": 12}}
        for row, title in enumerate(titles)
    ]
    figure = go.Figure(bars, {"annotations": heads, "bargap": 0.15, "uniformtext": {"mode": "hide", "minsize": 9}})
    x_axis = {"tickvals": places, "ticktext": list(classes) * rows, "tickangle": 0, "showgrid": False}
    y_axis = {"range": [0, max(1.0, float(matrix.max())) * 1.15]}
    style.finish(figure, x="", y="value", height=250, legend=False, x_axis=x_axis, y_axis=y_axis)
    return figure.update_layout(margin={"t": 44})


def path(steps: Sequence[HalfStep], start: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """The uncertain row after every iteration, one line per class."""
    ends = [start, *(step.matrix[-1] for step in steps if step.name == "within row")]
    number = list(range(len(ends)))
    lines = [
        {"x": number, "y": [row[index] for row in ends], "mode": "lines+markers", "name": str(name)}
        for index, name in enumerate(classes)
    ]
    title = "probability of the uncertain row"
    return style.finish(
        go.Figure(lines),
        x="iteration",
        y=title,
        height=300,
        legend=True,
        x_axis={"dtick": 1},
        y_axis={"range": [0, 1.02]},
    )
