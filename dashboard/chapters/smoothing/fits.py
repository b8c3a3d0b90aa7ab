"""Cheap formulas in place of GELU, the normal distribution and SoftPlus: their best fits and errors."""

import numpy as np
import streamlit as st
from scipy.special import expit

from dashboard.figures.labs import johnson_lindenstrauss as lines
from dashboard.parts.labs import lesson
from engine.smoothing.convolution import gate, smooth
from engine.smoothing.errors import largest_difference, minmax_width
from engine.smoothing.families import gelu_sigmoid, gelu_tanh, softplus, squareplus
from engine.smoothing.kernels import KERNELS

TITLE = "How well do cheap formulas fit GELU and SoftPlus?"
SENTENCE = "Move the constant of a cheap formula and see its largest error beside the smallest that is possible."
CHINESE = "GELU 与 SquarePlus 的最佳逼近"
NOTE = """A best fit in the sense of the largest error touches its bound above and below equally far. The post on
SquarePlus asks the same of SoftPlus."""
FORMULA = r"\min_t\max_x|x\,\Phi(x)-x\,\sigma(tx)|,\qquad \min_b\max_x\Big|\ln(1+e^x)-\tfrac{x+\sqrt{x^2+b}}{2}\Big|"
SOURCE = "kexue.fm/archives/8718 (GELU, Swish) and 8833 (SquarePlus)"
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


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        case = st.selectbox("Formula", [*CASES], key="smoothing_fits_case", bind="query-params", width=260)
        constant = st.slider(
            "Constant", 1.0, 2.5, 1.7, 0.01, key="smoothing_fits_constant", bind="query-params", width=320
        )
    best, least = best_fits()[case]
    error = largest(case, constant)
    x = np.linspace(-8, 8, 401)
    name = "b" if "SquarePlus" in case else "t"
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
        f"Error of {case}",
        key="smoothing_fits_picture",
        alt="Error of the approximation against x",
    )
    apart = (
        f"SquarePlus lies above SoftPlus everywhere only from b = 4 ln² 2 = {DOMINATES:.4f} on; "
        + ("yours does." if constant >= DOMINATES else "yours does not.")
        if name == "b"
        else f"GELU's tanh form is much closer: {tanh_error():.4g}, with the constant 0.044715."
        if "GELU" in case
        else "the constant 1.702 that is used for both is the best for Φ to three digits, not for GELU."
    )
    lesson.reading(
        see=f"with {name} = {constant:g} the largest error is **{error:.4g}**, {error / least:.2f} times the smallest.",
        theory=f"the smallest possible is **{least:.6g}** at {name} = **{best:.6g}**, reached above and below.",
        measured="both by refining the extremes on a grid of 4,801 points; nothing is drawn at random.",
        apart=apart,
    )
    st.markdown(
        f"At 0 SoftPlus is {float(softplus(0.0)):.4f}, SquarePlus with b = 1.5238 is "
        f"{float(squareplus(0.0, b=1.5238)):.4f}, "
        f"the Gaussian ReLU {float(smooth('relu', kernel='gaussian', width=1.0)(0.0)):.4f}, and GELU 0: GELU is a "
        "gate x·Φ(x), not a convolution of ReLU."
    )
    paper = "Barron (2021), SquarePlus, [arXiv 2112.11687](https://arxiv.org/abs/2112.11687)"
    gelu = "Hendrycks and Gimpel (2016), GELU, [arXiv 1606.08415](https://arxiv.org/abs/1606.08415)"
    lesson.take_along(CODE, reference=f"{paper}; {gelu}.")
