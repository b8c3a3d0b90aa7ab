"""Bars of the half-steps of alternating normalization, for one small matrix."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures import style
from engine.alternation import HalfStep

NAMES = {
    "power": "raise to α",
    "between rows": "columns to the prior",
    "within row": "rows to one",
}


def half_step(matrix: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """One matrix as bars: a panel for each row, the uncertain row last and in another colour.

    Args:
        matrix: (rows, m).
        classes: (m,) names.
    """
    rows = len(matrix)
    titles = [*(f"row {index}" for index in range(1, rows)), "uncertain"]
    figure = make_subplots(rows=1, cols=rows, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.02)
    for index, row in enumerate(matrix):
        last = index == rows - 1
        figure.add_bar(
            x=list(classes),
            y=row,
            marker_color=style.MEASURED if last else style.NEUTRAL,
            text=[f"{value:.3f}" for value in row],
            textposition="outside",
            cliponaxis=False,
            showlegend=False,
            hovertemplate="%{x}: %{y:.6f}<extra></extra>",
            row=1,
            col=index + 1,
        )
    style.finish(figure, x="", y="value", height=240, legend=False)
    figure.update_annotations(font_size=12)
    figure.update_yaxes(range=[0, max(1.0, float(matrix.max())) * 1.15])
    return figure


def path(steps: Sequence[HalfStep], start: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """The uncertain row after every iteration, one line per class."""
    ends = [start, *(step.matrix[-1] for step in steps if step.name == "within row")]
    figure = go.Figure()
    for index, name in enumerate(classes):
        figure.add_scatter(
            x=list(range(len(ends))), y=[row[index] for row in ends], mode="lines+markers", name=str(name)
        )
    style.finish(figure, x="iteration", y="probability of the uncertain row", height=300, legend=True)
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(range=[0, 1.02])
    return figure
