"""Curves from the published version and, for what is newer, from the tails of the spools."""

import bisect
import math
import threading
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from store.ingest import whole_lines
from store.parsing import records
from store.paths import Layout
from store.sql import frame as query
from store.sql import one

TAIL = 1 << 20  # bytes of one spool that a reader parses at most
KEPT = 64  # spools whose parsed tails are kept
_guard = threading.Lock()
_tails: "dict[Path, Tail]" = {}
FINE = 1_000_000_000  # parts of the range of a curve with few points: each point has its own
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
    live = {name for run_id in run_ids for name in tail(layout, con, run_id)[0]["name"].unique()}
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


def tail(layout: Layout, con: duckdb.DuckDBPyConnection, run_id: str) -> tuple[pl.DataFrame, int | None]:
    """Points of a run beyond the published version, and the step it was resumed at there, if it was."""
    row = one(con, "SELECT read FROM raw.spools WHERE file = ?", [f"{run_id}.jsonl"])
    path, read = layout.spool_file(run_id), row[0] if row else 0
    with _guard:
        found = _parsed(path, read)
        names = pl.Series("name", found.names if found else [], dtype=pl.String)
        frame = pl.DataFrame(found.points if found else [], schema=POINTS, orient="row")
        cut = min((step for _, step in found.cuts), default=None) if found else None
    return frame.insert_column(0, names), cut


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


def curves(
    layout: Layout,
    con: duckdb.DuckDBPyConnection,
    run_ids: list[str],
    wanted: list[str] | None,
    *,
    x: str,
    buckets: int,
    bounds: tuple[float | None, float | None],
    live: bool,
) -> pl.DataFrame:
    """Bucketed curves, see `store.queries.curves`.

    Runs and names are numbers inside the query (new ones get negative numbers), because grouping a million rows by
    text takes three times as long.
    """
    runs = {run_id: -index - 1 for index, run_id in enumerate(run_ids)}
    runs |= _numbers(con, "SELECT run_id, run_no FROM raw.runs WHERE list_contains(?, run_id)", run_ids)
    known = _numbers(con, "SELECT name, name_no FROM raw.names WHERE $1 IS NULL OR list_contains($1, name)", wanted)
    fresh, cuts = _fresh(layout, con, runs, known, wanted) if live else (pl.DataFrame(schema=_NUMBERED), {})
    con.register("tail_points", fresh)
    try:
        chosen = _chosen([no for no in runs.values() if no >= 0], known, cuts=cuts, named=wanted is not None)
        values = (
            {"low": _end(bounds[0], -math.inf), "high": _end(bounds[1], math.inf)} if bounds != (None, None) else {}
        )
        frame = query(
            con, _statement(x, chosen, zoomed=bool(values), tails=len(fresh) > 0), {"buckets": int(buckets), **values}
        )
    finally:
        con.unregister("tail_points")
    texts = [
        frame["run_no"].replace_strict(list(runs.values()), list(runs), return_dtype=pl.String).alias("run_id"),
        frame["name_no"].replace_strict(list(known.values()), list(known), return_dtype=pl.String).alias("name"),
    ]
    return pl.DataFrame([*texts, *frame.drop("run_no", "name_no")]).sort("run_id", "name", "x")


_NUMBERED = {"run_no": pl.Int32, "name_no": pl.Int32, **POINTS}


def _end(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _numbers(con: duckdb.DuckDBPyConnection, statement: str, texts: list[str] | None) -> dict[str, int]:
    return dict(con.execute(statement, [texts]).fetchall())


def _fresh(
    layout: Layout,
    con: duckdb.DuckDBPyConnection,
    runs: dict[str, int],
    known: dict[str, int],
    wanted: list[str] | None,
) -> tuple[pl.DataFrame, dict[int, int]]:
    """Points of the tails with numbers for runs and names, both grown here; and the steps runs were resumed at."""
    frames, cuts = [pl.DataFrame(schema=_NUMBERED)], {}
    for run_id, number in list(runs.items()):
        frame, cut = tail(layout, con, run_id)
        if cut is not None:
            cuts[number] = cut
        if wanted is not None:
            frame = frame.filter(pl.col("name").is_in(wanted))
        for name in frame["name"].unique():
            known.setdefault(name, -len(known) - 1)
        if not frame.is_empty():
            names = (
                frame["name"].replace_strict(list(known), list(known.values()), return_dtype=pl.Int32).alias("name_no")
            )
            frames.append(frame.select(pl.lit(number, pl.Int32).alias("run_no"), names, *POINTS))
    return pl.concat(frames), cuts


def _chosen(run_nos: list[int], known: dict[str, int], *, cuts: dict[int, int], named: bool) -> str:
    """Condition on the stored points: numbers written out, so that DuckDB skips row groups of other runs."""
    condition = f"p.run_no IN ({', '.join(map(str, run_nos)) or 'NULL'})"
    if named:
        condition += f" AND p.name_no IN ({', '.join(str(no) for no in known.values()) or 'NULL'})"
    return condition + "".join(f" AND (p.run_no <> {run_no} OR p.step <= {cut})" for run_no, cut in cuts.items())


def _statement(x: str, chosen: str, *, zoomed: bool, tails: bool) -> str:
    start = "(SELECT epoch(started_at) FROM raw.runs r WHERE r.run_no = {0}.run_no)"
    first = "(SELECT min(logged) FROM tail_points f WHERE f.run_no = t.run_no)"
    stored = {"step": "p.step::DOUBLE", "epoch": "p.epoch", "time": f"epoch(p.logged_at) - {start.format('p')}"}[x]
    fresh = {
        "step": "t.step::DOUBLE",
        "epoch": "t.epoch",
        "time": f"t.logged - coalesce({start.format('t')}, {first})",
    }[x]
    both = f"SELECT p.run_no, p.name_no, {stored} AS x, p.value FROM raw.points p WHERE {chosen}"
    if tails:
        both += f" UNION ALL SELECT t.run_no, t.name_no, {fresh} AS x, t.value FROM tail_points t"
    inside = "x BETWEEN $low AND $high" if zoomed else "true" if x == "step" else "x IS NOT NULL"
    return f"""
    WITH points AS (SELECT * FROM ({both}) WHERE {inside}),
        ranges AS (SELECT run_no, name_no, min(x) AS lo, max(x) AS hi,
            CASE WHEN count(*) <= $buckets THEN {FINE} ELSE $buckets END AS parts FROM points GROUP BY ALL),
        scales AS (SELECT run_no, name_no, lo, parts - 1 AS most,
            CASE WHEN hi > lo THEN parts / (hi - lo) ELSE 0 END AS scale
            FROM ranges),
        placed AS (SELECT run_no, name_no, x, value, least(trunc((x - lo) * scale), most)::INTEGER AS part
            FROM points JOIN scales USING (run_no, name_no))
    SELECT run_no, name_no, avg(x) AS x, avg(value) AS value, min(value) AS min, max(value) AS max
    FROM placed GROUP BY run_no, name_no, part
    """
