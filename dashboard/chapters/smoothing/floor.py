"""Floor made smooth: the finite sum that saturates, the series, and what each kernel leaves of the steps."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import smoothing as figures
from dashboard.parts import plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.smoothing.floor import floor_window, smooth_floor, smooth_floor_derivative
from engine.smoothing.kernels import KERNELS

CODE = """
import numpy as np
from scipy.special import expit

def smooth_floor(x, t=10.0, low=5, high=10):            # right for -low << x << high
    return -low - 1 + sum(expit(t * (x - n)) for n in range(-low, high + 1))
print(smooth_floor(np.array([0.3, 2.5, 3.0])))          # about 0, 2 and 2.5: at an integer n - 1/2
"""


def settings() -> tuple[str, float, int, int]:
    """Kernel, width and window."""
    columns = st.columns([1, 2, 1, 1])
    kernel = columns[0].selectbox("Kernel", list(KERNELS), index=1, key="smoothing_floor_kernel", bind="query-params")
    log_width = columns[1].slider(
        "log₁₀ of the width w", -2.5, 0.5, -1.0, 0.05, key="smoothing_floor_width", bind="query-params"
    )
    low = columns[2].slider("M", 0, 20, 5, key="smoothing_floor_m", bind="query-params")
    high = columns[3].slider("N", 1, 20, 10, key="smoothing_floor_n", bind="query-params")
    return kernel, 10.0**log_width, low, high


def show_waves(width: float, gaps: dict[str, np.ndarray], x: np.ndarray) -> None:
    """The wave around the line, and how far the sum and the smooth floor are off."""
    left, right = st.columns(2)
    unit = np.linspace(0, 2, 401)
    waves = {name: smooth_floor(unit, kernel=name, width=width) - unit + 0.5 for name in KERNELS}
    plots.show(
        figures.wave(unit, waves),
        key="smoothing_floor_wave",
        title="Which kernel leaves most of the steps around x − ½?",
        alt="Wave around the line for every kernel",
        place=left,
    )
    plots.show(
        figures.differences(x, gaps, height=340),
        key="smoothing_floor_gap",
        title="Where does the finite sum leave the smooth floor? Logarithmic axis",
        alt="Differences on a log axis",
        place=right,
    )


def picture() -> Reading:
    """The smoothed floor and its finite sum."""
    kernel, width, low, high = settings()
    x = np.linspace(-low - 4, high + 4, 902)  # even: no point falls on the middle of a tread, where the error is 0
    exact = smooth_floor(x, kernel=kernel, width=width)
    window = floor_window(x, kernel=kernel, width=width, low=low, high=high)
    plots.show(
        figures.windows(x, exact, window, low, high),
        key="smoothing_floor_window",
        title=f"Only from {-low} to {high} does the finite sum follow the smooth floor",
        alt="Smoothed floor and its finite sum",
    )
    show_waves(width, {"finite sum − exact": window - exact, "exact − floor": exact - np.floor(x)}, x)
    inside = (x > -low + 0.5) & (x < high - 0.5)
    slopes = smooth_floor_derivative([0.0, 0.5], kernel=kernel, width=width)
    gap = f"inside, the sum is off by at most **{np.abs(window - exact)[inside].max():.2g}**" if inside.any() else ""
    return Reading(
        see=f"a window from −{{M}} to {{N}}: {gap or 'it is too narrow to have an inside'}; "
        f"outside it stays at −{low + 1} and {high}.",
        theory="Poisson summation writes it as the line x − ½ plus a wave that a wider kernel flattens. "
        "At an "
        f"integer n the value is n − ½ for every even kernel. The slope is {slopes[0]:.4g} at an integer and "
        f"{slopes[1]:.4g} in the middle of a tread, where that of floor is 0.",
        measured=f"sum and series on n = {len(x)} points, largest difference as above; nothing is random, so there is "
        "no interval.",
        apart="at the integers the smooth floor never reaches floor, however narrow the kernel: n − ½ instead of n.",
        drag={
            "M": Number("smoothing_floor_m", range(0, 21), "M, the lower end of the window"),
            "N": Number("smoothing_floor_n", range(1, 21), "N, the upper end of the window"),
        },
    )


CHAPTER = Chapter(
    question="What is a smooth floor?",
    chinese="取整函数的光滑近似 · smooth floor",
    lead="Floor is a sum of steps, so the smooth floor is a sum of smoothed steps; a computer sums only the steps "
    "from −M to N.",
    guess=Guess(
        question="the kernel becomes ever narrower. What is the smooth floor of 3?",
        answers=("3", "2.5", "2"),
        right="2.5",
        because="At a jump a convolution with an even kernel takes the mean of both sides, for every width.",
    ),
    picture=picture,
    good_for="gradients through rounding and quantisation, with the window wide enough for the data.",
    formula=r"\lfloor x\rfloor_w=x-\tfrac12+\sum_{k\ge1}\frac{\hat p(2\pi kw)}{\pi k}\sin2\pi kx\approx"
    r"\sum_{n=-M}^{0}\big[\Phi(\tfrac{x-n}w)-1\big]+\sum_{n=1}^{N}\Phi(\tfrac{x-n}w)",
    code=CODE,
    reference="Su Jianlin, [[8718]](https://kexue.fm/archives/8718); series and bounds are derived here.",
)
