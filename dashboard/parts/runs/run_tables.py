"""Tables of runs on every page: named links with the colour of their configuration, values as people write them."""

from collections.abc import Sequence

import polars as pl

from dashboard import queries
from dashboard.figures import words
from dashboard.frames.runs import run_rows
from dashboard.parts import local_time
from dashboard.parts.runs import run_list

MOST = 200
"""Rows shown."""


def runs_table(
    version: str, frame: pl.DataFrame, columns: Sequence[str], *, key: str, label: str, compact: bool = False
) -> None:
    """The first runs of a frame, one row a run; a click on a name opens the run.

    Args:
        version: of the store.
        frame: run_id, config_hash, the columns, and `metric` where `score` is among them.
        columns: beside the name.
        key: of the widget.
        label: what the table is called for screen readers.
        compact: in a narrow place.
    """
    shown, now = frame.head(MOST), local_time.now()
    names, colors = queries.names(version, tuple(shown["run_id"])), queries.colors(version)
    rows = [
        run_list.Row(
            row["run_id"],
            names[row["run_id"]] + (" (sample data)" if row.get("data_source") == "sample" else ""),
            colors[row["config_hash"]],
            run_rows.cells(row, columns, now),
            title=row["run_id"],
        )
        for row in shown.iter_rows(named=True)
    ]
    heads = [
        run_list.Column(words.heading(name), "number" if name == "score" else run_rows.kind(name, shown.schema[name]))
        for name in columns
    ]
    run_list.show(rows, heads, key=key, label=label, compact=compact)
