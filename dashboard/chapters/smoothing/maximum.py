"""Smooth maxima: LogSumExp, the mean weighted by a softmax, and what the temperature does."""

import math

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures.labs import smoothing_moving as figures
from dashboard.parts.labs import lesson
from engine.smoothing.families import smooth_max, weighted_max

TITLE = "What is a smooth maximum?"
SENTENCE = (
    "LogSumExp lies above the maximum, the softmax-weighted mean below it; the temperature T says by how much. "
    "Drag T below the bars."
)
CHINESE = "光滑最大值：LogSumExp 与 softmax 温度"
NOTE = """T = 1/t is the width of the smoothing. For two numbers LogSumExp is the SoftPlus of their difference: the
logistic kernel again. Its gradient is the softmax."""
FORMULA = (
    r"T\ln\sum_i e^{x_i/T}\in\big[\max x,\ \max x+T\ln n\big],\qquad "
    r"\frac{\sum_i x_i e^{x_i/T}}{\sum_i e^{x_i/T}}\in\big[\bar x,\ \max x\big]"
)
SOURCE = "SMU, arXiv 2111.04682; ACON, arXiv 2009.04759; Berthet et al. (2020), arXiv 2002.08676"
T = np.geomspace(0.03, 30, 41)
DRAWS = 4000
CODE = """
import numpy as np
from scipy.special import logsumexp, softmax
x, T = np.array([1.0, 2.5, 3.0, -1.0]), 1.0
print(T * logsumexp(x / T))       # above the maximum, by at most T ln 4
print(softmax(x / T) @ x)         # below it
"""


def numbers_of(text: str) -> list[float]:
    """Two to twelve numbers between -100 and 100, separated by commas or spaces.

    Raises:
        ValueError: on anything else.
    """
    try:
        values = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        values = []
    if not 2 <= len(values) <= 12 or not all(math.isfinite(v) and abs(v) <= 100 for v in values):
        raise ValueError(f"Two to twelve numbers between −100 and 100 are expected, such as 1, 2.5, 3; got {text!r}.")
    return values


@st.cache_data(show_spinner=False, max_entries=64)
def drawn(values: tuple[float, ...], start: int) -> go.Figure:
    """The moving figure."""
    x = np.array(values)
    soft = np.array([float(smooth_max(x, sharpness=1 / t)) for t in T])
    mean = np.array([float(weighted_max(x, sharpness=1 / t)) for t in T])
    weights = np.exp((x - x.max()) / T[:, None])
    weights /= weights.sum(axis=1, keepdims=True)
    names = [f"{index}: {value:g}" for index, value in enumerate(values, 1)]
    return figures.temperatures(names, T, weights, soft, mean, start=start, largest=float(x.max()))


@st.cache_data(show_spinner=False, max_entries=64)
def perturbed(values: tuple[float, ...], temperature: float) -> tuple[float, float]:
    """Mean and half 95 % interval of max(x + T Gumbel) - 0.5772 T: LogSumExp without an exponential sum."""
    noise = np.random.default_rng(0).gumbel(size=(DRAWS, len(values)))
    found = (np.array(values) + temperature * noise).max(axis=1) - temperature * np.euler_gamma
    return float(found.mean()), float(1.96 * found.std(ddof=1) / math.sqrt(DRAWS))


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Your numbers", "1, 2.5, 3, -1", key="smoothing_maximum_numbers", bind="query-params", width=260
        )
        temperature = st.select_slider(
            "T in the sentences", [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0], 1.0, key="smoothing_maximum_t",
            bind="query-params", width=240,
        )  # fmt: skip
    try:
        values = tuple(numbers_of(text))
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    x = np.array(values)
    start = int(np.abs(np.log(T / temperature)).argmin())
    lesson.titled(
        drawn(values, start),
        "Above: the weight of each number. Below: both smooth maxima against the temperature",
        key="smoothing_maximum_moving",
        alt="Softmax weights and smooth maxima against the temperature",
    )
    top, soft, mean = float(x.max()), *(float(m(x, sharpness=1 / temperature)) for m in (smooth_max, weighted_max))
    centre, half = perturbed(values, temperature)
    ties = int((x == top).sum())
    lesson.reading(
        see=f"at T = {temperature:g} LogSumExp is {soft:.4g}, which is {soft - top:.3g} above the maximum {top:g}; the "
        f"weighted mean is {mean:.4g}, which is {top - mean:.3g} below it.",
        theory=f"LogSumExp exceeds the maximum by at least T ln {ties} = {temperature * math.log(ties):.3g} (as many "
        f"numbers are largest) and at most T ln {len(x)} = {temperature * math.log(len(x)):.3g}. The weighted mean "
        f"falls from the maximum towards the mean, {x.mean():.4g}, as T grows.",
        measured=f"LogSumExp is also the mean of max(xᵢ + T·Gumbel noise) − 0.5772 T: {centre:.4g} ± {half:.2g} over "
        f"{DRAWS:,} draws, {soft:.4g} exactly.",
    )
    lesson.predict(
        "two equal numbers and T → 0: what is the gradient of LogSumExp?",
        ("(1, 0)", "(½, ½)", "none"),
        right="(½, ½)",
        because="The gradient is the softmax, and equal numbers share its weight at every temperature.",
        key="smoothing_maximum_guess",
    )
    lesson.take_along(
        CODE, reference="Perturbed optimisers: Berthet et al. (2020), [arXiv 2002.08676](https://arxiv.org/abs/2002.08676)."
    )  # fmt: skip
