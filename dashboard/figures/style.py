"""The one look of every figure: colours, margins, axis titles, bands and the mark of published values.

A figure sets no background and no text colour, so that the page's light or dark theme shows through. Colours are
middle tones that keep a contrast of at least 3:1 on both.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

SEQUENCE = (
    "#3b7dd8",  # blue
    "#dd6b20",  # orange
    "#1f9d6b",  # green
    "#a55bd0",  # violet
    "#d64550",  # red
    "#0f98ad",  # teal
    "#b58a12",  # ochre
    "#d75a9b",  # pink
    "#6f6bea",  # indigo
    "#7d8590",  # grey
)
"""Categorical colours, in the order in which series take them."""

NEUTRAL = "#7d8590"
GOOD = "#1f9d6b"
BAD = "#d64550"
MEASURED = SEQUENCE[0]
PUBLISHED = "#b58a12"
BOUND = "#d64550"
"""Fixed colours of roles: reference lines, gains, losses, own numbers, numbers of papers, theoretical bounds."""

_FREE = tuple(color for color in SEQUENCE if color not in (PUBLISHED, NEUTRAL, SEQUENCE[8]))

_AXIS = {"automargin": True, "zeroline": False, "exponentformat": "power", "minexponent": 5, "separatethousands": True}
DASHES = ("solid", "dash", "dot", "dashdot")
LETTERS = '"Source Sans", "Source Sans 3", "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans"'
"""Fonts of letters, before those of Chinese, which draw a point between words as wide as a character."""
FONT = LETTERS + ', "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif'
SEQUENTIAL = ((0.0, "rgba(59,125,216,0.04)"), (0.5, "rgba(59,125,216,0.45)"), (1.0, "rgba(59,125,216,1)"))
"""Heat map scale from nothing (the page shows through) to full blue: readable in light and dark."""
HEAT = ((0.0, "#eff4fc"), (1.0, "#84afec"))
"""The same without the page showing through, for heat maps with numbers in `INK`: readable in light and dark."""
DIVERGING = ((0.0, "#ea8a92"), (0.5, "#eef0f3"), (1.0, "#74c4a0"))
"""Opaque heat map scale from loss (red) over nothing to gain (green), for values centred at zero; numbers in `INK`."""
INK = "#16202e"
"""Colour of numbers on opaque heat maps: a contrast of at least 7:1 on every cell."""

METHOD_COLORS: Mapping[str, str] = {
    "none": NEUTRAL,
    "baseline": NEUTRAL,
    "original": NEUTRAL,
    "majority": NEUTRAL,
    "chance": NEUTRAL,
    "can": SEQUENCE[0],
    "power_can": SEQUENCE[5],
    "simple_can": SEQUENCE[8],
    "temperature": SEQUENCE[1],
    "prior_ratio": SEQUENCE[3],
    "whitening": SEQUENCE[0],
    "flow": SEQUENCE[3],
    "exact": SEQUENCE[0],
    "bound": BOUND,
    "measured": SEQUENCE[1],
    "published": PUBLISHED,
    "tiny": SEQUENCE[0],
    "ngram": SEQUENCE[2],
    "blog": SEQUENCE[1],
    "modern": SEQUENCE[0],
}


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def run_colors(keys: Sequence[str]) -> list[str]:
    """Colours of what is shown together: a method's own, else one by its hash, or the next that is free.

    A configuration keeps its colour from page to page unless it stands beside one that came first with the same.
    """
    free, taken = _FREE, dict[str, str]()
    for key in dict.fromkeys(keys):
        start = _number(key) % len(free)
        wishes = (*free[start:], *free[:start])
        if key in METHOD_COLORS:
            wishes = (METHOD_COLORS[key], *wishes)
        taken[key] = next((color for color in wishes if color not in taken.values()), wishes[0])
    return [taken[key] for key in keys]


def method_color(name: str) -> str:
    """Colour of a method (`can`, `tiny`, ...), the same on every page; others take a colour by their hash."""
    return METHOD_COLORS.get(name) or _FREE[_number(name) % len(_FREE)]


def fade(color: str, opacity: float) -> str:
    """`#rrggbb` or `hsl(...)` with an opacity, for bands and fills."""
    if color.startswith("#"):
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"
    return color.replace("hsl(", "hsla(").replace(")", f", {opacity})")


def finish(
    figure: go.Figure,
    *,
    x: str,
    y: str,
    height: int = 360,
    legend: bool | None = None,
    x_axis: Mapping[str, Any] | None = None,
    y_axis: Mapping[str, Any] | None = None,
    layout: Mapping[str, Any] | None = None,
) -> go.Figure:
    """Give a figure the project's look: axis titles (with units), font with Chinese, margins, legend above the plot.

    Args:
        figure: changed in place and returned.
        x: title of every x axis at the bottom row.
        y: title of the first y axis.
        height: in pixels.
        legend: None shows a legend when there is more than one named trace.
        x_axis: further settings of the first x axis, such as `log_axis(values)`.
        y_axis: further settings of the first y axis.
        layout: further settings, before those of the look.
    """
    named = [trace for trace in figure.data if trace.name and trace.showlegend is not False]
    before = figure.layout.to_plotly_json()
    axes = {name: before[name] | _AXIS for name in before if name.startswith(("xaxis", "yaxis"))}
    for name, title, more in (("xaxis", x, x_axis), ("yaxis", y, y_axis)):
        axis = axes.get(name, _AXIS)
        axes[name] = axis | {"title": axis.get("title", {}) | {"text": title}} | dict(more or {})
    look = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 28, "b": 8},
        "font": {"family": FONT, "size": 13},
        "colorway": SEQUENCE,
        "showlegend": len(named) > 1 if legend is None else legend,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0},
        "hoverlabel": {"font": {"family": FONT}},
        "modebar": {"remove": ["select2d", "lasso2d", "autoScale2d"]},
    }
    return _set(figure, look | axes | dict(layout or {}))


def _set(figure: go.Figure, layout: Mapping[str, Any]) -> go.Figure:
    """Replace settings of the layout one by one: plotly's own update takes four times as long for the same."""
    for name, value in layout.items():
        figure.layout[name] = value
    return figure


def log_axis(*values: Iterable[float]) -> dict[str, Any]:
    """Settings of a logarithmic axis over some values, with whole numbers at its ticks: 20, 50, 100, never a bare 2.

    Short ranges have ticks at 1, 2 and 5 of a decade, long ones at whole decades (at most seven of them).

    Args:
        values: all that is drawn along the axis; what is not positive and finite is left out.
    """
    drawn = np.concatenate([np.asarray(part, dtype=float).ravel() for part in values] or [np.ones(1)])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = (float(drawn.min()), float(drawn.max())) if drawn.size else (1.0, 1.0)
    decades = np.log10(high / low)
    if decades >= 2.5 and (low < 1e-4 or high > 1e9):
        return {"type": "log", "dtick": float(max(1, np.ceil(decades / 6))), "exponentformat": "power"}
    step: float | str = "D2" if decades < 2.5 else float(max(1, np.ceil(decades / 7)))
    spelled = "~s" if low >= 1 and high >= 1e5 else ",~g"
    return {"type": "log", "tickformat": spelled} | ({"dtick": step} if decades >= 0.7 else {})


def flat_axis(*values: Iterable[float], fraction: bool = False) -> dict[str, Any]:
    """Settings of a linear axis that has one value only: a tenth of it to either side; nothing where values differ.

    Plotly would show one to either side: a learning rate of 0.001 would lie at 0, an accuracy of 61 % on a scale to
    150 %.

    Args:
        values: all that is drawn along the axis; what is not finite is left out.
        fraction: the axis ends at 0 and 1, half a point of room for the marker.
    """
    drawn = np.concatenate([np.asarray(part, dtype=float).ravel() for part in values] or [np.ones(0)])
    drawn = drawn[np.abs(drawn) < 1e300]  # the largest floats have no room above them
    if not drawn.size or drawn.min() < drawn.max() or (drawn[0] == 0 and not fraction):
        return {}
    value = float(drawn[0])
    low, high = (max(-0.005, value - 0.05), min(1.005, value + 0.05)) if fraction else (0.9 * value, 1.1 * value)
    return {"range": sorted((low, high))}


def zoomable(figure: go.Figure, **layout: Any) -> go.Figure:
    """Dragging draws a box over a range of x, which the page reads again; the plot's own zoom stays in its buttons.

    Args:
        figure: changed in place and returned.
        layout: further settings of its layout.
    """
    box = {"dragmode": "select", "selectdirection": "h", "modebar": {"remove": ["lasso2d", "autoScale2d"]}}
    return _set(figure, box | layout)


def band(
    figure: go.Figure,
    x: Iterable[float],
    low: Iterable[float],
    high: Iterable[float],
    name: str,
    *,
    color: str = MEASURED,
) -> go.Figure:
    """Add a shaded interval `low..high` over `x` (an interval of confidence, min and max of a bucket), as `outline`."""
    return figure.add_traces(outline(x, low, high, name, color=color))


def outline(
    x: Iterable[float], low: Iterable[float], high: Iterable[float], name: str, *, color: str = MEASURED
) -> list[dict[str, Any]]:
    """The trace of a shaded interval.

    Where an end is missing there is no band, and none at all over fewer than two places.
    """
    x, low, high = (np.asarray(values if hasattr(values, "__len__") else list(values)) for values in (x, low, high))
    low, high = low.astype(np.float64), high.astype(np.float64)
    there = ~(np.isnan(low) | np.isnan(high))
    x, low, high = x[there], low[there], high[there]
    if len(x) < 2:
        return []
    return [
        {
            "x": np.concatenate([x, x[::-1]]),
            "y": np.concatenate([high, low[::-1]]),
            "fill": "toself",
            "fillcolor": fade(color, 0.18),
            "line": {"width": 0, "color": color},
            "mode": "lines",
            "hoverinfo": "skip",
            "name": name,
            "showlegend": False,
        }
    ]


def reference_line(
    figure: go.Figure, value: float, name: str, *, axis: str = "y", side: str = "right", color: str = NEUTRAL
) -> go.Figure:
    """Add a dotted line across the plot at `value`, with its name at the end (chance, majority class, ...).

    Args:
        figure: of one plot; changed in place and returned.
        value: on a linear axis where it has a name (annotations of logarithmic axes take logarithms: `marks`).
        name: written beside it; nothing where empty.
        axis: "y" for a horizontal line, "x" for a vertical one.
        side: end of a horizontal line at which its name stands, "left" or "right".
        color: of the line.
    """
    across, along = ("x", "y") if axis == "y" else ("y", "x")
    line = {
        f"{across}ref": f"{across} domain",
        f"{across}0": 0,
        f"{across}1": 1,
        f"{along}0": value,
        f"{along}1": value,
    }
    shape = {"type": "line", "line": {"dash": "dot", "color": color, "width": 1.5}, **line}
    label = {"text": name, "showarrow": False, "yanchor": "bottom", f"{across}ref": f"{across} domain", along: value}
    label |= {"x": 1 if side == "right" else 0, "xanchor": side} if axis == "y" else {"y": 1, "xanchor": "center"}
    return draw(figure, shape, label if name else None)


def draw(figure: go.Figure, shape: Mapping[str, Any], label: Mapping[str, Any] | None = None) -> go.Figure:
    """Add a shape and its label as they are; plotly's `add_hline` and its like take five times as long."""
    figure.layout.shapes = (*figure.layout.shapes, shape)
    return write(figure, label) if label is not None else figure


def write(figure: go.Figure, label: Mapping[str, Any]) -> go.Figure:
    """Add an annotation as it is."""
    figure.layout.annotations = (*figure.layout.annotations, label)
    return figure


def published_marker(
    x: Iterable[object], y: Iterable[float], text: Iterable[str], *, name: str = "published"
) -> dict[str, Any]:
    """The trace of published points: hollow ochre diamonds everywhere, so nobody takes them for measured ones."""
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "text": text,
        "name": name,
        "mode": "markers",
        "marker": {"symbol": "diamond-open", "size": 11, "color": PUBLISHED, "line": {"width": 2}},
        "hovertemplate": "%{text}<br>%{y}<extra>" + name + "</extra>",
    }


PERCENT = {"tickformat": ".1~%", "hoverformat": ".2%"}
"""Settings of an axis that shows fractions as percent."""


def percent_ticks(*values: Iterable[float]) -> dict[str, Any]:
    """`PERCENT` for some values, with so many digits that neighbouring ticks differ: 0.9 % and 0.95 %.

    Args:
        values: all that is drawn along the axis; what is not finite is left out.
    """
    drawn = np.concatenate([np.asarray(part, dtype=float).ravel() for part in values] or [np.ones(0)])
    drawn = drawn[np.isfinite(drawn)]
    spread = float(np.ptp(drawn)) if drawn.size else 0.0
    digits = 1 if spread == 0 or spread > 0.004 else 2 if spread > 0.0004 else 3
    return PERCENT | {"tickformat": f".{digits}~%"}


def percent_axis(figure: go.Figure, *, axis: str = "y") -> go.Figure:
    """Show fractions as percent on an axis (stored values stay fractions)."""
    before = figure.layout.to_plotly_json()
    return _set(figure, {name: before[name] | PERCENT for name in before if name.startswith(f"{axis}axis")})
