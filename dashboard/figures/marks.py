"""Vertical marks that stay in place on logarithmic axes (where shapes take values but annotations take logarithms)."""

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import style


def vertical(
    figure: go.Figure, x: float, name: str, *, logarithmic: bool = True, color: str = style.NEUTRAL
) -> go.Figure:
    """Dotted line at x with its name written along it."""
    figure.add_vline(x, line={"dash": "dot", "color": color, "width": 1.5})
    return figure.add_annotation(
        x=float(np.log10(x)) if logarithmic else x,
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="right",
        text=name,
        textangle=-90,
        showarrow=False,
        font={"size": 11},
    )


def horizontal(figure: go.Figure, y: float, name: str, *, logarithmic: bool = False) -> go.Figure:
    """Dotted line at y with its name above it, at the right."""
    figure.add_hline(y, line={"dash": "dot", "color": style.NEUTRAL, "width": 1.5})
    return figure.add_annotation(
        x=1,
        xref="paper",
        xanchor="right",
        y=float(np.log10(y)) if logarithmic else y,
        yanchor="bottom",
        text=name,
        showarrow=False,
        font={"size": 11},
    )
