"""Names of lines at their right ends, instead of a legend that a reader has to match by colour."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

APART = 15
"""pixels between two names at least"""
AXES = 80
"""pixels of a figure's height that are no part of the plot: title of the x axis, its ticks, the legend's line"""
LETTER = 6.6
"""pixels of a letter, on average"""


def name_lines(figure: go.Figure) -> go.Figure:
    """Write each line's name beside its last point, moved apart where two would touch.

    Traces of markers alone keep their place in the legend. A short stroke of the line's colour stands before the name,
    which has the colour of text.

    Args:
        figure: finished (`style.finish`), with one y axis; changed in place and returned.
    """
    lines = [trace for trace in figure.data if trace.name and trace.showlegend is not False and _is_line(trace)]
    if len(lines) < 2:
        return figure
    low, high, logarithmic = _range(figure)
    ends = np.clip([_last(trace.y, logarithmic) for trace in lines], low, high)
    pixels = ((figure.layout.height or 360) - AXES) / ((high - low) or 1)
    moved = spread(ends * pixels, APART)
    named = [_name(trace, y, shift) for trace, y, shift in zip(lines, ends, moved - ends * pixels, strict=True)]
    for trace in lines:
        trace.showlegend = False
    figure.layout.annotations = (*figure.layout.annotations, *named)
    figure.layout.margin.r = 34 + LETTER * max(len(trace.name) for trace in lines)
    figure.layout.showlegend = any(trace.name and trace.showlegend is not False for trace in figure.data)
    return figure


def spread(places: Sequence[float] | np.ndarray, apart: float) -> np.ndarray:
    """Places at least so far apart, in their order, and on average where they were."""
    places = np.asarray(places, dtype=float)
    order = np.argsort(places, kind="stable")
    groups: list[tuple[float, int]] = []  # middle and number of names that touch
    for place in places[order]:
        groups.append((float(place), 1))
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < apart * (groups[-1][1] + groups[-2][1]) / 2:
            (a, n), (b, m) = groups[-2:]
            groups[-2:] = [((a * n + b * m) / (n + m), n + m)]
    found = np.concatenate([middle + apart * (np.arange(n) - (n - 1) / 2) for middle, n in groups] or [np.zeros(0)])
    moved = np.empty_like(places)
    moved[order] = found
    return moved


def _is_line(trace: Any) -> bool:
    return trace.type == "scatter" and "lines" in (trace.mode or "lines") and trace.fill in (None, "none")


def _numbers(values: Any, logarithmic: bool) -> np.ndarray:
    """The finite values, as the axis has them."""
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    if logarithmic:
        numbers = np.log10(np.where(numbers > 0, numbers, np.nan))
    return np.asarray(numbers[np.isfinite(numbers)])


def _last(values: Any, logarithmic: bool) -> float:
    numbers = _numbers(values, logarithmic)
    return float(numbers[-1]) if numbers.size else 0.0


def _range(figure: go.Figure) -> tuple[float, float, bool]:
    """Lower and upper end of the y axis, and whether it is logarithmic."""
    axis = figure.layout.yaxis
    logarithmic = axis.type == "log"
    if axis.range is not None and None not in axis.range:
        return float(axis.range[0]), float(axis.range[1]), logarithmic
    drawn = np.concatenate([_numbers(trace.y, logarithmic) for trace in figure.data if trace.y is not None])
    if not drawn.size:
        return 0.0, 1.0, logarithmic
    margin = 0.05 * (drawn.max() - drawn.min())
    return float(drawn.min() - margin), float(drawn.max() + margin), logarithmic


def _name(trace: Any, y: float, shift: float) -> dict[str, Any]:
    """The annotation with a trace's name."""
    color = trace.line.color or "inherit"
    return {
        "text": f'<span style="color:{color}">━</span> {trace.name}',
        "x": 1,
        "xref": "paper",
        "xanchor": "left",
        "xshift": 2,
        "y": y,
        "yanchor": "middle",
        "yshift": shift,
        "showarrow": False,
        "font": {"size": 12},
    }
