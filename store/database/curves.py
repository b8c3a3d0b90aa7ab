"""Curves from the published points and the tails of the spools, brought down to buckets.

The points are read as they are and placed in columns (`store.database.buckets`): DuckDB takes longer to plan one
statement that does it than a page's few thousand points are worth. Runs and names are numbers (new ones negative),
because text takes three times as long. Runs with very many points are taken a few at a time: memory stays small.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from store.database.buckets import Array, Buckets, bucketed, lengths, starts_of
from store.database.sql import frame, one
from store.paths import Layout
from store.spool import unpublished

MANY = 4_000_000  # points in memory at once, unless one run has more
_CURVE = {"run_no": pl.Int32, "name_no": pl.Int32}
_NUMBERED = {**_CURVE, **unpublished.POINTS}
_PUBLISHED_X = {"step": "step::DOUBLE", "epoch": "epoch", "time": "epoch(logged_at)"}
_TAIL_X = {"step": pl.col("step").cast(pl.Float64), "epoch": pl.col("epoch"), "time": pl.col("logged")}


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

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends of the part of x that is wanted."""
        low, high = self.low, self.high
        return -math.inf if low is None else float(low), math.inf if high is None else float(high)


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
    runs, starts = _runs(con, run_ids)
    names = "SELECT name, name_no FROM raw.names WHERE $1 IS NULL OR list_contains($1, name)"
    known: dict[str, int] = dict(con.execute(names, [wanted]).fetchall())
    fresh, cuts = _fresh(layout, con, runs, known, wanted) if live else (pl.DataFrame(schema=_NUMBERED), {})
    if view.x == "time":
        starts = dict(fresh.group_by("run_no").agg(pl.col("logged").min()).iter_rows()) | starts
    tails = fresh.select(*_CURVE, _TAIL_X[view.x].alias("x"), "value")
    condition = _condition(known if wanted is not None else None, cuts, view)
    parts = []
    for group in _groups(con, [runs[run_id] for run_id in sorted(runs)]):
        points = _stored(con, group, condition, view)
        if not tails.is_empty():
            points = pl.concat([points, tails.filter(pl.col("run_no").is_in(group))])
        points = _in_view(points, view, starts)
        run_no, name_no, x, value = (points[column].to_numpy() for column in points.columns)
        begins = starts_of(run_no, name_no)  # a curve's points lie together: its number is looked up once
        curve = _places(runs, run_no[begins]) * len(known) + _places(known, name_no[begins])
        parts.append(bucketed(np.repeat(curve, lengths(begins, len(run_no))), x, value, view.buckets))
    return _named(parts, sorted(runs), sorted(known))


def _places(numbers: dict[str, int], column: Array) -> Array:
    """Place of each number among the texts in their order."""
    least, most = min(numbers.values(), default=0), max(numbers.values(), default=0)
    table = np.zeros(most - least + 1, np.int64)
    table[[numbers[text] - least for text in sorted(numbers)]] = np.arange(len(numbers))
    places: Array = table[column - least]
    return places


def _named(parts: list[Buckets], run_ids: list[str], names: list[str]) -> pl.DataFrame:
    """Buckets as a frame with the texts of their curves."""
    curve, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    texts = [
        pl.Series("run_id", run_ids, pl.String).gather(curve // max(1, len(names))),
        pl.Series("name", names, pl.String).gather(curve % max(1, len(names))),
    ]
    values = zip(("x", "value", "min", "max", "repeated"), columns, strict=True)
    return pl.DataFrame([*texts, *(pl.Series(name, column) for name, column in values)])


def _runs(con: duckdb.DuckDBPyConnection, run_ids: list[str]) -> tuple[dict[str, int], dict[int, float]]:
    """Numbers of runs, negative for those that are not published; and when the others started."""
    statement = "SELECT run_id, run_no, epoch(started_at) FROM raw.runs WHERE run_id IN (SELECT unnest(?))"
    found = con.execute(statement, [run_ids]).fetchall()
    runs = {run_id: -index - 1 for index, run_id in enumerate(run_ids)} | {
        run_id: run_no for run_id, run_no, _ in found
    }
    return runs, {run_no: started for _, run_no, started in found if started is not None}


def _groups(con: duckdb.DuckDBPyConnection, run_nos: list[int]) -> Iterator[list[int]]:
    """The runs, as many at once as may be in memory."""
    if (one(con, "SELECT count(*) FROM raw.points") or (0,))[0] <= MANY:
        yield run_nos
        return
    statement = f"SELECT run_no, count(*) FROM raw.points WHERE {_of(run_nos)} GROUP BY run_no"
    counts = dict(con.execute(statement).fetchall())
    group, total = list[int](), 0
    for run_no in run_nos:
        count = counts.get(run_no, 0)
        if group and total + count > MANY:
            yield group
            group, total = [], 0
        group.append(run_no)
        total += count
    yield group


def _of(run_nos: list[int]) -> str:
    """Condition on points; numbers are written out, so that DuckDB skips row groups of other runs."""
    return f"run_no IN ({', '.join(map(str, run_nos)) or 'NULL'})"


def _condition(names: dict[str, int] | None, cuts: dict[int, int], view: View) -> str:
    """What else is asked of published points: a name, a step before the run was resumed, a place in the zoom."""
    parts = [f" AND (run_no <> {run_no} OR step <= {cut})" for run_no, cut in cuts.items()]
    if names is not None:
        parts.append(f" AND name_no IN ({', '.join(map(str, names.values())) or 'NULL'})")
    if view.zoomed and view.x != "time":
        parts.append(f" AND {_PUBLISHED_X[view.x]} BETWEEN $low AND $high")
    return "".join(parts)


def _stored(con: duckdb.DuckDBPyConnection, run_nos: list[int], condition: str, view: View) -> pl.DataFrame:
    """Published points of some runs, in the order of logging."""
    statement = f"SELECT run_no, name_no, {_PUBLISHED_X[view.x]} AS x, value FROM raw.points WHERE {_of(run_nos)}"
    bounds = dict(zip(("low", "high"), view.bounds, strict=True)) if "$low" in condition else {}
    return frame(con, statement + condition, bounds)


def _in_view(points: pl.DataFrame, view: View, starts: dict[int, float]) -> pl.DataFrame:
    """Points whose x is wanted; times are counted from the start of their run."""
    if view.x == "time":
        began = pl.col("run_no").replace_strict(
            list(starts), list(starts.values()), default=None, return_dtype=pl.Float64
        )
        points = points.with_columns(pl.col("x") - began)
    if view.x != "step":
        points = points.filter(pl.col("x").is_finite())
    return points.filter(pl.col("x").is_between(*view.bounds)) if view.zoomed else points


def _fresh(
    layout: Layout,
    con: duckdb.DuckDBPyConnection,
    runs: dict[str, int],
    known: dict[str, int],
    wanted: list[str] | None,
) -> tuple[pl.DataFrame, dict[int, int]]:
    """Points of the tails with numbers for runs and names, both grown here; and the steps runs were resumed at."""
    frames, numbers, cuts = [], [], {}
    for run_id, tail, cut in unpublished.unpublished(layout, con, list(runs)):
        number = runs[run_id]
        if cut is not None:
            cuts[number] = cut
        if not tail.is_empty():
            frames.append(tail)
            numbers.append(pl.Series("run_no", [number], pl.Int32).new_from_index(0, len(tail)))
    if not frames:
        return pl.DataFrame(schema=_NUMBERED), cuts
    together = pl.concat(frames).insert_column(0, pl.concat(numbers))
    for name in together["name"].unique() if wanted is None else wanted:
        known.setdefault(name, -len(known) - 1)
    name_no = pl.col("name").replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int32)
    numbered = together.lazy().with_columns(name_no.alias("name_no"), pl.col("at").alias("logged"))
    return numbered.drop_nulls("name_no").select(*_NUMBERED).collect(), cuts
