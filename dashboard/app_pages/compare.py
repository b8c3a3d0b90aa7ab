"""Two to twenty runs side by side: is it better, by how much, and can it be shown?"""

import html
from datetime import UTC, datetime
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import compare as figures
from dashboard.figures import findings, words
from dashboard.figures import runs as run_figures
from dashboard.frames.comparison import configurations, paired_predictions, unseen_scores
from dashboard.parts import cached_comparisons, curve_controls, dots, downloads, guard, headings, plots, verdict_card
from dashboard.parts.runs import run_picker
from dashboard.reports import html_report, paper_tables

MOST_RUNS = 20
MOST_EXPLAINED = 3  # comparisons whose slices are looked for
UNLIMITED = (None, "null", "0")
HASHES = {"git_commit", "train_fingerprint", "dev_fingerprint"}
TOLD_APART = 12  # characters of a hash that are shown
ENVIRONMENT = ("host", "device", "git_commit", "git_dirty", "data_source", "train_fingerprint", "dev_fingerprint")

headings.title(
    "Compare",
    "Is one setting better than another, by how much, and could it be chance?",
    note="""Runs that differ only in their seed are one *configuration*. Two configurations are compared on the examples
that both predicted (paired on id and content). With three seeds or more of each, one interval covers both what training
again and what other examples would change; with fewer seeds the sentence is about these trained
models on other examples, and says so. It names a winner only where the interval leaves out zero and the p-value,
corrected for the number of comparisons on the page, is below 0.05. The slices, which only say where two differ, are
corrected among themselves.""",
    formula=r"D_{ij} = \Delta + S_i + E_j + R_{ij}, \qquad (\bar D - \Delta)^2 \le \max\left(u^2 V_n,\; t^2"
    r" V_s + u^2 V_n \rho\right)",
    source="Bouthillier et al. (2021), arXiv 2103.03098; Owen (2007), arXiv 0712.1111; Banerjee (1960); Tango (1998); "
    "Holm (1979); simulated in docs/EVIDENCE.md",
)

version = queries.store_version()
if queries.all_runs(version).is_empty():
    headings.empty("python -m jobs.clue --task afqmc --seeds 0 1 2", "No run is stored yet.")
    st.stop()
toolbar = st.container(horizontal=True, vertical_alignment="center", key="compare_toolbar")
first_screen = st.container()
with toolbar, st.popover("Choose runs", icon=":material/checklist:"):
    chosen = run_picker.pick_runs("compare", most=MOST_RUNS, suggest=configurations.suggest)
if len(chosen) < 2:
    st.info("Choose two to twenty runs.", icon=":material/compare_arrows:")
    st.stop()
runs = pl.DataFrame(
    [{name: row.get(name) for name in queries.all_runs(version).columns} for row in chosen],
    schema=queries.all_runs(version).schema,
)
repeats = configurations.repeated_seeds(runs)
if repeats:
    chosen = [row for row in chosen if row["run_id"] not in repeats]
    runs = runs.filter(~pl.col("run_id").is_in(repeats))
ids = tuple(runs["run_id"])
configs = configurations.configurations(
    runs, queries.params(version, ids), queries.colors(version), queries.names(version, ids)
)
owner = {run_id: config.name for config in configs for run_id in config.run_ids}
task_of = dict(zip(runs["run_id"], runs["task"], strict=True))
sections: list[html_report.Section] = []
sentences: list[str] = []  # of the comparison, for the report and the paper
drawn: dict[str, go.Figure] = {}  # the curves of this moment, for the report: the session is out of its reach


def seeds_of(config: configurations.Configuration) -> str:
    """`seed 1`, `seeds 1, 2`, `no seed`."""
    seeds = [str(seed) for seed in config.seeds if seed is not None]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}" if seeds else "no seed"


def legend() -> None:
    """What each configuration is: task, runs, seeds; and which runs were left out."""
    limits = dict(queries.params(version, ids).filter(name="limit").select("run_id", "value").iter_rows())
    lines = [
        f"{dots.dot(config.color)}**{html.escape(words.inline(config.name))}** · "
        f"{html.escape(words.inline(task_of[config.run_ids[0]] or 'no task'))} · "
        f"{words.count(len(config.run_ids), 'run')}, {seeds_of(config)}"
        + (f" · :orange[first {limit} rows only]" if (limit := limits.get(config.run_ids[0])) not in UNLIMITED else "")
        for config in configs
    ]
    st.caption("  \n".join(lines), unsafe_allow_html=True)  # the dots; names and tasks are escaped
    if repeats:
        st.caption(
            f":material/content_copy: Left out, because a newer run has the same configuration and seed: "
            f"{', '.join(repeats)}. The same seed again is no further evidence."
        )


def caveats(unseen: bool) -> list[str]:
    """What weakens every sentence on the page, the gravest first."""
    found = []
    if runs["data_source"].eq("sample").any():
        found.append("Generated sample data: these scores say nothing about the task")
    shared = max(queries.shared_rows(version, config.run_ids[0]) for config in configs)
    if shared and not unseen:
        found.append(f"{shared:,} of the rows that are scored are in the training data too")
    limits = queries.params(version, ids).filter(name="limit")["value"].to_list()
    if any(limit not in UNLIMITED for limit in limits):
        found.append("Some of these runs saw only the first rows of their data")
    return found


def show_evidence() -> set[tuple[str, str]]:
    """The verdict, its picture, where the two differ; returns the significant cells of the metric table."""
    names = [config.name for config in configs]
    choice: dict[str, Any] = {"label_visibility": "collapsed", "bind": "query-params"}
    with toolbar:
        chosen_name = st.selectbox(
            "Baseline", names, key="compare_baseline", format_func=lambda name: f"against {name}", width=330, **choice
        )
        baseline = configs[names.index(chosen_name)]
        spec = queries.task_specs(version).get(str(task_of[baseline.run_ids[0]]))
        metrics = paired_predictions.metrics_of(spec)
        metric = st.selectbox(
            "Judged by", list(metrics), key="compare_judge", format_func=lambda name: f"by {name}", width=170, **choice
        )
        split = st.selectbox(
            "Split", ["dev", "test"], key="compare_split", format_func=lambda name: f"on {name}", width=120, **choice
        )
    with first_screen:
        card = st.container(border=True, key="compare_verdict")
        picture, rest = st.container(), st.container()
    with rest:
        unseen = cached_comparisons.without_shared_rows(version, configs)
        found = cached_comparisons.gather(
            version, configs, task_of, baseline=baseline, split=split, metric=metric, unseen=unseen
        )
    with card:
        if not found:
            st.info(
                "No two of these settings have predictions of the same examples, so neither can be called better. "
                "Their metrics, curves and settings are below.",
                icon=":material/info:",
            )
            return set()
        verdict_card.show(found, caveats(unseen))
    rows = paired_predictions.table(found)
    figure = figures.differences(rows)
    others = {config.name: config for config in configs}
    with first_screen:
        with picture:
            title = findings.differences(rows, baseline.name)
            plots.show(figure, key="compare_differences", title=title, alt="Differences with 95 % intervals")
        task = str(task_of[baseline.run_ids[0]])
        explained = [others[item.b] for item in found[:MOST_EXPLAINED]]
        tested = cached_comparisons.slices_together(version, split, baseline, explained, task, unseen)
        told = [
            verdict_card.where_they_differ(split, baseline, config, each)
            for config, each in zip(explained, tested, strict=True)
        ]
        with st.expander("Numbers and power", icon=":material/calculate:"):
            readable = paired_predictions.readable(rows)
            st.dataframe(
                readable.to_arrow(), hide_index=True, key="compare_numbers", alt="Differences with intervals, p-values"
            )
            if families := cached_comparisons.families(len(found), sum(len(each[0]) for each in tested)):
                st.caption(families)
            for item in found:
                if item.needed:
                    st.caption(words.inline(f"{item.b}: {item.needed}"))
            downloads.download(rows, "differences")
    heading = "Evidence, on rows whose content is not in the training data" if unseen else "Evidence"
    sentences[:] = [*(f"{text}." for text in caveats(unseen)), *(item.sentence for item in found)]
    sections.append(html_report.Section(heading, [*sentences, figure, readable, *told]))
    if unseen:  # the metric table is of all rows
        return set()
    return {(f"{split}/{metrics[metric].name}", item.b) for item in found if item.p_decisive < 0.05}


def show_metrics(significant: set[tuple[str, str]], *, on_unseen: bool) -> None:
    """Mean ± sd, n and interval of the summary metrics, and the tables for a paper."""
    st.subheader("Metrics", anchor=False)
    table = configurations.metric_table(queries.summary(version, ids), configs)
    if table.is_empty():
        st.caption("None of these runs has a summary yet.")
        return
    scores = table.filter(pl.col("metric").map_elements(configurations.is_score, return_dtype=pl.Boolean))
    everything = st.toggle("Losses, rates and baselines too", key="compare_all", bind="query-params")
    shown = table if everything or scores.is_empty() else scores
    readable = configurations.readable(unseen_scores.beside(shown))
    columns = ("Mean", "± sd", "95 % over seeds", unseen_scores.TITLE)
    right = {name: st.column_config.TextColumn(alignment="right") for name in columns}
    st.dataframe(
        readable.to_arrow(),
        hide_index=True,
        key="compare_metrics",
        alt="Metrics by configuration",
        column_config=right,
        height="content" if readable.height <= 14 else 520,
    )
    if unseen_scores.TITLE in readable.columns:
        used = "rows that do not stand in the training data" if on_unseen else "all rows"
        st.caption(
            f"{unseen_scores.TITLE}: the mean over the rows that do not stand in the training data. "
            f"The sentence above is about {used}."
        )
    with st.container(horizontal=True):
        downloads.download(table, "metrics")
        with st.popover("For a paper", icon=":material/table:"):
            st.code(paper_tables.markdown(shown, significant=significant, sentences=sentences), language="markdown")
            st.code(paper_tables.latex(shown, significant=significant, sentences=sentences), language="latex")
    sections.append(html_report.Section("Metrics", [readable]))


@st.cache_resource(show_spinner=False, max_entries=64)
def curves_figure(
    version: str,
    configs: tuple[configurations.Configuration, ...],
    metric: str,
    names: tuple[str, ...],
    view: curve_controls.View,
) -> go.Figure | None:
    """Curves of the configurations, read from the store in the range of the view; None where none has two points."""
    frame = queries.curves(version, ids, names, x=view.x, buckets=500, low=view.low, high=view.high)
    if not frame.select("run_id", "name").is_duplicated().any():
        return None
    return figures.seed_curves(
        frame,
        owner,
        metric=metric,
        x=view.x,
        log_x=view.log_x,
        log_y=view.log_y,
        smoothing=view.smoothing,
        colors={config.name: config.color for config in configs},
    )


@guard.fragment
def show_curves() -> None:
    """Curves of one metric; a box drawn in the plot is read again from the store."""
    st.subheader("Curves", anchor=False)
    drawn.clear()
    groups = run_figures.metric_groups(queries.metric_names(version, ids))
    if not groups:
        st.caption("None of these runs logged a curve.")
        return
    metric = st.selectbox(
        "Metric", list(groups), format_func=words.name, key="compare_metric", bind="query-params", width=260
    )
    view, _ = curve_controls.controls("compare", (), default=())
    figure = curves_figure(version, tuple(configs), metric, tuple(groups[metric]), view)
    if figure is None:
        whole = view.low is None and view.high is None
        once = f"No run logged {words.inline(words.name(metric))} more than once; the table above has the values."
        st.caption(once if whole else "No curve has two points in this range.")
        return
    shown = {str(trace.name).partition(", ")[0] for trace in figure.data}
    silent = [config.name for config in configs if config.name not in shown]
    plots.show(
        figure,
        key="compare_curves",
        title=findings.curves(figure, metric),
        on_box=partial(curve_controls.zoom, "compare"),
        alt=f"{metric} of the configurations over {view.x}",
    )
    seeds = "Mean over seeds, with their range as a band. " if len(ids) > len(configs) else ""
    none = f"{words.inline(', '.join(silent))} logged no {words.name(metric)} here. " if silent else ""
    st.caption(f"{seeds}{none}Draw a box to read a part again in full detail.")
    drawn[metric] = figure


def differing_environment() -> pl.DataFrame:
    """Environment fields that are not the same in all runs, one column a run."""
    rows, named = [], queries.names(version, ids)
    for name in ENVIRONMENT:
        values = {str(row["run_id"]): words.setting_of(row.get(name)) for row in chosen}
        if len(set(values.values())) > 1:
            cut = TOLD_APART if name in HASHES else None
            rows.append(
                {"Field": words.heading(name), **{named[run_id]: value[:cut] for run_id, value in values.items()}}
            )
    return pl.DataFrame(rows)


def show_settings() -> None:
    """What differs in configuration and environment, and the commands side by side."""
    st.subheader("What differs", anchor=False)
    difference = configurations.config_difference(queries.params(version, ids), configs).rename(
        {"parameter": "Parameter"}
    )
    if difference.is_empty():
        st.caption("No parameter differs but seed, tags and note.")
    else:
        st.dataframe(
            difference.to_arrow(),
            hide_index=True,
            key="compare_params",
            alt="Parameters that differ",
            height="content" if difference.height <= 20 else 520,
        )
        if (difference == words.UNSET).select(pl.any_horizontal(pl.all().any())).item():
            st.caption(f"{words.UNSET}: not set by that run, or not stored by the version that ran it.")
    environment = differing_environment()
    with st.expander("Environment and git", icon=":material/dns:"):
        if environment.is_empty():
            st.caption("Host, device, git commit and data are the same.")
        else:
            st.dataframe(
                environment.to_arrow(), hide_index=True, key="compare_environment", alt="Environment that differs"
            )
    st.markdown("**Commands**")
    for column, config in zip(st.columns(min(2, len(configs))) * len(configs), configs, strict=False):
        with column:
            st.caption(words.inline(config.name))
            st.code(str(runs.filter(run_id=config.run_ids[0])["command"][0]), language="bash", wrap_lines=True)
    commands = [("code", str(row["command"])) for row in chosen]
    sections.append(html_report.Section("What differs", [difference, environment, *commands]))


def save_report() -> bytes:
    """Everything on the page as one file."""
    parts = [*sections, *(html_report.Section("Curves", [figure]) for figure in drawn.values())]
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = "Comparison of " + ", ".join(config.name for config in configs)
    return html_report.html_report(title, parts, footer=f"clueboard · {moment} · runs {', '.join(ids)}").encode()


significant = show_evidence()
legend()
actions = st.container(horizontal=True, vertical_alignment="center")
show_metrics(significant, on_unseen=bool(st.session_state.get("compare_unseen")))
show_curves()
show_settings()
with actions:
    downloads.save_report(save_report, "comparison")
