"""The entrance: what runs now, the newest runs, the best of every task, what is new, and the labs."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import streamlit as st

from dashboard import queries, rooms
from dashboard.figures import run_grid, tables, words
from dashboard.frames.runs import home, run_rows
from dashboard.parts import commands, guard, headings, last_visit, links, local_time
from dashboard.parts.runs import job_queue, run_actions, run_jobs, run_list, run_tables

ROOT = Path(__file__).parents[2]
NEWEST = 10
STEPS = (
    ("Train a small model", "python -m jobs.clue --task afqmc", "about a minute, on generated sentences"),
    (
        "Train on CLUE's data",
        "python -m jobs.clue --task tnews --model ngram",
        "seconds; the data come from the hub, or from your files with `--data-dir FOLDER`",
    ),
    (
        "Log from your own script",
        'python - <<\'END\'\nimport store\nstore.init("my experiment", config={"lr": 0.1})\n'
        'store.log({"train/loss": 0.5}, step=1)\nEND',
        "three lines of Python, as one command to paste",
    ),
)
WAITING = "home_demo"

headings.title(
    "clueboard",
    "A workbench for Chinese language understanding: train models, watch them, and see whether a difference is noise.",
    tab="Home",
    note="""Jobs that run now with their curve, last and best score; the newest runs; and the best configuration of
every task on dev, with Student's interval over its seeds (a single seed has none). The page looks for news by itself
every two seconds. Scores on generated sample data are marked: they say that the code works, nothing about the task.""",
)


def show_running(version: str, running: pl.DataFrame) -> None:
    """Running jobs with a small curve, the last and the best score, and the time left."""
    st.subheader(f"Running now ({running.height})", anchor=False)
    ids = tuple(running["run_id"].head(20))
    names, colors = queries.names(version, ids), queries.colors(version)
    rows = []
    for row in running.head(20).iter_rows(named=True):
        run_id = row["run_id"]
        spec = queries.task_specs(version).get(row["task"] or "")
        logged = queries.live_metric_names(run_id)
        score = f"dev/{spec.metric}" if spec else next((name for name in tables.SCORES if name in logged), "")
        wanted = home.telling(run_grid.ordered(logged), score)
        curves = queries.live_curves((run_id,), tuple(wanted), buckets=60) if wanted else None
        found = None if curves is None else home.last_and_best(curves, score, higher_is_better=True)
        cells = (
            [] if curves is None else home.curve_of(curves, wanted),
            words.UNSET if found is None else words.value(score, found[0]),
            words.UNSET if found is None else words.value(score, found[1]),
            words.share_done(row["progress"], row["eta_s"]),
            words.UNSET if row["eta_s"] is None else words.duration(row["eta_s"]),
            words.ago(row["heartbeat_at"]),
        )
        rows.append(run_list.Row(run_id, names[run_id], colors[row["config_hash"]], cells))
    heads = [
        run_list.Column("Curve", "spark", help="The loss in training, else another loss, else what the run logs first"),
        run_list.Column("Last score", "number"),
        run_list.Column("Best", "number"),
        run_list.Column("Progress", "progress"),
        run_list.Column("Time left", "number"),
        run_list.Column("Heartbeat", "number"),
    ]
    on = {"stop": run_jobs.stop_now} if job_queue.allowed() else {}
    run_list.show(rows, heads, key="home_running", label="Running jobs", on=on)


def show_newest(version: str, table: pl.DataFrame) -> None:
    """The newest runs by name."""
    st.subheader("Newest runs", anchor=False)
    columns = ("status", "score", "started_at", "duration_s")
    shown = table.head(NEWEST)
    run_tables.runs_table(version, shown, columns, key="home_newest", label="Newest runs", compact=True)
    links.page_link("runs", "All runs", icon=":material/arrow_forward:")


def show_best(version: str, best: pl.DataFrame) -> None:
    """The best configuration of every task on dev over its seeds."""
    st.subheader("Best of each task on dev", anchor=False)
    colors = queries.colors(version)
    rows = [
        run_list.Row(
            row["newest_run_id"],
            words.together((row["task"], row["model"], row["recipe"] if row["recipe"] != "modern" else None))
            + (" (sample data)" if row["data_source"] == "sample" else ""),
            colors.get(row["config_hash"], "#7d8590"),
            (
                words.name(row["metric"]),
                run_rows.spread(
                    row["metric"], row["mean"], row["half"], words.diverged(row["diverged"], row["n"] or 0)
                ),
                str(row["n"]),
            ),
        )
        for row in best.iter_rows(named=True)
    ]
    heads = [run_list.Column("Metric"), run_list.Column("Score", "number", help="mean ± 95 % interval over seeds"),
             run_list.Column("n", "number", help="seeds")]  # fmt: skip
    run_list.show(rows, heads, key="home_best", label="Best configuration of every task", heading="Task", compact=True)
    links.page_link("leaderboard", "Leaderboard", icon=":material/arrow_forward:")


def show_news(table: pl.DataFrame) -> None:
    """What changed since the last visit of this browser."""
    before = last_visit.moment()
    counts = home.since(table, before) if before else {}
    if before and counts:
        said = ", ".join(f"{words.count(n, 'run')} {status}" for status, n in counts.items())
        st.markdown(f":material/update: Since your last visit ({words.moment(before, local_time.now())}): **{said}**.")


def show_labs() -> None:
    """The labs as cards."""
    st.subheader("Labs", anchor=False)
    st.caption("Six explanations with live numbers; they work without a stored run.")
    for number, column in enumerate(st.columns(3) * 2):
        lab = rooms.LABS[number]
        with column, st.container(border=True, key=f"lab_card_{lab.key}"):
            st.image(str(ROOT / "dashboard" / "pictures" / f"{lab.key}.svg"), width=170, alt="")
            links.page_link(lab.script, f"**{lab.title}** · {lab.chinese}", icon=lab.icon)
            st.caption(lab.question)


def show_first_steps() -> None:
    """An empty store: three commands, and a small store of examples."""
    st.info("No run is stored yet. Each of these three ways stores one.", icon=":material/inbox:")
    for number, (column, (name, command, note)) in enumerate(zip(st.columns(3), STEPS, strict=True), 1):
        with column:
            st.markdown(f"**{number}. {name}**")
            st.caption(note)
            st.code(commands.of_this_store(command), language="bash", wrap_lines=True)
    if not run_actions.may_delete():
        return
    job = st.session_state.get(WAITING)
    if job is not None and job.poll() is None:
        st.markdown(":material/hourglass_top: Six small models are being trained: about a minute.")
    elif st.button("Load a small demo store", icon=":material/science:", key="home_load_demo"):
        training = [sys.executable, "-m", "jobs.demo", "--db", str(queries.database())]
        st.session_state[WAITING] = subprocess.Popen(
            training, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        st.rerun(scope="fragment")
    st.caption("The demo trains six small models on generated sentences; its runs carry the tag `demo`.")


@guard.fragment(run_every=2)
def content() -> None:
    """Everything below the title; looks for a new version of the store every two seconds."""
    version = queries.store_version()
    table = queries.scored(version).filter(~pl.col("archived"))
    if table.is_empty():
        show_first_steps()
        return
    show_news(table)
    running = queries.running(version)
    if not running.is_empty():
        show_running(version, running)
    best = home.best_per_task(queries.leaderboard(version), queries.judged_by(version))
    if best.is_empty():  # limited runs are left out
        show_newest(version, table)
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_newest(version, table)
    with right:
        show_best(version, best)


content()
show_labs()
