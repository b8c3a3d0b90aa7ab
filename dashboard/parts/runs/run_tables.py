"""Tables of runs: how their columns look, and a click on a row that opens the run."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard.figures import words

_LOOK: dict[str, tuple[Any, dict[str, Any]]] = {
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


def run_columns(frame: pl.DataFrame) -> dict[str, Any]:
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


def open_clicked_run(frame: pl.DataFrame, event: Any) -> None:
    """Go to the page of the run in whose row a cell was clicked (`selection_mode="single-cell"`)."""
    cells = event.selection.cells
    if cells:
        row = cells[0][0]
        st.switch_page("app_pages/run.py", query_params={"run": frame["run_id"][row]})


def runs_table(frame: pl.DataFrame, *, key: str, alt: str, height: Any = "auto") -> None:
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
