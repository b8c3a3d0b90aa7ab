"""One run: what it is, how it went, where it errs, and how to repeat it."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from dashboard import pieces, plots, queries
from dashboard.figures import runs as figures
from dashboard.figures import tables

PLOTS = 6  # plots drawn at first
WRONG = 200  # wrong examples listed

pieces.title(
    "Run",
    what="""Everything one run stored: its configuration and the command that repeats it, the curves it logged (a
running job's curves move by themselves), its confusion matrix and wrong predictions, its files, its
environment and related runs.""",
    formula=r"\text{smoothed}_t = \frac{\sum_{i\le t} w^{t-i} v_i}{\sum_{i\le t} w^{t-i}}",
    source="the store's tables `runs`, `params`, `metrics`, `summary`, `predictions`, `artifacts`",
)

run_id = pieces.pick_run(None, "run")
if run_id is None:
    pieces.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
    st.stop()
VERSION = queries.store_version()
RUN = queries.run(VERSION, run_id)


def header(run: dict[str, Any]) -> None:
    """Status, mark of sample data, tags, note, and the error of a failed run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        pieces.status_badge(run["status"])
        pieces.sample_badge(run["data_source"])
        limit = queries.params(VERSION, (run_id,)).filter(name="limit")["value"].to_list()
        if limit and limit[0] not in ("null", "0"):
            st.badge(f"first {limit[0]} rows only", icon=":material/content_cut:", color="orange")
        for tag in run["tags"] or []:
            st.badge(tag, icon=":material/sell:", color="gray")
        if run["archived"]:
            st.badge("archived", icon=":material/archive:", color="gray")
    seed = "" if run["seed"] is None else f" · seed {run['seed']}"
    st.caption(f"started {run['started_at']:%Y-%m-%d %H:%M:%S} UTC · {pieces.duration(run['duration_s'])}{seed}")
    if run["note"]:
        st.markdown(f"> {run['note']}")
    if run["status"] == "failed":
        last = (run["error"] or "no message").strip().splitlines()[-1]
        st.error(f"The run failed: {last}", icon=":material/error:")
        with st.expander("Whole error"):
            st.code(run["error"] or "", language=None, wrap_lines=True)
    if run["status"] in ("lost", "interrupted"):
        st.warning(
            f"The run is {run['status']}. `--resume {run_id}` continues it from its last checkpoint, if it has one."
        )


def scores(version: str) -> None:
    """The metrics that the run reports of itself, dev ones first."""
    summary = queries.summary(version, (run_id,)).sort(~pl.col("name").str.starts_with("dev/"), "name")
    shown = summary.filter(pl.col("name").str.contains("/")).head(12)
    if shown.is_empty():
        return
    with st.container(horizontal=True):
        for name, value in shown.select("name", "value").iter_rows():
            fraction = name.rsplit("/", 1)[-1] in tables.FRACTIONS and value is not None
            st.metric(name, pieces.percent(value) if fraction else pieces.number(value), width=150)


def curve_controls(names: list[str]) -> tuple[list[str], str, bool, float]:
    """Which curves, over what, on which axis, how smooth."""
    groups = figures.metric_groups(names)
    default = list(groups)[:PLOTS]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Curves", list(groups), default=default, key="run_curves", bind="query-params", width=380
        )
        x = st.segmented_control(
            "Over",
            ["step", "epoch", "time"],
            default="step",
            key="run_x",
            bind="query-params",
            required=True,
            width=190,
        )
        weight = st.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key="run_smoothing", bind="query-params", width=170)
        log = st.toggle("Log scale", key="run_log", bind="query-params")
    return [name for group in chosen for name in groups[group]], x or "step", log, weight


def draw_curves(running: bool) -> None:
    """Curves of the run, one plot a metric, train and dev together."""
    version = queries.store_version()
    names = queries.metric_names(version, (run_id,)) if not running else queries.live_metric_names(run_id)
    if not names:
        st.info("This run has logged no curves" + (" yet." if running else "."), icon=":material/show_chart:")
        return
    chosen, x, log, weight = curve_controls(names)
    if not chosen:
        return
    read = queries.live_curves if running else (lambda *args, **kw: queries.curves(version, *args, **kw))
    frame = read((run_id,), tuple(chosen), x=x)
    columns = st.columns(min(2, len(figures.metric_groups(chosen))))
    for index, (metric, members) in enumerate(figures.metric_groups(chosen).items()):
        part = frame.filter(pl.col("name").is_in(members))
        figure = figures.curves(part, metric=metric, x=x, log=log, smoothing=weight)
        with columns[index % len(columns)]:
            plots.show(figure, key=f"run_curve_{metric}", alt=f"{metric} of run {run_id} over {x}")
    pieces.download(frame, f"curves_{run_id}", label="Curves as CSV")


def live_progress() -> None:
    """Progress bar of a running job; reruns the whole page once the job has ended."""
    now = queries.run(queries.store_version(), run_id)
    if now["status"] != "running":
        st.rerun()
    share = min(max(now["progress"] or 0.0, 0.0), 1.0)
    eta = f"{pieces.duration(now['eta_s'])} left" if now["eta_s"] is not None else "time left unknown"
    st.progress(share, text=f"{share:.0%} · {eta} · last sign of life {pieces.ago(now['heartbeat_at'])}")


def show_predictions(run: dict[str, Any]) -> None:
    """Confusion matrix, confidence, and the wrong predictions with their text."""
    frame = queries.predictions(VERSION, run_id, "dev")
    if frame.is_empty():
        st.info("This run stored no dev predictions.", icon=":material/inbox:")
        return
    shared = queries.shared_rows(VERSION, run_id)
    message = f"{shared:,} of {frame.height:,} dev rows are also in the training set (same input, by hash)."
    if shared:
        st.warning(message, icon=":material/content_copy:")
    else:
        st.caption(message)
    counts = figures.confusion_counts(frame)
    classes = tables.class_order(counts)
    left, right = st.columns([3, 2])
    if 2 <= len(classes) <= 40:
        plots.show(
            figures.confusion(counts, classes),
            key="run_confusion",
            alt=f"Confusion matrix of {len(classes)} classes",
            place=left,
        )
    elif counts["label"].n_unique() <= 200:
        with left:
            st.markdown("**Most frequent confusions**")
            wrong = counts.filter(pl.col("label") != pl.col("prediction")).head(100)
            st.dataframe(wrong, key="run_confusions", hide_index=True, alt="Most frequent confusions")
    if frame["confidence"].is_not_null().any():
        plots.show(
            figures.confidence(frame),
            key="run_confidence",
            alt="Confidence of right and wrong predictions",
            place=right,
        )
    show_wrong(frame, classes)
    pieces.page_link("examples", "All examples, flips and marks", icon=":material/lists:", runs=run_id)


def show_wrong(frame: pl.DataFrame, classes: list[str]) -> None:
    """Wrong predictions, the most confident first."""
    wrong = frame.filter(pl.col("label").is_not_null() & (pl.col("label") != pl.col("prediction")))
    st.subheader(f"Wrong predictions ({wrong.height:,} of {frame.height:,})", anchor=False)
    left, right = st.columns(2)
    label = (
        left.selectbox("Label", classes, index=None, key="run_label", bind="query-params")
        if len(classes) <= 200
        else None
    )
    word = right.text_input("Text contains", key="run_word", bind="query-params")
    if label:
        wrong = wrong.filter(label=label)
    if word:
        wrong = wrong.filter(pl.col("text").str.contains(word, literal=True))
    shown = tables.readable(wrong.sort("confidence", descending=True, nulls_last=True).head(WRONG))
    st.dataframe(
        shown.select("confidence", "label", "prediction", "text", "example_id"),
        key="run_wrong",
        hide_index=True,
        row_height=52,
        column_config={
            "confidence": st.column_config.NumberColumn("Confidence", format="%.3f", width="small"),
            "label": st.column_config.TextColumn("Label", width="small"),
            "prediction": st.column_config.TextColumn("Prediction", width="small"),
            "text": st.column_config.TextColumn("Text", width="large"),
            "example_id": st.column_config.TextColumn("Id", width="small"),
        },
        alt="Wrong predictions by confidence",
    )
    if wrong.height > WRONG:
        st.caption(f"The {WRONG} most confident of {wrong.height:,} are shown.")


def show_config(run: dict[str, Any]) -> None:
    """The command to copy and every parameter."""
    st.markdown("**This command repeats the run**")
    st.code(run["command"], language="bash", wrap_lines=True)
    st.dataframe(
        queries.params(VERSION, (run_id,)).select("name", "value").sort("name"),
        key="run_params",
        hide_index=True,
        height="content",
        column_config={"name": "Parameter", "value": st.column_config.TextColumn("Value", width="large")},
        alt="Parameters of the run",
    )
    st.caption(f"config hash `{run['config_hash']}`: runs with the same hash differ in nothing but the seed")


def show_files() -> None:
    """Artifacts with their size; each can be saved."""
    files = queries.artifacts(VERSION, run_id)
    if files.is_empty():
        st.info("This run kept no files.", icon=":material/inbox:")
        return
    for row in files.sort(pl.col("kind") != "submission", "name").iter_rows(named=True):
        path = Path(row["file"])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"`{row['name']}` · {row['kind']} · {row['bytes']:,} bytes")
            if path.is_file():
                st.download_button(
                    "Save",
                    data=path.read_bytes,
                    file_name=row["name"],
                    key=f"run_file_{row['name']}",
                    on_click="ignore",
                )
            else:
                st.caption("the file is gone")


def show_environment(run: dict[str, Any]) -> None:
    """Where the run ran and with which versions."""
    keys = ["host", "pid", "device", "git_commit", "git_dirty", "dataset", "data_source"]
    rows = [(key, run[key]) for key in [*keys, "train_fingerprint", "dev_fingerprint"]]
    rows += sorted(json.loads(run["versions"] or "{}").items())
    frame = pl.DataFrame(
        [(key, "" if value is None else str(value)) for key, value in rows], schema=["what", "value"], orient="row"
    )
    st.dataframe(frame, key="run_environment", hide_index=True, height="content", alt="Environment of the run")


def show_kin(run: dict[str, Any]) -> None:
    """Parent, children, and runs of the same configuration with other seeds."""
    everything = queries.run_table(VERSION)
    if run["parent_run_id"]:
        st.markdown("**Parent**")
        pieces.run_link(run["parent_run_id"])
    children = everything.filter(parent_run_id=run_id)
    seeds = everything.filter((pl.col("config_hash") == run["config_hash"]) & (pl.col("run_id") != run_id))
    for name, key, frame in (
        ("Children", "run_children", children),
        ("Same configuration, other runs", "run_seeds", seeds),
    ):
        st.markdown(f"**{name}** ({frame.height})")
        if not frame.is_empty():
            columns = ["run_id", "experiment", "task", "model", "seed", "status", "score", "metric", "started_at"]
            pieces.runs_table(tables.headline(frame).head(200).select(columns), key=key, alt=name)


header(RUN)
running = RUN["status"] == "running"
if running:
    st.fragment(run_every=1)(live_progress)()
scores(VERSION)
curve_tab, predictions_tab, config_tab, files_tab, environment_tab, kin_tab = st.tabs(
    ["Curves", "Predictions", "Configuration", "Files", "Environment", "Related runs"],
    key="run_tab",
    bind="query-params",
)
if curve_tab.open:
    with curve_tab:
        st.fragment(run_every=1 if running else None)(draw_curves)(running)
if predictions_tab.open:
    with predictions_tab:
        show_predictions(RUN)
if config_tab.open:
    with config_tab:
        show_config(RUN)
if files_tab.open:
    with files_tab:
        show_files()
if environment_tab.open:
    with environment_tab:
        show_environment(RUN)
if kin_tab.open:
    with kin_tab:
        show_kin(RUN)
