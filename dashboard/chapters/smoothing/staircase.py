"""Descending a staircase loss with a smoothed floor whose kernel narrows on the way."""

import numpy as np
import plotly.graph_objects as go
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import smoothing as figures
from dashboard.figures.labs import smoothing_moving as moving_figures
from dashboard.parts import headings, plots
from dashboard.parts.labs import lesson
from engine.smoothing.kernels import KERNELS
from engine.smoothing.staircase import Problem, anneal, descend, make_problem

TITLE = "Can one descend a staircase?"
SENTENCE = (
    "The floor's gradient is 0 almost everywhere; a smoothed floor has one, and annealing ends on the exact answer."
)
CHINESE = "阶梯损失与退火"
NOTE = """Integers are known, the numbers behind them are wanted: find θ with floor(Aθ) = y. The true loss is a
staircase whose gradient is 0 almost everywhere. A smoothed floor has a gradient: a wide kernel points far but blurs
the answer, a narrow one is exact but flat on the treads. Annealing starts wide and ends narrow. Straight-through
keeps the exact floor and pretends that its slope is 1."""
FORMULA = r"L(\theta)=\frac1n\sum_i\big(\lfloor a_i\cdot\theta\rfloor_w-y_i\big)^2,\qquad w:\ w_0\to w_1"
SOURCE = (
    "[kexue.fm/archives/8718](https://kexue.fm/archives/8718) (floor); "
    "[Bengio et al., 2013](https://arxiv.org/abs/1308.3432) (straight-through)"
)
STEPS = 80
BALL_STEPS = 40
THETA = np.linspace(-2, 2, 401)
COMMAND = "python -m jobs.smoothing train --parts staircase"


@st.cache_data(show_spinner=False, max_entries=256)
def losses_of(kernel: str, start: float, end: float, seed: int, straight: bool = False) -> np.ndarray:
    """Losses of one schedule on one problem of four unknowns."""
    first = np.random.default_rng([seed, 1]).standard_normal(4)
    found = descend(problem_of(seed), first, widths=anneal(start, end, STEPS), kernel=kernel, straight_through=straight)
    return found.losses


@st.cache_data(show_spinner=False, max_entries=256)
def landscape_of(kernel: str, width: float, seed: int) -> np.ndarray:
    """The smoothed loss along the first coordinate through the solution."""
    return problem_of(seed).smoothed(path_of(seed), kernel=kernel, width=width)


def problem_of(seed: int) -> Problem:
    """Thirty integers and four unknowns."""
    return make_problem(np.random.default_rng(seed), rows=30, size=4)


def path_of(seed: int) -> np.ndarray:
    """(401, 4) points on a line through the solution, along the first coordinate."""
    return problem_of(seed).solution + THETA[:, None] * np.eye(4)[0]


@st.cache_data(show_spinner=False, max_entries=64)
def rolling(kernel: str, start: float, end: float, seed: int) -> tuple[go.Figure, float, float, float]:
    """A ball with one unknown: the moving figure, where it starts, where it ends, and the answer."""
    problem = make_problem(np.random.default_rng([seed, 2]), rows=30, size=1)
    answer = float(problem.solution[0])
    found = descend(problem, np.array([answer + 2.5]), widths=anneal(start, end, BALL_STEPS), kernel=kernel)
    theta = np.linspace(answer - 3, answer + 3, 241)
    widths = np.append(found.widths, found.widths[-1])
    curves = np.array([problem.smoothed(theta[:, None], kernel=kernel, width=width) for width in widths])
    heights = np.array(
        [
            float(problem.smoothed(at, kernel=kernel, width=width))
            for at, width in zip(found.thetas, widths, strict=True)
        ]
    )
    path = found.thetas[:, 0]
    figure = moving_figures.ball(theta, problem.loss(theta[:, None]), curves, path, heights, widths)
    return figure, float(path[0]), float(path[-1]), answer


def show() -> None:
    """The chapter below its title."""
    columns = st.columns([1, 1.5, 1.5, 1])
    kernel = columns[0].selectbox("Kernel", list(KERNELS), key="smoothing_staircase_kernel", bind="query-params")
    start = columns[1].slider("First width", 0.1, 3.0, 1.0, 0.1, key="smoothing_staircase_start", bind="query-params")
    end = columns[2].slider("Last width", 0.02, 1.0, 0.02, 0.02, key="smoothing_staircase_end", bind="query-params")
    seed = columns[3].number_input("Problem", 0, 999, 0, key="smoothing_staircase_seed", bind="query-params")
    losses = {
        f"annealed {start:.3g} → {end:.3g}": losses_of(kernel, start, end, seed),
        f"fixed {start:.3g}": losses_of(kernel, start, start, seed),
        f"fixed {end:.3g}": losses_of(kernel, end, end, seed),
        "straight-through": losses_of("gaussian", 1.0, 1.0, seed, straight=True),  # uses no kernel
    }
    figure, first, last, answer = rolling(kernel, start, end, seed)
    lesson.titled(
        figure,
        "A ball with one unknown rolls down the smoothed loss while the kernel narrows: drag the step",
        key="smoothing_staircase_ball",
        alt="A ball descending the smoothed staircase loss",
    )
    st.markdown(
        f"The ball starts at θ = {first:.3f} and ends at **{last:.3f}**; the integers were made with θ = {answer:.3f}. "
        "Below, the same with four unknowns."
    )
    final = ", ".join(f"{name} **{path[-1]:.3g}**" for name, path in losses.items())
    st.markdown(
        f"30 integers, 4 unknowns, {STEPS} steps, loss {next(iter(losses.values()))[0]:.3g} at the "
        f"start; final: {final}."
    )
    left, right = st.columns(2)
    plots.show(
        figures.descents(losses),
        key="smoothing_staircase_descents",
        title="Loss against the step, four unknowns",
        alt="Staircase loss by step and schedule",
        place=left,
    )
    smoothed = {f"w = {w:.3g}": landscape_of(kernel, w, seed) for w in dict.fromkeys((start, end))}
    plots.show(
        figures.landscape(THETA, problem_of(seed).loss(path_of(seed)), smoothed),
        key="smoothing_staircase_landscape",
        title="Loss along the first coordinate through the solution",
        alt="Loss along one direction through the solution",
        place=right,
    )
    st.caption(
        "Left: logarithmic, with zero at the foot. Right: the loss along the first coordinate through the solution."
    )
    st.subheader("Stored experiment", anchor=False)
    frame = queries.measurements(queries.store_version(), "staircase_final", experiment="smoothing")
    if frame.is_empty():
        headings.empty(COMMAND)
        st.stop()
    frame = frame.filter(pl.col("run_id") == pl.col("run_id").max())
    table = frame.filter(metric="loss").sort("value").select("schedule", "value", "low", "high", "n")
    solved = frame.filter(metric="solved").select("schedule", solved="value")
    plots.show(
        figures.intervals(table, label="schedule", x="Staircase loss after 400 steps"),
        key="smoothing_staircase_final",
        alt="Final losses by schedule with intervals",
    )
    st.caption(
        f"Means and 95 % intervals{words.over(table['n'].min(), 'problem')}; solved: share that ended at loss 0."
    )
    st.dataframe(
        table.join(solved, on="schedule", maintain_order="left").rename({"value": "loss", "n": "problems"}),
        key="smoothing_staircase_table",
        hide_index=True,
        column_config={"solved": st.column_config.NumberColumn(format="percent")}
        | {name: st.column_config.NumberColumn(format="%.4f") for name in ("loss", "low", "high")},
        alt="Final losses by schedule",
    )
