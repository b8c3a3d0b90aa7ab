"""What people write in the dashboard: lines of `spool/edits.jsonl`, ingested like runs, and so kept by a rebuild."""

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from store.errors import StoreError
from store.paths import Layout
from store.spool.lines import encode, plain

if TYPE_CHECKING:
    import duckdb

KINDS = {
    "tags": ("run_id", "tags"),
    "note": ("run_id", "note"),
    "archive": ("run_id", "archived"),
    "mark": ("hash", "run_id", "mark", "note"),
    "unmark": ("hash", "run_id", "mark"),
    "forget": ("run_id", "name"),
    "delete": ("run_id",),
}


def write_edit(layout: Layout, kind: str, **fields: Any) -> None:
    """Append one edit.

    Raises:
        StoreError: if the kind or its fields are unknown, or the file cannot be written.
    """
    if kind not in KINDS:
        raise StoreError(f"an edit must be one of {', '.join(KINDS)}, got {kind!r}")
    if set(fields) != set(KINDS[kind]):
        raise StoreError(
            f"an edit {kind!r} needs {', '.join(KINDS[kind])}, got {', '.join(sorted(fields)) or 'nothing'}"
        )
    layout.create()
    append_edits(layout, encode({"edit": kind, **plain(fields), "at": round(time.time(), 3)}))


def append_edits(layout: Layout, lines: bytes) -> None:
    """Append encoded lines under a lock, after ending a torn one."""
    try:
        fd = os.open(layout.edits, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            data = (b"\n" + encode({"torn": True}) if torn else b"") + lines
            if os.write(fd, data) != len(data):
                raise OSError(28, "No space left on device")
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise StoreError(f"cannot write to {layout.edits}: {error.strerror}") from error


def apply_edits(con: "duckdb.DuckDBPyConnection", edits: Sequence[dict[str, Any]]) -> None:
    """Apply edits in their order."""
    for edit in edits:
        handle = _HANDLERS.get(edit.get("edit", ""))
        if handle is not None:
            handle(con, edit)


def _set(column: str) -> "Callable[[duckdb.DuckDBPyConnection, dict[str, Any]], None]":
    def handle(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
        run_id, value = edit["run_id"], True if column == "deleted" else edit[column]
        con.execute("INSERT INTO raw.edits (run_id) SELECT $1 WHERE $1 NOT IN (SELECT run_id FROM raw.edits)", [run_id])
        con.execute(f"UPDATE raw.edits SET {column} = ? WHERE run_id = ?", [value, run_id])

    return handle


def _mark(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
    _unmark(con, edit)
    con.execute(
        "INSERT INTO marks VALUES (?, ?, ?, ?, to_timestamp(?)::TIMESTAMP)",
        [edit["hash"], edit["run_id"], edit["mark"], edit["note"], edit["at"]],
    )


def _unmark(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
    con.execute(
        "DELETE FROM marks WHERE hash = ? AND run_id IS NOT DISTINCT FROM ? AND kind = ?",
        [edit["hash"], edit["run_id"], edit["mark"]],
    )


def _forget(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
    con.execute(
        "DELETE FROM raw.artifacts WHERE name = ? AND run_no IN (SELECT run_no FROM raw.runs WHERE run_id = ?)",
        [edit["name"], edit["run_id"]],
    )


def _delete(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
    """Remove the rows of a run; its mark among the edits stays, so that nothing brings it back."""
    _set("deleted")(con, edit)
    tables = ("points", "params", "summary", "cells", "predictions", "artifacts", "files", "runs")
    for table in tables:
        con.execute(
            f"DELETE FROM raw.{table} WHERE run_no IN (SELECT run_no FROM raw.runs WHERE run_id = ?)", [edit["run_id"]]
        )


_HANDLERS = {
    "tags": _set("tags"),
    "note": _set("note"),
    "archive": _set("archived"),
    "delete": _delete,
    "mark": _mark,
    "unmark": _unmark,
    "forget": _forget,
}
