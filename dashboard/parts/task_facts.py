"""What each CLUE task is: sizes, settings, class balance, lengths, and examples as a model sees them."""

import shlex
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import queries
from dashboard.figures import tables, words
from dashboard.figures import tasks as figures
from dashboard.parts import badges, headings, links, plots
from engine.text.tasks import TaskSpec

MEASURED = 1000  # examples whose length is measured
SHOWN = 10
FIRST = "afqmc"  # shown where the link names no task
ROWS = 4  # rows of one example that are shown
TRIED = 20  # newest runs among which one with examples is looked for
NOTE = """What each task asks, how large it is, how its classes are balanced, what a window cuts off, and ten of its
examples as the model sees them: tokens, special tokens, one row per choice or window. Facts are fixed; balance, lengths
and examples come from the newest finished run of the task."""
FORMULA = r"\texttt{[CLS]}\; x_1 \dots x_n\; \texttt{[SEP]}\; y_1 \dots y_m\; \texttt{[SEP]},\qquad n + m + 3 \le L"
SOURCE = "each task's own paper, named below; settings of [kexue.fm/archives/8739](https://kexue.fm/archives/8739)"


def overview(specs: Mapping[str, TaskSpec]) -> pl.DataFrame:
    """One row a task: sizes and settings."""
    rows = [
        {
            "task": spec.name,
            "name": f"{spec.title} {spec.chinese}".strip(),
            "kind": spec.kind,
            "classes": spec.n_classes or None,
            "metric": spec.metric,
            "train": spec.sizes.get("train"),
            "dev": spec.sizes.get("dev"),
            "test": spec.sizes.get("test"),
            "window": spec.max_length,
            "batch": f"{spec.batch_size}" + (f" x {spec.accumulation}" if spec.accumulation > 1 else ""),
            "epochs": spec.epochs,
        }
        for spec in specs.values()
    ]
    return pl.DataFrame(rows)


def facts(spec: TaskSpec) -> None:
    """The fixed facts of a task."""
    st.markdown(f"{spec.description} Inputs: {', '.join(f'`{name}`' for name in spec.fields)}.")
    with st.container(horizontal=True):
        for name in ("train", "dev", "test"):
            st.metric(name, f"{spec.sizes[name]:,}" if name in spec.sizes else words.UNSET, width=110)
        st.metric("classes", spec.n_classes or "–", width=90)
        st.metric("window", spec.max_length, width=90)
        st.metric("metric", spec.metric, width=120)
    tests = pl.DataFrame(
        [(test.version, test.rows, test.submission) for test in spec.tests],
        schema=["version", "rows", "submission"],
        orient="row",
    )
    with st.expander("Test versions and source"):
        st.dataframe(tests.to_arrow(), key="tasks_tests", hide_index=True, alt=f"Test versions of {spec.name}")
        st.caption(f"Source: {spec.source}")
        facts = {"Revision": spec.revision, "Licence": spec.licence, "Checked against the reference": spec.checked}
        for title, fact in facts.items():
            st.caption(f"{title}: {fact or 'not stated'}")


@st.cache_resource(show_spinner=False, max_entries=4)
def first(version: str, _specs: Mapping[str, TaskSpec]) -> str:
    """The task to open on: that of the newest finished run with examples, real data before the sample."""
    found = finished(version).filter(pl.col("task").is_in(list(_specs)))
    tasks = found.sort(pl.col("data_source") == "sample", maintain_order=True)["task"].unique(maintain_order=True)
    return next((task for task in tasks if newest(version, task)), FIRST)


@st.cache_resource(show_spinner=False, max_entries=32)
def newest(version: str, task: str) -> dict[str, object] | None:
    """The newest finished run of a task that stored its dev predictions, real data before the sample."""
    found = finished(version).filter(pl.col("task") == task)
    found = found.sort(pl.col("data_source") == "sample", "started_at", descending=[False, True])
    rows = found.head(TRIED).iter_rows(named=True)
    return next((row for row in rows if queries.has_answers(version, row["run_id"])), None)


def finished(version: str) -> pl.DataFrame:
    """Runs of known data that have ended, newest first; only what is asked of them, for there may be 100,000."""
    found = queries.run_list(version, experiment="clue")
    found = found.select("run_id", "task", "status", "data_source", "started_at")
    return found.filter(pl.col("status") == "finished", pl.col("data_source").is_not_null())


@st.cache_resource(show_spinner=False, max_entries=32)
def measured_lengths(version: str, run_id: str, task: str) -> list[int]:
    """Lengths of the first dev examples of a run."""
    rows = queries.predictions(version, run_id).head(MEASURED)
    spec = queries.task_specs(version)[task]
    found = figures.as_examples(spec, rows)
    return figures.lengths(spec, found).tolist() if found else []


def balance(version: str, run_id: str, spec: TaskSpec) -> pl.DataFrame:
    """split, label, count: of dev from the stored labels, of train where the job measured it."""
    dev = queries.answers(version, run_id).drop_nulls("label").group_by("label").len("count")
    parts = [dev.select(pl.lit("dev").alias("split"), "label", pl.col("count").cast(pl.Int64))]
    stored = queries.measurements(version, "task_facts", run_ids=(run_id,))
    if {"split", "label"} <= set(stored.columns):
        counts = stored.filter(pl.col("metric") == "count").with_columns(count=pl.col("value").cast(pl.Int64))
        if not counts.is_empty():  # the view has the columns also where this run measured nothing
            parts = [counts.select("split", pl.col("label").cast(pl.String), "count")]
    return pl.concat(parts).filter(pl.col("label").is_in(list(spec.labels))).sort("split", descending=True)


def show_examples(spec: TaskSpec, rows: pl.DataFrame) -> None:
    """Ten examples as rows of tokens."""
    first = st.number_input(
        "From dev example", 1, max(1, rows.height), 1, key="tasks_first", bind="query-params", width=180
    )
    chosen = tables.with_class_titles(rows.slice(int(first) - 1, SHOWN), spec.name)
    found = figures.as_examples(spec, chosen)
    labels = dict(chosen.select("example_id", "label").iter_rows())
    for example, spelled in zip(found, figures.token_rows(spec, found) if found else [], strict=True):
        label = labels.get(example.example_id)
        with st.container(border=True):
            longest = max((len(row) for row in spelled), default=0)
            st.caption(
                f"example {example.example_id} · label {label} · {words.count(len(spelled), 'row')}, {longest} tokens"
            )
            for row in spelled[:ROWS]:
                st.markdown(figures.marked(row))
            if len(spelled) > ROWS:
                st.caption(f"and {len(spelled) - ROWS} more rows")


def show_balance(counts: pl.DataFrame, spec: TaskSpec) -> None:
    """Rows of each class."""
    if counts.is_empty():
        st.caption("The answers of this task are no classes.")
        return
    titles = dict(zip(spec.labels, spec.label_titles, strict=True)) if spec.label_titles else None
    plots.show(
        figures.class_balance(counts, titles=titles),
        key="tasks_balance",
        title=figures.balance_said(counts, titles=titles),
        alt=f"Class balance of {spec.name}",
    )


def show_lengths(sizes: Sequence[int], spec: TaskSpec) -> None:
    """Tokens of the first dev examples, and how many are cut."""
    if not sizes:
        st.caption("This run stored no examples.")
        return
    found = np.asarray(sizes)
    plots.show(
        figures.length_histogram(found, max_length=spec.max_length),
        key="tasks_lengths",
        title=figures.lengths_said(found, max_length=spec.max_length),
        alt=f"Lengths of {spec.name}",
    )


def show(head: DeltaGenerator) -> None:
    """The page of one task; its heading goes into `head`."""
    with head:
        headings.title(
            "Tasks",
            "What does each task ask, how large is it, and what does a model see of it?",
            chinese="CLUE 的十一个任务",
            note=NOTE,
            formula=FORMULA,
            source=SOURCE,
        )
    version = queries.store_version()
    specs = queries.task_specs(version)
    with st.expander("All tasks", icon=":material/table_chart:"):
        st.dataframe(
            overview(specs).to_arrow(),
            key="tasks_overview",
            hide_index=True,
            height="content",
            alt="Sizes and settings of the tasks",
        )
    name = st.selectbox(
        "Task", list(specs), index=list(specs).index(first(version, specs)), key="tasks_task", bind="query-params",
        width=330,
    )  # fmt: skip
    spec = specs[name]
    st.subheader(words.together((spec.title, spec.chinese)), anchor=False)
    facts(spec)
    run = newest(version, name)
    if run is None:
        headings.empty(
            f"python -m jobs.clue --task {shlex.quote(spec.source) if spec.own else name} --model ngram",
            f"No finished run of {name} has stored its examples yet.",
        )
        st.stop()
    run_id = str(run["run_id"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("From run")
        links.run_link(run_id)
        badges.sample_badge(str(run["data_source"]))
    left, right = st.columns(2)
    with left:
        show_balance(balance(version, run_id, spec), spec)
    with right:
        show_lengths(measured_lengths(version, run_id, name), spec)
    st.subheader("As the model sees them", anchor=False)
    show_examples(spec, queries.predictions(version, run_id))
