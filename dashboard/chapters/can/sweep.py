"""A stored sweep of CAN settings over one run: heat maps, and the gain that was not tuned."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import can as figures
from dashboard.parts import badges, downloads, headings, links, plots
from dashboard.parts.runs import run_picker

TITLE = "Which setting is best, and is the gain real?"
SENTENCE = (
    "Every combination of settings on one run, and the gain that is left when the setting is chosen on other rows."
)
CHINESE = "所有参数组合"
NOTE = """Every combination of settings on the stored dev predictions of one run. The best of many settings looks
better than it is, so the gain to believe is the **cross-fitted** one: the setting is chosen on one half of the rows and
scored on the other, for both halves; where no setting does better, the predictions stay as they are. The tuned gain is
shown beside it and called that."""
FORMULA = (
    r"\hat g = \frac{1}{n} \sum_{h \in \{1,2\}} \sum_{i \in h} "
    r"\left( \mathbb{1}[\hat y_i(\theta_{\bar h}) = y_i] - \mathbb{1}[\hat y_i = y_i] \right), "
    r"\qquad \theta_{\bar h} = \arg\max_\theta \text{accuracy on the other half}"
)
SOURCE = "`engine.can.evaluation.cross_fit`; settings of [kexue.fm/archives/8728](https://kexue.fm/archives/8728)"
AXES = ("threshold", "k", "alpha", "iterations", "prior")
USUAL = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1, "prior": "train"}


def show_sweep(version: str, run_id: str) -> None:
    """The stored grid of the newest sweep of this run, with its cross-fitted gain."""
    command = f"python -m jobs.can sweep --run {run_id}"
    children = queries.run_list(version, experiment="can").filter(pl.col("parent_run_id") == run_id)
    stored = [child for child in children["run_id"] if not grid_of(version, child).is_empty()]
    if not stored:
        headings.empty(command, "No sweep of this run is stored.")
        return
    child = (
        st.selectbox("Sweep run", stored, key="can_sweep_of", bind="query-params", width=300)
        if stored[1:]
        else stored[0]
    )
    show_choice(version, child)
    grid = grid_of(version, child)
    metrics = [name for name in figures.METRICS if name in set(grid["metric"])]
    axes = [name for name in AXES if name in grid.columns]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.selectbox(
            "Metric",
            metrics,
            format_func=lambda name: figures.METRICS[name],
            key="can_sweep_metric",
            bind="query-params",
            width=210,
        )
        x = st.selectbox("x", axes, key="can_sweep_x", bind="query-params", width=130)
        rest = [name for name in axes if name != x]
        y = st.selectbox("y", rest, key="can_sweep_y", bind="query-params", width=130)
        cells = grid.filter(metric=metric)
        for name in (name for name in rest if name != y):
            values = sorted(cells[name].unique().to_list())
            usual = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1, "prior": "train"}[name]
            start = values.index(usual) if usual in values else 0
            fixed = st.selectbox(name, values, index=start, key=f"can_sweep_{name}", bind="query-params", width=110)
            cells = cells.filter(pl.col(name) == fixed)
    figure = figures.sweep(cells, x=x, y=y, metric=metric)
    plots.show(figure, key="can_sweep_heat", alt=f"{figures.METRICS[metric]} over {x} and {y}")
    st.code(queries.run(version, child)["command"], language="bash", wrap_lines=True)
    downloads.download(grid, f"can_grid_{child}")


def grid_of(version: str, run_id: str) -> pl.DataFrame:
    """Grid of one sweep."""
    return queries.measurements(version, "can_grid", run_ids=(run_id,))


def show_choice(version: str, run_id: str) -> None:
    """The gain of a setting that never saw the labels it is scored on, beside the tuned one."""
    gains = queries.measurements(version, "can_gain", run_ids=(run_id,)).filter(pl.col("metric") == "gain")
    for row in gains.sort("choice").iter_rows(named=True):
        what = {
            "cross-fitted": "**Cross-fitted gain** (setting chosen on one half, scored on the other)",
            "tuned": "Tuned gain (best setting on the very labels it is scored on: too good)",
        }[row["choice"]]
        st.markdown(
            f"{what}: {100 * row['value']:+.2f} points, 95 % {100 * row['low']:+.2f} to {100 * row['high']:+.2f}"
            f"{words.over(row['n'], 'row')}"
        )


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    swept = queries.run_list(version, experiment="can").drop_nulls("parent_run_id")
    if "can_run" not in st.query_params and swept.height:
        st.query_params["can_run"] = swept["parent_run_id"][0]
    run_id = run_picker.pick_run("clue", "can_run")
    if run_id is None:
        headings.empty("python -m jobs.clue --task tnews --model ngram", "No run with predictions is stored yet.")
        st.stop()
    badges.sample_badge(queries.run(version, run_id)["data_source"])
    show_sweep(version, run_id)
    links.chapter_link("can", "correct", "This run with sliders", icon=":material/tune:", can_run=run_id)
