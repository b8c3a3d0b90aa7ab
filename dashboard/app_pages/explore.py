"""All runs of an experiment at once: any parameter or metric against any other, and parallel coordinates."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import compare as figures
from dashboard.figures import tables, words
from dashboard.frames import name_order
from dashboard.frames.comparison import configurations
from dashboard.parts import headings, links, local_time, plots
from dashboard.parts.runs import run_tables, sweep_view

MOST_RUNS = 2000
COLORS = ("task", "model", "recipe", "status", "data_source")

heading = st.container()
axes = st.container(horizontal=True, vertical_alignment="bottom")
with axes:
    view = st.segmented_control(
        "View",
        ["Runs", "Sweeps"],
        default="Runs",
        key="explore_view",
        bind="query-params",
        required=True,
        label_visibility="collapsed",
    )
if view == "Sweeps":
    sweep_view.show(heading)
    st.stop()
with heading:
    headings.title(
        "Explore",
        "How do scores depend on parameters? Each point is a run.",
        note="""Each point is a run. Choose what stands on the axes; draw a box or a lasso around points (or click
one) to select their runs, then open, compare or list them. The parallel coordinates below show the runs that the
widgets leave: one line a run, one axis a parameter or metric.""",
    )

version = queries.store_version()
everything = queries.table_and_params(version)[0].filter(~pl.col("archived"))
if everything.is_empty():
    headings.empty("python -m jobs.clue --task afqmc --seeds 0 1 2", "No run is stored yet.")
    st.stop()
with axes, st.popover("Runs", icon=":material/filter_list:"):
    experiments = everything["experiment"].value_counts(sort=True)["experiment"].to_list()
    experiment = st.selectbox("Experiment", experiments, key="explore_experiment", bind="query-params")
    chosen = everything.filter(experiment=experiment)
    task = st.multiselect("Task", tables.values(chosen, "task"), key="explore_task", bind="query-params")
    source = st.multiselect("Data", tables.values(chosen, "data_source"), key="explore_data", bind="query-params")
if task:
    chosen = chosen.filter(pl.col("task").is_in(task))
if source:
    chosen = chosen.filter(pl.col("data_source").is_in(source))
if chosen.height > MOST_RUNS:
    st.caption(f"The newest {MOST_RUNS:,} of {chosen.height:,} runs are drawn; filter to see others.")
    chosen = chosen.head(MOST_RUNS)
if chosen.is_empty():
    st.info("No run matches.", icon=":material/filter_alt_off:")
    st.stop()


@st.cache_resource(show_spinner=False, max_entries=8, hash_funcs={tuple: repr})
def with_params(version: str, run_ids: tuple[str, ...]) -> pl.DataFrame:
    """Typed parameters of the runs, one column each."""
    return configurations.parameter_values(queries.params(version, run_ids))


def wide(runs: pl.DataFrame) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Runs with their parameters, the names of the metrics that occur, and of the parameters that vary.

    Only runs with a metric say what varies: a parent has `auto` where its children have what came of it.
    """
    metrics = [name for name in tables.metric_columns(runs) if runs[name].is_not_null().any()]
    measured = runs.filter(pl.any_horizontal(pl.col(metrics).is_not_null())) if metrics else runs
    params = with_params(version, tuple(measured["run_id"]))
    varying = [name for name in params.columns if name != "run_id" and params[name].drop_nulls().n_unique() > 1]
    kept = [name for name in varying if name not in runs.columns]
    kept.sort(
        key=lambda name: (not params[name].dtype.is_numeric(), -params[name].n_unique(), params[name].null_count())
    )
    joined = runs.join(params.select("run_id", *kept), on="run_id", how="left", maintain_order="left")
    started = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(local_time.name())
    joined = joined.with_columns(started.dt.replace_time_zone(None))  # the reader's clock, as plotly draws it
    metrics.sort(key=lambda name: (not configurations.is_score(name), name not in tables.SCORES, name_order.key(name)))
    return joined, metrics, [*kept, "duration_s", "seed", "started_at"]


def show_selection(run_ids: list[str]) -> None:
    """What can be done with the selected runs."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(run_ids)} selected**")
        if len(run_ids) > 1:
            link = ",".join(run_ids[:20])
            links.page_link("compare", "Compare", icon=":material/compare_arrows:", runs=link)
        links.page_link("runs", "List", icon=":material/list:", selected=",".join(run_ids[:200]))
        if run_ids:
            links.page_link("run", "Open", icon=":material/monitoring:", run=run_ids[0])
    table = frame.filter(pl.col("run_id").is_in(run_ids))
    columns = tuple(dict.fromkeys((x, y, color)))
    run_tables.runs_table(version, table, columns, key="explore_selected", label="Selected runs")


frame, metrics, parameters = wide(chosen)
if not metrics:
    st.info("None of these runs has a summary metric yet.", icon=":material/info:")
    st.stop()
with axes:
    named: dict[str, Any] = {"format_func": words.name, "bind": "query-params"}
    x = st.selectbox("x", [*parameters, *metrics], key="explore_x", width=220, **named)
    y = st.selectbox("y", [*metrics, *parameters], key="explore_y", width=220, **named)
    told = {name: (chosen[name].n_unique() > 1, chosen[name].is_not_null().any()) for name in COLORS}
    colors = sorted(COLORS, key=lambda name: told[name], reverse=True)
    color = st.selectbox("Colour", colors, key="explore_color", width=150, **named)
    if st.session_state.get("explore_log_of", x if "explore_log_x" in st.query_params else None) != x:
        st.session_state["explore_log_x"] = figures.spans_decades(frame[x])
    st.session_state["explore_log_of"] = x
    log_x = st.toggle("Log x", key="explore_log_x", bind="query-params")
names = queries.names(version, tuple(frame["run_id"]))
called = pl.Series("called", [names[run_id] for run_id in frame["run_id"]], dtype=pl.String)
drawn = figures.scatter(
    frame.with_columns(pl.col(color).fill_null(words.UNSET), called), x=x, y=y, color=color, log_x=log_x
)
event = plots.show(
    drawn,
    key="explore_scatter",
    title=figures.best_said(frame, x=x, y=y, names=names),
    on_select="rerun",
    alt=f"{words.name(y)} against {words.name(x)}, one point a run",
)
selected = list(dict.fromkeys(str(point["customdata"]) for point in event.selection.get("points", [])))
if selected:
    show_selection(selected)
else:
    mixed = frame["data_source"].eq("sample").any() and frame["data_source"].eq("sample").not_().any()
    note = " Scores on generated sample data are among them: choose the data above." if mixed else ""
    points = figures.drawn(frame, x, y).height
    left_out = f" of {frame.height:,}, those with both values" if points < frame.height else ""
    st.caption(
        f"{words.count(points, 'run')}{left_out}. Click a point, or drag a box or a lasso, to select runs.{note}"
    )


st.subheader("Which settings do the best runs share?", anchor=False)
default = [*[name for name in parameters if name not in ("started_at",)][:4], metrics[0]]
with st.container(horizontal=True, vertical_alignment="bottom"):
    columns = st.multiselect("Axes", [*parameters, *metrics], default=default, key="explore_axes", **named)
    tint = st.selectbox("Colour by", metrics, key="explore_tint", width=240, **named)
    known = frame[tint].drop_nulls()
    low, high = float(known.min()), float(known.max())
    bounds = (low, high)
    if low < high:
        form = "percent" if words.is_fraction(tint) else "%.4g"
        key = f"explore_range_{tint}"
        step = (high - low) / 100
        bounds = st.slider(words.name(tint), low, high, (low, high), step, form, key=key, width=240)
lines = frame.filter(pl.col(tint).is_between(*bounds))
if columns and lines.height:
    plots.show(
        figures.parallel(lines, columns, color=tint),
        key="explore_parallel",
        title=f"{words.count(lines.height, 'run')}, coloured by {words.name(tint)}",
        alt="Runs as parallel lines",
    )
