"""The runs whose predictions CAN can correct: which one a chapter opens on, and their arrays."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import tables
from dashboard.frames.labs import can_predictions
from dashboard.parts.runs import run_picker
from engine.can.correct import alternating_normalization
from store.errors import StoreError

PROBABILITIES = "probabilities-dev.parquet"
TRIED = 6
"""runs whose corrections are tried"""
LOOKED_AT = 200
"""runs among which those with probabilities are looked for"""


def prefer_classification(version: str) -> None:
    """Without a run in the link, start with one whose decisions change: more classes first, then the newest."""
    if "can_run" not in st.query_params:
        run_id = liveliest(version)
        if run_id:
            st.query_params["can_run"] = run_id


@st.cache_data(show_spinner=False, max_entries=4)
def liveliest(version: str) -> str | None:
    """A run in which the usual setting changes some decisions; the first candidate where it changes none."""
    tasks = {
        name: len(spec.labels)
        for name, spec in queries.task_specs(version).items()
        if spec.kind in ("classification", "pair")
    }
    found = queries.run_list(version, experiment="clue").filter(
        pl.col("task").is_in(list(tasks)), pl.col("status") == "finished"
    )
    runs = [str(run_id) for run_id, _ in sorted(found.select("run_id", "task").rows(), key=lambda run: -tasks[run[1]])]
    files = queries.artifacts_of(version, tuple(runs[:LOOKED_AT]))
    kept = set(files.filter(name=PROBABILITIES)["run_id"])
    correctable = [run_id for run_id in runs[:LOOKED_AT] if run_id in kept][:TRIED]
    for run_id in correctable:
        lab = load(version, run_id)
        if isinstance(lab, can_predictions.Lab) and changes(lab):
            return run_id
    return next(iter([*correctable, *runs]), None)


def has_probabilities(version: str, run_id: str) -> bool:
    """Whether a run stored class probabilities of dev."""
    return PROBABILITIES in queries.artifacts(version, run_id)["name"].to_list()


def changes(lab: can_predictions.Lab) -> int:
    """Decisions that the usual setting changes."""
    after = alternating_normalization(lab.probs, next(iter(lab.priors.values())), k=min(3, max(2, len(lab.names) - 1)))
    return int((after.argmax(axis=1) != lab.probs.argmax(axis=1)).sum())


def pick(version: str) -> str | None:
    """The run chosen by the reader or the link; None where no run is stored."""
    return run_picker.pick_run("clue", "can_run")


@st.cache_resource(show_spinner=False, max_entries=16)
def load(version: str, run_id: str) -> can_predictions.Lab | str:
    """The run's predictions, or the reason why there are none to correct."""
    if not has_probabilities(version, run_id):
        return (
            "This run stored no class probabilities, which CAN corrects: choose one of a classification or pair task."
        )
    facts = queries.measurements(version, "task_facts", run_ids=(run_id,))
    counts = facts.filter(split="train", metric="count") if {"split", "label"} <= set(facts.columns) else facts
    if "label" not in counts.columns:
        counts = pl.DataFrame(schema={"label": pl.String, "value": pl.Float64})
    try:
        return can_predictions.build(
            queries.probabilities(version, run_id),
            queries.predictions(version, run_id),
            counts.select("label", "value"),
            titles=tables.class_titles(queries.run(version, run_id)["task"]),
        )
    except ValueError as error:
        return str(error)
    except StoreError as error:
        return f"{str(error)[0].upper()}{str(error)[1:]}."
