"""Figures of the initialization pages: gains per layer, shapes, singular values, drift, training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures.line_ends import name_lines
from dashboard.figures.marks import vertical
from dashboard.figures.style import MEASURED, NEUTRAL, SEQUENCE, fade, finish, log_axis, reference_line
from dashboard.figures.unchecked import Figure
from engine.evidence.intervals import mean_half_width
from engine.initialization.rules import RULES, StackGains
from engine.initialization.signal_propagation import Moments
from engine.initialization.singular_values import singular_value_density

RULE_COLORS = {rule: SEQUENCE[index % (len(SEQUENCE) - 1)] for index, rule in enumerate(RULES)} | {
    "geometric": SEQUENCE[0],
    "fan_in": SEQUENCE[1],
    "fan_out": SEQUENCE[2],
    "arithmetic": SEQUENCE[3],
    "quadratic": SEQUENCE[4],
    "harmonic": SEQUENCE[5],
}
"""One colour for each rule on every page."""

CEILING = 2.0
"""Losses are drawn up to here: twice what predicting the mean costs."""

QUANTITIES = {
    "forward": "E[y²] relative to the input",
    "backward": "E[(∂l/∂x)²] relative to the output",
    "product": "forward × backward gain of the layer",
    "gradient": "E[(∂l/∂W)²] / variance",
}


def exact_series(gains: StackGains, quantity: str) -> np.ndarray:
    """(L,) exact values of one quantity after (forward) or before (backward) each layer."""
    return {
        "forward": gains.forward_moments[1:],
        "backward": gains.backward_moments[:-1],
        "product": gains.product,
        "gradient": gains.gradients,
    }[quantity]


def measured_series(moments: Moments, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half-width of the 95 % t interval over the stacks, (L,) each; of the product by the delta method."""
    if quantity == "product":
        forward, backward = moments.forward.mean(axis=0), moments.backward.mean(axis=0)
        product = forward[1:] / forward[:-1] * backward[:-1] / backward[1:]
        parts = np.diff(moments.forward / forward, axis=1) - np.diff(moments.backward / backward, axis=1)
        return product, product * mean_half_width(parts)
    table = {
        "forward": moments.forward[:, 1:],
        "backward": moments.backward[:, :-1],
        "gradient": moments.gradients,
    }[quantity]
    return table.mean(axis=0), mean_half_width(table)


def gains_by_layer(exact: Sequence[StackGains], measured: Mapping[str, Moments], quantity: str) -> go.Figure:
    """Exact lines and measured points of one quantity, layer by layer, one colour a rule."""
    traces: list[dict[str, Any]] = []
    for gains in exact:
        color, layers = RULE_COLORS[gains.rule], np.arange(1, len(gains.widths))
        traces.append(
            {
                "x": layers,
                "y": exact_series(gains, quantity),
                "text": [f"{m} → {n}" for m, n in zip(gains.widths[:-1], gains.widths[1:], strict=True)],
                "name": gains.rule,
                "mode": "lines",
                "line": {"color": color, "width": 2},
                "hovertemplate": f"layer %{{x}} (%{{text}})<br>exact %{{y:.4g}}<extra>{gains.rule}</extra>",
            }
        )
        if gains.rule in measured:
            mean, half = measured_series(measured[gains.rule], quantity)
            traces.append(
                {
                    "x": layers,
                    "y": mean,
                    "error_y": {"array": half, "color": fade(color, 0.6), "thickness": 1.2},
                    "name": f"{gains.rule}, measured",
                    "showlegend": False,
                    "mode": "markers",
                    "marker": {"color": color, "size": 6},
                    "hovertemplate": f"layer %{{x}}<br>measured %{{y:.4g}}<extra>{gains.rule}</extra>",
                }
            )
    y_axis = log_axis(*(trace["y"] for trace in traces))
    return name_lines(finish(Figure(traces), x="layer", y=QUANTITIES[quantity], y_axis=y_axis))


def gains_by_ratio(
    rules: Sequence[str], ratios: np.ndarray, gains: Mapping[str, np.ndarray], quantity: str
) -> go.Figure:
    """One layer's gain against r = fan_out / fan_in; gains[rule] is (ratios,)."""
    lines = [
        {"x": ratios, "y": gains[rule], "name": rule, "mode": "lines", "line": {"color": RULE_COLORS[rule]}}
        for rule in rules
    ]
    figure = reference_line(Figure(lines), 1.0, "")
    ticks = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16]
    labels = ["1/16", "1/8", "1/4", "1/2", "1", "2", "4", "8", "16"]
    x_axis = {"type": "log", "tickvals": ticks, "ticktext": labels}
    y_axis = log_axis(*(gains[rule] for rule in rules))
    title = f"{quantity} gain of one layer"
    return name_lines(finish(figure, x="r = fan_out / fan_in", y=title, x_axis=x_axis, y_axis=y_axis))


def effective_dimensions(dimensions: Mapping[str, float], fan_in: int, fan_out: int) -> go.Figure:
    """The effective dimension of each rule as bars, with m and n marked."""
    ranked = sorted(dimensions.items(), key=lambda item: item[1])
    figure = Figure().add_bar(
        y=[rule for rule, _ in ranked],
        x=[value for _, value in ranked],
        orientation="h",
        marker={"color": [RULE_COLORS[rule] for rule, _ in ranked]},
        text=[f"{value:,.4g}" for _, value in ranked],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:,.6g}<extra></extra>",
    )
    reference_line(figure, fan_in, "m", axis="x")
    if fan_out != fan_in:
        reference_line(figure, fan_out, "n", axis="x")
    x_axis = {"range": [0, 1.2 * ranked[-1][1]]}  # room for the longest bar's number
    return finish(figure, x="effective dimension 1 / variance", y="", x_axis=x_axis)


def spectrum(values: np.ndarray, *, fan_in: int, fan_out: int, variance: float, name: str) -> go.Figure:
    """Histogram of singular values with the Marchenko-Pastur density and the Bai-Yin edges."""
    scale, sides = np.sqrt(variance), np.sqrt([fan_in, fan_out])
    low, high = scale * abs(sides[0] - sides[1]), scale * sides.sum()  # of the law: orthogonal matrices fill one bin
    span = (min(low, float(values.min())), max(high, float(values.max())))
    heights, edges = np.histogram(values, bins=41, range=span, density=True)
    return spectrum_bars(edges[:-1], edges[1:], heights, fan_in=fan_in, fan_out=fan_out, variance=variance, name=name)


def spectrum_bars(
    left: np.ndarray, right: np.ndarray, heights: np.ndarray, *, fan_in: int, fan_out: int, variance: float, name: str
) -> go.Figure:
    """The same from ready bins."""
    figure = Figure().add_bar(
        x=(left + right) / 2,
        y=heights,
        width=right - left,
        name=name,
        marker={"color": fade(MEASURED, 0.45)},
        hovertemplate="%{x:.4g}: %{y:.3g}<extra></extra>",
    )
    scale = np.sqrt(variance)
    low, high = scale * abs(np.sqrt(fan_in) - np.sqrt(fan_out)), scale * (np.sqrt(fan_in) + np.sqrt(fan_out))
    x = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 200))) / 2
    law = singular_value_density(x, fan_in=fan_in, fan_out=fan_out, variance=variance)
    figure.add_scatter(x=x, y=law, name="Marchenko–Pastur", mode="lines", line={"color": SEQUENCE[1], "width": 2.5})
    figure.update_layout(bargap=0)
    return finish(figure, x="singular value", y="density", legend=True)


def drift_histogram(logs: np.ndarray, mean: float, variance: float) -> go.Figure:
    """Distribution of ln(|y|² / E|y|²) over random stacks beside the normal law of the exact mean and variance."""
    figure = Figure().add_histogram(
        x=logs, histnorm="probability density", name="random stacks", marker={"color": fade(MEASURED, 0.45)}
    )
    sd = np.sqrt(variance)
    x = np.linspace(mean - 4 * sd, mean + 4 * sd, 200)
    density = np.exp(-((x - mean) ** 2) / (2 * variance)) / (sd * np.sqrt(2 * np.pi))
    figure.add_scatter(x=x, y=density, name="log-normal law", mode="lines", line={"color": SEQUENCE[1], "width": 2.5})
    vertical(figure, 0.0, "the mean size", logarithmic=False)
    figure.update_layout(bargap=0.02)
    return finish(figure, x="ln(|y|² / E|y|²) at the last layer", y="density", legend=True)


def drift_paths(logs: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> go.Figure:
    """ln(|y|² / E|y|²) of some stacks, layer by layer, with mean and ± 2 deviations; logs (stacks, L + 1)."""
    figure, layers = Figure(), np.arange(logs.shape[1])
    x = np.concatenate([layers, layers[::-1]])
    y = np.concatenate([means + 2 * deviations, (means - 2 * deviations)[::-1]])
    figure.add_scatter(
        x=x, y=y, fill="toself", fillcolor=fade(SEQUENCE[1], 0.16), line={"width": 0}, name="± 2 sd", hoverinfo="skip"
    )
    paths = np.pad(logs[:30], ((0, 0), (0, 1)), constant_values=np.nan)  # a gap after each: one line for all
    figure.add_scatter(
        x=np.tile(np.append(layers, layers[-1]), len(paths)),
        y=paths.ravel(),
        name="random stacks",
        mode="lines",
        line={"color": fade(MEASURED, 0.45), "width": 1},
        hoverinfo="skip",
    )
    figure.add_scatter(x=layers, y=means, name="exact mean", mode="lines", line={"color": SEQUENCE[1], "width": 2.5})
    return finish(figure, x="layer", y="ln(|y|² / E|y|²)", legend=True)


def residual_shares(shares: Mapping[str, np.ndarray]) -> go.Figure:
    """Share of the input and of each block in the last output, for Post-Norm and Pre-Norm."""
    figure = Figure()
    for index, (name, values) in enumerate(shares.items()):
        figure.add_scatter(  # points: a bar has no foot on a logarithmic axis
            x=np.arange(len(values)),
            y=values,
            name=name,
            mode="lines+markers",
            line={"color": SEQUENCE[index], "width": 1.5},
            marker={"size": 8},
            hovertemplate="block %{x}: %{y:.3g}<extra>" + name + "</extra>",
        )
    y_axis = log_axis(*shares.values())
    return finish(figure, x="block (0 is the input)", y="share in the last output", y_axis=y_axis)


def training_curves(frame: pl.DataFrame) -> go.Figure:
    """Held-out loss against the step at each rule's best rate; frame has rule, step, value, low, high."""
    figure = Figure()
    for rule in frame["rule"].unique(maintain_order=True):
        part = frame.filter(pl.col("rule") == rule).sort("step")
        color = RULE_COLORS.get(rule, NEUTRAL)
        part = part.with_columns(pl.col("value", "low", "high").clip(0, CEILING)).filter(pl.col("value").is_not_nan())
        low, high = part["low"].fill_nan(None).fill_null(part["value"]), part["high"].fill_nan(None)
        high = high.fill_null(part["value"])
        figure.add_scatter(
            x=pl.concat([part["step"], part["step"].reverse()]),
            y=pl.concat([high, low.reverse()]),
            fill="toself",
            fillcolor=fade(color, 0.13),
            line={"width": 0},
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_scatter(x=part["step"], y=part["value"], name=rule, mode="lines", line={"color": color, "width": 2})
    reference_line(figure, 1.0, "nothing learned")
    figure.update_yaxes(rangemode="tozero")
    return finish(figure, x="update", y="held-out loss / variance", height=400)


def loss_by_rate(frame: pl.DataFrame) -> go.Figure:
    """Final loss against the learning rate; frame has rule, learning_rate, value, low, high."""
    figure = Figure()
    for rule in frame["rule"].unique(maintain_order=True):
        part = frame.filter(pl.col("rule") == rule, pl.col("value") < CEILING).sort("learning_rate")
        figure.add_scatter(
            x=part["learning_rate"],
            y=part["value"],
            error_y={"array": (part["high"] - part["value"]).fill_nan(0), "thickness": 1},
            name=rule,
            mode="lines+markers",
            line={"color": RULE_COLORS.get(rule, NEUTRAL)},
        )
    x_axis = {"type": "log", "tickvals": sorted(frame["learning_rate"].unique())}
    return finish(figure, x="learning rate", y="final held-out loss / variance", height=400, x_axis=x_axis)
