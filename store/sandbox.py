"""SQL of people, run where it can do no harm: a child process of its own that can read one database and nothing else.

One SELECT, EXPLAIN, DESCRIBE or SHOW. The child opens a private name of the published file read-only, with file
access, extensions and settings locked, and puts limits of the operating system on itself (time, memory, no file may
grow); the parent ends it when its time is up. A second configuration of the same file within one process is refused
by DuckDB, hence a process.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from store.database.sql import quote
from store.errors import StoreError
from store.paths import Layout, locate
from store.subprocesses import child

ALLOWED = ("select", "with", "from", "values", "table", "summarize", "explain", "describe", "desc", "show", "(")
MEMORY = 1 << 30  # bytes DuckDB may use
ADDRESS_SPACE = 16 << 30
IDLE = 600.0  # seconds a process that was started ahead waits for its statement
STARTING = 20.0  # seconds a busy machine may take to start the child, on top of the statement's own limit
SETTINGS: dict[str, Any] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": f"{MEMORY >> 20}MiB",
    "threads": 2,
    "lock_configuration": "true",
}

_spares: dict[Path, "subprocess.Popen[bytes]"] = {}
_spares_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Result:
    """Answer to a statement."""

    frame: pl.DataFrame
    cut: bool  # whether rows beyond the limit were left out


def query(statement: str, *, limit: int = 100_000, timeout: float = 10.0, db: Path | None = None) -> Result:
    """Run one statement in a child process.

    Args:
        statement: one SELECT, EXPLAIN, DESCRIBE or SHOW.
        limit: rows returned at most.
        timeout: seconds the statement may take.
        db: the store's database.

    Raises:
        StoreError: if the statement is refused, fails or takes too long.
    """
    layout = locate(db)
    if not layout.db.exists():
        raise StoreError(f"nothing is published in {layout.db} yet")
    order = json.dumps({"statement": statement, "limit": int(limit), "timeout": timeout}).encode()
    process = _take(layout)
    try:
        answer, _ = process.communicate(order, timeout=timeout + STARTING)
    except subprocess.TimeoutExpired:
        raise StoreError(f"stopped after {timeout:g} seconds: the statement took too long") from None
    finally:
        process.kill()
        process.communicate()
    head, _, body = answer.partition(b"\n")
    try:
        said = json.loads(head)
    except ValueError:  # the child died; what it said last is no answer
        needed = f"more than {timeout:g} seconds or {MEMORY >> 30} GB of memory"
        raise StoreError(f"stopped: the statement needed {needed}") from None
    if "error" in said:
        raise StoreError(said["error"])
    return Result(pl.read_ipc(io.BytesIO(body)), said["cut"])


def prepare(db: Path | None = None) -> None:
    """Start the process of the next statement ahead, for callers that expect one: most of its time is its start.

    It has imported what it needs, opened nothing, and ends by itself when this process does or after ten idle minutes.
    """
    layout = locate(db)
    with _spares_lock:
        _spares[layout.db] = _waiting(layout) or _start(layout)


def _take(layout: Layout) -> "subprocess.Popen[bytes]":
    """The process that was started ahead, which no other statement gets, or a new one."""
    with _spares_lock:
        spare = _waiting(layout)
    return spare or _start(layout)


def _waiting(layout: Layout) -> "subprocess.Popen[bytes] | None":
    """The process that was started ahead, no longer kept; None if there is none or it has ended."""
    spare = _spares.pop(layout.db, None)
    if spare is not None and spare.poll() is not None:
        spare.communicate()  # closes its pipes
        return None
    return spare


def _start(layout: Layout) -> "subprocess.Popen[bytes]":
    return child(
        "store.sandbox:answer", layout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def answer(layout: Layout) -> None:
    """The child's side: the order comes by standard input; a line of JSON and the rows as Arrow IPC go out."""
    import select

    import duckdb  # noqa: F401 (imported while nobody waits yet)
    import pyarrow  # noqa: F401

    import store.database  # noqa: F401

    if not select.select([sys.stdin], [], [], IDLE)[0]:
        return
    text = sys.stdin.buffer.read()
    if not text:  # the parent has gone
        return
    order = json.loads(text)
    out = os.dup(1)
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 (DuckDB draws progress bars on standard output)
        os.dup2(nothing.fileno(), 1)
    with os.fdopen(out, "wb") as pipe:
        pipe.write(_answer(layout, order))
    os._exit(0)  # nothing is left to do, and taking DuckDB down under limits of memory and time may abort


def _answer(layout: Layout, order: dict[str, Any]) -> bytes:
    try:
        frame = _run(layout, order["statement"], order["limit"] + 1, order["timeout"])
    except Exception as error:
        message = (
            f"stopped after {order['timeout']:g} seconds: the statement took too long"
            if "INTERRUPT" in str(error)
            else str(error)
        )
        return json.dumps({"error": message}).encode() + b"\n"
    cut = len(frame) > order["limit"]
    body = io.BytesIO()
    frame.head(order["limit"]).write_ipc(body)
    return json.dumps({"cut": cut}).encode() + b"\n" + body.getvalue()


def _run(layout: Layout, statement: str, limit: int, timeout: float) -> pl.DataFrame:
    import duckdb

    from store.database.connections import open_published

    con = open_published(layout, config=SETTINGS)
    _check(con, statement)
    _limit_process(timeout)
    timer = threading.Timer(timeout, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        relation = con.sql(statement)
        return pl.DataFrame() if relation is None else _carriable(relation.limit(limit))
    except duckdb.Error as error:
        raise StoreError(str(error)) from error
    finally:
        timer.cancel()


def _check(con: Any, statement: str) -> None:
    import duckdb

    try:
        parsed = con.extract_statements(statement)
    except duckdb.Error as error:
        raise StoreError(str(error)) from error
    if len(parsed) != 1:
        raise StoreError(f"expected one statement, got {len(parsed)}")
    kind = parsed[0].type.name
    word = _first_word(statement)
    if kind == "EXPLAIN":
        inner = _without_explain(statement)
        _check(con, inner)
    elif kind not in ("SELECT", "PRAGMA") or word not in ALLOWED:
        raise StoreError(f"only one SELECT, EXPLAIN, DESCRIBE or SHOW can be run here, got {word.upper() or kind}")


def _first_word(statement: str) -> str:
    text = _without_comments(statement)
    return "(" if text.startswith("(") else text.split(None, 1)[0].lower().rstrip(";(") if text else ""


def _without_comments(statement: str) -> str:
    text = statement.strip()
    while text.startswith(("--", "/*")):
        end = text.find("\n" if text.startswith("--") else "*/")
        text = "" if end < 0 else text[end + (1 if text.startswith("--") else 2) :].strip()
    return text


def _without_explain(statement: str) -> str:
    rest = _without_comments(statement)[len("explain") :].strip()
    return rest[len("analyze") :] if rest.lower().startswith("analyze") else rest


def _carriable(relation: Any) -> pl.DataFrame:
    """A result as a frame; intervals and Python objects, which polars or Arrow IPC cannot carry, as text."""
    kinds = list(zip(relation.columns, map(str, relation.types), strict=True))
    if any("INTERVAL" in kind for _, kind in kinds):
        columns = (
            f"{quote(name)}::VARCHAR AS {quote(name)}" if "INTERVAL" in kind else quote(name) for name, kind in kinds
        )
        relation = relation.project(", ".join(columns))
    frame: pl.DataFrame = relation.pl()
    return frame.with_columns(pl.col(name).cast(pl.String) for name, kind in frame.schema.items() if kind == pl.Object)


def _limit_process(timeout: float) -> None:
    import resource

    seconds = int(timeout * 2) + 5  # of processor time, over two threads
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, ADDRESS_SPACE),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
