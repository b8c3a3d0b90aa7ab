"""The tails of the spools: what running jobs logged since the last publish."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from store.ingest import whole_lines
from store.paths import Layout
from store.spool.columns import NONSENSE, TYPES, Row, points_of, stretches, unpack
from store.spool.lines import decode
from store.spool.parsing import int64, moment

TAIL = 1 << 20  # bytes that a reader parses at most, shared by the runs that grew
BEATS = 1 << 16  # bytes at the end of a spool in which the last word about progress is looked for
KEPT = 64  # spools whose parsed tails are kept
_guard = threading.Lock()
_tails: "dict[Path, Tail]" = {}
POINTS = {"step": pl.Int64, "epoch": pl.Float64, "logged": pl.Float64, "value": pl.Float64}
_PROGRESS: dict[str, Any] = {
    "run_id": pl.String,
    "progress": pl.Float64,
    "eta_s": pl.Float64,
    "heartbeat_at": pl.Datetime("us"),
}
_POINTS = {"offset": pl.Int64, "name": pl.String, **TYPES, "value": pl.Float64}


def names(layout: Layout, con: duckdb.DuckDBPyConnection, run_ids: list[str] | None) -> list[str]:
    """Metric names of runs, published or in a tail."""
    if run_ids is None:
        return [row[0] for row in con.execute("SELECT name FROM raw.names ORDER BY name").fetchall()]
    rows = con.execute("SELECT run_no FROM raw.runs WHERE run_id IN (SELECT unnest(?))", [run_ids]).fetchall()
    numbers = ", ".join(str(row[0]) for row in rows) or "NULL"  # written out: DuckDB skips row groups of other runs
    found = con.execute(
        "SELECT name FROM raw.names WHERE name_no IN "
        f"(SELECT name_no FROM raw.points WHERE run_no IN ({numbers}) GROUP BY name_no)"  # faster than DISTINCT
    ).fetchall()
    live = {name for _, frame, _ in unpublished(layout, con, run_ids) for name in frame["name"].unique()}
    return sorted({row[0] for row in found} | live)


@dataclass(slots=True)
class Tail:
    """Points of one spool parsed so far, kept from read to read so that each line is parsed once."""

    end: int  # bytes of the spool that are parsed
    start: int  # where parsing began
    read: int  # bytes that are published, so that their points are forgotten
    points: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_POINTS))
    cuts: list[tuple[int, int]] = field(default_factory=list)  # offset, step of a resume

    def add(self, data: bytes) -> None:
        """Parse more whole lines."""
        lines = data.split(b"\n")
        lines.pop()
        for stretch in stretches(lines):
            offsets = list(accumulate((len(line) + 1 for line in stretch.lines), initial=self.end))
            self.end = offsets.pop()
            if stretch.points is not None:
                self._add_points(stretch.points, offsets)
            else:
                self._add_records(stretch.records, offsets)

    def _add_points(self, points: pl.DataFrame, offsets: list[int]) -> None:
        places = pl.Series("offset", offsets, pl.Int64)[points["line"]]
        self.points.vstack(points.insert_column(0, places).select(*_POINTS), in_place=True)

    def _add_records(self, records: list[Row | None], offsets: list[int]) -> None:
        rows: list[tuple[Any, ...]] = []
        for at, record in zip(offsets, records, strict=True):
            with contextlib.suppress(*NONSENSE):  # what makes no sense is named by the next ingest
                if record is not None and "log" in record:
                    rows += [(at, *point) for point in points_of(record)]
                elif record is not None and "many" in record:
                    self._add_rows(rows)
                    rows = []
                    self._add_points(unpack(record), [at])
                elif record is not None and "resumed_at_step" in record:
                    self._add_rows(rows)
                    rows = []
                    step = int64(record["resumed_at_step"])
                    self.cuts.append((at, step))
                    self.points = self.points.filter(pl.col("step") <= step)
        self._add_rows(rows)

    def _add_rows(self, rows: list[tuple[Any, ...]]) -> None:
        self.points.vstack(pl.DataFrame(rows, schema=_POINTS, orient="row"), in_place=True)

    def forget(self, read: int) -> None:
        """Drop what is published by now."""
        if read == self.read:
            return
        self.read = read
        self.points = self.points.filter(pl.col("offset") >= read)
        self.cuts = [cut for cut in self.cuts if cut[0] >= read]


def unpublished(
    layout: Layout, con: duckdb.DuckDBPyConnection, run_ids: list[str]
) -> Iterator[tuple[str, pl.DataFrame, int | None]]:
    """Of each run that logged beyond the published version: id, its points, and the step it was resumed at, if so.

    The points have the columns offset, name, step, epoch, at and value.
    """
    files = {f"{run_id}.jsonl": run_id for run_id in run_ids}
    rows = con.execute("SELECT file, read FROM raw.spools WHERE file IN (SELECT unnest(?))", [list(files)]).fetchall()
    reads: dict[str, int] = dict(rows)
    spool = layout.spool
    paths = {file: spool / file for file in files}
    grown = [file for file, path in paths.items() if _size(path) > reads.get(file, 0)]
    with _guard:
        for file in files.keys() - set(grown):
            _tails.pop(paths[file], None)
    for file in grown:
        with _guard:
            found = _parsed(paths[file], reads.get(file, 0), TAIL // len(grown))
            if found is None:
                continue
            frame = found.points.clone()
            cut = min((step for _, step in found.cuts), default=None)
        yield files[file], frame, cut


def progress(layout: Layout, run_ids: Iterable[str]) -> pl.DataFrame:
    """run_id, progress, eta_s and heartbeat_at as the ends of the spools of running jobs say, where they do."""
    rows = []
    for run_id in run_ids:
        with contextlib.suppress(*NONSENSE):
            beat = _last_beat(layout.spool_file(run_id))
            if beat is not None:
                eta = None if beat["eta_s"] is None else float(beat["eta_s"])
                rows.append((run_id, float(beat["beat"]), eta, moment(beat["at"])))
    return pl.DataFrame(rows, schema=_PROGRESS, orient="row")


def _last_beat(path: Path) -> Row | None:
    """The last whole line that tells a run's progress, with the time of the last line of all; None if none is near."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - BEATS))
            lines = file.read().split(b"\n")[1:-1]
    except OSError:
        return None
    beats = (decode(line) for line in reversed(lines) if line.startswith(b'{"beat":') and b'"eta_s":' in line)
    beat, last = next((beat for beat in beats if beat), None), decode(lines[-1]) if lines else None
    return None if beat is None else beat | {"at": (last or beat).get("at", beat["at"])}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _parsed(path: Path, read: int, limit: int) -> Tail | None:
    """The parsed tail of a spool beyond `read`; of much that is new only the end, the rest comes with a publish."""
    size, found = _size(path), _tails.get(path)
    if found is None or not found.start <= read <= found.end <= size:
        found = Tail(end=read, start=read, read=read)
    try:
        if size - found.end > limit:
            with path.open("rb") as file:
                file.seek(size - limit)
                file.readline()
                found.end = file.tell()
        found.add(whole_lines(path, found.end, limit))
    except OSError:
        return None
    found.forget(read)
    _tails.pop(path, None)
    _tails[path] = found
    while len(_tails) > KEPT:
        _tails.pop(next(iter(_tails)))
    return found
