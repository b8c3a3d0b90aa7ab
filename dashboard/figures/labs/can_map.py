"""The map of CAN's gain over class bias and prior shift, with a run placed on it; the curve of its two-class form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import marks, style, words
from dashboard.figures.unchecked import Figure
from engine.can.gain_map import Faults


def gain_map(
    biases: Sequence[float],
    shifts: Sequence[float],
    gains: np.ndarray,
    half: np.ndarray,
    *,
    chosen: Faults | None,
    run: tuple[Faults, str] | None,
) -> go.Figure:
    """Heat map of the gain in points; cells whose interval holds zero are written in brackets.

    The number of the cell in which the run lies makes room for its star.

    Args:
        biases: (b,) class biases, from left to right.
        shifts: (s,) prior shifts, from below.
        gains: (s, b) mean gains in points.
        half: (s, b) half widths of their 95 % intervals.
        chosen: the place that the sentence below speaks of.
        run: place of a run and what is written beside it.
    """
    text = [
        [words.typeset(f"{g:+.1f}" if abs(g) > h else f"({g:+.1f})") for g, h in zip(line, wide, strict=True)]
        for line, wide in zip(gains, half, strict=True)
    ]
    if run is not None:
        row, column = (
            int(np.abs(np.subtract(values, at)).argmin())
            for values, at in ((shifts, run[0].prior_shift), (biases, run[0].class_bias))
        )
        above = run[0].prior_shift <= shifts[row]
        text[row][column] = f"{text[row][column]}<br><br>" if above else f"<br><br>{text[row][column]}"
    largest = float(np.abs(gains).max()) or 1.0
    figure = Figure().add_heatmap(
        x=list(biases),
        y=list(shifts),
        z=gains,
        text=text,
        texttemplate="%{text}",
        textfont={"size": 13, "color": style.INK},
        colorscale=style.DIVERGING,
        zmin=-largest,
        zmax=largest,
        showscale=False,
        customdata=[
            [words.typeset(f"{g:+.2f} ± {h:.2f}") for g, h in zip(*line, strict=True)]
            for line in zip(gains, half, strict=True)
        ],
        hovertemplate="bias %{x:g}, shift %{y:g}<br>%{customdata} points<extra></extra>",
        xgap=2,
        ygap=2,
    )
    if chosen is not None:
        figure.add_scatter(**_place(chosen, biases, "circle-open", style.MEASURED, "in the sentence", 38))
    if run is not None:
        figure.add_scatter(**_place(run[0], biases, "star-open", style.SEQUENCE[3], run[1], 16))
    figure.update_layout(legend={"itemsizing": "constant"})
    return style.finish(
        figure,
        x="class bias: sd of a fixed offset of each logit",
        y="prior shift (1: reversed)",
        height=360,
        legend=True,
        x_axis={"tickvals": list(biases), "showgrid": False},
        y_axis={"tickvals": list(shifts), "showgrid": False},
    )


def _place(at: Faults, biases: Sequence[float], symbol: str, color: str, name: str, size: int) -> dict[str, Any]:
    """A marker; a bias beyond the map stands at its edge."""
    return {
        "x": [min(at.class_bias, max(biases))],
        "y": [at.prior_shift],
        "mode": "markers",
        "name": name,
        "marker": {"symbol": symbol, "size": size, "color": color, "line": {"width": 2, "color": color}},
        "hovertemplate": f"{name}: bias {at.class_bias:.2f}, shift {at.prior_shift:.2f}<extra></extra>",
    }


def cells(before: np.ndarray, after: np.ndarray, *, cut: float) -> go.Figure:
    """Probability of a label after the correction against before; the decision moves where the curve crosses one half.

    Args:
        before: (points,) probabilities, increasing.
        after: (points,) corrected ones; as before outside the uncertain ones.
        cut: the probability from which on a cell is positive after the correction.
    """
    figure = Figure()
    figure.add_scatter(x=before, y=before, mode="lines", name="as it was", line={"color": style.NEUTRAL, "dash": "dot"})
    figure.add_scatter(
        x=before, y=after, mode="lines", name="after CAN", line={"color": style.method_color("can"), "width": 3}
    )
    style.reference_line(figure, 0.5, "decision")
    marks.vertical(figure, cut, f"positive from {cut:.3f}", logarithmic=False, color=style.BAD)
    x, y = (f"probability of the label {when} CAN" for when in ("before", "after"))
    return style.finish(figure, x=x, y=y, height=380, y_axis={"range": [0, 1.02]})
