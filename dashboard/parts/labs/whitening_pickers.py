"""What the whitening pages share: the choice of a run, and of the vectors that it kept."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.frames.labs import stored_vectors
from dashboard.frames.labs.stored_vectors import StoredVectors
from dashboard.parts import badges, headings
from engine.embeddings.whitening import Whitening

EVALUATE = "python -m jobs.whitening evaluate"
RETRIEVAL = "python -m jobs.whitening retrieval"
LAYERS = "python -m jobs.clue --task afqmc\npython -m jobs.whitening layers --encoder latest"
"""An encoder with layers is the one that the first command trains."""


def pick_run(version: str, run_ids: list[str], key: str) -> str:
    """Select box over some runs, newest first; the choice lives in the URL."""
    runs = queries.run_list(version, experiment="whitening").filter(pl.col("run_id").is_in(run_ids))
    labels = {row["run_id"]: _label(row) for row in runs.iter_rows(named=True)}
    chosen = st.selectbox(
        "Run", list(labels), format_func=lambda run_id: labels[run_id], key=key, bind="query-params", width=420
    )
    source = runs.filter(run_id=chosen)["data_source"].item()
    badges.sample_badge(source)
    return str(chosen)


def pick_vectors(version: str, page: str) -> tuple[str, str, StoredVectors]:
    """Choose run, set and pooling; (run id, data set, vectors). Stops the page where no run kept vectors."""
    runs = _runs_with_vectors(version)
    if not runs:
        headings.empty(EVALUATE, "No run has kept sentence vectors yet.")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = pick_run(version, runs, f"{page}_run")
        kept = stored_vectors.available(queries.artifacts(version, run_id))
        dataset = st.selectbox("Set", list(kept), key=f"{page}_set", bind="query-params", width=150)
        pooling = st.selectbox("Pooling", kept[dataset], key=f"{page}_pooling", bind="query-params", width=180)
    try:
        return run_id, dataset, load(version, run_id, dataset, pooling)
    except OSError as error:
        st.error(f"The vectors of run {run_id} cannot be read: {error}", icon=":material/broken_image:")
        st.stop()


def pick_whitening(stored: StoredVectors, page: str) -> tuple[Whitening, Whitening, str]:
    """Sliders for beta, gamma and the number of components: (chosen, all components, statistics)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        statistics = st.selectbox(
            "Statistics", list(stored.statistics), key=f"{page}_statistics", bind="query-params", width=130
        )
        beta = st.slider("β: share of the mean removed", 0.0, 1.0, 1.0, 0.05, key=f"{page}_beta", bind="query-params")
        gamma = st.slider("γ: power of the spectrum", 0.0, 1.0, 1.0, 0.05, key=f"{page}_gamma", bind="query-params")
        accumulator = stored.statistics[statistics]
        rotation = accumulator.finish(beta=beta, gamma=0.0)
        rank = rotation.rank
        k = st.slider(
            "Components", 1, rank, min(rank, stored.width // 2), key=f"{page}_components", bind="query-params"
        )
    full = rotation.reduced(rank, gamma=gamma)
    return full.reduced(k), full, str(statistics)


@st.cache_data(show_spinner=False, max_entries=4)
def _runs_with_vectors(version: str) -> list[str]:
    """Runs that kept vectors, newest first."""
    ids = queries.run_list(version, experiment="whitening")["run_id"]
    files = queries.artifacts_of(version, tuple(ids)).partition_by("run_id", as_dict=True)
    return [run_id for run_id in ids if (run_id,) in files and stored_vectors.available(files[(run_id,)])]


@st.cache_resource(show_spinner="Reading vectors", max_entries=16)
def load(version: str, run_id: str, dataset: str, pooling: str) -> StoredVectors:
    """The vectors that a run kept of a set under a pooling; OSError where their files are gone."""
    return stored_vectors.load(queries.artifacts(version, run_id), dataset, pooling)


def _label(row: dict[str, object]) -> str:
    return " · ".join(str(part) for part in (row["model"], row["dataset"], row["run_id"]) if part)
