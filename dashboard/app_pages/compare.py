"""Two to twenty runs side by side: is it better, by how much, and can it be shown?"""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import streamlit as st

from dashboard import comparison, paper_tables, pieces, plots, queries, report, run_picker
from dashboard.figures import compare as figures
from dashboard.figures import runs as run_figures

MOST_RUNS = 20
METRICS = {
    "cluener": (comparison.compare_entity_f1,),
    "cmrc2018": (comparison.compare_accuracy, comparison.compare_span_f1),
    "c3": (comparison.compare_accuracy,),
    "chid": (comparison.compare_accuracy,),
}
CLASS_METRICS = (comparison.compare_accuracy, comparison.compare_macro_f1)
ENVIRONMENT = ("host", "device", "git_commit", "git_dirty", "data_source", "train_fingerprint", "dev_fingerprint")

pieces.title(
    "Compare",
    what="""Runs that differ only in their seed are one *configuration*. Two configurations are compared on the examples
that both predicted (paired on id and content), and over their seeds. The sentence names a winner only where the
interval leaves out zero and the test's p-value, corrected for the number of comparisons, is below 0.05. The test on
examples asks whether these models differ on other examples of the same kind; the test over seeds asks whether training
again would show it too.""",
    formula=r"\Delta = \frac{n_{01} - n_{10}}{n}, \qquad p = \min\left(1,\; 2\,P\left[\mathrm{Bin}(n_{01} + n_{10},"
    r" \tfrac12) \le \min(n_{01}, n_{10})\right]\right)",
    source="McNemar (1947); Efron (1979); Holm (1979); Agarwal et al. (2021), arXiv 2108.13264",
)

version = queries.store_version()
if queries.all_runs(version).is_empty():
    pieces.empty("python -m jobs.clue --task afqmc --seeds 0 1 2", "No run is stored yet.")
    st.stop()
chosen = run_picker.pick_runs("compare", most=MOST_RUNS)
if len(chosen) < 2:
    st.info("Choose two to twenty runs.", icon=":material/compare_arrows:")
    st.stop()
runs = pl.DataFrame(
    [{name: row.get(name) for name in queries.all_runs(version).columns} for row in chosen],
    schema=queries.all_runs(version).schema,
)
configs = comparison.configurations(runs)
ids = tuple(runs["run_id"])
owner = {run_id: config.name for config in configs for run_id in config.run_ids}
sections: list[report.Section] = []

if runs["data_source"].eq("sample").any():
    pieces.sample_badge("sample")
for config in configs:
    seeds = ", ".join(map(str, config.seeds))
    st.caption(f"**{config.name}**: {len(config.run_ids)} run(s), seed {seeds}")


@st.cache_data(show_spinner="Comparing …", max_entries=64)
def evidence_for(
    version: str, split: str, a: comparison.Configuration, b: comparison.Configuration, task: str
) -> tuple[list[comparison.Evidence], int, int]:
    """Evidence of B against A on one split, and the rows that only one of them has."""
    sides = [[queries.predictions(version, run_id, split) for run_id in config.run_ids] for config in (a, b)]
    pairing = comparison.pair(*sides)
    rng = np.random.default_rng(0)
    found = [compare(a, b, pairing, rng=rng) for compare in METRICS.get(task, CLASS_METRICS)]
    return found, pairing.only_a, pairing.only_b


def gather(baseline: comparison.Configuration, split: str) -> list[comparison.Evidence]:
    """Evidence of every other configuration against the baseline; says why where there is none."""
    found: list[comparison.Evidence] = []
    task_of = dict(zip(runs["run_id"], runs["task"], strict=True))
    for config in configs:
        if config == baseline:
            continue
        tasks = {task_of[baseline.run_ids[0]], task_of[config.run_ids[0]]}
        if len(tasks) > 1:
            st.warning(f"{config.name} is not compared with {baseline.name}: {' and '.join(map(str, tasks))} are "
                       "different tasks.", icon=":material/block:")  # fmt: skip
            continue
        try:
            results, only_a, only_b = evidence_for(version, split, baseline, config, str(tasks.pop()))
        except comparison.NotComparable as error:
            st.warning(f"{config.name} is not compared with {baseline.name}: {error}.", icon=":material/block:")
            continue
        found += results
        if only_a or only_b:
            st.caption(f"Without a partner: {only_a:,} rows of {baseline.name}, {only_b:,} rows of {config.name}.")
    by_metric = {item.metric for item in found}
    return [e for metric in sorted(by_metric) for e in comparison.with_holm([f for f in found if f.metric == metric])]


def shared_rows() -> None:
    """Warn where a run was trained on rows that it is evaluated on."""
    for config in configs:
        shared = queries.shared_rows(version, config.run_ids[0])
        if shared:
            st.warning(
                f"{config.name}: {shared:,} dev rows have the same content as a training row; they favour "
                "whoever remembers them.",
                icon=":material/content_copy:",
            )


def show_evidence() -> set[tuple[str, str]]:
    """The sentence, the intervals and the numbers behind them; returns the significant cells of the metric table."""
    st.subheader("Evidence", anchor=False)
    with st.container(horizontal=True):
        names = [config.name for config in configs]
        baseline = st.selectbox("Baseline", names, key="compare_baseline", bind="query-params")
        split = st.selectbox("Split", ["dev", "test"], key="compare_split", bind="query-params", width=140)
    found = gather(configs[names.index(baseline)], split)
    shared_rows()
    if not found:
        st.info("There is no pair of configurations with predictions of the same examples.", icon=":material/info:")
        return set()
    for item in found:
        st.markdown(f":material/balance: **{item.sentence}**")
    rows = pl.DataFrame(
        {
            "name": [f"{item.b} ({item.metric})" for item in found],
            "value": [item.difference.value for item in found],
            "low": [item.difference.low for item in found],
            "high": [item.difference.high for item in found],
            "n": [item.difference.n for item in found],
            "p": [item.p_value for item in found],
            "p_holm": [item.p_adjusted for item in found],
            "test": [item.test for item in found],
            "improvement": [item.over_seeds.improvement.value if item.over_seeds else None for item in found],
            "improvement_low": [item.over_seeds.improvement.low if item.over_seeds else None for item in found],
            "improvement_high": [item.over_seeds.improvement.high if item.over_seeds else None for item in found],
        }
    )
    figure = figures.differences(rows)
    plots.show(figure, key="compare_differences", alt="Differences from the baseline with intervals")
    with st.expander("Numbers and power", icon=":material/calculate:"):
        st.dataframe(rows, hide_index=True, alt="Differences with intervals and p-values")
        for item in found:
            if item.needed:
                st.caption(f"{item.b}, {item.metric}: {item.needed}")
        pieces.download(rows, "differences")
    sections.append(report.Section("Evidence", [*(item.sentence for item in found), figure, rows]))
    if len(configs) == 2:
        pieces.page_link("examples", "See the examples that differ", icon=":material/difference:",
                         runs=f"{configs[0].run_ids[0]},{configs[1].run_ids[0]}")  # fmt: skip
    return {(f"{split}/{item.metric.replace(' ', '_').lower()}", item.b) for item in found if item.p_decisive < 0.05}


def show_metrics(significant: set[tuple[str, str]]) -> None:
    """Mean ± sd, n and interval of every summary metric, and the tables for a paper."""
    st.subheader("Metrics", anchor=False)
    table = comparison.metric_table(queries.summary(version, ids), configs)
    if table.is_empty():
        st.caption("None of these runs has a summary yet.")
        return
    numbers = {name: st.column_config.NumberColumn(format="%.4f") for name in ("mean", "sd", "low", "high")}
    st.dataframe(
        table, hide_index=True, key="compare_metrics", alt="Metrics by configuration", column_config=numbers, height=420
    )
    markdown = paper_tables.markdown(table, significant=significant)
    with st.expander("As Markdown and LaTeX", icon=":material/table:"):
        st.code(markdown, language="markdown")
        st.code(paper_tables.latex(table, significant=significant), language="latex")
    pieces.download(table, "metrics")
    sections.append(report.Section("Metrics", [table]))


@st.fragment
def show_curves() -> None:
    """Curves of one metric, read again from the store for the chosen range of x."""
    st.subheader("Curves", anchor=False)
    groups = run_figures.metric_groups(queries.metric_names(version, ids))
    if not groups:
        st.caption("None of these runs logged a curve.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.selectbox("Metric", list(groups), key="compare_metric", bind="query-params", width=200)
        x = st.segmented_control("x", ["step", "epoch", "time"], default="step", key="compare_x", bind="query-params")
        smoothing = st.slider("Smoothing", 0.0, 0.99, 0.0, key="compare_smoothing", bind="query-params", width=180)
        log_x = st.toggle("log x", key="compare_log_x", bind="query-params")
        log_y = st.toggle("log y", key="compare_log_y", bind="query-params")
        low = st.number_input("x from", value=None, key="compare_low", bind="query-params", width=120)
        high = st.number_input("x to", value=None, key="compare_high", bind="query-params", width=120)
    frame = queries.curves(version, ids, tuple(groups[metric]), x=x or "step", buckets=500, low=low, high=high)
    if frame.is_empty():
        st.caption("No point lies in this range.")
        return
    figure = figures.seed_curves(
        frame, owner, metric=metric, x=x or "step", log_x=log_x, log_y=log_y, smoothing=smoothing
    )
    event = plots.show(
        figure.update_layout(dragmode="zoom", modebar={"remove": [], "add": ["select2d"]}),
        key="compare_curves",
        on_select="rerun",
        selection_mode="box",
        alt=f"{metric} of the configurations",
    )
    boxes = event.selection.get("box", [])
    if boxes:
        low, high = sorted(boxes[0]["x"])
        near = queries.curves(version, ids, tuple(groups[metric]), x=x or "step", buckets=1000, low=low, high=high)
        st.caption(f"The selected range {low:,.4g} to {high:,.4g}, read again from the store:")
        plots.show(
            figures.seed_curves(near, owner, metric=metric, x=x or "step", log_y=log_y, smoothing=smoothing),
            key="compare_zoom",
            alt=f"{metric} in the selected range",
        )
    pieces.download(frame, "curves")
    st.session_state["compare_figure"] = figure


def show_settings() -> None:
    """What differs in configuration and environment, and the commands side by side."""
    st.subheader("Configuration", anchor=False)
    difference = comparison.config_difference(queries.params(version, ids), configs)
    if difference.is_empty():
        st.caption("No parameter differs but seed, tags and note.")
    else:
        st.dataframe(difference, hide_index=True, key="compare_params", alt="Parameters that differ")
    environment = [
        {"field": name, **{str(row["run_id"]): str(row.get(name)) for row in chosen}}
        for name in ENVIRONMENT
        if len({str(row.get(name)) for row in chosen}) > 1
    ]
    with st.expander("Environment and git: what differs", icon=":material/dns:"):
        if environment:
            st.dataframe(pl.DataFrame(environment), hide_index=True, alt="Environment fields that differ")
        else:
            st.caption("Host, device, git commit and data are the same.")
    st.subheader("Commands", anchor=False)
    for config in configs:
        st.caption(config.name)
        st.code(str(runs.filter(run_id=config.run_ids[0])["command"][0]), language="bash", wrap_lines=True)
    commands = [("code", str(row["command"])) for row in chosen]
    sections.append(report.Section("Configuration", [difference, *commands]))


def show_report() -> None:
    """Everything above as one file."""
    if "compare_figure" in st.session_state:
        sections.append(report.Section("Curves", [st.session_state["compare_figure"]]))
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    st.download_button(
        "Report (HTML)",
        data=lambda: report.html_report(
            "Comparison of " + ", ".join(config.name for config in configs), sections, footer=f"clueboard · {moment}"
        ),
        file_name="comparison.html",
        mime="text/html",
        icon=":material/summarize:",
        on_click="ignore",
        key="compare_report",
    )


significant = show_evidence()
show_metrics(significant)
show_curves()
show_settings()
show_report()
