"""The objective whose minimum each mean is, with a variance that is dragged in the browser."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.labs.initialization import RULE_COLORS
from dashboard.figures.labs.moving import AT_ONCE, BARE_SLIDER, Moving
from dashboard.figures.style import BAD, GOOD, NEUTRAL, draw, finish, log_axis
from engine.initialization.rules import effective_dimension, squared_errors

MEANS = {
    "quadratic": ("contraharmonic · 反调和平均", "error of the gains"),
    "arithmetic": ("arithmetic · 算术平均", "error of the dimension"),
    "geometric": ("geometric · 几何平均", "error of the logarithm"),
    "harmonic": ("harmonic · 调和平均", "error of the variance"),
}
"""Rule -> the mean of m and n that it is, and the error that it makes smallest."""
HIGHEST = 4.0  # errors are drawn up to this multiple of their minimum
STEPS = 45


def curves(fan_in: int, fan_out: int, dimensions: np.ndarray) -> Mapping[str, np.ndarray]:
    """Each error over its own minimum at effective dimensions (k,) -> rule: (k,); for fan_in != fan_out only."""
    rows = [squared_errors(fan_in, fan_out, variance=float(1 / dimension)) for dimension in dimensions]
    least = {rule: effective_dimension(fan_in, fan_out, rule=rule) for rule in MEANS}
    floors = {rule: squared_errors(fan_in, fan_out, variance=1 / least[rule])[rule] for rule in MEANS}
    return {rule: np.array([row[rule] for row in rows]) / floors[rule] for rule in MEANS}


def objective(fan_in: int, fan_out: int) -> go.Figure:
    """Four errors against the effective dimension, and below them both gains at the dimension of the slider."""
    low, high = sorted((fan_in, fan_out))
    dimensions = np.geomspace(low / 1.15, high * 1.15, STEPS)
    lines = curves(fan_in, fan_out, dimensions)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": dimensions.round(3).tolist(),
            "y": [round(float(value), 4) if value < 2 * HIGHEST else None for value in lines[rule]],
            "name": name,
            "mode": "lines",
            "line": {"color": RULE_COLORS[rule], "width": 2.5},
            "hovertemplate": f"1/σ² = %{{x:,.5g}}<br>%{{y:.3g}} × its minimum<extra>{what}</extra>",
        }
        for rule, (name, what) in MEANS.items()
    ]
    start = int(np.abs(np.log(dimensions / np.sqrt(low * high))).argmin())
    moving = [_moving(fan_in, fan_out, dimension, lines, index) for index, dimension in enumerate(dimensions)]
    places = [len(traces) + offset for offset in range(len(moving[0]))]
    frames = [{"name": str(index), "data": data, "traces": places} for index, data in enumerate(moving)]
    layout = {
        "sliders": [_slider(dimensions, start)],
        "yaxis": {"domain": [0.46, 1.0], "range": [0.9, HIGHEST]},
        "xaxis": {"anchor": "y"},
        "yaxis2": {"domain": [0.0, 0.2], "tickvals": [0, 1], "ticktext": ["gradients", "signals"],
                   "range": [-0.6, 1.6], "fixedrange": True, "automargin": True, "zeroline": False},
        "xaxis2": log_axis([low / high, high / low]) | {
            "anchor": "y2", "range": [np.log10(low / high / 1.4), np.log10(high / low * 1.4)], "fixedrange": True,
            "title": {"text": "Gain of the layer (1 keeps the size)"}},
    }  # fmt: skip
    figure = Moving([*traces, *_look(moving[start], list(lines))], layout)
    figure.frames = frames
    for value, name in ((fan_in, "m"), (fan_out, "n")):
        shape = {"type": "line", "xref": "x", "yref": "y domain", "x0": value, "x1": value, "y0": 0, "y1": 1}
        label = {"text": name, "xref": "x", "yref": "y domain", "x": float(np.log10(value)), "y": 1,
                 "yanchor": "top", "xanchor": "left", "showarrow": False}  # fmt: skip
        draw(figure, shape | {"line": {"dash": "dot", "color": NEUTRAL}}, label)
    one = {"type": "line", "xref": "x2", "yref": "y2 domain", "x0": 1, "x1": 1, "y0": 0, "y1": 1}
    draw(figure, one | {"line": {"dash": "dot", "color": NEUTRAL}})
    return finish(
        figure,
        x="effective dimension 1/σ²",
        y="error ÷ its minimum",
        height=560,
        x_axis=log_axis(dimensions),
    )


def _slider(dimensions: np.ndarray, start: int) -> dict[str, Any]:
    """The slider over the effective dimension, one frame a step."""
    return {
        "active": start,
        "currentvalue": {"prefix": "1/σ² = ", "font": {"size": 14, "color": NEUTRAL}},
        "pad": {"t": 46, "b": 4},
        **BARE_SLIDER,
        "steps": [
            {"label": f"{dimension:,.0f}", "method": "animate", "args": [[str(index)], AT_ONCE]}
            for index, dimension in enumerate(dimensions)
        ],
    }


def _moving(
    fan_in: int, fan_out: int, dimension: float, lines: Mapping[str, np.ndarray], index: int
) -> list[dict[str, Any]]:
    """What changes with the slider: a point on each curve and the two gains as strokes from 1."""
    heights = [round(float(values[index]), 4) for values in lines.values()]
    points = {
        "x": [float(dimension)] * len(lines),
        "y": [height if height < 2 * HIGHEST else None for height in heights],
    }
    gains = [fan_out / float(dimension), fan_in / float(dimension)]
    colors = [GOOD if 0.8 <= gain <= 1.25 else BAD for gain in gains]
    strokes = [
        {"x": [1, gain], "text": ["", f"× {gain:.3g}"], "line": {"color": color}, "marker": {"color": color}}
        for gain, color in zip(gains, colors, strict=True)
    ]
    return [points, *strokes]


def _look(moving: list[dict[str, Any]], rules: list[str]) -> list[dict[str, Any]]:
    """The moving traces as they start, with all that stays the same."""
    points, *strokes = moving
    bare = {"type": "scatter", "showlegend": False, "hoverinfo": "skip"}
    marker = {"size": 10, "color": [RULE_COLORS[rule] for rule in rules]}
    axes = {"xaxis": "x2", "yaxis": "y2", "mode": "lines+markers+text", "textposition": "top center"}
    return [
        bare | points | {"mode": "markers", "marker": marker},
        *(
            bare
            | axes
            | stroke
            | {"y": [row, row], "cliponaxis": False}
            | {"line": stroke["line"] | {"width": 7}, "marker": stroke["marker"] | {"size": 8}}
            for row, stroke in enumerate(strokes)
        ),
    ]
