"""The read side: every function reads the newest published version and returns a polars frame.

Times are naive and in UTC. Nothing here holds a lock; a job that writes is never disturbed. `curves` adds what the
spools of running jobs hold beyond the published version.
"""

import difflib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from store import sandbox
from store.database import connections, measured
from store.database.curves import View
from store.database.curves import curves as _curves
from store.database.migrations import PUBLIC_RUN_COLUMNS
from store.database.sql import finite, one, quote
from store.database.sql import frame as _frame
from store.errors import StoreError
from store.ingest import ingest
from store.paths import locate
from store.spool import unpublished
from store.tracking.parent import may_follow

__all__ = [
    *(
        "artifacts",
        "columns",
        "curves",
        "damaged",
        "deleted_runs",
        "diverged",
        "done",
        "examples",
        "leaderboard",
        "marks",
        "measurements",
        "metric_names",
        "paired",
        "param_names",
        "params",
    ),
    *(
        "predictions",
        "probabilities",
        "published",
        "refresh",
        "run",
        "runs",
        "seeds",
        "sql",
        "summary",
        "summary_columns",
        "summary_names",
        "tables",
        "version",
    ),
]

Names = str | Sequence[str]
FEW = 1000  # runs whose values are looked up; of more all are read
_RUN_COLUMNS = (*PUBLIC_RUN_COLUMNS, "name", "tags", "note", "archived", "error")
_refreshed: dict[Path, float] = {}


def version(db: Path | None = None) -> str:
    """Changes when a new version is published; costs one stat."""
    return connections.version(locate(db))


def refresh(db: Path | None = None) -> bool:
    """Ingest and publish if due, at most once a second in this process; never raises when another process does it.

    A child of a sweep does nothing: the sweep does it.

    Returns:
        Whether this call published a new version.
    """
    layout = locate(db)
    now = time.monotonic()
    if not may_follow() or not layout.folder.exists() or now - _refreshed.get(layout.db, -9.0) < 1.0:
        return False
    _refreshed[layout.db] = now
    try:
        outcome = ingest(layout.db)
    except StoreError:
        connections.reader(layout)  # a file that cannot be read is worth the error; one that cannot be written is not
        return False
    return outcome is not None and outcome.published


def runs(
    experiment: str | None = None,
    task: str | None = None,
    status: str | None = None,
    *,
    archived: bool = False,
    columns: Sequence[str] | None = None,
    with_summary: Names = (),
    limit: int | None = None,
    offset: int = 0,
    db: Path | None = None,
) -> pl.DataFrame:
    """One row per run, newest first; progress and time left of running jobs are those of this moment.

    Args:
        experiment: only this experiment.
        task: only this task.
        status: only this status.
        archived: also archived runs.
        columns: columns of `runs` wanted; None for all.
        with_summary: names of summary values wanted, each as a column of its name (of `summary_columns`, where a
            column of `runs` is called the same).
        limit: rows of a page.
        offset: rows before the page.
        db: the store's database.
    """
    con = _con(db)
    conditions, values = _conditions(experiment=experiment, task=task, status=status)
    if not archived:
        conditions += " AND NOT archived"
    page = "" if limit is None else f"LIMIT {int(limit)} OFFSET {int(offset)}"
    chosen = "*" if columns is None else ", ".join(quote(name) for name in dict.fromkeys(["run_id", *columns]))
    frame = _frame(
        con, f"SELECT {chosen} FROM runs WHERE {conditions} ORDER BY started_at DESC, run_id DESC {page}", values
    )
    if {"status", "progress", "eta_s", "heartbeat_at"} <= set(frame.columns):
        frame = with_progress(frame, db)
    wanted = list(dict.fromkeys(_list(with_summary) or []))
    if not wanted:
        return frame
    wide = _wide_summary(con, frame["run_id"], wanted)
    return frame.join(wide, on="run_id", how="left", maintain_order="left")


def summary_of(run_ids: pl.Series, names: Sequence[str], *, db: Path | None = None) -> pl.DataFrame:
    """run_id and one column per summary value (of `summary_columns`), a row a run, in the order of the ids."""
    wide = _wide_summary(_con(db), run_ids, list(dict.fromkeys(names)))
    return run_ids.to_frame("run_id").join(wide, on="run_id", how="left", maintain_order="left")


def summary_columns(names: Sequence[str]) -> dict[str, str]:
    """Name of a summary value -> its column beside those of `runs`: the same, but `summary/status` for `status`."""
    taken = {"run_id", *_RUN_COLUMNS}
    return {name: f"summary/{name}" if name in taken else name for name in names}


def deleted_runs(db: Path | None = None) -> pl.DataFrame:
    """Runs that people deleted and that can still be restored: run_id, name, experiment, task, model, started_at."""
    return _frame(
        _con(db),
        "SELECT r.run_id, nullif(coalesce(e.name, r.name), '') AS name, experiment, task, model, started_at "
        "FROM raw.runs r JOIN raw.edits e USING (run_id) WHERE e.deleted ORDER BY started_at DESC, run_id DESC",
    )


def with_progress(frame: pl.DataFrame, db: Path | None = None) -> pl.DataFrame:
    """A list of runs with the progress, time left and last sign of life that running jobs wrote since the publish."""
    running = frame["run_id"].filter(frame["status"] == "running")
    if running.is_empty():
        return frame
    return frame.update(unpublished.progress(locate(db), running), on="run_id", how="left", maintain_order="left")


def run(part: str, db: Path | None = None) -> dict[str, Any]:
    """The one run whose id contains `part`, or the newest for "latest".

    Raises:
        StoreError: if there is none, or several; the nearest ids are named.
    """
    con = _con(db)
    whole = con.execute("SELECT run_id FROM runs WHERE run_id = ?", [part]).fetchall()
    newest_first = "SELECT run_id FROM runs ORDER BY started_at DESC, run_id DESC"
    ids = [row[0] for row in whole or con.execute(newest_first).fetchall()]
    if not ids:
        raise StoreError(f"no run stored in {locate(db).db} yet")
    found = (
        ids[:1]
        if part == "latest"
        else [part]
        if part in ids
        else [run_id for run_id in ids if part and part in run_id]
    )
    if not found:
        near = difflib.get_close_matches(part, ids, n=3, cutoff=0.3) or ids[:3]
        raise StoreError(f"no run contains {part!r}; nearest: {', '.join(near)}")
    if len(found) > 1:
        raise StoreError(f"{part!r} fits {len(found)} runs: {', '.join(found[:5])}{', …' if len(found) > 5 else ''}")
    return _frame(con, "SELECT * FROM runs WHERE run_id = ?", found).row(0, named=True)


def params(run_ids: Names | None = None, db: Path | None = None, *, names: Names | None = None) -> pl.DataFrame:
    """run_id, name, value (JSON text) of some or all runs, of all parameters or only of some."""
    if names is None:
        return _of_runs("params", run_ids, db)
    statement, wanted = "SELECT * FROM params WHERE name IN (SELECT unnest(?))", _list(run_ids)
    if wanted is not None:
        statement += " AND run_id IN (SELECT unnest(?))"
    return _frame(_con(db), statement, [_list(names), *([] if wanted is None else [wanted])])


def param_names(db: Path | None = None) -> pl.DataFrame:
    """experiment, name, differs: every stored parameter, and whether the runs of the experiment differ in it."""
    return _frame(
        _con(db),
        "SELECT r.experiment, p.name, min(p.value) <> max(p.value) AS differs FROM raw.params p "
        "JOIN raw.shown r USING (run_no) GROUP BY ALL ORDER BY ALL",
    )


def param_values(name: str, db: Path | None = None) -> pl.DataFrame:
    """run_id, value (JSON text) of every run that has the parameter, the oldest first."""
    return _frame(_con(db), "SELECT run_id, value FROM params WHERE name = ? ORDER BY run_id", [name])


def summary(run_ids: Names | None = None, db: Path | None = None) -> pl.DataFrame:
    """run_id, name, value of some or all runs."""
    return _of_runs("summary", run_ids, db)


def diverged(names: Names, db: Path | None = None) -> pl.DataFrame:
    """run_id, name of the summary values of these names that are NaN, infinite or too large to be squared."""
    statement = f"SELECT run_id, name FROM summary WHERE name IN (SELECT unnest(?)) AND {finite('value')} IS NULL"
    return _frame(_con(db), statement, [_list(names)])


def summary_names(run_ids: Names | None = None, db: Path | None = None) -> list[str]:
    """Names of the summary values of some or all runs; those that most runs have first."""
    ids = _list(run_ids)
    found = _con(db).execute(
        "WITH wanted AS (FROM raw.shown WHERE $1 IS NULL OR list_contains($1, run_id)), "
        "counted AS (SELECT name_no, count(*) AS n FROM raw.summary SEMI JOIN wanted USING (run_no) GROUP BY name_no) "
        "SELECT name FROM counted JOIN raw.names USING (name_no) ORDER BY n DESC, name",
        [ids],
    )
    return [row[0] for row in found.fetchall()]


def artifacts(run_ids: Names, db: Path | None = None) -> pl.DataFrame:
    """run_id, name, kind, path, bytes, sha256 of the files of one or more runs, and `file`, the absolute path."""
    folder = str(locate(db).folder)
    return _of_runs("artifacts", run_ids, db).with_columns(pl.format("{}/{}", pl.lit(folder), "path").alias("file"))


def metric_names(run_ids: Names | None = None, db: Path | None = None) -> list[str]:
    """Names logged with a step, sorted."""
    return unpublished.names(locate(db), _con(db), _list(run_ids))


def curves(
    run_ids: Names,
    names: Names | None = None,
    *,
    x: Literal["step", "epoch", "time"] = "step",
    buckets: int = 1000,
    low: float | None = None,
    high: float | None = None,
    live: bool = True,
    db: Path | None = None,
) -> pl.DataFrame:
    """Curves, each brought down to at most `buckets` points.

    Args:
        run_ids: runs.
        names: metrics; None for all.
        x: "step", "epoch" or "time" (seconds since the run's start).
        buckets: equal parts of the range of x of each curve.
        low: left end of the range wanted (zoom).
        high: right end of the range wanted.
        live: add what running jobs logged since the last publish.
        db: the store's database.

    Returns:
        run_id, name, x (mean of the bucket), value (mean), min, max, repeated; ordered by run, name, x. Where a bucket
        is one step that was logged several times, its value is the newest, and `repeated` counts the earlier ones.
    """
    if x not in ("step", "epoch", "time"):
        raise StoreError(f"x must be step, epoch or time, got {x!r}")
    if buckets < 1:
        raise StoreError(f"buckets must be at least 1, got {buckets}")
    view = View(x, int(buckets), low, high)
    return _curves(locate(db), _con(db), _list(run_ids) or [], _list(names), view, live=live)


def measurements(
    tbl: str, *, run_ids: Names | None = None, experiment: str | None = None, db: Path | None = None
) -> pl.DataFrame:
    """A table of measurements: run_id, its axes as typed columns, metric, source, value, low, high, n.

    A declared table (`store.database.measured.DECLARED`) has its columns whether something was measured yet or not.
    """
    return measured.measurements(_con(db), tbl, _list(run_ids), experiment)


def tables(db: Path | None = None) -> list[str]:
    """Names of the tables of measurements that hold something."""
    return [
        row[0]
        for row in _con(db)
        .execute("SELECT DISTINCT tbl FROM raw.cells SEMI JOIN raw.shown USING (run_no) ORDER BY tbl")
        .fetchall()
    ]


def columns(db: Path | None = None) -> pl.DataFrame:
    """Public tables and views: table_name, column_name, data_type."""
    return _frame(
        _con(db),
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'main' "
        "ORDER BY table_name, ordinal_position",
    )


def predictions(run_id: str, split: str = "dev", db: Path | None = None, *, texts: bool = True) -> pl.DataFrame:
    """example_id, hash, label, prediction, confidence and, unless left out, text (null where it was not stored)."""
    (own,) = predictions_of([run_id], split, db)
    return with_texts(own, run_id, split, db) if texts else own


def predictions_of(run_ids: Sequence[str], split: str = "dev", db: Path | None = None) -> list[pl.DataFrame]:
    """`predictions` of several runs without the text, whose numbers are looked up together.

    Returns:
        A frame for each run, in their order; an empty one where it stored none.
    """
    con = _con(db)
    ids = list(run_ids)
    known = f"SELECT run_id, run_no FROM raw.shown WHERE run_id IN ({', '.join('?' * len(ids)) or 'NULL'})"
    numbers: dict[str, int] = dict(con.execute(known, ids).fetchall())
    own = "SELECT example_id, hash, label, prediction, confidence FROM raw.predictions WHERE run_no = ? AND split = ?"
    return [_frame(con, own, [numbers.get(run_id, -1), split]) for run_id in ids]  # one query for all takes longer


def has_predictions(run_id: str, split: str = "dev", db: Path | None = None) -> bool:
    """Whether a run stored predictions of a split; none of them is read."""
    con = _con(db)
    number = one(con, "SELECT run_no FROM raw.shown WHERE run_id = ?", [run_id])
    wanted = "SELECT 1 FROM raw.predictions WHERE run_no = ? AND split = ? LIMIT 1"
    return number is not None and one(con, wanted, [*number, split]) is not None


def with_texts(rows: pl.DataFrame, run_id: str, split: str = "dev", db: Path | None = None) -> pl.DataFrame:
    """Add the stored text of a run's examples: those of its own data set, else of any that holds the same example."""
    con = _con(db)
    dataset = one(con, "SELECT dataset FROM raw.shown WHERE run_id = ?", [run_id]) or (None,)
    keys, statement = ["example_id", "hash"], "SELECT example_id, hash, text FROM raw.examples"
    known = _frame(con, f"{statement} WHERE dataset = ? AND split = ?", [*dataset, split])
    if known.select(keys).equals(rows.select(keys)) and not known["text"].null_count():
        return rows.with_columns(known["text"])  # as most runs stored both; a join takes as long as reading them
    joined = rows.join(known, on=keys, how="left", maintain_order="left")
    if joined.height == rows.height and not joined["text"].null_count():
        return joined
    known = _frame(con, statement).join(rows, on=keys, how="semi").unique(keys, keep="first")
    return rows.join(known, on=keys, how="left", maintain_order="left")


def probabilities(run_id: str, split: str = "dev", db: Path | None = None) -> pl.DataFrame:
    """example_id, hash and one float32 column per class, in the order of the predictions.

    Raises:
        StoreError: if the run stored none, or its file is gone.
    """
    name = f"probabilities-{split}.parquet"
    found = artifacts(run_id, db).filter(pl.col("name") == name)
    if found.is_empty():
        raise StoreError(f"run {run_id} stored no probabilities for {split}")
    path = Path(found["file"][0])
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(f"cannot read the probabilities {path}: {error}") from error


def paired(run_a: str, run_b: str, split: str = "dev", db: Path | None = None) -> pl.DataFrame:
    """Rows both runs predicted, paired on (example_id, hash).

    Returns:
        example_id, hash, label, label_b, prediction_a, confidence_a, prediction_b, confidence_b, text; and in every
        row the numbers of rows without a partner, unpaired_a and unpaired_b.
    """
    a, b = predictions(run_a, split, db), predictions(run_b, split, db)
    keys = ["example_id", "hash"]
    both = a.join(b, on=keys, suffix="_b", maintain_order="left")
    return both.select(
        *keys, "label", "label_b",
        pl.col("prediction").alias("prediction_a"), pl.col("confidence").alias("confidence_a"),
        "prediction_b", "confidence_b", "text",
        pl.lit(len(a) - len(both)).alias("unpaired_a"), pl.lit(len(b) - len(both)).alias("unpaired_b"),
    )  # fmt: skip


def leaderboard(experiment: str | None = "clue", db: Path | None = None) -> pl.DataFrame:
    """Per experiment, task, model, dataset, split, metric and config: n, mean, sd, 95% interval and best over seeds.

    They are over the seeds with a finite value; `diverged` counts the others.
    """
    condition, values = _conditions(experiment=experiment)
    frame = _frame(_con(db), f"SELECT * FROM leaderboard WHERE {condition}", values)
    order = ["task", "split", "metric", "mean", "newest_run_id"]
    return _with_interval(frame).sort(order, descending=[False, False, False, True, True], nulls_last=True)


def published(experiment: str | None = None, task: str | None = None, db: Path | None = None) -> pl.DataFrame:
    """Figures of papers and posts."""
    condition, values = _conditions(experiment=experiment, task=task)
    return _frame(_con(db), f"SELECT * FROM published WHERE {condition}", values)


def seeds(config_hash: str, db: Path | None = None) -> pl.DataFrame:
    """Per summary name over the finished runs of one config: n, mean, sd, low, high (95%), min, max, diverged.

    All but `diverged`, the number of runs whose value is NaN or infinite, are over the finite values.
    """
    frame = _frame(
        _con(db),
        "SELECT name, count(value) AS n, avg(value) AS mean, stddev_samp(value) AS sd, "
        "min(value) AS min, max(value) AS max, count(*) - count(value) AS diverged "
        f"FROM (SELECT s.name, {finite('s.value')} AS value FROM summary s JOIN runs r USING (run_id) "
        "WHERE r.config_hash = ? AND r.status = 'finished' AND NOT r.archived) GROUP BY name ORDER BY name",
        [config_hash],
    )
    return _with_interval(frame)


def done(config_hash: str, seed: int | None = None, db: Path | None = None) -> list[str]:
    """Ids of the finished runs of a config (and seed), newest first: what `--skip-if-done` asks before a job starts."""
    refresh(db)
    condition, values = _conditions(config_hash=config_hash, seed=seed, status="finished")
    found = _con(db).execute(f"SELECT run_id FROM runs WHERE {condition} ORDER BY started_at DESC", values)
    return [row[0] for row in found.fetchall()]


def examples(dataset: str, split: str = "dev", db: Path | None = None) -> pl.DataFrame:
    """Stored examples: example_id, hash, text."""
    return _frame(
        _con(db), "SELECT example_id, hash, text FROM raw.examples WHERE dataset = ? AND split = ?", [dataset, split]
    )


def marks(run_id: str | None = None, db: Path | None = None) -> pl.DataFrame:
    """What people said of examples: hash, run_id, kind, note, marked_at."""
    condition, values = _conditions(run_id=run_id)
    return _frame(_con(db), f"SELECT * FROM marks WHERE {condition} ORDER BY marked_at", values)


def damaged(db: Path | None = None) -> pl.DataFrame:
    """Parts of spools that did not parse: file, byte_offset, text, reason."""
    return _frame(_con(db), "SELECT * FROM damaged")


def table_of_run(table: str, run_id: str, db: Path | None = None) -> pl.DataFrame:
    """All rows of a run in one of the public tables."""
    return _frame(_con(db), f"SELECT * FROM {quote(table)} WHERE run_id = ?", [run_id])


def sql(statement: str, *, limit: int = 100_000, timeout: float = 10.0, db: Path | None = None) -> pl.DataFrame:
    """Run one SELECT, EXPLAIN, DESCRIBE or SHOW in a child process that can only read this database.

    Raises:
        StoreError: if the statement is of another kind, fails, or takes longer than `timeout` seconds.
    """
    return sandbox.query(statement, limit=limit, timeout=timeout, db=db).frame


def _con(db: Path | None) -> duckdb.DuckDBPyConnection:
    return connections.reader(locate(db))


def _list(names: Names | None) -> list[str] | None:
    if names is None:
        return None
    return [names] if isinstance(names, str) else list(names)


def _conditions(**columns: Any) -> tuple[str, list[Any]]:
    given = {name: value for name, value in columns.items() if value is not None}
    return " AND ".join(["true", *(f"{name} = ?" for name in given)]), list(given.values())


def _of_runs(table: str, run_ids: Names | None, db: Path | None) -> pl.DataFrame:
    ids = _list(run_ids)
    con = _con(db)
    if ids is None:
        return _frame(con, f"SELECT * FROM {table}")
    wanted, values = "SELECT unnest(?)", list[Any]([ids])
    if 0 < len(ids) <= FEW:  # one by one they reach the scan of the runs; a list is met after all rows are joined
        wanted, values = ", ".join("?" * len(ids)), ids
    return _frame(con, f"SELECT * FROM {table} WHERE run_id IN ({wanted}) ORDER BY ALL", values)


def _wide_summary(con: duckdb.DuckDBPyConnection, run_ids: pl.Series, names: list[str]) -> pl.DataFrame:
    """run_id and one column per summary name: names are data, so they are read long, and their numbers pivoted."""
    known = dict(con.execute("SELECT name, name_no FROM raw.names WHERE list_contains(?, name)", [names]).fetchall())
    few = run_ids.to_list() if len(run_ids) <= FEW else None
    wide = _frame(con, "SELECT run_id, run_no FROM raw.runs WHERE $1 IS NULL OR list_contains($1, run_id)", [few])
    numbers = ", ".join(map(str, known.values())) or "NULL"  # written out: DuckDB compares numbers faster than a list's
    long = _frame(
        con,
        "SELECT run_no, name_no, value FROM raw.summary "
        f"WHERE name_no IN ({numbers}) AND ($1 IS NULL OR list_contains($1, run_no))",
        [None if few is None else wide["run_no"].to_list()],
    )
    rows = wide.select("run_no", pl.int_range(pl.len()).alias("row"))
    parts = long.join(rows, on="run_no").partition_by("name_no", as_dict=True, include_key=False)
    empty = pl.repeat(None, len(wide), dtype=pl.Float64, eager=True)
    columns = []
    for name, column in summary_columns(names).items():
        part = parts.get((known.get(name),))
        columns.append((empty if part is None else empty.clone().scatter(part["row"], part["value"])).alias(column))
    return wide.select("run_id", *columns)


def _with_interval(frame: pl.DataFrame) -> pl.DataFrame:
    """Add low and high of the 95% t interval of the mean; null for a single run."""
    counts = frame["n"].unique().to_list()
    quantile = pl.col("n").replace_strict(counts, list(map(t_quantile, counts)), return_dtype=pl.Float64)
    half = quantile * pl.col("sd") / pl.col("n").sqrt()
    return frame.with_columns((pl.col("mean") - half).alias("low"), (pl.col("mean") + half).alias("high"))


def t_quantile(n: int) -> float | None:
    """0.975 quantile of Student's t, n - 1 degrees of freedom (tabled to 30, then Cornish-Fisher); None for n < 2."""
    if n < 2:
        return None
    table = [
        *(
            12.7062,
            4.3027,
            3.1824,
            2.7764,
            2.5706,
            2.4469,
            2.3646,
            2.3060,
            2.2622,
            2.2281,
            2.2010,
            2.1788,
            2.1604,
            2.1448,
            2.1314,
        ),
        *(
            2.1199,
            2.1098,
            2.1009,
            2.0930,
            2.0860,
            2.0796,
            2.0739,
            2.0687,
            2.0639,
            2.0595,
            2.0555,
            2.0518,
            2.0484,
            2.0452,
            2.0423,
        ),
    ]
    if n - 1 <= len(table):
        return table[n - 2]
    z = 1.959964
    return z + (z**3 + z) / (4 * (n - 1)) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * (n - 1) ** 2)
