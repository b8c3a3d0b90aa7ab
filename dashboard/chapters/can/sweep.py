"""A stored sweep of CAN settings over one run: heat maps, and the gain that was not tuned."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import can as figures
from dashboard.parts import badges, downloads, headings, plots
from dashboard.parts.labs import can_runs
from dashboard.parts.labs.form import Chapter, Guess, Reading

AXES = ("threshold", "k", "alpha", "iterations", "prior")
USUAL = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1, "prior": "train"}
CODE = """
import numpy as np

half = np.random.default_rng(0).permutation(len(labels)) % 2            # hits (settings, rows): right under each
best = [hits[:, half == h].mean(axis=1).argmax() for h in (1, 0)]       # chosen on the other half
gain = sum((hits[best[h]][half == h] - base[half == h]).sum() for h in (0, 1)) / len(labels)
"""


def grid_of(version: str, run_id: str) -> pl.DataFrame:
    """Grid of one sweep."""
    return queries.measurements(version, "can_grid", run_ids=(run_id,))


def chosen_sweep() -> tuple[str, str] | None:
    """The store's version and the sweep that is shown; None after the command that makes one."""
    version = queries.store_version()
    swept = queries.run_list(version, experiment="can").drop_nulls("parent_run_id")
    swept = swept.sort(pl.col("status") != "finished", maintain_order=True)  # the others have no cross-fitted gain
    if "can_run" not in st.query_params and swept.height:
        st.query_params["can_run"] = swept["parent_run_id"][0]
    run_id = can_runs.pick(version)
    if run_id is None:
        headings.empty("python -m jobs.clue --task tnews --model ngram", "No run with predictions is stored yet.")
        return None
    badges.sample_badge(queries.run(version, run_id)["data_source"])
    children = swept.filter(pl.col("parent_run_id") == run_id)["run_id"]
    stored = [child for child in children if not grid_of(version, child).is_empty()]
    if not stored:
        headings.empty(f"python -m jobs.can sweep --run {run_id}", "No sweep of this run is stored.")
        return None
    if not stored[1:]:
        return version, stored[0]
    status = dict(swept.select("run_id", "status").iter_rows())
    return version, st.selectbox(
        "Sweep run",
        stored,
        format_func=lambda child: child if status[child] == "finished" else f"{child} ({status[child]})",
        key="can_sweep_of",
        bind="query-params",
        width=300,
    )


def cells_to_show(grid: pl.DataFrame) -> tuple[pl.DataFrame, str, str, str]:
    """The cells of the heat map, its two axes and its metric; the other settings stay where the reader puts them."""
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
            start = values.index(USUAL[name]) if USUAL[name] in values else 0
            fixed = st.selectbox(name, values, index=start, key=f"can_sweep_{name}", bind="query-params", width=110)
            cells = cells.filter(pl.col(name) == fixed)
    return cells, str(x), str(y), str(metric)


def show_choice(version: str, run_id: str) -> pl.DataFrame:
    """The gain of a setting that never saw the labels it is scored on, beside the tuned one; returns both."""
    gains = queries.measurements(version, "can_gain", run_ids=(run_id,)).filter(pl.col("metric") == "gain")
    meanings = {
        "cross-fitted": "**Cross-fitted gain** (setting chosen on one half, scored on the other)",
        "tuned": "Tuned gain (best setting on the very labels it is scored on: too good)",
    }
    for row in gains.sort("choice").iter_rows(named=True):
        st.markdown(
            f"{meanings[row['choice']]}: {100 * row['value']:+.2f} points, 95 % {100 * row['low']:+.2f} to "
            f"{100 * row['high']:+.2f}{words.over(row['n'], 'row')}"
        )
    return gains


def picture() -> Reading | None:
    """The heat map of a sweep."""
    found = chosen_sweep()
    if found is None:
        return None
    version, sweep = found
    gains = show_choice(version, sweep)
    grid = grid_of(version, sweep)
    cells, x, y, metric = cells_to_show(grid)
    name = f"{figures.METRICS[metric]}: how does it depend on {x} and {y}?"
    plots.show(
        figures.sweep(cells, x=x, y=y, metric=metric), key="can_sweep_heat", title=name[0].upper() + name[1:], alt=name
    )
    st.code(queries.run(version, sweep)["command"], language="bash", wrap_lines=True)
    downloads.download(grid, f"can_grid_{sweep}")
    settings = grid.select(AXES).unique().height if set(AXES) <= set(grid.columns) else grid.height
    return reading(gains, settings)


def reading(gains: pl.DataFrame, settings: int) -> Reading:
    """The words, with the stored gains."""
    by_choice = {row["choice"]: row for row in gains.iter_rows(named=True)}
    if not {"cross-fitted", "tuned"} <= by_choice.keys():
        honest = "this sweep stored no cross-fitted gain"
        gap = "the best cell of the map is chosen on the labels that it is scored on"
    else:
        fitted, tuned = by_choice["cross-fitted"], by_choice["tuned"]
        honest = (
            f"cross-fitted **{100 * fitted['value']:+.2f} points** (95 % {100 * fitted['low']:+.2f} to "
            f"{100 * fitted['high']:+.2f}{words.over(fitted['n'], 'row')})"
        )
        gap = f"the best cell promises {100 * tuned['value']:+.2f} points: the difference is the price of choosing"
    return Reading(
        see=f"{settings:,} settings; green cells gain, red ones lose. A map of noise has green cells too.",
        theory="the best of many settings looks better than it is, because it is chosen on the rows that score it. "
        "Chosen on one half and scored on the other, the expected gain is that of a setting used on new rows.",
        measured=honest + ".",
        apart=gap + ". The post calls k = 3, threshold 0.9, α = 1 and one iteration near the best, without intervals.",
    )


CHAPTER = Chapter(
    question="Which setting is best, and is the gain real?",
    chinese="所有参数组合与交叉验证的增益 · cross-fitted gain",
    lead="The map shows every setting of CAN on one run; the gain above it is that of a setting chosen on other rows "
    "than it is scored on.",
    guess=Guess(
        question="of 100 settings that all do nothing, what does the best of them show?",
        answers=("a loss", "no gain", "a gain"),
        right="a gain",
        because="Chance favours some setting on these rows. It does not favour it on others.",
    ),
    picture=picture,
    good_for="reporting a tuned post-processing honestly: run the sweep, quote the cross-fitted gain.",
    formula=r"\hat g=\frac1n\sum_{h\in\{1,2\}}\sum_{i\in h}\left(\mathbb 1[\hat y_i(\theta_{\bar h})=y_i]"
    r"-\mathbb 1[\hat y_i=y_i]\right)",
    code=CODE,
    reference="Settings: Su Jianlin, [[8728]](https://kexue.fm/archives/8728); cross-fitting: "
    "`engine.can.evaluation.cross_fit`, `python -m jobs.can sweep`.",
)
