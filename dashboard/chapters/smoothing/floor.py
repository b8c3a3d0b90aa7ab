"""Floor made smooth: the finite sum that saturates, the series, and what each kernel leaves of the steps."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import smoothing as figures
from dashboard.parts import plots
from engine.smoothing.floor import floor_window, smooth_floor, smooth_floor_derivative
from engine.smoothing.kernels import KERNELS

TITLE = "What is a smooth floor?"
SENTENCE = "Floor is a sum of steps, so its smooth version is a sum of smoothed steps: a line plus a wave."
CHINESE = "取整函数的光滑近似"
NOTE = """Floor is a sum of steps, so its smooth version is a sum of smoothed steps. A computer sums only a window
−M … N, and outside it the sum stops climbing. Poisson summation gives the whole of it: the line x − ½ plus a wave,
which a wider kernel flattens. At an integer n the value is n − ½, never n."""
FORMULA = (
    r"\lfloor x\rfloor_w = x-\tfrac12+\sum_{k\ge1}\frac{\hat p(2\pi k w)}{\pi k}\sin 2\pi kx"
    r"\;\approx\;\sum_{n=-M}^{0}\big[\Phi(\tfrac{x-n}w)-1\big]+\sum_{n=1}^{N}\Phi(\tfrac{x-n}w)"
)
SOURCE = "[kexue.fm/archives/8718](https://kexue.fm/archives/8718); series and bounds derived here"


def show() -> None:
    """The chapter below its title."""
    columns = st.columns([1, 2, 1, 1])
    kernel = columns[0].selectbox("Kernel", list(KERNELS), index=1, key="smoothing_floor_kernel", bind="query-params")
    log_width = columns[1].slider(
        "log₁₀ of the width w", -2.5, 0.5, -1.0, 0.05, key="smoothing_floor_width", bind="query-params"
    )
    low = columns[2].slider("M", 0, 20, 5, key="smoothing_floor_m", bind="query-params")
    high = columns[3].slider("N", 1, 20, 10, key="smoothing_floor_n", bind="query-params")
    width = 10.0**log_width
    x = np.linspace(-low - 4, high + 4, 902)  # even: no point falls on the middle of a tread, where the error is 0
    exact, window = (
        smooth_floor(x, kernel=kernel, width=width),
        floor_window(x, kernel=kernel, width=width, low=low, high=high),
    )
    inside = (x > -low + 0.5) & (x < high - 0.5)
    slopes = smooth_floor_derivative([0.0, 0.5], kernel=kernel, width=width)
    st.markdown(
        f"Inside the window the sum is off by at most **{np.abs(window - exact)[inside].max():.2g}**; "
        "outside it stays at "
        f"−{low + 1} and {high}. Slope at an integer {slopes[0]:.4g}, in the middle of a tread "
        f"{slopes[1]:.4g} (floor has "
        "0: this is the gradient that leaks through)."
    )
    plots.show(
        figures.windows(x, exact, window, low, high),
        key="smoothing_floor_window",
        title="The smoothed floor and a sum over a window",
        alt="Smoothed floor and its finite sum",
    )
    left, right = st.columns(2)
    unit = np.linspace(0, 2, 401)
    waves = {name: smooth_floor(unit, kernel=name, width=width) - unit + 0.5 for name in KERNELS}
    plots.show(
        figures.wave(unit, waves),
        key="smoothing_floor_wave",
        title="What is left of the steps around the line x − ½",
        alt="Wave around the line for every kernel",
        place=left,
    )
    gaps = {"finite sum − exact": window - exact, "exact − floor": exact - np.floor(x)}
    plots.show(
        figures.differences(x, gaps, height=340),
        key="smoothing_floor_gap",
        alt="Differences on a log axis",
        place=right,
    )
