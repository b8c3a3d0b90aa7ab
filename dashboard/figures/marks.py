"""Vertical marks that stay in place on logarithmic axes (where shapes take values but annotations take logarithms)."""

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import style


def vertical(
    figure: go.Figure,
    x: float,
    name: str,
    *,
    logarithmic: bool = True,
    color: str = style.NEUTRAL,
    end: str = "top",
) -> go.Figure:
    """Dotted line at x with its name written along it, from its top or bottom end."""
    label = {
        "x": float(np.log10(x)) if logarithmic else x,
        "y": 1 if end == "top" else 0,
        "yref": "paper",
        "yanchor": end,
        "xanchor": "right",
        "text": name,
        "textangle": -90,
        "showarrow": False,
        "font": {"size": 11},
    }
    return style.write(style.reference_line(figure, x, "", axis="x", color=color), label)


def horizontal(figure: go.Figure, y: float, name: str, *, logarithmic: bool = False) -> go.Figure:
    """Dotted line at y with its name above it, at the right."""
    label = {
        "x": 1,
        "xref": "paper",
        "xanchor": "right",
        "y": float(np.log10(y)) if logarithmic else y,
        "yanchor": "bottom",
        "text": name,
        "showarrow": False,
        "font": {"size": 11},
    }
    return style.write(style.reference_line(figure, y, ""), label)
