"""Curves from the published version and, for what is newer, from the tails of the spools."""

import math

import duckdb
import polars as pl

from store.ingest import CHUNK, whole_lines
from store.parsing import Batch
from store.paths import Layout
from store.sql import frame as query
from store.sql import one

TAIL = CHUNK  # bytes of one spool that a reader parses at most
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


def tail(layout: Layout, con: duckdb.DuckDBPyConnection, run_id: str) -> tuple[pl.DataFrame, int | None]:
    """Points of a run beyond the published version, and the step it was resumed at there, if it was."""
    file = f"{run_id}.jsonl"
    row = one(con, "SELECT read FROM raw.spools WHERE file = ?", [file])
    path, read = layout.spool / file, row[0] if row else 0
    empty = pl.DataFrame(schema={"name": pl.String, **POINTS})
    try:
        if path.stat().st_size <= read:
            return empty, None
        data = whole_lines(path, read, TAIL)
    except OSError:
        return empty, None
    batch = Batch({})
    batch.runs[0] = {"status": "running", "duration_s": 0.0, "earlier_s": 0.0}
    batch.add(file, 0, data, read)
    points = batch.points
    known = pl.Series("name", list(batch.names), dtype=pl.String)
    columns = {"step": points.step, "epoch": points.epoch, "logged": points.at, "value": points.value}
    frame = pl.DataFrame(columns, schema=POINTS)
    return frame.select(known.gather(points.name_no).alias("name"), pl.all()), batch.cuts.get(0)


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
