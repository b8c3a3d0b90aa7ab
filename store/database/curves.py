"""Curves brought down to buckets, in SQL, from the published points and the tails of the spools.

Two statements: the first finds the range of x of each curve, the second places every point by one multiplication and
groups. Runs and names are numbers inside them (new ones get negative numbers), because grouping a million rows by text
takes three times as long; and each reads the table itself rather than a common part of one statement, because DuckDB
then knows how few runs and names there are and counts in an array instead of a hash table.

A step that was logged several times is one point with the newest value; `repeated` counts the earlier ones.
"""

import math
from dataclasses import dataclass

import duckdb
import polars as pl

from store.database.sql import frame as query
from store.paths import Layout
from store.spool.unpublished import POINTS, unpublished

FINE = 1_000_000_000  # parts of the range of a curve with few points: each point has its own
_NUMBERED = {"run_no": pl.Int32, "name_no": pl.Int32, **POINTS}
_CURVE = ["run_no", "name_no"]


@dataclass(frozen=True, slots=True)
class View:
    """What of the curves is wanted."""

    x: str  # step, epoch or time
    buckets: int
    low: float | None = None
    high: float | None = None

    @property
    def zoomed(self) -> bool:
        """Whether only a part of the range is wanted."""
        return self.low is not None or self.high is not None

    def bounds(self) -> dict[str, float]:
        """Values of the statement's parameters."""
        if not self.zoomed:
            return {}
        return {
            "low": -math.inf if self.low is None else float(self.low),
            "high": math.inf if self.high is None else float(self.high),
        }


def curves(
    layout: Layout,
    con: duckdb.DuckDBPyConnection,
    run_ids: list[str],
    wanted: list[str] | None,
    view: View,
    *,
    live: bool,
) -> pl.DataFrame:
    """Bucketed curves, see `store.queries.curves`."""
    runs = {run_id: -index - 1 for index, run_id in enumerate(run_ids)}
    runs |= _numbers(con, "SELECT run_id, run_no FROM raw.runs WHERE run_id IN (SELECT unnest(?))", run_ids)
    known = _numbers(con, "SELECT name, name_no FROM raw.names WHERE $1 IS NULL OR list_contains($1, name)", wanted)
    fresh, cuts = _fresh(layout, con, runs, known, wanted) if live else (pl.DataFrame(schema=_NUMBERED), {})
    chosen = _chosen([no for no in runs.values() if no >= 0], known, cuts=cuts, named=wanted is not None)
    points = _points(view, chosen, tails=not fresh.is_empty())
    con.register("tail_points", fresh)
    try:
        scales = _scales(con, points, view)
        con.register("scales", scales)
        frame = query(con, _BUCKETS.format(points=points), view.bounds())
    finally:
        con.unregister("tail_points")
        con.unregister("scales")
    frame = frame.join(scales.select("curve", *_CURVE), on="curve")
    texts = [
        frame["run_no"].replace_strict(list(runs.values()), list(runs), return_dtype=pl.String).alias("run_id"),
        frame["name_no"].replace_strict(list(known.values()), list(known), return_dtype=pl.String).alias("name"),
    ]
    return pl.DataFrame([*texts, *frame.drop("curve", *_CURVE)]).sort("run_id", "name", "x")


_BUCKETS = """
SELECT curve, x, if(repeated > 0, newest, mean) AS value, if(repeated > 0, newest, low) AS min,
    if(repeated > 0, newest, high) AS max, repeated
FROM (SELECT curve, avg(x) AS x, avg(value) AS mean, min(value) AS low, max(value) AS high,
        max_by(value, nr) AS newest, if(min(x) = max(x), count(*) - 1, 0)::INTEGER AS repeated
    FROM (SELECT curve, x, value, nr, least(trunc((x - lo) * scale), most)::INTEGER AS part
        FROM ({points}) JOIN scales USING (run_no, name_no))
    GROUP BY curve, part)
"""


def _scales(con: duckdb.DuckDBPyConnection, points: str, view: View) -> pl.DataFrame:
    """Per curve: its number, where its first bucket begins, buckets per unit of x, and the number of the last one."""
    ranges = query(
        con,
        f"SELECT run_no, name_no, min(x) AS lo, max(x) AS hi, count(*) AS n FROM ({points}) GROUP BY run_no, name_no",
        view.bounds(),
    )
    width = pl.col("hi") - pl.col("lo")
    parts = pl.when(pl.col("n") <= view.buckets).then(FINE).otherwise(view.buckets)
    return ranges.select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("curve"),
        *_CURVE,
        "lo",
        pl.when(width > 0).then(parts / width).otherwise(0.0).alias("scale"),
        (parts - 1).cast(pl.Float64).alias("most"),
    )


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
    frames, numbers, cuts = [], [], {}
    for run_id, frame, cut in unpublished(layout, con, list(runs)):
        number = runs[run_id]
        if cut is not None:
            cuts[number] = cut
        if not frame.is_empty():
            frames.append(frame)
            numbers.append(pl.Series("run_no", [number], pl.Int32).new_from_index(0, len(frame)))
    if not frames:
        return pl.DataFrame(schema=_NUMBERED), cuts
    together = pl.concat(frames).insert_column(0, pl.concat(numbers))
    for name in together["name"].unique() if wanted is None else wanted:
        known.setdefault(name, -len(known) - 1)
    name_no = pl.col("name").replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int32)
    numbered = together.lazy().with_columns(name_no.alias("name_no"), pl.col("at").alias("logged"))
    return numbered.drop_nulls("name_no").select(*_NUMBERED).collect(), cuts


def _chosen(run_nos: list[int], known: dict[str, int], *, cuts: dict[int, int], named: bool) -> str:
    """Condition on the stored points: numbers written out, so that DuckDB skips row groups of other runs."""
    condition = f"p.run_no IN ({', '.join(map(str, run_nos)) or 'NULL'})"
    if named:
        condition += f" AND p.name_no IN ({', '.join(str(no) for no in known.values()) or 'NULL'})"
    return condition + "".join(f" AND (p.run_no <> {run_no} OR p.step <= {cut})" for run_no, cut in cuts.items())


def _points(view: View, chosen: str, *, tails: bool) -> str:
    """Query of run_no, name_no, x, value and place in the order of logging of every point wanted."""
    start = "(SELECT epoch(started_at) FROM raw.runs r WHERE r.run_no = {0}.run_no)"
    first = "(SELECT min(logged) FROM tail_points f WHERE f.run_no = t.run_no)"
    stored = {"step": "p.step::DOUBLE", "epoch": "p.epoch", "time": f"epoch(p.logged_at) - {start.format('p')}"}
    fresh = {
        "step": "t.step::DOUBLE",
        "epoch": "t.epoch",
        "time": f"t.logged - coalesce({start.format('t')}, {first})",
    }
    points = (
        f"SELECT p.run_no, p.name_no, {stored[view.x]} AS x, p.value, p.rowid AS nr FROM raw.points p WHERE {chosen}"
    )
    if tails:
        later = "1000000000000 + row_number() OVER () AS nr"  # tails follow every stored point
        points += f" UNION ALL SELECT t.run_no, t.name_no, {fresh[view.x]} AS x, t.value, {later} FROM tail_points t"
    if view.zoomed:
        return f"SELECT * FROM ({points}) WHERE x BETWEEN $low AND $high"
    return points if view.x == "step" else f"SELECT * FROM ({points}) WHERE x IS NOT NULL"
