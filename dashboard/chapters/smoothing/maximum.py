"""Smooth maxima: LogSumExp, the mean weighted by a softmax, and what the temperature does."""

import math

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures import words
from dashboard.figures.labs import smoothing_moving as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.smoothing.families import smooth_max, weighted_max

T = np.outer([0.01, 0.1, 1, 10], [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8]).ravel()[5:35]
"""Round temperatures, ten a decade, so that those of the sentences are among the frames."""
TEMPERATURES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
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


@st.cache_resource(show_spinner=False, max_entries=64)  # a copy of a figure takes longer than drawing it
def drawn(values: tuple[float, ...], start: int) -> go.Figure:
    """The moving figure."""
    x = np.array(values)
    soft = np.array([float(smooth_max(x, sharpness=1 / t)) for t in T])
    mean = np.array([float(weighted_max(x, sharpness=1 / t)) for t in T])
    weights = np.exp((x - x.max()) / T[:, None])
    weights /= weights.sum(axis=1, keepdims=True)
    names = [words.typeset(f"{index}: {value:g}") for index, value in enumerate(values, 1)]
    return figures.temperatures(names, T, weights, soft, mean, start=start, largest=float(x.max()))


@st.cache_data(show_spinner=False, max_entries=64)
def perturbed(values: tuple[float, ...], temperature: float) -> tuple[float, float]:
    """Mean and half 95 % interval of max(x + T Gumbel) - 0.5772 T: LogSumExp without an exponential sum."""
    noise = np.random.default_rng(0).gumbel(size=(DRAWS, len(values)))
    found = (np.array(values) + temperature * noise).max(axis=1) - temperature * np.euler_gamma
    return float(found.mean()), float(1.96 * found.std(ddof=1) / math.sqrt(DRAWS))


def settings() -> tuple[tuple[float, ...], float] | None:
    """The reader's numbers and the temperature; None after a sentence that says what is wrong."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Your numbers", "1, 2.5, 3, -1", key="smoothing_maximum_numbers", bind="query-params", width=260
        )
        temperature = st.select_slider(
            "T in the sentences", TEMPERATURES, 1.0, key="smoothing_maximum_t", bind="query-params", width=240
        )
    try:
        return tuple(numbers_of(text)), temperature
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return None


def picture() -> Reading | None:
    """Weights and both smooth maxima."""
    chosen = settings()
    if chosen is None:
        return None
    values, temperature = chosen
    x = np.array(values)
    lesson.titled(
        drawn(values, int(np.abs(np.log(T / temperature)).argmin())),
        "How do weights (above) and smooth maxima (below) change with T? Drag the slider",
        key="smoothing_maximum_moving",
        alt="Softmax weights and smooth maxima against the temperature",
    )
    top, soft, mean = float(x.max()), *(float(m(x, sharpness=1 / temperature)) for m in (smooth_max, weighted_max))
    centre, half = perturbed(values, temperature)
    ties = int((x == top).sum())
    return Reading(
        see=f"at T = {{T}} LogSumExp is {soft:.4g}, which is {soft - top:.3g} above the maximum {top:g}; the weighted "
        f"mean is {mean:.4g}, which is {top - mean:.3g} below it.",
        theory=f"{ties} of {len(x)} numbers {'is' if ties == 1 else 'are'} largest, so LogSumExp exceeds the maximum "
        f"by T ln {ties} = {temperature * math.log(ties):.3g} at least and by T ln {len(x)} = "
        f"{temperature * math.log(len(x)):.3g} at most. As T grows, the weighted mean falls from the maximum to the "
        f"mean, {x.mean():.4g}.",
        measured=f"LogSumExp is also the mean of max(xᵢ + T·Gumbel noise) − 0.5772 T: {centre:.4g} ± {half:.2g} (95 %) "
        f"over {DRAWS:,} draws, {soft:.4g} exactly.",
        apart="they agree: the identity is exact, and the draws scatter within their interval.",
        drag={"T": Number("smoothing_maximum_t", TEMPERATURES, "temperature T")},
    )


CHAPTER = Chapter(
    question="What is a smooth maximum?",
    chinese="光滑最大值：LogSumExp 与 softmax 温度 · smooth maximum",
    lead="LogSumExp lies above the maximum and the softmax-weighted mean below it; the temperature T decides by how "
    "much.",
    guess=Guess(
        question="two equal numbers and T → 0: what is the gradient of LogSumExp?",
        answers=("(1, 0)", "(½, ½)", "none"),
        right="(½, ½)",
        because="The gradient is the softmax, and equal numbers share its weight at every temperature.",
    ),
    picture=picture,
    beside=True,
    good_for="a maximum inside a loss: LogSumExp where an upper bound is wanted, the weighted mean where the value "
    "must "
    "stay among the numbers.",
    formula=r"T\ln\sum_i e^{x_i/T}\in[\max x,\ \max x+T\ln n],\quad "
    r"\frac{\sum_i x_i e^{x_i/T}}{\sum_i e^{x_i/T}}\in[\bar x,\ \max x]",
    code=CODE,
    reference="A neighbour of [[8718]](https://kexue.fm/archives/8718). SMU, arXiv 2111.04682; ACON, arXiv 2009.04759; "
    "perturbed optimisers: Berthet et al. (2020), [arXiv 2002.08676](https://arxiv.org/abs/2002.08676).",
)
