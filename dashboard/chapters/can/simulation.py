"""When does CAN help? A map of its gain over the faults of a classifier, with the reader's own run on it."""

import numpy as np
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import can_map
from dashboard.figures.labs import can_simulation as figures
from dashboard.frames.labs import can_predictions
from dashboard.frames.numbers import as_number
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs import can_runs, lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.can.correct import top_k_entropy, usable_k
from engine.can.gain_map import Faults, faults, gain_map
from engine.evidence.intervals import mean_half_width

COMMAND = "python -m jobs.can simulate"
BIASES, SHIFTS = (0.0, 0.4, 0.8, 1.2, 1.6, 2.0), (0.0, 0.5, 1.0)
CLASSES, CONFIDENT = (2, 5, 8, 15, 30), (10, 30, 100, 200)
PROBLEMS = 4
CODE = """
import numpy as np

bias = np.log(np.bincount(labels, minlength=m) / len(labels)) - np.log(probs.mean(axis=0))
print(bias.std())                        # above about 0.5, and the test mix as in training: try CAN
print(np.bincount(labels, minlength=m) / len(labels) - prior)
"""


@st.cache_data(show_spinner=False, max_entries=64)
def gains(n_classes: int, n_confident: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean gain in points over the map, and half of its 95 % interval over problems; (shifts, biases) each."""
    found = 100 * gain_map(
        BIASES, SHIFTS, n_classes=n_classes, n_confident=n_confident, rng=np.random.default_rng(0), problems=PROBLEMS,
        rows=100,
    )  # fmt: skip
    half = np.array([[float(mean_half_width(cell)) for cell in line] for line in np.moveaxis(found, 0, 2)])
    return found.mean(axis=0), half


@st.cache_resource(show_spinner=False, max_entries=8)
def run_faults(version: str, run_id: str) -> tuple[Faults, int, int] | None:
    """Where a run lies: its faults, classes and confident rows."""
    lab = can_runs.load(version, run_id)
    if not isinstance(lab, can_predictions.Lab):
        return None
    m = len(lab.names)
    sure = top_k_entropy(lab.probs, k=usable_k(min(3, max(2, m - 1)), m)) < 0.9
    return faults(lab.probs, lab.labels, next(iter(lab.priors.values()))), m, int(sure.sum())


def nearest(options: tuple[int, ...], value: int) -> int:
    """The option nearest to a value, by ratio."""
    return min(options, key=lambda option: abs(np.log(option / max(1, value))))


def pick(below: DeltaGenerator) -> tuple[int, int, float, float, tuple[Faults, str] | None]:
    """The choices: classes, confident rows, bias, shift, and, below the map, the run on it."""
    version = queries.store_version()
    can_runs.prefer_classification(version)
    with below:
        run_id = can_runs.pick(version)
    place = run_faults(version, run_id) if run_id else None
    start = (15, 100) if place is None else (nearest(CLASSES, place[1]), nearest(CONFIDENT, place[2]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        m = st.select_slider("Classes", CLASSES, start[0], key="can_simulation_classes", bind="query-params", width=150)
        sure = st.select_slider(
            "Confident rows", CONFIDENT, start[1], key="can_simulation_confident", bind="query-params", width=150
        )
        bias = st.select_slider("Bias", BIASES, 1.2, key="can_simulation_bias", bind="query-params", width=150)
        shift = st.select_slider("Shift", SHIFTS, 0.0, key="can_simulation_shift", bind="query-params", width=150)
    return m, sure, bias, shift, (place[0], "your run") if place else None


def picture() -> Reading:
    """The map."""
    above, shown, below = st.container(), st.container(), st.container()
    with above:
        m, sure, bias, shift, run = pick(below)
    mean, half = gains(m, sure)
    figure = can_map.gain_map(BIASES, SHIFTS, mean, half, chosen=Faults(bias, shift), run=run)
    with shown:
        lesson.titled(
            figure,
            f"CAN changes accuracy by {mean.min():+.1f} to {mean.max():+.1f} points; in brackets: not told from zero",
            key="can_simulation_map",
            alt="Map of the gain over class bias and prior shift",
        )
    here = SHIFTS.index(shift), BIASES.index(bias)
    own = ""
    if run is not None:
        place = run[0]
        near = (
            int(np.abs(np.array(SHIFTS) - place.prior_shift).argmin()),
            int(np.abs(np.array(BIASES) - place.class_bias).argmin()),
        )
        own = (
            f" The star is the run chosen below: bias {place.class_bias:.2f}, shift {place.prior_shift:.2f}, where the "
            f"map says {mean[near]:+.1f} points."
        )
    return Reading(
        see="a classifier of {classes} classes with a bias of {bias} and a shift of {shift}, corrected against "
        f"{{confident}} rows, changes by **{mean[here]:+.2f} ± {half[here]:.2f}** points.{own}",
        theory="without a bias the probabilities are exact posteriors, and nothing beats these: the gain there is at "
        "most zero. With a bias CAN pulls the class mix back to the prior. If the test mix is another one, it pulls "
        "to the wrong place.",
        measured=f"{PROBLEMS} random classifiers of accuracy 60 %, the same for every cell; ± is the 95 % interval "
        "over them. Brackets mark cells whose interval holds zero.",
        apart="the post found more gain with more classes. With the bias of each class held fixed the gain does not "
        "grow with their number. A run's bias is estimated from few labels a class and looks larger than it is.",
        drag={
            "classes": Number("can_simulation_classes", CLASSES, "number of classes"),
            "bias": Number("can_simulation_bias", BIASES, "class bias"),
            "shift": Number("can_simulation_shift", SHIFTS, "prior shift"),
            "confident": Number("can_simulation_confident", CONFIDENT, "confident rows"),
        },
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def stored(version: str, run_id: str) -> pl.DataFrame:
    """The simulation of one run."""
    return queries.measurements(version, "can_simulation", run_ids=(run_id,))


def points(frame: pl.DataFrame, axis: str, at: float, metric: str = "can") -> str:
    """`+1.23` points of one cell, or a dash."""
    found = frame.filter(axis=axis, at=at, metric=metric)
    return f"{100 * found['value'][0]:+.2f}" if found.height else "–"


def ends(frame: pl.DataFrame, axis: str) -> tuple[float, float]:
    """Smallest and largest value of an axis."""
    values = frame.filter(axis=axis)["at"]
    return (as_number(values.min()), as_number(values.max())) if len(values) else (float("nan"), float("nan"))


def advice(frame: pl.DataFrame) -> str:
    """When to use it and when not, with the stored figures."""
    bias, shift, temperature, size, accuracy = (
        ends(frame, axis) for axis in ("class_bias", "prior_shift", "temperature", "n_confident", "accuracy")
    )
    few, many = ends(frame, "n_classes")
    return f"""
**Use it when** the classifier's class mix is off while the true one is known. CAN repairs a class bias: without any
({bias[0]:g}) it gains {points(frame, "class_bias", bias[0])} points, with a large one ({bias[1]:g})
{points(frame, "class_bias", bias[1])}.

**Do not use it when** the test data have other class frequencies than the prior you give it: at a shift of
{shift[1]:g} accuracy changes by {points(frame, "prior_shift", shift[1])} points, and given the true test prior by
{points(frame, "prior_shift", shift[1], "can_test_prior")}. Nor with a handful of confident rows ({size[0]:g}:
{points(frame, "n_confident", size[0])}; {size[1]:g}: {points(frame, "n_confident", size[1])}), nor for an overconfident
classifier, which calls too few rows uncertain (temperature {temperature[0]:g}:
{points(frame, "temperature", temperature[0])}; 1: {points(frame, "temperature", 1.0)}).

**Number of classes:** {points(frame, "n_classes", few)} for {few:g} classes and {points(frame, "n_classes", many)} for
{many:g}. **Accuracy** decides how much is uncertain at all ({accuracy[0]:.0%}:
{points(frame, "accuracy", accuracy[0])}; {accuracy[1]:.0%}: {points(frame, "accuracy", accuracy[1])}). Sinkhorn scaling
changes every row: it gains more where the class mix is off and loses more where the prior is wrong. EM estimates the
test prior from the predictions and takes a class bias for a shift: it is for calibrated classifiers.
"""


def stored_simulation() -> None:
    """One fault at a time, from a stored simulation."""
    version = queries.store_version()
    runs = queries.run_list(version, experiment="can", task="simulation")
    found = [run_id for run_id in runs["run_id"] if not stored(version, run_id).is_empty()]
    if not found:
        headings.empty(COMMAND, "No simulation is stored yet (a minute or two).")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = st.selectbox("Simulation", found, key="can_simulation_run", bind="query-params", width=260)
        methods = st.segmented_control(
            "Methods",
            list(figures.METHODS),
            format_func=lambda name: figures.METHODS[name][0],
            selection_mode="multi",
            default=["can", "can_test_prior", "sinkhorn"],
            key="can_simulation_methods",
            bind="query-params",
        )
    frame = stored(version, run_id)
    st.markdown(advice(frame))
    st.caption(f"{words.means(frame.filter(metric='can')['n'].min(), 'problem')}.")
    axes = [axis for axis in figures.TITLES if not frame.filter(axis=axis).is_empty()]
    columns = st.columns(2)
    for index, axis in enumerate(axes):
        figure = figures.gain(frame.filter(axis=axis), axis=axis, methods=methods)
        name = f"Gain against {figures.TITLES[axis]}"
        plots.show(
            figure,
            key=f"can_simulation_{axis}",
            title=f"How does the gain depend on the {figures.TITLES[axis]}?",
            alt=name,
            place=columns[index % 2],
        )
    downloads.download(frame, f"can_simulation_{run_id}")
    st.code(queries.run(version, run_id)["command"], language="bash", wrap_lines=True)


CHAPTER = Chapter(
    question="When does CAN help?",
    chinese="CAN 什么时候有用 · when it helps and when it hurts",
    lead="CAN repairs a classifier's bias towards some classes, and does harm where the test data have another mix: "
    "the map shows the gain.",
    guess=Guess(
        question="the probabilities are perfect posteriors. What does CAN add?",
        answers=("a little accuracy", "nothing, or it costs", "much accuracy"),
        right="nothing, or it costs",
        because="The largest posterior is the best decision there is. Look at the column without bias.",
    ),
    picture=picture,
    beside=True,
    good_for="deciding before trying: estimate bias and shift from a few hundred labelled rows, look at the map, then "
    "test on held-out rows.",
    formula=r"z_c=\log\pi_c+\varepsilon_c+\mu x_c,\quad x=\mu e_y+\mathcal N(0,I),\quad "
    r"\varepsilon_c\sim\mathcal N(0,\text{bias}^2)",
    code=CODE,
    reference="The post reports more gain with more classes, [[8728]](https://kexue.fm/archives/8728); the synthetic "
    "classifiers are this project's (`engine.can.simulation`, `engine.can.gain_map`).",
    more={"One fault at a time: the stored simulation": stored_simulation},
    inside={
        "can_simulation_run": "One fault at a time: the stored simulation",
        "can_simulation_methods": "One fault at a time: the stored simulation",
    },
)
