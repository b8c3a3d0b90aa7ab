"""What people write in the dashboard: lines of `spool/edits.jsonl`, ingested like runs, and so kept by a rebuild."""

import fcntl
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.errors import StoreError
from store.paths import Layout, check_run_id, locate
from store.spool.lines import decode, encode, plain

if TYPE_CHECKING:
    import duckdb

KINDS = {
    "tags": ("run_id", "tags"),
    "note": ("run_id", "note"),
    "archive": ("run_id", "archived"),
    "mark": ("hash", "run_id", "mark", "note"),
    "unmark": ("hash", "run_id", "mark"),
    "rename": ("run_id", "name"),
    "delete": ("run_id",),
    "restore": ("run_id",),
    "forget": ("run_id", "name"),
    "remove": ("run_id",),
    "act": ("run_id", "act"),
}
_OF_EXAMPLES = ("mark", "unmark")  # may speak of an example without a run


def rename_run(run_id: str, name: str | None, db: Path | None = None) -> None:
    """Name a run; an empty name takes the given one away, and the run is called by its parameters again."""
    write_edit(locate(db), "rename", run_id=run_id, name=(name or "").strip())


def delete_run(run_id: str, db: Path | None = None) -> None:
    """Take a run out of every list and view; `restore_run` brings it back until `gc` has removed its files."""
    write_edit(locate(db), "delete", run_id=run_id)


def restore_run(run_id: str, db: Path | None = None) -> None:
    """Undo `delete_run`.

    Raises:
        StoreError: if the run's files were removed in the meantime.
    """
    layout = locate(db)
    spool = layout.spool_file(run_id)
    if not spool.exists() and not spool.with_name(spool.name + ".gz").exists():
        raise StoreError(f"run {run_id} cannot be restored: its files were removed")
    write_edit(layout, "restore", run_id=run_id)


def write_edit(layout: Layout, kind: str, **fields: Any) -> None:
    """Append one edit.

    Raises:
        StoreError: if the kind or its fields are unknown, or the file cannot be written.
    """
    check_edit(kind, fields)
    layout.create()
    append_edits(layout, encode({"edit": kind, **plain(fields), "at": round(time.time(), 3)}))


def check_edit(kind: str, fields: Mapping[str, Any]) -> None:
    """Refuse an edit that is unknown, lacks something or holds what it cannot.

    Raises:
        StoreError: if so.
    """
    if kind not in KINDS:
        raise StoreError(f"an edit must be one of {', '.join(KINDS)}, got {kind!r}")
    if set(fields) != set(KINDS[kind]):
        raise StoreError(
            f"an edit {kind!r} needs {', '.join(KINDS[kind])}, got {', '.join(sorted(fields)) or 'nothing'}"
        )
    for name, value in fields.items():
        if name == "run_id" and (value is not None or kind not in _OF_EXAMPLES):
            check_run_id(value)
        elif name == "tags":
            if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
                raise StoreError(f"tags must be a list of words, got {value!r}")
        elif name == "archived":
            if not isinstance(value, bool):
                raise StoreError(f"archived must be true or false, got {value!r}")
        elif value is not None and not isinstance(value, str):
            raise StoreError(f"{name} of an edit must be text, got {value!r:.200}")


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


def acts_on(layout: Layout, run_id: str) -> list[dict[str, Any]]:
    """What people did to the process of a run (`act`, `at` in seconds), oldest first: lines that change no table."""
    try:
        lines = layout.edits.read_bytes().splitlines()
    except OSError:
        return []
    wanted = [decode(line) for line in lines if b'"act"' in line and run_id.encode() in line]
    return [line for line in wanted if line and line.get("edit") == "act" and line.get("run_id") == run_id]


def apply_edits(con: "duckdb.DuckDBPyConnection", edits: Sequence[dict[str, Any]]) -> None:
    """Apply edits in their order."""
    for edit in edits:
        handle = _HANDLERS.get(edit.get("edit", ""))
        if handle is not None:
            handle(con, edit)


def _set(column: str, always: bool | None = None) -> "Callable[[duckdb.DuckDBPyConnection, dict[str, Any]], None]":
    """Set a column of what is known of a run: to the edit's field of that name, or to the same value always."""

    def handle(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
        run_id, value = edit["run_id"], edit[column] if always is None else always
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


def _remove(con: "duckdb.DuckDBPyConnection", edit: dict[str, Any]) -> None:
    """Remove the rows of a run; its mark among the edits stays, so that nothing brings it back."""
    _set("deleted", True)(con, edit)
    tables = ("points", "params", "summary", "cells", "predictions", "artifacts", "files", "runs")
    for table in tables:
        con.execute(
            f"DELETE FROM raw.{table} WHERE run_no IN (SELECT run_no FROM raw.runs WHERE run_id = ?)", [edit["run_id"]]
        )


_HANDLERS = {
    "tags": _set("tags"),
    "note": _set("note"),
    "archive": _set("archived"),
    "rename": _set("name"),
    "delete": _set("deleted", True),
    "restore": _set("deleted", False),
    "remove": _remove,
    "mark": _mark,
    "unmark": _unmark,
    "forget": _forget,
}
