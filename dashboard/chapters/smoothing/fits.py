"""Cheap formulas in place of GELU, the normal distribution and SoftPlus: their best fits and errors."""

import numpy as np
import streamlit as st
from scipy.special import expit

from dashboard.figures.labs import johnson_lindenstrauss as lines
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.smoothing.convolution import gate, smooth
from engine.smoothing.errors import largest_difference, minmax_width
from engine.smoothing.families import gelu_sigmoid, gelu_tanh, softplus, squareplus
from engine.smoothing.kernels import KERNELS

CASES = {"x·σ(tx) for GELU": 1.702, "σ(tx) for Φ(x)": 1.702, "SquarePlus(b) for SoftPlus": 1.52}
DOMINATES = 4 * np.log(2) ** 2
CODE = """
import torch
from torch.nn import functional as F
x = torch.linspace(-8, 8, 100_001, dtype=torch.float64)
print((F.gelu(x) - F.gelu(x, approximate="tanh")).abs().max())           # 4.7e-4
print((F.softplus(x) - (x + (x * x + 1.5238).sqrt()) / 2).abs().max())   # 0.0759
"""


@st.cache_data(show_spinner=False)
def best_fits() -> dict[str, tuple[float, float]]:
    """Best constant and its largest error, for each case."""
    gelu, step = (minmax_width("logistic", "gaussian", of=of) for of in ("gate", "step"))
    plus = minmax_width("student", "logistic", of="relu")
    values = ((1 / gelu[0], gelu[1]), (1 / step[0], step[1]), (plus[0] ** 2, plus[1]))
    return dict(zip(CASES, values, strict=True))


def difference(case: str, constant: float, x: np.ndarray) -> np.ndarray:
    """Approximation minus target."""
    if case == "x·σ(tx) for GELU":
        return np.asarray(gelu_sigmoid(x, sharpness=constant) - gate(kernel="gaussian", width=1.0)(x))
    if case == "σ(tx) for Φ(x)":
        return np.asarray(expit(constant * x) - KERNELS["gaussian"].cdf(x))
    return np.asarray(squareplus(x, b=constant) - softplus(x))


@st.cache_data(show_spinner=False, max_entries=128)
def largest(case: str, constant: float) -> float:
    """Largest error of the reader's constant."""
    return largest_difference(lambda x: difference(case, constant, x), np.zeros_like)


@st.cache_data(show_spinner=False)
def tanh_error() -> float:
    """Largest error of GELU's tanh form."""
    return largest_difference(gelu_tanh, gate(kernel="gaussian", width=1.0))


def picture() -> Reading:
    """Error curves of the reader's constant and of the best one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        case = st.selectbox("Formula", [*CASES], key="smoothing_fits_case", bind="query-params", width=240)
        constant = st.slider(
            "Constant", 1.0, 2.5, 1.7, 0.01, key="smoothing_fits_constant", bind="query-params", width=280
        )
    best, least = best_fits()[case]
    x, name = np.linspace(-8, 8, 401), "b" if "SquarePlus" in case else "t"
    error = largest(case, constant)
    lesson.titled(
        lines.lines(
            x,
            {
                f"best, {name} = {best:.4f}": difference(case, best, x),
                f"yours, {name} = {constant:g}": difference(case, constant, x),
            },
            x_title="x",
            y_title="approximation − target",
            level=(least, f"least largest error {least:.4g}"),
            height=380,
        ),
        f"{case}: with {name} = {constant:g} the largest error is {error / least:.2f} times the smallest",
        key="smoothing_fits_picture",
        alt="Error of the approximation against x",
    )
    return Reading(
        see=f"with {name} = {{constant}} the largest error is **{error:.4g}**, {error / least:.2f} times the smallest.",
        theory=f"the smallest possible is **{least:.6g}** at {name} = **{best:.6g}**, reached above and below.",
        measured="both by refining the extremes on a grid of n = 4,801 points; nothing is drawn at random, so there is "
        "no interval.",
        apart=apart(case, constant),
        drag={"constant": Number("smoothing_fits_constant", spaced(1, 2.5, 0.01), "the constant")},
    )


def apart(case: str, constant: float) -> str:
    """What the best constant leaves open."""
    if "SquarePlus" in case:
        above = "yours does" if constant >= DOMINATES else "yours does not"
        return f"SquarePlus lies above SoftPlus everywhere only from b = 4 ln² 2 = {DOMINATES:.4f} on; {above}."
    if "GELU" in case:
        return f"GELU's tanh form is much closer: {tanh_error():.4g}, with the constant 0.044715."
    return "the constant 1.702 that is used for both is the best for Φ to three digits, not for GELU."


def show_origin() -> None:
    """What all of them are at 0."""
    st.markdown(
        f"At 0 SoftPlus is {float(softplus(0.0)):.4f}, SquarePlus with b = 1.5238 is "
        f"{float(squareplus(0.0, b=1.5238)):.4f}, the Gaussian ReLU "
        f"{float(smooth('relu', kernel='gaussian', width=1.0)(0.0)):.4f}, and GELU 0: GELU is a gate x·Φ(x), not a "
        "convolution of ReLU."
    )


CHAPTER = Chapter(
    question="How well do cheap formulas fit GELU and SoftPlus?",
    chinese="GELU 与 SquarePlus 的最佳逼近 · minimax fits",
    lead="A cheap formula has one constant: move it and compare its largest error with the smallest that any constant "
    "reaches.",
    guess=Guess(
        question="σ(1.702x) is the usual fit of Φ(x). Is x·σ(1.702x) then the best fit of GELU?",
        answers=("yes", "no"),
        right="no",
        because="Multiplying by x weighs errors far from 0 more: the best constant is 1.7729, with an error of 0.0139 "
        "instead of 0.0203.",
    ),
    picture=picture,
    beside=True,
    good_for="replacing an activation by a cheaper one with a known largest error, or reading how far two frameworks' "
    "GELUs can differ.",
    formula=r"\min_t\max_x|x\Phi(x)-x\sigma(tx)|,\quad "
    r"\min_b\max_x\Big|\ln(1+e^x)-\tfrac{x+\sqrt{x^2+b}}2\Big|",
    code=CODE,
    reference="Su Jianlin, [[8718]](https://kexue.fm/archives/8718) (GELU, Swish) and "
    "[[8833]](https://kexue.fm/archives/8833) (SquarePlus). Barron (2021), "
    "[arXiv 2112.11687](https://arxiv.org/abs/2112.11687); Hendrycks and Gimpel (2016), "
    "[arXiv 1606.08415](https://arxiv.org/abs/1606.08415).",
    more={"What all of them are at 0": show_origin},
)
