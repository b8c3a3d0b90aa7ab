"""SQL of people, run where it can do no harm: a child process of its own that can read one database and nothing else.

One SELECT, EXPLAIN, DESCRIBE or SHOW. The child opens a private name of the published file read-only, with file
access, extensions and settings locked, and puts limits of the operating system on itself (time, memory, no file may
grow); the parent watches its memory and ends it when its time is up, because some functions obey no limit of DuckDB. A
second configuration of the same file within one process is refused by DuckDB, hence a process.
"""

import contextlib
import io
import json
import math
import os
import re
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from store.database.connections import open_published
from store.database.sql import quote
from store.errors import StoreError
from store.paths import Layout, locate
from store.spool.lines import spelled_out
from store.subprocesses import child

ALLOWED = (
    "select",
    "with",
    "from",
    "values",
    "table",
    "summarize",
    "pivot",
    "unpivot",
    "describe",
    "desc",
    "show",
    "(",
)
MEMORY = 1 << 30  # bytes DuckDB may use
OVERHEAD = 512 << 20  # bytes that the process may take beyond them for the answer and for what DuckDB does not count
MOST = 1792 << 20  # resident bytes at which the parent ends the process, wherever they come from
GRACE = 1.0  # seconds that DuckDB may take to obey its interruption
WATCH = 0.02  # seconds between two looks at the child
ADDRESS_SPACE = 16 << 30
BEGUN = b"."  # what the child says when the statement's time begins
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
    if not isinstance(statement, str) or "\0" in statement or spelled_out(statement) != statement:
        raise StoreError(f"a statement must be text in UTF-8 without the character 0, got {statement!a:.200}")
    if not (isinstance(timeout, int | float) and 0 < timeout < math.inf):
        raise StoreError(f"timeout must be a positive number of seconds, got {timeout}")
    if limit < 0:
        raise StoreError(f"limit must be a number of rows, got {limit}")
    if not layout.db.exists():
        raise StoreError(f"nothing is published in {layout.db} yet")
    order = json.dumps({"statement": statement, "limit": int(limit), "timeout": timeout}).encode()
    process = _take(layout)
    try:
        answer = _converse(process, order, timeout)
    finally:
        _end(process)
    head, _, body = answer.partition(b"\n")
    try:
        said = json.loads(head)
    except ValueError:  # the child died; what it said last is no answer
        needed = f"more than {timeout:g} seconds or {MEMORY >> 30} GB of memory"
        raise StoreError(f"stopped: the statement needed {needed}") from None
    if "error" in said:
        raise StoreError(said["error"])
    return Result(pl.read_ipc(io.BytesIO(body)), said["cut"])


def _converse(process: "subprocess.Popen[bytes]", order: bytes, timeout: float) -> bytes:
    """Send the order and read the answer, watching time and memory.

    Raises:
        StoreError: if the child takes too much of one of them.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(order)
        process.stdin.close()
    pieces: list[bytes] = []
    until = time.monotonic() + STARTING
    while True:
        if select.select([process.stdout], [], [], WATCH)[0]:
            piece = os.read(process.stdout.fileno(), 1 << 20)
            if not piece:
                return b"".join(pieces).removeprefix(BEGUN)
            pieces.append(piece)
            known = sum(map(len, pieces)) if len(pieces) < 3 else math.inf
            until = time.monotonic() + (timeout + GRACE if known <= len(BEGUN) else STARTING)
        elif time.monotonic() > until:
            raise StoreError(f"stopped after {timeout:g} seconds: the statement took too long")
        if _resident(process.pid) > MOST:
            raise StoreError(f"stopped: the statement needed more than {MEMORY >> 30} GB of memory")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _resident(pid: int) -> int:
    """Bytes of memory that a process occupies; 0 if it has gone."""
    try:
        if sys.platform == "linux":
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return int(said.stdout.strip() or 0) << 10
    except (OSError, ValueError, IndexError):
        return 0


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
    import pyarrow  # noqa: F401

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

        def begin() -> None:
            pipe.write(BEGUN)
            pipe.flush()

        pipe.write(_answer(layout, order, begin))
    os._exit(0)  # nothing is left to do, and taking DuckDB down under limits of memory and time may abort


def _answer(layout: Layout, order: dict[str, Any], begin: Callable[[], None]) -> bytes:
    try:
        frame = _run(layout, order["statement"], order["limit"] + 1, order["timeout"], begin)
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


def _run(layout: Layout, text: str, limit: int, timeout: float, begin: Callable[[], None]) -> pl.DataFrame:
    con = open_published(layout, config=SETTINGS)
    statement = _stripped(text)
    _check(con, statement)
    _limit_process(timeout)
    begin()
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
    """Refuse what is not one statement that reads."""
    try:
        parsed = con.extract_statements(statement)
    except duckdb.Error as error:
        raise StoreError(str(error)) from error
    kinds = [found.type.name for found in parsed]
    word = _first_word(statement)
    if kinds[:-1] and set(kinds[:-1]) == {"CREATE"} and not any(found.query for found in parsed):
        kinds = ["SELECT"]  # a PIVOT: duckdb 1.5 makes a temporary type for its columns first
    if len(kinds) != 1:
        raise StoreError(f"expected one statement, got {len(kinds)}")
    if kinds[0] == "EXPLAIN":
        _check(con, _without_explain(statement))
    elif kinds[0] not in ("SELECT", "PRAGMA", "MULTI") or word not in ALLOWED:
        raise StoreError(f"only one SELECT, EXPLAIN, DESCRIBE or SHOW can be run here, got {word.upper() or kinds[0]}")


def _first_word(statement: str) -> str:
    found = re.match(r"\(|\w+", _stripped(statement))
    return found[0].lower() if found else ""


def _stripped(statement: str) -> str:
    """A statement without what may stand before it: white space, a byte order mark, semicolons, comments."""
    text = statement
    while True:
        rest = re.sub(r"^(?:[\s\ufeff;]+|--[^\n]*(?:\n|$))+", "", text)
        if rest.startswith("/*"):
            rest = _without_comment(rest)
        if rest == text:
            return text
        text = rest


def _without_comment(text: str) -> str:
    """The text behind the comment it begins with; comments may hold comments."""
    depth = 0
    for mark in re.finditer(r"/\*|\*/", text):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return text[mark.end() :]
    return ""


def _without_explain(statement: str) -> str:
    rest = _stripped(_stripped(statement)[len("explain") :])
    rest = re.sub(r"^\(\s*(?:analyze|format|verbose|costs|buffers|timing)\b[^()]*\)", "", rest, flags=re.IGNORECASE)
    return re.sub(r"^analyze\b", "", _stripped(rest), flags=re.IGNORECASE)


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
    seconds = int(timeout * 2) + 5  # of processor time, over two threads
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, ADDRESS_SPACE),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
    with contextlib.suppress(OSError, ValueError, StopIteration):  # Linux: what DuckDB does not count is counted here
        lines = Path("/proc/self/status").read_text().splitlines()
        now = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
        resource.setrlimit(resource.RLIMIT_DATA, (now + MEMORY + OVERHEAD,) * 2)
