"""The spectrum of a product of layers against their number."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.style import MEASURED, SEQUENCE, band, finish, log_axis
from dashboard.figures.unchecked import Figure


def spectrum_by_depth(depths: Sequence[int], gaussian: np.ndarray, orthogonal: np.ndarray) -> go.Figure:
    """Median and middle 90 % of the singular values of Gaussian products beside orthogonal ones.

    Args:
        depths: numbers of layers.
        gaussian: (draws, depths, n) singular values.
        orthogonal: (draws, depths, n).
    """
    low, middle, high = np.quantile(gaussian, [0.05, 0.5, 0.95], axis=(0, 2))
    figure = band(Figure(), depths, low, high, "middle 90 %")
    figure.add_scatter(x=list(depths), y=middle, name="Gaussian, median and middle 90 %", line={"color": MEASURED})
    largest = gaussian.max(axis=2).mean(axis=0)
    figure.add_scatter(x=list(depths), y=largest, name="Gaussian, largest", line={"color": MEASURED, "dash": "dot"})
    kept = np.median(orthogonal, axis=(0, 2)).round(6)
    figure.add_scatter(x=list(depths), y=kept, name="orthogonal, all", line={"color": SEQUENCE[1], "width": 3})
    x_axis = {"type": "log", "tickvals": list(depths)}
    return finish(
        figure, x="layers", y="singular values", height=420, x_axis=x_axis, y_axis=log_axis(low, largest, kept)
    )
