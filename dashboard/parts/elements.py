"""Small parts that every page is made of: heading, empty state, badges, downloads, links and the choice of a run."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import polars as pl
import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.words import percent as percent  # pages write it as `pieces.percent`

STATUS = {
    "running": (":material/play_circle:", "blue"),
    "finished": (":material/check_circle:", "green"),
    "failed": (":material/error:", "red"),
    "interrupted": (":material/pause_circle:", "orange"),
    "lost": (":material/help:", "violet"),
}
"""Icon and colour of every status."""
_PICKED = 300
"""Runs offered in a select box; older ones are reached by their link or on the Runs page."""


def title(name: str, chinese: str = "", *, what: str = "", formula: str = "", source: str = "") -> None:
    """Heading of a page, with a folded "What am I looking at?".

    Args:
        name: the page's name.
        chinese: the Chinese name of the topic, if it has one.
        what: two or three sentences (Markdown).
        formula: the page's formula (LaTeX without dollar signs).
        source: where the method or the numbers come from (Markdown).
    """
    st.title(name, anchor=False)
    if chinese:
        st.caption(chinese)
    if what or formula or source:
        with st.expander("What am I looking at?", icon=":material/help:"):
            if what:
                st.markdown(what)
            if formula:
                st.latex(formula)
            if source:
                st.caption(f"Source: {source}")


def empty(command: str, what: str = "Nothing is stored here yet.") -> None:
    """Designed empty state: what is missing and the command that fills it."""
    st.info(f"{what} This command fills it:", icon=":material/inbox:")
    st.code(command, language="bash", wrap_lines=True)


def sample_badge(data_source: str | None) -> None:
    """Mark of a run on the built-in sample: its figures say nothing about the task. Shows nothing for real data."""
    if data_source == "sample":
        st.badge("sample data", icon=":material/science:", color="orange", help="Generated sentences: no real score.")


def download(frame: pl.DataFrame, name: str, *, label: str = "CSV") -> None:
    """Button that saves a frame as CSV; nested columns are written as JSON text. The file is built on the click."""
    st.download_button(
        label,
        data=lambda: to_csv(frame),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=f"download_{name}",
        on_click="ignore",
    )


def to_csv(frame: pl.DataFrame) -> bytes:
    """CSV (UTF-8 with a byte order mark, so that Excel shows Chinese) of any frame."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    flat = frame.with_columns(
        pl.col(name).map_elements(lambda value: str(list(value)), return_dtype=pl.String) for name in nested
    )
    return flat.write_csv(include_bom=True).encode()


def save_report(build: Callable[[], bytes], name: str) -> None:
    """Button that saves what the page shows as one HTML file; it is built on the click."""
    st.download_button(
        "Save as report",
        data=build,
        file_name=f"{name}.html",
        mime="text/html",
        icon=":material/summarize:",
        help="one HTML file that opens without a network",
        on_click="ignore",
        key=f"{name}_report",
    )


def page_link(page: str, label: str, *, icon: str | None = None, **query: str | Sequence[str]) -> None:
    """Link to another page with its selection; plain text where the page runs alone, without the navigation."""
    try:
        st.page_link(f"app_pages/{page}.py", label=label, icon=icon, query_params=query or None)
    except (StreamlitAPIException, KeyError):
        st.markdown(label)


def run_link(run_id: str, label: str | None = None) -> None:
    """Link to the page of one run."""
    page_link("run", label or run_id, icon=":material/monitoring:", run=run_id)


def pick_run(experiment: str | None, key: str, *, label: str = "Run", task: str | None = None) -> str | None:
    """Select box over the newest runs of an experiment; the choice lives in the URL as `?<key>=<run id>`.

    Any unambiguous part of an id works in the link, and so does a run that is not among those offered. Call
    `empty(...)` where this returns None: there is no such run.
    """
    frame = queries.run_list(queries.store_version(), experiment=experiment, task=task, limit=_PICKED)
    labels = {row["run_id"]: run_label(row) for row in frame.iter_rows(named=True)}
    wanted = st.query_params.get(key)
    if wanted:
        found = queries.find_run(queries.store_version(), wanted)
        if found is None:
            instead = " The newest run is shown instead." if labels else ""
            st.warning(
                f"The link names run {wanted!r}, which is not in this store.{instead}", icon=":material/link_off:"
            )
        else:
            labels = labels | {found["run_id"]: run_label(found)}
            wanted = found["run_id"]
    if not labels:
        return None
    ids = list(labels)
    widget = f"{key}_pick"
    chosen = wanted if wanted in labels else ids[0]
    if st.session_state.get(widget) not in ids or (
        wanted in labels and st.session_state.get(f"{widget}_url") != wanted
    ):
        st.session_state[widget] = chosen
        st.session_state[f"{widget}_url"] = chosen

    def remember() -> None:
        st.query_params[key] = st.session_state[f"{widget}_url"] = st.session_state[widget]

    return st.selectbox(label, ids, format_func=lambda run_id: labels[run_id], key=widget, on_change=remember)


def status_badge(status: str) -> None:
    """Status of a run, with the same icon and colour on every page."""
    icon, color = STATUS[status]
    st.badge(status, icon=icon, color=color)


def run_label(row: dict[str, object]) -> str:
    """`20261122-141530-7f3a · clue · afqmc · tiny · sample data` from a row of `runs`.

    Only a final status is named: a label must not change while the page is open.
    """
    parts = [row[name] for name in ("run_id", "experiment", "task", "model", "recipe")]
    if row.get("data_source") == "sample":
        parts.append("sample data")
    if row.get("status") not in (None, "finished", "running"):
        parts.append(row["status"])
    return words.together(parts)


def duration(seconds: float | None) -> str:
    """`3 h 05 min`, `2 min 10 s`, `0.8 s`, or an en dash for what is not known."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def ago(moment: datetime | None) -> str:
    """`3 min ago` of a stored time (stored times without a zone are UTC)."""
    if moment is None:
        return "–"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{duration(max(0.0, (datetime.now(UTC) - aware).total_seconds()))} ago"


_LOOK = {
    "run_id": (st.column_config.TextColumn, {"width": 170, "pinned": True}),
    "experiment": (st.column_config.TextColumn, {}),
    "task": (st.column_config.TextColumn, {}),
    "model": (st.column_config.TextColumn, {}),
    "recipe": (st.column_config.TextColumn, {}),
    "dataset": (st.column_config.TextColumn, {}),
    "data_source": (st.column_config.TextColumn, {"help": "files, hub, or sample: generated sentences"}),
    "status": (st.column_config.TextColumn, {}),
    "progress": (st.column_config.ProgressColumn, {"min_value": 0, "max_value": 1, "format": "percent"}),
    "score": (st.column_config.NumberColumn, {"format": "%.2f", "help": "the task's metric, best checkpoint"}),
    "majority": (st.column_config.NumberColumn, {"format": "%.2f", "help": "always answering the most frequent class"}),
    "sd": (st.column_config.NumberColumn, {"format": "%.2f", "help": "over seeds, in points"}),
    "seeds": (st.column_config.NumberColumn, {"format": "%d"}),
    "metric": (st.column_config.TextColumn, {}),
    "started_at": (st.column_config.DatetimeColumn, {"format": "YYYY-MM-DD HH:mm"}),
    "finished_at": (st.column_config.DatetimeColumn, {"format": "YYYY-MM-DD HH:mm"}),
    "heartbeat_at": (st.column_config.DatetimeColumn, {"format": "YYYY-MM-DD HH:mm:ss"}),
    "duration_s": (st.column_config.NumberColumn, {"format": "%.1f"}),
    "seed": (st.column_config.NumberColumn, {"format": "%d"}),
    "tags": (st.column_config.ListColumn, {}),
    "note": (st.column_config.TextColumn, {}),
    "archived": (st.column_config.CheckboxColumn, {}),
}
RUN_COLUMNS = {name: column(words.COLUMNS[name], **look) for name, (column, look) in _LOOK.items()}
"""How columns of `runs` look in every table."""


def run_columns(frame: pl.DataFrame) -> dict[str, object]:
    """Column settings of a table of runs: the known ones, and plain numbers for metrics."""
    known = {name: config for name, config in RUN_COLUMNS.items() if name in frame.columns}
    metrics = {
        name: st.column_config.NumberColumn(words.name(name), format="percent" if words.is_fraction(name) else "%.4g")
        for name in frame.columns
        if "/" in name
    }
    return known | metrics


def in_percent(frame: pl.DataFrame) -> pl.DataFrame:
    """A table of runs as it is shown: the score in percent."""
    return frame.with_columns(score=100 * pl.col("score")) if "score" in frame.columns else frame


def open_clicked_run(frame: pl.DataFrame, event: object) -> None:
    """Go to the page of the run in whose row a cell was clicked (`selection_mode="single-cell"`)."""
    cells = event.selection.cells
    if cells:
        row = cells[0][0]
        st.switch_page("app_pages/run.py", query_params={"run": frame["run_id"][row]})


def runs_table(frame: pl.DataFrame, *, key: str, alt: str, height: str | int = "auto") -> None:
    """Table of runs in which a click on a row opens the run; a height of "content" shows every row."""
    event = st.dataframe(
        in_percent(frame),
        key=key,
        column_config=run_columns(frame),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        height=height,
        alt=alt,
        placeholder="",
    )
    open_clicked_run(frame, event)
