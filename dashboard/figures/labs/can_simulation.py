"""Gain of CAN and its neighbours against one fault of a synthetic classifier."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style
from dashboard.figures.unchecked import Figure

TITLES = {
    "n_classes": "number of classes",
    "accuracy": "accuracy before",
    "temperature": "temperature of the logits (below 1: overconfident)",
    "class_bias": "class bias: sd of a fixed offset of each logit",
    "prior_shift": "prior shift (0: as in training, 1: reversed)",
    "n_confident": "rows the reference is taken from",
    "imbalance": "imbalance: exponent of the class frequencies",
}
METHODS = {
    "can": ("CAN", "can", "solid"),
    "can_test_prior": ("CAN, true test prior", "simple_can", "dash"),
    "sinkhorn": ("Sinkhorn", "prior_ratio", "dot"),
    "saerens_em": ("EM", "temperature", "dashdot"),
}
LOGARITHMIC = ("n_classes", "n_confident")


def gain(frame: pl.DataFrame, *, axis: str, methods: list[str]) -> go.Figure:
    """Mean gain in points of accuracy with its interval over repeats.

    Args:
        frame: at, metric, value, low, high of one axis.
        axis: name of the parameter that varies.
        methods: which of `METHODS` to draw.
    """
    figure = Figure()
    for method in methods:
        part = frame.filter(metric=method).sort("at")
        if part.is_empty():
            continue
        name, color, dash = METHODS[method]
        color = style.method_color(color)
        style.band(figure, part["at"], 100 * part["low"], 100 * part["high"], name, color=color)
        figure.add_scatter(
            x=part["at"],
            y=100 * part["value"],
            name=name,
            mode="lines+markers",
            line={"color": color, "dash": dash},
            hovertemplate="%{x:g}: %{y}<extra>" + name + "</extra>",
        )
    style.reference_line(figure, 0, "")
    style.finish(figure, x=TITLES[axis], y="gain in accuracy, points", height=320, legend=True)
    if axis in LOGARITHMIC:
        at = sorted(frame["at"].unique())
        figure.update_xaxes(type="log", tickmode="array", tickvals=at, ticktext=[f"{value:g}" for value in at])
    figure.update_yaxes(tickformat="+.1f", hoverformat="+.2f")
    return figure
