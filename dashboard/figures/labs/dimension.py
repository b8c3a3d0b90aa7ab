"""Entropy of random tables, attention fits and skip-gram saturation."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import line_ends, marks, style
from dashboard.figures.unchecked import Figure

PATTERN_COLORS = dict(zip(("permutation", "sparse", "banded", "dense"), style.SEQUENCE, strict=False))
LAW_NAMES = {
    "pairs": "post: 8.33 ln L",
    "rows": "rows: 4.16 ln L",
    "retrieval": "key: 1.61 ln L",
    "rank": "rank: L − 1",
}

FIT_METRICS = {
    "kl": "mean KL, nats",
    "accuracy": "share of rows with the right argmax",
    "support_mass": "mass on the keys in use",
    "norm": "mean |q||k| / d",
    "largest_logit": "largest |logit|",
}
"""What is measured of attention fits."""

SATURATION = {
    "loss": "loss of a pair, nats",
    "kept": "information kept of the training text, nats",
    "share": "share of the mutual information kept",
    "held_out": "information kept of held-out text, nats",
    "neighbours": "pairs of one group told from others (AUC)",
    "norm_product": "mean |u||v| / n (the rule assumes 1)",
    "seed_pip": "PIP distance between two splits",
}
"""What is measured of skip-gram vectors."""


def bends(quantity: str) -> str:
    """The question whether a quantity, named with its unit, bends at a rule."""
    name = quantity.split(", ")[0]
    return f"{name[0].upper()}{name[1:]}: does it bend at the rule?"


def shift(n: np.ndarray, exact: np.ndarray, rounded: np.ndarray, asymptote: np.ndarray) -> go.Figure:
    """h_n per dimension: exact, the post's -0.24, and the two-term asymptote."""
    figure = Figure()
    figure.add_scatter(x=n, y=exact / n, name="exact hₙ / n", line={"color": style.SEQUENCE[0], "width": 3})
    figure.add_scatter(x=n, y=rounded / n, name="post: −0.24", line={"color": style.BAD, "dash": "dash"})
    figure.add_scatter(
        x=n,
        y=asymptote / n,
        name="−(ln φ)/2 − 0.0739/n",
        line={"color": style.SEQUENCE[2], "dash": "dot", "width": 2.5},
    )
    return style.finish(figure, x="dimensions n", y="hₙ / n, nats per dimension", x_axis=style.log_axis(n))


def thresholds(sizes: np.ndarray, curves: Mapping[str, np.ndarray], *, chosen: float) -> go.Figure:
    """Dimensions against N for each reading of the rule."""
    figure = Figure()
    for index, (name, values) in enumerate(curves.items()):
        figure.add_scatter(
            x=sizes,
            y=values,
            name=name,
            line={"color": style.SEQUENCE[index], "dash": style.DASHES[index % 4], "width": 3 if index == 0 else 2},
        )
    marks.vertical(figure, chosen, f"N = {chosen:,.0f}")
    x_axis = style.log_axis(sizes)
    return style.finish(figure, x="words (or keys) N", y="dimensions n", height=400, x_axis=x_axis)


def entropy(
    n: np.ndarray, theory: np.ndarray, measured: Sequence[tuple[float, float, float, float]], *, threshold: float | None
) -> go.Figure:
    """Measured entropy of random tables beside 2 ln N + h_n (or ln N + h_n); theory below 0 is no entropy.

    Args:
        n: dimensions of the theory line.
        theory: nats.
        measured: (n, mean, low, high).
        threshold: n at which the theory reaches 0; None where it never does (scaled logits).
    """
    figure = Figure()
    figure.add_hrect(y0=min(float(theory.min()), -1), y1=0, fillcolor=style.BAD, opacity=0.07, line_width=0)
    figure.add_scatter(x=n, y=theory, name="sampling approximation", line={"color": style.SEQUENCE[1], "dash": "dash"})
    if measured:
        x, mean, low, high = (list(column) for column in zip(*measured, strict=True))
        style.band(figure, x, low, high, "95 % interval")
        figure.add_scatter(
            x=x, y=mean, name="measured", mode="lines+markers", line={"color": style.MEASURED, "width": 2.5}
        )
    if threshold is not None:
        marks.vertical(figure, threshold, f"rule: n = {threshold:.1f}", logarithmic=False)
    style.finish(figure, x="dimensions n", y="entropy, nats (below 0: not an entropy)", legend=True)
    lowest, highest = max(-8.0, float(theory.min())), float(theory.max())
    margin = 0.05 * (highest - lowest)
    return figure.update_yaxes(range=[lowest - margin, highest + margin])


def exponent(theta: np.ndarray, true: np.ndarray, parabola: np.ndarray, *, place: float) -> go.Figure:
    """The exponent of Laplace's method and the parabola that replaces it at its maximum.

    Args:
        theta: radians.
        true: ln sin + cos.
        parabola: through its maximum with the same curvature.
        place: of the maximum.
    """
    figure = Figure()
    line = {"color": style.SEQUENCE[0], "width": 3}
    figure.add_scatter(x=theta, y=true, name="ln sin θ + cos θ", mode="lines", line=line)
    line = {"color": style.SEQUENCE[1], "width": 2, "dash": "dash"}
    figure.add_scatter(x=theta, y=parabola, name="parabola", mode="lines", line=line)
    marks.vertical(figure, place, f"θ* = {place:.4f}", logarithmic=False, end="bottom")
    y_axis = {"range": [-2.5, 0.6]}
    return style.finish(figure, x="angle θ, radians", y="exponent per dimension", y_axis=y_axis)


def tilted(degrees: np.ndarray, plain: np.ndarray, weighted: np.ndarray, *, place: float) -> go.Figure:
    """Density of the angle among all pairs, and among pairs weighted by their probability in the table."""
    figure = Figure()
    for name, values, color in (("all pairs", plain, style.NEUTRAL), ("weighted by e^⟨u,v⟩", weighted, style.MEASURED)):
        figure.add_scatter(x=degrees, y=values, name=name, mode="lines", line={"color": color, "width": 2.5})
    marks.vertical(figure, place, f"θ* = {place:.1f}°", logarithmic=False)
    return style.finish(figure, x="angle of u and v, degrees", y="density per degree")


def scaled(
    sizes: np.ndarray,
    lines: Mapping[str, np.ndarray],
    measured: Mapping[str, Sequence[tuple[float, float, float, float]]],
    *,
    most: float,
) -> go.Figure:
    """Entropy of an attention row with and without the division by sqrt(d): theory dashed, measured as points.

    Args:
        sizes: head sizes of the lines.
        lines: name -> nats at the sizes.
        measured: name -> (size, mean, low, high).
        most: nats of a uniform row.
    """
    figure = Figure()
    for name, color in zip(lines, (style.SEQUENCE[0], style.SEQUENCE[1]), strict=True):
        line = {"color": color, "dash": "dash", "width": 2}
        figure.add_scatter(x=sizes, y=lines[name], name=f"{name}, theory", mode="lines", line=line)
        x, mean, low, high = (np.array(column) for column in zip(*measured[name], strict=True))
        spread = {"array": high - mean, "arrayminus": mean - low, "thickness": 1.2}
        figure.add_scatter(
            x=x, y=mean, error_y=spread, name=f"{name}, measured", mode="markers", marker={"color": color, "size": 8}
        )
    marks.horizontal(figure, most, f"uniform: ln L = {most:.2f}")
    x_axis, y_axis = style.log_axis(sizes), {"range": [-1.5, 1.12 * most]}
    units = "entropy of a row, nats"
    return style.finish(figure, x="head size d", y=units, height=420, x_axis=x_axis, y_axis=y_axis)


def retrieval(n: np.ndarray, measured: pl.DataFrame, threshold: float) -> go.Figure:
    """Probability on the true key against d, with 1.6062 ln L."""
    figure = Figure()
    style.band(figure, measured["n_components"], measured["low"], measured["high"], "95 % interval")
    figure.add_scatter(x=n, y=measured["value"], name="measured", mode="lines+markers", line={"color": style.MEASURED})
    marks.vertical(figure, threshold, f"1.6062 ln L = {threshold:.1f}", logarithmic=False)
    style.reference_line(figure, 0.5, "")
    style.finish(figure, x="head size d", y="probability on the true key")
    return style.percent_axis(figure)


def attention(frame: pl.DataFrame, *, metric: str, length: int) -> go.Figure:
    """A metric of the fits against head size, one line a pattern, with the candidate laws as vertical lines.

    Args:
        frame: head_size, pattern, metric, value, low, high at one length.
        metric: kl, accuracy, support_mass, norm or largest_logit.
        length: L.
    """
    figure = Figure()
    for pattern, color in PATTERN_COLORS.items():
        part = frame.filter((pl.col("pattern") == pattern) & (pl.col("metric") == metric)).sort("head_size")
        if part.is_empty():
            continue
        floor = 1e-5 if metric == "kl" else 0.0
        style.band(figure, part["head_size"], part["low"].clip(floor), part["high"].clip(floor), pattern, color=color)
        figure.add_scatter(
            x=part["head_size"], y=part["value"].clip(floor), name=pattern, mode="lines+markers", line={"color": color}
        )
    for coefficient, name in ((8.33, "8.33 ln L"), (4.156, "4.16 ln L"), (1.606, "1.61 ln L")):
        marks.vertical(figure, coefficient * float(np.log(length)), name)
    values = frame.filter(pl.col("metric") == metric)["value"].clip(1e-5 if metric == "kl" else 0.0)
    logarithmic = metric in ("kl", "norm", "largest_logit")
    axes = {"x_axis": style.log_axis(frame["head_size"]), "y_axis": style.log_axis(values) if logarithmic else None}
    style.finish(figure, x="head size d", y=FIT_METRICS[metric], height=400, legend=True, **axes)
    return style.percent_axis(figure) if metric in ("accuracy", "support_mass") else figure


def needed(frame: pl.DataFrame, laws: Mapping[str, np.ndarray], lengths: np.ndarray) -> go.Figure:
    """Head size that reaches the goal against L, measured for each pattern, with the candidate laws.

    Args:
        frame: length, pattern, value of law "measured".
        laws: law -> head sizes at lengths.
        lengths: L of the law lines.
    """
    figure = Figure()
    for index, (law, values) in enumerate(laws.items()):
        figure.add_scatter(
            x=lengths,
            y=values,
            name=LAW_NAMES[law],
            mode="lines",
            line={"color": style.NEUTRAL, "dash": ("dash", "dashdot", "dot", "solid")[index]},
        )
    for pattern, color in PATTERN_COLORS.items():
        part = frame.filter(pattern=pattern).sort("length")
        if not part.is_empty():
            figure.add_scatter(
                x=part["length"],
                y=part["value"],
                name=pattern,
                mode="lines+markers",
                line={"color": color, "width": 2.5},
                marker={"size": 9},
            )
    x_axis = {"type": "log", "tickvals": sorted(frame["length"].unique())}
    y_axis = style.log_axis(*laws.values(), frame["value"])
    title = "head size that is enough"
    style.finish(figure, x="sequence length L", y=title, height=420, x_axis=x_axis, y_axis=y_axis)
    return line_ends.name_lines(figure)


def saturation(frame: pl.DataFrame, *, metric: str, rules: Mapping[str, float]) -> go.Figure:
    """A metric of the skip-gram vectors against n, with vertical marks for the rules.

    Args:
        frame: n_components, metric, value, low, high of one vocabulary.
        metric: column value to draw.
        rules: rule -> n.
    """
    part = frame.filter(metric=metric).sort("n_components")
    figure = Figure()
    style.band(figure, part["n_components"], part["low"], part["high"], "95 % interval")
    figure.add_scatter(
        x=part["n_components"], y=part["value"], name="measured", mode="lines+markers", line={"color": style.MEASURED}
    )
    for index, (name, n) in enumerate(rules.items()):
        end = "top" if metric == "loss" else "bottom"  # where the curve is not
        marks.vertical(figure, n, f"{name}: {n:.0f}", color=style.SEQUENCE[index + 1], end=end)
    style.finish(
        figure, x="dimensions n", y=SATURATION[metric], height=340, x_axis=style.log_axis(part["n_components"])
    )
    return style.percent_axis(figure) if metric == "share" else figure


def pip(frame: pl.DataFrame, best: float) -> go.Figure:
    """Simulated PIP loss against n with its minimum."""
    part = frame.sort("n_components")
    figure = Figure().add_scatter(
        x=part["n_components"], y=part["value"], name="PIP loss", line={"color": style.MEASURED}
    )
    marks.vertical(figure, best, f"least at {best:.0f}")
    x_axis = style.log_axis(part["n_components"])
    return style.finish(figure, x="dimensions n", y="PIP loss / ‖E Eᵀ‖", height=340, x_axis=x_axis)
