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
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.smoothing.kernels import KERNELS
from engine.smoothing.staircase import Problem, anneal, descend, make_problem

CODE = """
import numpy as np
from scipy.special import expit

def slope(x, w):                                      # derivative of the smooth floor, logistic kernel
    s = expit((x[..., None] - np.arange(-20, 21)) / w)
    return (s * (1 - s)).sum(axis=-1) / w
for w in np.geomspace(1.0, 0.02, 80):                 # residual = smooth_floor(A @ theta, w) - y
    theta -= 0.05 * A.T @ (residual(theta, w) * slope(A @ theta, w)) / len(y)
"""
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
    return np.asarray(problem_of(seed).solution + THETA[:, None] * np.eye(4)[0])


@st.cache_resource(show_spinner=False, max_entries=64)  # a copy of a figure takes longer than drawing it
def rolling(kernel: str, start: float, end: float, seed: int) -> tuple[go.Figure, float, float, float]:
    """A ball with one unknown: the moving figure, where it starts, where it ends, and the answer."""
    problem = make_problem(np.random.default_rng([seed, 2]), rows=30, size=1)
    answer = float(problem.solution[0])
    found = descend(problem, np.array([answer + 2.5]), widths=anneal(start, end, BALL_STEPS), kernel=kernel)
    theta = np.linspace(answer - 3, answer + 3, 241)
    widths = np.append(found.widths, found.widths[-1])
    path = found.thetas[:, 0]
    with_ball = np.array(  # the ball's place behind those of the curve: half as many calls
        [
            problem.smoothed(np.append(theta, at)[:, None], kernel=kernel, width=width)
            for at, width in zip(path, widths, strict=True)
        ]
    )
    curves, heights = with_ball[:, :-1], with_ball[:, -1]
    figure = moving_figures.ball(theta, problem.loss(theta[:, None]), curves, path, heights, widths)
    return figure, float(path[0]), float(path[-1]), answer


def settings() -> tuple[str, float, float, int]:
    """Kernel, first and last width, and the problem."""
    columns = st.columns([1, 1.5, 1.5, 1])
    kernel = columns[0].selectbox("Kernel", list(KERNELS), key="smoothing_staircase_kernel", bind="query-params")
    start = columns[1].slider("First width", 0.1, 3.0, 1.0, 0.1, key="smoothing_staircase_start", bind="query-params")
    end = columns[2].slider("Last width", 0.02, 1.0, 0.02, 0.02, key="smoothing_staircase_end", bind="query-params")
    seed = columns[3].number_input("Problem", 0, 999, 0, key="smoothing_staircase_seed", bind="query-params")
    return kernel, start, end, int(seed)


def picture() -> Reading:
    """The ball with one unknown."""
    kernel, start, end, seed = settings()
    figure, first, last, answer = rolling(kernel, start, end, seed)
    lesson.titled(
        figure,
        "Does the ball reach the lowest tread while the kernel narrows? Drag the step",
        key="smoothing_staircase_ball",
        alt="A ball descending the smoothed staircase loss",
    )
    return Reading(
        see=f"with a width from {{start}} to {{end}} the ball starts at θ = {first:.3f} and ends at "
        f"**{last:.3f}**; the "
        f"integers were made with θ = {answer:.3f}.",
        theory="the true loss is a staircase whose gradient is 0 almost everywhere. A wide kernel points far but blurs "
        "the answer, a narrow one is exact but flat on the treads; annealing starts wide and ends narrow.",
        measured=stored_sentence(),
        apart="a solution of the integers need not be the θ that made them: all θ of one tread give the same integers.",
        drag={
            "start": Number("smoothing_staircase_start", spaced(0.1, 3, 0.1), "first width"),
            "end": Number("smoothing_staircase_end", spaced(0.02, 1, 0.02), "last width"),
        },
    )


def stored_sentence() -> str:
    """The final losses of the newest stored experiment."""
    table = stored_table()
    if table is None:
        return f"one problem, drawn live (n = 1, no interval); `{COMMAND}` repeats it over problems with intervals."
    rows = table.rows(named=True)
    losses = ", ".join(
        f"{row['schedule']} {row['loss']:.3g}{words.interval(row['low'], row['high'], '.3g')}" for row in rows
    )
    return f"stored losses after 400 steps: {losses}. {words.means(table['problems'].min(), 'problem')}."


def stored_table() -> pl.DataFrame | None:
    """Final loss by schedule of the newest run, with the share of problems that it solved."""
    frame = queries.measurements(queries.store_version(), "staircase_final", experiment="smoothing")
    if frame.is_empty():
        return None
    frame = frame.filter(pl.col("run_id") == pl.col("run_id").max())
    table = frame.filter(metric="loss").sort("value").select("schedule", "value", "low", "high", "n")
    table = table.with_columns(pl.col("low").clip(0))  # a squared error is not negative
    solved = frame.filter(metric="solved").select("schedule", solved="value")
    return table.join(solved, on="schedule", maintain_order="left").rename({"value": "loss", "n": "problems"})


def show_four() -> None:
    """The same with four unknowns: four schedules and the loss around the solution."""
    names = ("kernel", "start", "end", "seed")
    kernel, start, end, seed = (st.session_state[f"smoothing_staircase_{name}"] for name in names)
    losses = {
        f"annealed {start:.3g} → {end:.3g}": losses_of(kernel, start, end, seed),
        f"fixed {start:.3g}": losses_of(kernel, start, start, seed),
        f"fixed {end:.3g}": losses_of(kernel, end, end, seed),
        "straight-through": losses_of("gaussian", 1.0, 1.0, seed, straight=True),  # uses no kernel
    }
    final = ", ".join(f"{name} **{path[-1]:.3g}**" for name, path in losses.items())
    first = next(iter(losses.values()))[0]
    st.markdown(f"30 integers, 4 unknowns, {STEPS} steps, loss {first:.3g} at the start; final: {final}.")
    left, right = st.columns(2)
    plots.show(
        figures.descents(losses),
        key="smoothing_staircase_descents",
        title="Which schedule reaches the lowest loss? Logarithmic, with zero at the foot",
        alt="Staircase loss by step and schedule",
        place=left,
    )
    smoothed = {f"w = {w:.3g}": landscape_of(kernel, w, seed) for w in dict.fromkeys((start, end))}
    plots.show(
        figures.landscape(THETA, problem_of(seed).loss(path_of(seed)), smoothed),
        key="smoothing_staircase_landscape",
        title="Does the smoothed loss lead to the solution? First coordinate",
        alt="Loss along one direction through the solution",
        place=right,
    )


def show_stored() -> None:
    """The stored experiment."""
    table = stored_table()
    if table is None:
        headings.empty(COMMAND)
        return
    plots.show(
        figures.intervals(table.rename({"loss": "value"}), label="schedule", x="staircase loss after 400 steps"),
        key="smoothing_staircase_final",
        title="Which schedule ends lowest?",
        alt="Final losses by schedule with intervals",
    )
    st.dataframe(
        table,
        key="smoothing_staircase_table",
        hide_index=True,
        column_config={"solved": st.column_config.NumberColumn(format="percent")}
        | {
            name: st.column_config.NumberColumn(title, format="%.4f")
            for name, title in (("loss", "loss"), ("low", "95 % from"), ("high", "to"))
        },
        alt="Final losses by schedule",
    )


CHAPTER = Chapter(
    question="Can one descend a staircase?",
    chinese="阶梯损失与退火 · annealing a smoothed floor",
    lead="Find θ with floor(Aθ) = y: the gradient of floor is 0 almost everywhere, but that of a smoothed floor leads "
    "downhill.",
    guess=Guess(
        question="which solves most of 40 problems?",
        answers=("a fixed narrow width", "narrowing from wide to narrow", "straight-through"),
        right="straight-through",
        because="It solved 100 %, narrowing from 0.5 to 0.1 solved 88 %, and so did a fixed width of 0.1; widths of 1 "
        "and 0.02 solved 18 %. Narrowing protects against a badly chosen width, and does no more.",
        measured="on 22 November 2026",
    ),
    picture=picture,
    good_for="fitting through rounding, counting or quantisation. Straight-through, which pretends that floor's slope "
    "is 1, is the usual rival and is drawn below.",
    formula=r"L(\theta)=\frac1n\sum_i\big(\lfloor a_i\cdot\theta\rfloor_w-y_i\big)^2,\qquad w:\ w_0\to w_1",
    code=CODE,
    reference="Floor: Su Jianlin, [[8718]](https://kexue.fm/archives/8718); straight-through: "
    "[Bengio et al., 2013](https://arxiv.org/abs/1308.3432); the descent is this project's.",
    more={"Four unknowns, four schedules": show_four, "The stored experiment": show_stored},
)
