"""When does CAN help? Gain on synthetic classifiers whose faults are known, one varied at a time."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import can_simulation as figures
from dashboard.parts import downloads, headings, links, plots

TITLE = "When does CAN help?"
SENTENCE = "Simulated classifiers with known faults show which of them CAN repairs and which it makes worse."
CHINESE = "CAN 什么时候有用"
NOTE = """Synthetic classifiers with known faults. The base case has 30 classes, 60 % accuracy, no distortion but a
**class bias**: every class's logit is off by a fixed random amount, so the classifier's class mix is not that of the
data. One parameter varies at a time; each point is a mean over independent problems, the band its 95 % interval."""
FORMULA = (
    r"z_c = \log \pi_c + \varepsilon_c + \mu x_c, \qquad x = \mu e_y + \mathcal{N}(0, I), \qquad "
    r"\varepsilon_c \sim \mathcal{N}(0, \text{bias}^2)"
)
SOURCE = "`engine.can.simulation`; with bias 0, temperature 1 and no shift the classifier is the Bayes optimum"
COMMAND = "python -m jobs.can simulate"


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
    return (values.min(), values.max()) if len(values) else (float("nan"), float("nan"))


def advice(frame: pl.DataFrame) -> str:
    """When to use it and when not, with the stored figures."""
    bias, shift, temperature, size, accuracy = (
        ends(frame, axis) for axis in ("class_bias", "prior_shift", "temperature", "n_confident", "accuracy")
    )
    few, many = ends(frame, "n_classes")
    return f"""
**Use it when** the classifier's class mix is off while the true one is known. What CAN repairs is class bias: without
any ({bias[0]:g}) it gains {points(frame, "class_bias", bias[0])} points, because nothing can beat exact posteriors;
with a large one ({bias[1]:g}) {points(frame, "class_bias", bias[1])}.

**Do not use it when** the test data have other class frequencies than the prior you give it: at a prior shift of
{shift[1]:g} (1 is the reversed order) it changes accuracy by {points(frame, "prior_shift", shift[1])} points, and given
the true test prior by {points(frame, "prior_shift", shift[1], "can_test_prior")}. Nor with a handful of confident rows
({size[0]:g}: {points(frame, "n_confident", size[0])}; {size[1]:g}: {points(frame, "n_confident", size[1])}), nor for an
overconfident classifier, which calls too few rows uncertain (temperature {temperature[0]:g}:
{points(frame, "temperature", temperature[0])}; 1: {points(frame, "temperature", 1.0)}).

**Number of classes.** The post found more gain with more classes. Here, with the bias of each class held fixed, it is
{points(frame, "n_classes", few)} for {few:g} classes and {points(frame, "n_classes", many)} for {many:g}. **Accuracy**
decides how much is uncertain at all ({accuracy[0]:.0%}: {points(frame, "accuracy", accuracy[0])}; {accuracy[1]:.0%}:
{points(frame, "accuracy", accuracy[1])}). Sinkhorn scaling changes every row: it gains more where the class mix is off
and loses more where the prior is wrong. EM estimates the test prior from the predictions and so takes a class bias for
a shift: it is for calibrated classifiers under real label shift only.
"""


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    runs = queries.run_list(version, experiment="can", task="simulation")
    found = [run_id for run_id in runs["run_id"] if not stored(version, run_id).is_empty()]
    if not found:
        headings.empty(COMMAND, "No simulation is stored yet (a minute or two).")
        links.chapter_link("can", "steps", "The idea, step by step", icon=":material/school:")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = st.selectbox("Run", found, key="can_simulation_run", bind="query-params", width=260)
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
    problems = words.over(frame.filter(metric="can")["n"].min(), "problem")
    st.caption(
        f"Points: means{problems}; bands: 95 % intervals. The true test prior makes a difference under shift only."
    )
    axes = [axis for axis in figures.TITLES if not frame.filter(axis=axis).is_empty()]
    columns = st.columns(2)
    for index, axis in enumerate(axes):
        with columns[index % 2]:
            plots.show(
                figures.gain(frame.filter(axis=axis), axis=axis, methods=methods),
                key=f"can_simulation_{axis}",
                alt=f"Gain against {figures.TITLES[axis]}",
            )
    with st.expander("All numbers"):
        st.dataframe(frame, key="can_simulation_table", hide_index=True, alt="Every point of the simulation")
        downloads.download(frame, f"can_simulation_{run_id}")
    st.code(queries.run(version, run_id)["command"], language="bash", wrap_lines=True)
