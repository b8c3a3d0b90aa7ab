"""The tails of the spools: what running jobs logged since the last publish."""

import bisect
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from store.ingest import whole_lines
from store.parsing import records
from store.paths import Layout

TAIL = 1 << 20  # bytes of one spool that a reader parses at most
KEPT = 64  # spools whose parsed tails are kept
_guard = threading.Lock()
_tails: "dict[Path, Tail]" = {}
POINTS = {"step": pl.Int64, "epoch": pl.Float64, "logged": pl.Float64, "value": pl.Float64}


def names(layout: Layout, con: duckdb.DuckDBPyConnection, run_ids: list[str] | None) -> list[str]:
    """Metric names of runs, published or in a tail."""
    if run_ids is None:
        return [row[0] for row in con.execute("SELECT name FROM raw.names ORDER BY name").fetchall()]
    found = con.execute(
        "SELECT name FROM raw.names WHERE name_no IN (SELECT DISTINCT name_no FROM raw.points "
        "WHERE run_no IN (SELECT run_no FROM raw.runs WHERE list_contains(?, run_id)))",
        [run_ids],
    ).fetchall()
    live = {name for _, frame, _ in unpublished(layout, con, run_ids) for name in frame["name"].unique()}
    return sorted({row[0] for row in found} | live)


@dataclass(slots=True)
class Tail:
    """Points of one spool parsed so far, kept from read to read so that each line is parsed once."""

    end: int  # bytes of the spool that are parsed
    start: int  # where parsing began
    offsets: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    points: list[tuple[int, float | None, float, float]] = field(default_factory=list)  # step, epoch, Unix time, value
    cuts: list[tuple[int, int]] = field(default_factory=list)  # offset, step of a resume

    def add(self, data: bytes) -> None:
        """Parse more whole lines."""
        lines = data.split(b"\n")
        lines.pop()
        at = self.end
        for line, record in zip(lines, records(lines), strict=True):
            if record is not None and "log" in record:
                for name, value in record["log"].items():
                    self.offsets.append(at)
                    self.names.append(name)
                    self.points.append((record["step"], record["epoch"], record["at"], float(value)))
            elif record is not None and "resumed_at_step" in record:
                self.cuts.append((at, record["resumed_at_step"]))
                self._keep([index for index, point in enumerate(self.points) if point[0] <= record["resumed_at_step"]])
            at += len(line) + 1
        self.end = at

    def forget(self, read: int) -> None:
        """Drop what is published by now."""
        if self.offsets and self.offsets[0] < read:
            first = bisect.bisect_left(self.offsets, read)
            self._keep(list(range(first, len(self.offsets))))
        self.cuts = [cut for cut in self.cuts if cut[0] >= read]

    def _keep(self, indices: list[int]) -> None:
        self.offsets = [self.offsets[index] for index in indices]
        self.names = [self.names[index] for index in indices]
        self.points = [self.points[index] for index in indices]


def unpublished(
    layout: Layout, con: duckdb.DuckDBPyConnection, run_ids: list[str]
) -> Iterator[tuple[str, pl.DataFrame, int | None]]:
    """Of each run that logged beyond the published version: id, the points, and the step it was resumed at, if so."""
    files = {f"{run_id}.jsonl": run_id for run_id in run_ids}
    rows = con.execute("SELECT file, read FROM raw.spools WHERE list_contains(?, file)", [list(files)]).fetchall()
    reads: dict[str, int] = dict(rows)
    for file, run_id in files.items():
        with _guard:
            found = _parsed(layout.spool / file, reads.get(file, 0))
            if found is None:
                continue
            names = pl.Series("name", found.names, dtype=pl.String)
            frame = pl.DataFrame(found.points, schema=POINTS, orient="row").insert_column(0, names)
            cut = min((step for _, step in found.cuts), default=None)
        yield run_id, frame, cut


def _parsed(path: Path, read: int) -> Tail | None:
    """The parsed tail of a spool beyond `read`; of a long one only its end, the rest comes with the next publish."""
    try:
        size = path.stat().st_size
        if size <= read:
            _tails.pop(path, None)
            return None
        found = _tails.get(path)
        if found is None or not found.start <= read <= found.end <= size:
            found = Tail(end=read, start=read)
        if size - found.end > TAIL:
            with path.open("rb") as file:
                file.seek(size - TAIL)
                file.readline()
                found = Tail(end=file.tell(), start=read)
        found.add(whole_lines(path, found.end, TAIL))
    except OSError:
        return None
    found.forget(read)
    _tails[path] = found
    while len(_tails) > KEPT:
        _tails.pop(next(iter(_tails)))
    return found
