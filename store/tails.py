"""Curves from the published version and, for what is newer, from the tails of the spools."""

from typing import Any

import duckdb
import polars as pl

from store.ingest import CHUNK, whole_lines
from store.parsing import Batch
from store.paths import Layout
from store.sql import frame as query
from store.sql import one

TAIL = CHUNK  # bytes of one spool that a reader parses at most
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
    """Points of a run beyond the published version: name, step, epoch, logged (Unix time), value; and the step it was resumed at, if it was."""
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
    """Bucketed curves, see `store.queries.curves`."""
    frames, cuts = [], []
    for run_id in run_ids if live else []:
        frame, cut = tail(layout, con, run_id)
        if wanted is not None:
            frame = frame.filter(pl.col("name").is_in(wanted))
        if not frame.is_empty():
            frames.append(frame.insert_column(0, pl.lit(run_id).alias("run_id")))
        if cut is not None:
            cuts.append((run_id, cut))
    schema = {"run_id": pl.String, "name": pl.String, **POINTS}
    con.register("tail_points", pl.concat(frames) if frames else pl.DataFrame(schema=schema))
    con.register("cuts", pl.DataFrame(cuts, schema={"run_id": pl.String, "cut": pl.Int64}, orient="row"))
    try:
        return query(con, _statement(x, wanted, bounds), _values(run_ids, wanted, buckets, bounds))
    finally:
        con.unregister("tail_points")
        con.unregister("cuts")


def _statement(x: str, wanted: list[str] | None, bounds: tuple[float | None, float | None]) -> str:
    start = "epoch(coalesce(r.started_at, make_timestamp(0)))"
    stored = {"step": "p.step::DOUBLE", "epoch": "p.epoch", "time": f"epoch(p.logged_at) - {start}"}[x]
    fresh = {
        "step": "t.step::DOUBLE",
        "epoch": "t.epoch",
        "time": "t.logged - coalesce(epoch(r.started_at), t.earliest)",
    }[x]
    named = "" if wanted is None else "AND list_contains($names, n.name)"
    inside = "".join(
        f" AND x {sign} ${name}"
        for sign, name, end in zip((">=", "<="), ("low", "high"), bounds, strict=True)
        if end is not None
    )
    return f"""
    WITH chosen AS (SELECT r.run_no, r.run_id, r.started_at, c.cut FROM raw.runs r LEFT JOIN cuts c USING (run_id)
            WHERE list_contains($runs, r.run_id)),
        both_parts AS (
            SELECT r.run_id, n.name, {stored} AS x, p.value FROM raw.points p JOIN chosen r USING (run_no) JOIN raw.names n USING (name_no)
            WHERE (r.cut IS NULL OR p.step <= r.cut) {named}
            UNION ALL
            SELECT t.run_id, t.name, {fresh} AS x, t.value
            FROM (SELECT *, min(logged) OVER (PARTITION BY run_id) AS earliest FROM tail_points) t LEFT JOIN chosen r USING (run_id)),
        points AS (SELECT * FROM both_parts WHERE x IS NOT NULL{inside}),
        ranges AS (SELECT run_id, name, min(x) AS lo, max(x) AS hi, count(*) AS n FROM points GROUP BY ALL),
        placed AS (SELECT run_id, name, x, value,
            CASE WHEN n <= $buckets THEN x WHEN hi > lo THEN least(floor((x - lo) / (hi - lo) * $buckets), $buckets - 1) ELSE 0 END AS bucket
            FROM points JOIN ranges USING (run_id, name))
    SELECT run_id, name, avg(x) AS x, avg(value) AS value, min(value) AS min, max(value) AS max
    FROM placed GROUP BY run_id, name, bucket ORDER BY run_id, name, x
    """


def _values(
    run_ids: list[str], wanted: list[str] | None, buckets: int, bounds: tuple[float | None, float | None]
) -> dict[str, Any]:
    values: dict[str, Any] = {"runs": run_ids, "buckets": int(buckets)}
    if wanted is not None:
        values["names"] = wanted
    values |= {name: float(end) for name, end in zip(("low", "high"), bounds, strict=True) if end is not None}
    return values
