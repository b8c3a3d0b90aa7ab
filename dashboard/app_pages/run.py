"""One run: what it is, how it went, where it errs, and how to repeat it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import runs as figures
from dashboard.figures import tables, words
from dashboard.frames import name_order
from dashboard.frames.comparison import configurations
from dashboard.parts import badges, commands, curve_controls, downloads, guard, headings, links, local_time, plots
from dashboard.parts.runs import run_jobs, run_picker, run_predictions, run_tables, try_sentence
from dashboard.reports import citation, html_report, run_report

PLOTS = 6  # plots drawn at first
SCORES = 4  # metrics shown above the tabs
RATES = ("learning_rate", "lr", "tokens_per_second")  # not among them
ENDED_EARLY = {
    "lost": "The run is lost: its process ended without a word, as after a kill or a power cut.",
    "interrupted": "The run was interrupted before its end.",
}
STILL_RUNNING = (
    "The run had not ended in the tracker that it was imported from; import it again for what it logged since."
)
RESUMED = ("python -m jobs.clue", "python -m jobs.sweep")  # commands that take --resume
SYSTEM = "system/"  # what was watched of the machine: on a tab of its own
CONSOLE = 200_000  # characters of the console shown
MEASURED = 5000  # rows of a measured table shown

HELP = {
    "note": """Everything one run stored: its configuration and its command, the curves it logged (a
running job's curves move by themselves), its confusion matrix and wrong predictions, what it measured, its files, its
environment and related runs.""",
    "formula": r"\text{smoothed}_t = \frac{\sum_{i\le t} w^{t-i} v_i}{\sum_{i\le t} w^{t-i}}",
    "source": "the store's tables `runs`, `params`, `metrics`, `summary`, `predictions`, `measurements`, `artifacts`",
}
QUESTION = "What one run is, how it went, where it errs, and the command that started it."

if queries.run_list(queries.store_version(), limit=1).is_empty() and "run" not in st.query_params:
    headings.title("Run", QUESTION, **HELP)
    headings.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
    st.stop()
heading = st.container(horizontal=True, vertical_alignment="center", gap="small", key="run_heading")
told = st.container(key="run_told")
with heading:
    st.title("Run", anchor=False, width="content")
    with st.container(width="stretch"):
        picked = run_picker.pick_run(None, "run", hidden_label=True)
    headings.help_sign(**HELP)
if picked is None:
    headings.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
    st.stop()
run_id: str = picked
VERSION = queries.store_version()
RUN = queries.run(VERSION, run_id)
NAME = queries.name(VERSION, run_id)
SPEC = queries.task_specs(VERSION).get(RUN["task"] or "")
st.set_page_config(page_title=f"{NAME} — {headings.NAME}")


def header(run: Mapping[str, Any]) -> None:
    """What can be done with the run; its status, scores, tags, note; the error of a failed one."""
    with heading:
        with st.popover("Command", icon=":material/terminal:"):
            commands.show(run)
        run_jobs.buttons(run, key="run")
        downloads.save_report(save_report, f"run-{run_id}")
    with told:
        st.markdown(f"{signs(run)} &nbsp; {' · '.join([*scores(), *moments(run)])}")
    if run["note"]:
        st.markdown("\n".join(f"> {words.plain(line)}  " for line in run["note"].splitlines()))
    if run["status"] == "failed":
        last = (run["error"] or "no message").strip().splitlines()[-1]
        st.error(f"The run failed: {words.plain(last)}", icon=":material/error:")
        with st.expander("Whole error"):
            st.code(run["error"] or "", language=None, wrap_lines=True)
    if run["status"] in ENDED_EARLY:
        module = next((name for name in RESUMED if run["command"].startswith(f"{name} ")), None)
        how = " This command continues it from its last checkpoint, if it has one:" if module else ""
        imported = run["status"] == "lost" and commands.is_imported(run)
        st.warning(STILL_RUNNING if imported else f"{ENDED_EARLY[run['status']]}{how}", icon=":material/restart_alt:")
        if module:
            st.code(commands.of_this_store(f"{module} --resume {run_id}"), language="bash", wrap_lines=True)


def signs(run: Mapping[str, Any]) -> str:
    """Status, sample data, limit, tags and archive as badges in a line."""
    icon, color = badges.STATUS[run["status"]]
    found = [f":{color}-badge[{icon} {run['status']}]"]
    if run["data_source"] == "sample":
        found.append(":orange-badge[:material/science: sample data]")
    limit = queries.params(VERSION, (run_id,)).filter(name="limit")["value"].to_list()
    if limit and limit[0] not in ("null", "0"):
        found.append(f":orange-badge[:material/content_cut: first {limit[0]} rows only]")
    found += [f":gray-badge[:material/sell: {words.plain(tag)}]" for tag in run["tags"] or []]
    if run["archived"]:
        found.append(":gray-badge[:material/archive: archived]")
    return " ".join(found)


def moments(run: Mapping[str, Any]) -> list[str]:
    """When it started, how long it took, its seed."""
    seed = [] if run["seed"] is None else [f"seed {run['seed']}"]
    started = f"started {words.moment(run['started_at'], local_time.now())}"
    return [started, words.duration(run["duration_s"]), *seed]


def scores() -> list[str]:
    """What the run reports of itself, the score that judges its task first, then other dev ones."""
    summary = queries.summary(VERSION, (run_id,))
    main = f"dev/{SPEC.metric}" if SPEC else ""
    metric = pl.col("name").str.split("/").list.last()
    shown = ~metric.is_in(RATES) & ~pl.col("name").str.starts_with(SYSTEM)
    guessed = metric.is_in(configurations.UNSCORED)  # what guessing gives, last
    if SPEC and SPEC.kind in ("span", "entities"):
        shown = shown & ~guessed  # no class to guess
    split = ~pl.col("name").str.starts_with("dev/") & ~pl.col("name").is_in(configurations.MORE_IS_BETTER)
    training = pl.col("name").str.starts_with("train/")
    summary = summary.filter(shown)
    ordered = summary.sort(pl.col("name") != main, split, training, guessed, name_order.places(summary["name"])).head(
        SCORES
    )
    return mean() + [
        f"**{words.name(name)} {words.value(name, value)}**" if name == main or not number else
        f"{words.name(name)} {words.value(name, value)}"
        for number, (name, value) in enumerate(ordered.select("name", "value").iter_rows())
    ]  # fmt: skip


def mean() -> list[str]:
    """The mean score of a parent's children, where they are seeds of one setting."""
    scored = queries.scored(VERSION)
    children = scored.filter(parent_run_id=run_id)
    if children.is_empty():
        return []
    row = scored.row(by_predicate=pl.col("run_id") == run_id, named=True)
    if not row["mean_of"]:
        return []
    name = f"dev/{row['metric']}"
    known = name if name in scored.columns and children[name].is_not_null().all() else row["metric"]
    value = words.value(row["metric"], row["score"])
    return [f"**mean {words.name(known)} {value}** of {words.count(row['mean_of'], 'run')}"]


def save_report() -> bytes:
    """The whole run as one file."""
    names = queries.metric_names(VERSION, (run_id,))
    frame = queries.curves(VERSION, (run_id,), tuple(names), x="step")
    sections = run_report.sections(
        RUN,
        params=queries.params(VERSION, (run_id,)),
        summary=queries.summary(VERSION, (run_id,)),
        curves={metric: draw(frame, metric, members) for metric, members in figures.metric_groups(names).items()},
        predictions=tables.with_class_titles(queries.predictions(VERSION, run_id, "dev"), RUN["task"]),
        measured={name: measured(name) for name in queries.measured_tables(VERSION, run_id)},
    )
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return html_report.html_report(f"{NAME} ({run_id})", sections, footer=f"clueboard · {moment}").encode()


def draw(
    frame: pl.DataFrame, metric: str, members: Sequence[str], view: curve_controls.View | None = None
) -> go.Figure:
    """One plot: the curves of a metric on all splits."""
    points = frame.filter(pl.col("name").is_in(members))
    if view is None:
        return figures.curves(points, metric=metric)
    return figures.curves(points, metric=metric, x=view.x, log_x=view.log_x, log_y=view.log_y, smoothing=view.smoothing)


def plots_of(
    frame: pl.DataFrame, groups: Mapping[str, Sequence[str]], view: curve_controls.View
) -> dict[str, tuple[go.Figure, str]]:
    """Metric -> its plot and what that shows, of those that have a curve."""
    return {
        metric: (draw(frame, metric, members, view), figures.finding(frame, members, x=str(view.x)))
        for metric, members in groups.items()
        if figures.is_curve(frame, members)
    }


@st.cache_resource(show_spinner=False, max_entries=64)
def kept_plots(
    version: str, run_id: str, names: tuple[str, ...], view: curve_controls.View, _frame: pl.DataFrame, _groups: Any
) -> dict[str, tuple[go.Figure, str]]:
    """The same of a run that has ended, drawn once."""
    return plots_of(_frame, _groups, view)


def show_curves(running: bool, *, system: bool = False) -> None:
    """Curves of the run, one plot a metric, train and dev together; a box drawn in one zooms all."""
    version = queries.store_version()
    every = queries.live_metric_names(run_id) if running else queries.metric_names(version, (run_id,))
    names = [name for name in every if name.startswith(SYSTEM) == system]
    if not names:
        what = "nothing of the machine" if system else "no curves"
        who = " Scripts that call `store.init` do so every 15 seconds." if system else ""
        st.info(f"This run has logged {what}{' yet' if running else ''}.{who}", icon=":material/show_chart:")
        return
    page = "run_system" if system else "run"
    groups = figures.metric_groups(names)
    options = st.container()
    with options:
        view, chosen = curve_controls.controls(page, list(groups), default=list(groups)[:PLOTS])
    if not chosen:
        return
    wanted = tuple(name for group in chosen for name in groups[group])
    if running:
        frame = queries.live_curves((run_id,), wanted, x=view.x, low=view.low, high=view.high)
    else:
        frame = queries.curves(version, (run_id,), wanted, x=view.x, low=view.low, high=view.high)
    if frame.is_empty():
        st.caption("No point lies in this range.")
        return
    groups = {metric: groups[metric] for metric in chosen}
    drawn = plots_of(frame, groups, view) if running else kept_plots(version, run_id, wanted, view, frame, groups)
    columns = st.columns(min(2, max(len(drawn), 1)))
    for index, (metric, (figure, finding)) in enumerate(drawn.items()):
        key = f"{page}_curve_{metric}"
        with columns[index % len(columns)]:
            plots.show(
                figure,
                key=key,
                title=finding,
                alt=f"{words.name(metric)} of run {run_id} over {view.range}",
                live=running,
                on_box=partial(curve_controls.zoom, page),
            )
    show_points(frame, [name for metric in chosen if metric not in drawn for name in groups[metric]])
    if repeated := int(frame["repeated"].sum()):
        st.caption(f"{words.count(repeated, 'earlier value')} of steps that were logged again: the newest is drawn.")
    downloads.download(frame, f"{page}_curves_{run_id}", label="Curves as CSV")


def show_points(frame: pl.DataFrame, names: list[str]) -> None:
    """Curves of one point are a number, those without a finite value a sentence."""
    rows = frame.filter(pl.col("name").is_in(names))
    rows = rows.sort(name_order.places(rows["name"]))
    counts = rows.group_by("name", maintain_order=True).len()
    many, once = counts.filter(pl.col("len") > 1), rows.filter(pl.len().over("name") == 1)
    for name, logged in many.iter_rows():
        st.caption(f"{words.plain(words.name(name))}: none of its {logged:,} values is finite.")
    if once.is_empty():
        return
    st.caption("Logged once:")
    with st.container(horizontal=True, gap="medium"):
        for name, value in once.select("name", "value").iter_rows():
            st.metric(words.name(name), words.value(name, value), width="content")


def live_progress() -> None:
    """Progress bar of a running job; reruns the whole page once the job has ended."""
    now = queries.run(queries.store_version(), run_id)
    if now["status"] != "running":
        st.rerun()
    share, life = words.share_done(now["progress"], now["eta_s"]), f"last sign of life {words.ago(now['heartbeat_at'])}"
    if share is None:
        st.progress(0.0, text=f"The job has not said how far it is · {life}")
        return
    eta = f"{words.duration(now['eta_s'])} left" if now["eta_s"] is not None else "time left unknown"
    st.progress(share, text=f"{share:.0%} · {eta} · {life}")


def measured(name: str) -> pl.DataFrame:
    """Rows of one measured table of the run, without columns that say nothing."""
    rows = queries.measurements(VERSION, name, run_ids=(run_id,)).drop("run_id")
    return rows.select(column for column in rows if column.is_not_null().any())


def show_measurements() -> None:
    """What the run measured: one table at a time."""
    names = queries.measured_tables(VERSION, run_id)
    if not names:
        st.info("This run measured no table.", icon=":material/inbox:")
        return
    name = st.selectbox("Table", names, format_func=words.name, key="run_table", bind="query-params", width=260)
    rows = measured(name)
    titles: dict[str, Any] = {column: st.column_config.Column(words.heading(column)) for column in rows.columns}
    for column in rows.columns:
        known = rows[column].drop_nulls()
        if known.dtype.is_numeric() and (known == known.round()).all():
            titles[column] = st.column_config.NumberColumn(words.heading(column), format="localized")
    st.dataframe(
        rows.head(MEASURED), key=f"run_measured_{name}", hide_index=True, column_config=titles, alt=f"Measured: {name}"
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            words.count(rows.height, "row") + (f", the first {MEASURED:,} shown" if rows.height > MEASURED else "")
        )
        downloads.download(rows, f"{name}_{run_id}")


def show_config() -> None:
    """The command to copy and every parameter."""
    commands.show(RUN)
    with st.popover("Cite", icon=":material/format_quote:"):
        st.code(citation.bibtex(RUN, NAME), language="latex")
    unset = st.toggle("Settings left unset too", key="run_unset", bind="query-params")
    frame = run_report.parameters(queries.params(VERSION, (run_id,)), unset=unset)
    st.dataframe(frame.to_arrow(), key="run_params", hide_index=True, height="content", alt="Parameters of the run")
    st.caption(f"Config hash `{RUN['config_hash'][:12]}…`: runs with the same hash differ in nothing but the seed.")


def show_files() -> None:
    """Artifacts with their size; each can be saved."""
    files = queries.artifacts(VERSION, run_id)
    if files.is_empty():
        st.info("This run kept no files.", icon=":material/inbox:")
        return
    for row in files.sort(pl.col("kind") != "submission", "name").iter_rows(named=True):
        path = Path(row["file"])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"`{row['name']}` · {row['kind']} · {words.size(row['bytes'])}")
            if path.is_file():
                st.download_button(
                    "Save",
                    data=path.read_bytes,
                    file_name=row["name"],
                    icon=":material/download:",
                    key=f"run_file_{row['name']}",
                    on_click="ignore",
                )
            else:
                st.caption("the file is gone")


def show_console() -> None:
    """What the script printed, the newest lines at the end."""
    files = queries.artifacts(VERSION, run_id).filter(kind="console").sort("name")  # console.1.log is the older one
    paths = [Path(file) for file in files["file"] if Path(file).is_file()]
    if not paths:
        when = "It appears when the run ends." if running else "Scripts that call `store.init` keep what they print."
        st.info(f"No console output is stored for this run. {when}", icon=":material/terminal:")
        return
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)
    st.code(text[-CONSOLE:], language=None, wrap_lines=True, height=600)


def show_environment() -> None:
    """Where the run ran and with which versions."""
    run_jobs.history(run_id)
    frame = run_report.environment(RUN)
    st.dataframe(
        frame.to_arrow(), key="run_environment", hide_index=True, height="content", alt="Environment of the run"
    )


def show_kin() -> None:
    """Parent, children, and runs of the same configuration with other seeds."""
    everything = queries.scored(VERSION)
    if RUN["parent_run_id"]:
        st.markdown("**Parent**")
        links.run_link(RUN["parent_run_id"])
    if RUN["experiment"] == "sweep":
        sweep = {"explore_view": "Sweeps", "explore_sweep": run_id}
        links.page_link("explore", "Its trials, and what each setting does", icon=":material/scatter_plot:", **sweep)
    children = everything.filter(parent_run_id=run_id)
    seeds = everything.filter((pl.col("config_hash") == RUN["config_hash"]) & (pl.col("run_id") != run_id))
    for name, key, frame in (
        ("Children", "run_children", children),
        ("Same configuration, other runs", "run_seeds", seeds),
    ):
        if not frame.is_empty():
            st.markdown(f"**{name}** ({frame.height})")
            columns = ("status", "score", "seed", "started_at", "duration_s")
            run_tables.runs_table(VERSION, frame, columns, key=key, label=name)
    if not seeds.is_empty():
        ids = ",".join([run_id, *seeds["run_id"].head(19)])
        links.page_link("compare", "Compare its seeds", icon=":material/compare_arrows:", runs=ids)
    if children.height > 1:
        ids = ",".join(children["run_id"].head(20))
        links.page_link("compare", "Compare its children", icon=":material/compare_arrows:", runs=ids)
    if not RUN["parent_run_id"] and children.is_empty() and seeds.is_empty():
        st.info("This run has no parent, no children and no run of the same configuration.", icon=":material/inbox:")


def logged_once() -> bool:
    """Whether the run logged nothing but scores, each of them once; read from the store only where that may be."""
    names = tuple(name for name in queries.metric_names(VERSION, (run_id,)) if not name.startswith(SYSTEM))
    if not all(map(configurations.is_score, names)):
        return False
    return not names or bool(queries.curves(VERSION, (run_id,), names, buckets=2)["name"].is_unique().all())


def opens_on() -> str:
    """The first tab with something on it, for a run that logged each metric once: a parent opens on its children."""
    if queries.has_answers(VERSION, run_id):
        return "Predictions"
    if not queries.all_runs(VERSION).filter(parent_run_id=run_id).is_empty():
        return "Related runs"
    if queries.measured_tables(VERSION, run_id):
        return "Measurements"
    return "Curves" if queries.metric_names(VERSION, (run_id,)) else "Configuration"


header(RUN)
running = RUN["status"] == "running"
progress = st.empty()  # stays when the job ends, so that what is below keeps its place
if running:
    with progress.container():
        guard.fragment(run_every=1)(live_progress)()
TABS = {
    "Curves": lambda: guard.fragment(run_every=1 if running else None)(show_curves)(running),
    "Predictions": lambda: run_predictions.show(VERSION, RUN, SPEC),
    "Try it": lambda: guard.fragment(try_sentence.show)(VERSION, RUN, SPEC),
    "Measurements": show_measurements,
    "Configuration": show_config,
    "Files": show_files,
    "Console": show_console,
    "System": lambda: guard.fragment(run_every=5 if running else None)(show_curves)(running, system=True),
    "Environment": show_environment,
    "Related runs": show_kin,
}
first = opens_on() if not running and logged_once() else "Curves"
opened = st.tabs(list(TABS), key="run_tab", bind="query-params", default=first)
for tab, show in zip(opened, TABS.values(), strict=True):
    if tab.open:
        with tab:
            show()
