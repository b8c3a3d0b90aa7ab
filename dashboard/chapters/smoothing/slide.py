"""The kernel sliding over f, and every smooth form of one function."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures.labs import smoothing_moving as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.smoothing.convolution import gate, smooth
from engine.smoothing.errors import matching_width, supremum_error
from engine.smoothing.kernels import KERNELS
from engine.smoothing.piecewise_linear import named

FUNCTIONS = ("relu", "leaky_relu", "abs", "sign", "step", "clip", "indicator", "floor", "round")
REACH, POINTS, PLACES = 3.0, 201, 41
CODE = """
import numpy as np
f, w, y = lambda y: np.maximum(y, 0), 0.5, np.linspace(-9, 9, 20_001)
bump = lambda u: np.exp(-u**2 / 2) / np.sqrt(2 * np.pi)
g = lambda x: np.trapezoid(f(y) * bump((x - y) / w) / w, y)
print(g(0.0), w / np.sqrt(2 * np.pi))  # 0.1995 twice
"""


@st.cache_resource(show_spinner=False, max_entries=64)  # a copy of a figure takes longer than drawing it
def drawn(name: str, kernel: str, width: float) -> tuple[go.Figure, float]:
    """The moving figure, and the largest difference between the areas drawn and the closed form."""
    f, g = named(name), smooth(named(name), kernel=kernel, width=width)
    x = np.linspace(-REACH, REACH, POINTS)
    places = np.linspace(0, POINTS - 1, PLACES).astype(int)
    fine = np.linspace(-40, 40, 8001) + 1e-6  # beside every break
    shape = KERNELS[kernel]
    found = [np.trapezoid(f(fine) * shape.density(np.abs(at - fine) / width) / width, fine) for at in x[places[5:-5:5]]]
    bumps = shape.density(np.abs(x[places, None] - x) / width) / width
    figure = figures.sliding(x, f(x), g(x), f(x) * bumps, bumps, places)
    return figure, float(np.abs(np.array(found) - g(x[places[5:-5:5]])).max())


@st.cache_data(show_spinner=False, max_entries=64)
def all_forms(name: str, width: float, equal: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, str]:
    """Smooth forms of a function under every kernel that has one: name -> values; x, f, and who has none."""
    x = np.linspace(-REACH, REACH, 301)
    f, lines, without = named(name), {}, []
    for kernel in KERNELS:
        try:
            w = width if equal == "width w" else matching_width("gaussian", kernel, width=width)
            lines[kernel] = smooth(f, kernel=kernel, width=w)(x)
        except ValueError:
            without.append(kernel)
    if name == "relu":
        lines |= {f"{kernel} gate": gate(kernel=kernel, width=width)(x) for kernel in ("gaussian", "logistic")}
    return lines, x, f(x), ", ".join(without)


def settings() -> tuple[str, str, float]:
    """Function, kernel and width."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Function f", FUNCTIONS, key="smoothing_slide_f", bind="query-params", width=150)
        kernel = st.selectbox("Kernel", [*KERNELS], key="smoothing_slide_kernel", bind="query-params", width=150)
        width = st.slider("Width w", 0.1, 1.5, 0.5, 0.05, key="smoothing_slide_width", bind="query-params", width=260)
    return name, kernel, width


def picture() -> Reading | None:
    """The sliding kernel."""
    name, kernel, width = settings()
    try:
        figure, gap = drawn(name, kernel, width)
    except ValueError as error:
        st.error(f"{error}", icon=":material/error:")
        return None
    lesson.titled(
        figure,
        "The area of f times the kernel (below) is g(x) (above): drag x",
        key="smoothing_slide_moving",
        alt="The kernel sliding over f and the smooth function it draws",
    )
    f, g = named(name), smooth(named(name), kernel=kernel, width=width)
    largest = supremum_error(g)
    at_break = "half the jump at a jump, for every width" if f.has_jumps else "proportional to w at a kink"
    apart = "nothing beyond the rounding of sums: at a kink g leaves f by the same share of w for every width."
    if kernel in ("student", "cauchy"):
        apart = f"the sums stop at |y| = 40, and the {kernel} kernel has heavy tails beyond."
    elif f.has_jumps:
        apart = "a narrower kernel does not make the largest distance smaller, only its place: pointwise, not uniform."
    return Reading(
        see=f"at x = 0 the function is f = {float(f(0.0)):.3g} and the smooth one g = {float(g(0.0)):.4g} with a width "
        f"of {{w}}; at x = 3w they are {float(f(3 * width)):.4g} and {float(g(3 * width)):.4g}.",
        theory=f"the largest distance between g and f is {at_break}"
        + (f" ({largest:.4g} here)." if not f.has_jumps else ".")
        + " g has as many derivatives as the kernel gives it.",
        measured=f"sums over 8,001 points at seven places differ from the closed form by at most {gap:.1g}. Nothing is "
        "drawn at random, so there is no interval.",
        apart=apart,
        drag={"w": Number("smoothing_slide_width", spaced(0.1, 1.5, 0.05), "width w")},
    )


def show_forms() -> None:
    """Every smooth form of the function in one figure."""
    name, width = st.session_state["smoothing_slide_f"], st.session_state["smoothing_slide_width"]
    equal = st.segmented_control(
        "Compare at equal",
        ("width w", "largest error at a kink"),
        default="width w",
        key="smoothing_slide_equal",
        bind="query-params",
        required=True,
    )
    lines, x, values, without = all_forms(name, width, equal)
    left, right = st.columns(2)
    with left:
        lesson.titled(
            figures.forms(x, values, lines, y="g(x)"),
            f"What does every kernel make of {name}?",
            key="smoothing_slide_forms",
            alt="Every smooth form of the function",
        )
    with right:
        gaps = {name: line - values for name, line in lines.items()}
        lesson.titled(
            figures.forms(x, 0 * values, gaps, y="g(x) − f(x)"),
            "Which smooth form stays nearest to f?",
            key="smoothing_slide_gaps",
            alt="Distance of every smooth form from the function",
        )
    if without:
        st.caption(f"Without a form here: {without} (its tails are too heavy).")


CHAPTER = Chapter(
    question="How does a sliding kernel make a function smooth?",
    chinese="用狄拉克函数的近似做卷积：光滑近似 · mollification",
    lead="A narrow kernel that slides along f averages it near each x: the result g is as smooth as the kernel, also "
    "at a kink or a jump of f.",
    guess=Guess(
        question="which kernel is needed for a ReLU whose second derivative is continuous?",
        answers=("any", "uniform", "Laplace"),
        right="Laplace",
        because="The second derivative of the smoothed ReLU is the kernel itself: Laplace's is continuous, the uniform "
        "one jumps at its ends.",
    ),
    picture=picture,
    beside=True,
    good_for="making any kinked or stepped function differentiable with a width that says by how much it changes.",
    formula=r"g(x)=\int f(y)\,\frac1w\,p\Big(\frac{x-y}{w}\Big)\,dy",
    code=CODE,
    reference="Su Jianlin, [[8718]](https://kexue.fm/archives/8718), sections 1 and 2. SAU: Biswas et al. (2021), "
    "[arXiv 2109.13210](https://arxiv.org/abs/2109.13210).",
    more={"All smooth forms of this function in one figure": show_forms},
    inside={"smoothing_slide_equal": "All smooth forms of this function in one figure"},
)
