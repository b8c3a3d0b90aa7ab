"""What runs now, what ran last, and the best result of every task."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import tables, words
from dashboard.parts import badges, headings, links, run_picker, run_tables
from engine.text.tasks import TASKS

COLUMNS = [name for name in tables.RUN_COLUMNS if name != "metric"]

headings.title(
    "Home",
    "What runs now, what ran last, and the best result of every task.",
    note="""Jobs that run now, with their progress and the time left; the newest runs; and the best dev score of every
task. The page looks for news by itself every two seconds. Scores on generated sample data are marked: they say that
the code works, and nothing about the task.""",
)


def show_running(running: pl.DataFrame) -> None:
    """One line a running job: link, bar, time left, last sign of life."""
    st.subheader(f"Running now ({running.height})", anchor=False)
    if running.is_empty():
        st.caption("No job is running.")
    for row in running.head(20).iter_rows(named=True):
        left, right = st.columns([2, 3], vertical_alignment="center")
        with left:
            links.run_link(row["run_id"], run_picker.run_label(row | {"status": None}))
        with right:
            eta = f"{words.duration(row['eta_s'])} left" if row["eta_s"] is not None else "time left unknown"
            share = min(max(row["progress"] or 0.0, 0.0), 1.0)
            st.progress(share, text=f"{share:.0%} · {eta} · last sign of life {words.ago(row['heartbeat_at'])}")


def show_newest(table: pl.DataFrame) -> None:
    """The fifteen newest runs; a click opens one."""
    st.subheader("Newest runs", anchor=False)
    newest = tables.headline(table.head(15)).select(COLUMNS)
    run_tables.runs_table(newest, key="overview_newest", alt="Newest runs")
    st.caption("A click on a row opens the run. A run without data and score holds several seeds or tasks together.")


def show_best(version: str) -> None:
    """The best configuration of every task on dev over its seeds; limited runs left out."""
    st.subheader("Best per task", anchor=False)
    wanted = pl.DataFrame({"task": list(TASKS), "metric": [spec.metric for spec in TASKS.values()]})
    whole = queries.leaderboard(version, "clue").filter(split="dev")
    board = whole.join(wanted, on=["task", "metric"], how="semi")
    best = board.sort("mean", descending=True).unique(["task", "data_source"], keep="first", maintain_order=True)
    majority = whole.filter(metric="majority").group_by("task", "data_source").agg(majority=100 * pl.col("mean").max())
    best = best.join(majority, on=["task", "data_source"], how="left", nulls_equal=True)
    best = best.sort("task", "data_source").select(
        "task",
        "data_source",
        "model",
        "recipe",
        score="mean",
        sd=100 * pl.col("sd"),
        majority="majority",
        seeds="n",
        metric="metric",
        run_id="newest_run_id",
    )
    if best.is_empty():
        st.caption("No run on a whole data set has finished yet.")
        return
    run_tables.runs_table(best, key="overview_best", alt="Best configuration of every task", height="content")
    st.caption(
        "The best of all configurations tried, chosen on dev itself. Whether a lead over the majority class is more "
        "than noise is answered on the Compare page."
    )


@st.fragment(run_every=2)
def content() -> None:
    """Everything below the title; looks for a new version of the store every two seconds."""
    version = queries.store_version()
    table = queries.run_table(version).filter(~pl.col("archived"))
    if table.is_empty():
        headings.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
        return
    counts = dict(table.group_by("status").len().iter_rows())
    figures = [("Runs", table.height)] + [(name.capitalize(), counts.get(name, 0)) for name in badges.STATUS]
    with st.container(horizontal=True):
        for name, value in figures:
            st.metric(name, f"{value:,}", width=110)
    show_running(queries.running(version))
    show_newest(table)
    show_best(version)


content()
