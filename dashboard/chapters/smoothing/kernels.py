"""Any piecewise-linear function under any kernel: closed form, live numerical convolution, derivatives, code."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import smoothing as figures
from dashboard.parts import plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.smoothing.convolution import Gate, Smoothed, gate, smooth
from engine.smoothing.errors import area_error, gate_supremum_error, supremum_error
from engine.smoothing.kernels import KERNELS
from engine.smoothing.piecewise_linear import FUNCTIONS, PiecewiseLinear, Staircase, named, parse_knots
from engine.smoothing.quadrature import convolve
from engine.smoothing.spelled_out import latex, torch_code

CODE = """
import torch

def smooth_relu(x, s=0.5):                             # Gaussian kernel of width s
    normal = torch.distributions.Normal(0.0, 1.0)
    return x * normal.cdf(x / s) + s * torch.exp(normal.log_prob(x / s))
"""
OWN = "own knots"
POINTS = 301


@st.cache_data(show_spinner=False, max_entries=64)
def numeric(name: str, knots: str, kernel: str, width: float, low: float, high: float) -> np.ndarray:
    """Numerical convolution on the page's grid; it shares no formula with the closed form."""
    function = function_of(name, knots)
    x = np.linspace(low, high, POINTS)
    return convolve(function, x, kernel=kernel, width=width, breaks=breaks_of(function, width, low, high))


def function_of(name: str, knots: str) -> PiecewiseLinear | Staircase:
    """The function chosen on the page."""
    return parse_knots(knots) if name == OWN else named(name)


def breaks_of(function: PiecewiseLinear | Staircase, width: float, low: float, high: float) -> list[float]:
    """Breaks of the function; of a staircase those within reach."""
    if isinstance(function, PiecewiseLinear):
        return list(function.knots)
    margin = min(6 * width + 1, 12)
    return [k - function.shift for k in range(int(np.floor(low - margin)), int(np.ceil(high + margin)) + 1)]


def facts(g: Smoothed, below: Gate | None) -> str:
    """The page's sentence: exact errors."""
    area = area_error(g)
    spread = "no finite area between them (heavy tails)" if np.isinf(area) else f"area between them {area:.4g}"
    text = f"Largest distance |g − f| = **{supremum_error(g):.6g}**, {spread}"
    if isinstance(g.f, Staircase):
        text += " per period"
    if below is not None:
        error, place = gate_supremum_error(g.kernel, width=g.width)
        text += f"; the gate stays within {error:.6g} of ReLU, reached at |x| = {place:.4g}"
    if isinstance(g.f, PiecewiseLinear | Staircase) and g.f.has_jumps:
        text += ". At a jump the error is half the jump for every width: convergence is pointwise only"
    return text + "."


def settings() -> tuple[str, str, float, int, str]:
    """Function, kernel, width, how far is shown, and own knots."""
    columns = st.columns([1.2, 1.2, 1.6, 1.2])
    name = columns[0].selectbox("Function f", [*FUNCTIONS, OWN], key="smoothing_f", bind="query-params")
    kernel = columns[1].selectbox("Kernel", list(KERNELS), key="smoothing_kernel", bind="query-params")
    log_width = columns[2].slider(
        "log₁₀ of the width w", -3.0, 1.0, -0.3, 0.05, key="smoothing_width", bind="query-params"
    )
    reach = columns[3].slider("Shown |x| up to", 1, 12, 4, key="smoothing_reach", bind="query-params")
    knots = ""
    if name == OWN:
        knots = st.text_input(
            "Knots x:y, at a jump x:left/right; then the slopes outside",
            "-1:0, 0:0/1, 2:3; slopes 0 1",
            key="smoothing_knots",
            bind="query-params",
        )
    return name, kernel, 10.0**log_width, reach, knots


def picture() -> Reading | None:
    """Closed form, live convolution and derivatives of any function."""
    name, kernel, width, reach, knots = settings()
    try:
        f = function_of(name, knots)
        g = smooth(f, kernel=kernel, width=width)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        if kernel == "cauchy" and name == "relu":
            st.info("The gate x·Φ(x/w) works for every kernel; see *Errors and gates*.", icon=":material/lightbulb:")
        return None
    x = np.linspace(-reach, reach, POINTS)
    closed, live = g(x), numeric(name, knots, kernel, width, -reach, reach)
    below = gate(kernel=kernel, width=width) if name == "relu" else None
    show_curves(name, x, f(x), closed, live, below, width)
    show_derivatives(name, x, g, below, width)
    agreement = np.abs(closed - live).max()
    return Reading(
        see=facts(g, below),
        theory="each kernel has its smoothed step Φ and its smoothed ReLU R, and every piecewise-linear function is a "
        "sum of them. The second derivative of a smoothed ReLU is the kernel itself.",
        measured=f"closed form and numerical convolution agree within {max(agreement, 1e-15):.1g} on n = {POINTS} "
        f"points, which is {'the rounding of the computer' if agreement < 1e-12 else 'what the quadrature leaves'}; "
        "nothing is random, so there is no interval.",
        apart="GELU and Swish are no convolutions of ReLU but gates x·Φ(x/w): they lie below ReLU, convolutions above.",
    )


def show_curves(
    name: str, x: np.ndarray, f: np.ndarray, closed: np.ndarray, live: np.ndarray, below: Gate | None, width: float
) -> None:
    """The function, its smooth forms and their distance."""
    left, right = st.columns(2)
    lines = {"closed form": closed, "numerical convolution": live} | ({"gate x·Φ": below(x)} if below else {})
    plots.show(
        figures.curves(x, f, lines),
        key="smoothing_curves",
        title=f"What does the kernel make of {name}? w = {width:.3g}",
        alt="f, its closed smooth form and the numerical convolution",
        place=left,
    )
    gaps = {"g − f": closed - f} | ({"convolution − gate": below.gap(x)} if below else {})
    plots.show(
        figures.differences(x, gaps),
        key="smoothing_differences",
        title="Where does the smooth form leave f? Logarithmic axis",
        alt="Differences on a log axis",
        place=right,
    )


def show_derivatives(name: str, x: np.ndarray, g: Smoothed, below: Gate | None, width: float) -> None:
    """First and second derivative."""
    left, right = st.columns(2)
    slopes = {"g'": g.derivative(x)} | ({"gate's": below.derivative(x)} if below else {})
    plots.show(
        figures.derivatives(x, slopes, y="g'(x)"),
        key="smoothing_slope",
        title="How does the slope change? First derivative",
        alt="First derivative",
        place=left,
    )
    curvature = {"g''": g.second_derivative(x)}
    if name == "relu":
        curvature["kernel p(x/w)/w"] = g.kernel.density(np.abs(x / width)) / width
    plots.show(
        figures.derivatives(x, curvature, y="g''(x)"),
        key="smoothing_curvature",
        title="The second derivative of a smoothed ReLU is the kernel"
        if name == "relu"
        else "Where does the smooth form bend? Second derivative",
        alt="Second derivative",
        place=right,
    )


def show_formula() -> None:
    """The chosen function's formula and torch code."""
    names = ("f", "kernel", "width", "knots")
    name, kernel, log_width, knots = (st.session_state.get(f"smoothing_{part}", "") for part in names)
    f, width = function_of(name, knots), 10.0**log_width
    formula = latex(f, kernel=kernel, width=width)
    for part in formula.split(r",\quad "):
        st.latex(part)
    left, right = st.columns(2)
    left.code(formula, language="latex", wrap_lines=True)
    right.code(torch_code(f, kernel=kernel, width=width), language="python", wrap_lines=True)


CHAPTER = Chapter(
    question="What does your own function become under a kernel?",
    chinese="任意分段线性函数的光滑形式 · any function, any kernel",
    lead="Averaging f with a kernel of width w rounds its steps and kinks: choose a function, or type your own knots.",
    guess=Guess(
        question="SoftPlus is the ReLU under which kernel?",
        answers=("Gaussian", "logistic", "Laplace"),
        right="logistic",
        because="Its second derivative is σ(1 − σ), the logistic density. SquarePlus belongs to Student's kernel.",
    ),
    picture=picture,
    good_for="taking a smooth form of your own function along, as a formula and as torch code.",
    formula=r"g(x)=\int f(y)\,\tfrac1w\,p\!\left(\tfrac{x-y}w\right)dy,\quad "
    r"f=\max(x,0):\ g''=\tfrac1w\,p\!\left(\tfrac xw\right)",
    code=CODE,
    reference="Su Jianlin, [[8718]](https://kexue.fm/archives/8718) and [[8833]](https://kexue.fm/archives/8833).",
    more={"This function as formula and code": show_formula},
)
