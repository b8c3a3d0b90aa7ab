"""The sweeps among the rooms: how far one is, what it has decided and why, and what each parameter does."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import compare, words
from dashboard.figures import sweep as figures
from dashboard.frames.runs import run_names, sweep_trials
from dashboard.frames.runs.sweep_trials import Sweep
from dashboard.parts import commands, headings, plots
from store import paths

EXAMPLE = "python -m jobs.sweep clue --task tnews --learning-rate 1e-4 3e-4 1e-3 --seeds 0 1 2"


def show(head: Any) -> None:
    """The whole view.

    Args:
        head: the container of the heading.
    """
    with head:
        headings.title(
            "Sweeps",
            "Which setting is best, and how sure is that?",
            note="""A sweep tries settings of a job. Each point is a setting (a trial), its score the mean over its
seeds. The effect of a parameter is its share in what tells the best quarter of the trials from all of them (PED-ANOVA),
with a 95 % interval from resampled trials. A crossed trial was ended early because it was behind.""",
            source="Optuna's journal and `sweep.json` in the folder `sweeps/` beside the database",
        )
    version = queries.store_version()
    sweeps = queries.run_table(version).filter(experiment="sweep").filter(~pl.col("archived"))
    if sweeps.is_empty():
        headings.empty(EXAMPLE, "No sweep is stored yet.")
        return
    names = queries.names(version, tuple(sweeps["run_id"]))
    titles = {run_id: f"{names[run_id]} · {status}" for run_id, status in sweeps.select("run_id", "status").iter_rows()}
    chosen = st.selectbox(
        "Sweep", list(titles), key="explore_sweep", bind="query-params", format_func=lambda run_id: titles[run_id]
    )
    row = sweeps.row(by_predicate=pl.col("run_id") == chosen, named=True)
    folder = paths.locate().folder / "sweeps" / chosen
    found = _read(str(folder), _stamp(folder))
    if found is None:
        st.info(f"The files of this sweep are not here: {folder} has no journal.", icon=":material/folder_off:")
        return
    _facts(found, row)
    if found.trials["score"].is_null().all():
        st.info("No trial has a score yet.", icon=":material/hourglass_empty:")
        return
    metric, lower = found.state.get("metric", "score"), found.lower_is_better
    plots.show(
        figures.course(found.trials, metric, lower_is_better=lower),
        key="explore_sweep_course",
        alt="Scores of the trials in their order, and the best so far",
        title=figures.course_said(found.trials, metric, lower_is_better=lower),
    )
    table = found.trials.rename({"score": metric} | {f"p:{name}": name for name in found.parameters})
    if len(found.parameters) > 1:
        scored = table.filter(pl.col(metric).is_not_null())
        varying = [name for name in found.parameters if scored[name].n_unique() > 1]
        plots.show(
            compare.parallel(scored, [*varying, metric], color=metric, lower_is_better=lower),
            key="explore_sweep_parallel",
            alt="Parallel coordinates: a line a trial, an axis a parameter, coloured by the score",
            title="Which combinations are good?",
        )
        _effects(found, str(folder), _stamp(folder))
    heads: dict[str, Any] = {name: words.heading(name) for name in table.columns} | {"number": "Trial"}
    for name in (metric, *found.parameters):
        if table[name].dtype.is_float():
            form = "percent" if words.is_fraction(name) else "%.4g"
            heads[name] = st.column_config.NumberColumn(words.heading(name), format=form)
    alt = "Trials with their scores and parameters"
    st.dataframe(table, key="explore_sweep_trials", alt=alt, hide_index=True, column_config=heads)


def _facts(found: Sweep, row: dict[str, object]) -> None:
    """Counts, the decision so far, and the best setting with its command."""
    counts = dict(found.trials["state"].value_counts().iter_rows())
    trainings = found.state.get("trainings", [])
    failed = sum(bool(training["failed"]) and training["score"] is None for training in trainings)
    with st.container(horizontal=True):
        st.metric("Status", str(row["status"]))
        if "total" in found.state:  # written by the sweep itself, which one that was killed early did not do
            st.metric("Trainings done", f"{len(trainings)} of {found.state['total']}")
        st.metric("Settings complete", counts.get("complete", 0))
        st.metric("Ended early", counts.get("pruned", 0))
        if "total" in found.state:
            st.metric("Failed trainings", failed)
    conclusion = found.state.get("conclusion")
    if conclusion:
        icon = ":material/gavel:" if conclusion.startswith("Decided") else ":material/balance:"
        st.markdown(f"{icon} **Decision so far.** {conclusion}")
    if found.state.get("command"):
        best = found.state["best"].items()
        said = ", ".join(run_names.told(name, [str(value)]) for name, value in best) or "as given"
        score = found.state.get("best_score")
        interval = found.state.get("best_interval")
        metric = str(found.state.get("metric", "score"))
        bounds = f", 95 % interval over seeds {words.between(metric, *interval)}" if interval else ""
        st.markdown(
            f"**Best setting:** {said}" + (f" ({words.value(metric, score)}{bounds})" if score is not None else "")
        )
        st.code(commands.of_this_store(found.state["command"]), language="bash", wrap_lines=True)


def _effects(found: Sweep, folder: str, stamp: float) -> None:
    frame = _effect_frame(found, folder, stamp)
    if frame.is_empty():
        st.caption(f"Effects of the parameters show from {sweep_trials.FEWEST} complete trials on.")
        return
    plots.show(
        figures.effects(frame),
        key="explore_sweep_effects",
        alt="Share of each parameter with its interval",
        title="Which parameters matter?",
    )


def _stamp(folder: Path) -> float:
    """Changes when the sweep has written."""
    return max(
        (
            path.stat().st_mtime
            for name in (sweep_trials.JOURNAL, sweep_trials.STATE)
            if (path := folder / name).exists()
        ),
        default=0.0,
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _read(folder: str, stamp: float) -> Sweep | None:
    del stamp
    return sweep_trials.read(Path(folder))


@st.cache_resource(show_spinner=False, max_entries=8)
def _effect_frame(_found: Sweep, folder: str, stamp: float) -> pl.DataFrame:
    del folder, stamp
    return sweep_trials.effects(_found, rng=np.random.default_rng(0))
