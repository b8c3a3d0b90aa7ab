"""Batches into tables: the SQL of ingest. Frames are inserted, never single rows."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from store.database import measured
from store.database.migrations import RUN_COLUMNS
from store.database.sql import count_change, frame, insert, one, replace, source
from store.editing import apply_edits
from store.errors import StoreError
from store.paths import Layout, inside
from store.spool.columns import Row
from store.spool.parquet import sha256 as file_sha256
from store.spool.parsing import Batch, join_kinds

MICROSECONDS = pl.Datetime("us")
RUN_SCHEMA: dict[str, Any] = {
    name: {
        "INTEGER": pl.Int32, "BIGINT": pl.Int64, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean, "VARCHAR": pl.String,
        "TIMESTAMP": MICROSECONDS, "VARCHAR[]": pl.List(pl.String),
    }[kind]
    for name, kind in RUN_COLUMNS.items()
}  # fmt: skip


class State:
    """What the work database knows, loaded once per ingest: of all spools, or of those whose run may still write."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, whole: bool = True) -> None:
        self._con = con
        self.whole = whole
        self.names: dict[str, int] = dict(con.execute("SELECT name, name_no FROM raw.names").fetchall())
        some = "" if whole else " WHERE NOT over"
        rows = frame(con, f"SELECT file, run_no, read FROM raw.spools{some}")  # by columns: there may be very many
        self.spools: dict[str, tuple[int | None, int]] = dict(
            zip(rows["file"].to_list(), zip(rows["run_no"].to_list(), rows["read"].to_list(), strict=True), strict=True)
        )
        self._runs = {row["run_no"]: row for row in _rows(con, "status IN ('running', 'lost')")}
        self._next = con.execute("SELECT coalesce(max(run_no), 0) + 1 FROM raw.runs").fetchall()[0][0]

    def read(self, file: str) -> int:
        """Bytes of a spool that are in the database."""
        return self.spools.get(file, (None, 0))[1]

    def run_no(self, batch: Batch, file: str) -> int | None:
        """Number of the run a spool belongs to, with its row loaded into the batch; None for the file of edits."""
        if file == "edits.jsonl":
            return None
        run_no = self.spools[file][0] if file in self.spools else None
        if run_no is None:
            run_no, self._next = self._next, self._next + 1
            batch.runs[run_no] = _new_run(run_no, file.removesuffix(".jsonl"))
            batch.new.add(run_no)
        elif run_no not in batch.runs:
            known = self._runs.get(run_no) or next(iter(_rows(self._con, f"run_no = {run_no}")), None)
            batch.runs[run_no] = known or _new_run(run_no, file.removesuffix(".jsonl"))
        return run_no

    def commit(self, batch: Batch) -> None:
        """Take over what a batch brought, once it is committed."""
        self.names = batch.names
        for number, row in batch.runs.items():
            if row["status"] in ("running", "lost"):
                self._runs[number] = row
            else:
                self._runs.pop(number, None)
        for file, (run_no, read, _) in batch.read.items():
            self.spools[file] = run_no, read


def write_batch(con: duckdb.DuckDBPyConnection, layout: Layout, batch: Batch) -> None:
    """Write a batch and the offsets it was read up to in one transaction."""
    con.execute("BEGIN")
    try:
        _write_names(con, batch)
        _write_points(con, batch)
        _write_summary(con, batch)
        _write_runs(con, batch)
        _write_cells(con, batch)
        _write_artifacts(con, batch)
        _write_examples(con, layout, batch)
        _write_predictions(con, layout, batch)
        _write_files(con, batch)
        apply_edits(con, batch.edits)
        _write_spools(con, batch)
        count_change(con)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def unended(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str | None, str]]:
    """Number, id, host and status (running or lost) of every run that has no last line."""
    return con.execute(
        "SELECT run_no, run_id, host, status FROM raw.runs WHERE status IN ('running', 'lost')"
    ).fetchall()


def mark_lost(con: duckdb.DuckDBPyConnection, run_nos: list[int]) -> None:
    """Set runs to lost."""
    if run_nos:
        con.execute("BEGIN")
        con.execute(
            "UPDATE raw.runs SET status = 'lost', finished_at = heartbeat_at, eta_s = NULL "
            "WHERE list_contains(?, run_no)",
            [run_nos],
        )
        count_change(con)
        con.execute("COMMIT")


def create_views(con: duckdb.DuckDBPyConnection) -> None:
    """Make the view of every table of measurements show its axes as typed columns; does nothing when they all do."""
    found = con.execute("SELECT DISTINCT tbl FROM raw.cells ORDER BY tbl").fetchall()
    views = [measured.view(tbl, measured.axes_of(con, tbl)) for (tbl,) in found if measured.is_free(tbl)]
    wanted = sha256("\n".join(views).encode()).hexdigest()
    have = one(con, "SELECT value FROM raw.meta WHERE key = 'views'")
    if have is not None and have[0] == wanted:
        return
    con.execute("BEGIN")
    for view in views:
        con.execute(view)
    con.execute("DELETE FROM raw.meta WHERE key = 'views'")
    con.execute("INSERT INTO raw.meta VALUES ('views', ?)", [wanted])
    count_change(con)
    con.execute("COMMIT")


def _rows(con: duckdb.DuckDBPyConnection, condition: str) -> list[Row]:
    found = con.execute(f"SELECT {', '.join(RUN_COLUMNS)} FROM raw.runs WHERE {condition}").fetchall()
    return [dict(zip(RUN_COLUMNS, row, strict=True)) for row in found]


def _new_run(run_no: int, run_id: str) -> Row:
    return {
        **dict.fromkeys(RUN_COLUMNS),
        "run_no": run_no,
        "run_id": run_id,
        "experiment": "unknown",
        "status": "running",
        "earlier_s": 0.0,
    }


def _put(con: duckdb.DuckDBPyConnection, batch: Batch, table: str, rows: pl.DataFrame, keys: list[str]) -> None:
    """Insert rows of the batch's runs in the place of those with the same keys, which only known runs can have."""
    if batch.only_new:
        insert(con, table, rows)
    else:
        replace(con, table, rows, keys)


def _write_names(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    known = con.execute("SELECT count(*) FROM raw.names").fetchall()[0][0]
    new = list(batch.names.items())[known:]
    insert(con, "raw.names", pl.DataFrame(new, schema={"name": pl.String, "name_no": pl.Int32}, orient="row"))


def _write_points(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    for run_no, step in batch.cuts.items():
        con.execute("DELETE FROM raw.points WHERE run_no = ? AND step > ?", [run_no, step])
    logged_at = (pl.col("at") * 1e6).round().cast(pl.Int64).cast(MICROSECONDS).alias("logged_at")
    insert(con, "raw.points", batch.points.frame().select(pl.exclude("at"), logged_at))


def _write_summary(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """What a run says stands; where it says nothing, the value logged last, in the order of the file (the rowid)."""
    schema = {"run_no": pl.Int32, "name_no": pl.Int32, "value": pl.Float64, "step": pl.Int64, "said": pl.Boolean}
    said = [(*key, value, None, True) for key, value in batch.said.items()]
    logged = batch.points.frame().filter(~pl.col("run_no").is_in(list(batch.cuts)))
    last = logged.group_by("run_no", "name_no").agg(pl.col("value", "step").last()).with_columns(said=pl.lit(False))
    stated = pl.DataFrame(said, schema=schema, orient="row")
    last = last.join(stated, on=["run_no", "name_no"], how="anti").select(*schema)
    rows = pl.concat([last, stated])
    if batch.only_new:
        insert(con, "raw.summary", rows)
    else:
        _replace_summary(con, rows)
    for run_no in batch.cuts:
        con.execute("DELETE FROM raw.summary WHERE run_no = ? AND NOT said", [run_no])
        con.execute(
            "INSERT INTO raw.summary BY NAME "
            "SELECT run_no, name_no, max_by(value, p.rowid) AS value, max_by(step, p.rowid) AS step, false AS said "
            "FROM raw.points p ANTI JOIN (FROM raw.summary WHERE run_no = $1) s USING (name_no) WHERE p.run_no = $1 "
            "GROUP BY run_no, name_no",
            [run_no],
        )


def _replace_summary(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> None:
    with source(con, rows) as (incoming, values):
        con.execute(
            f"DELETE FROM raw.summary AS s USING {incoming} AS n "
            "WHERE s.run_no = n.run_no AND s.name_no = n.name_no AND (n.said OR NOT s.said)",
            values,
        )
        con.execute(
            f"INSERT INTO raw.summary BY NAME FROM {incoming} ANTI JOIN raw.summary USING (run_no, name_no)", values
        )


def _write_runs(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    rows = batch.runs.values()
    columns = [_column(name, [row[name] for row in rows], kind) for name, kind in RUN_SCHEMA.items()]
    _put(con, batch, "raw.runs", pl.DataFrame(columns), ["run_no"])
    of_runs = pl.Series("run_no", [run_no for run_no, values in batch.params.items() for _ in values], pl.Int32)
    names = pl.Series("name", [name for values in batch.params.values() for name in values], pl.String)
    texts = pl.Series("value", [text for values in batch.params.values() for text in values.values()], pl.String)
    _put(con, batch, "raw.params", pl.DataFrame([of_runs, names, texts]), ["run_no", "name"])


def _column(name: str, values: list[Any], kind: Any) -> pl.Series:
    if not isinstance(kind, pl.List):
        return pl.Series(name, values, kind, strict=False)
    different: dict[tuple[str, ...] | None, int] = {}  # runs share their tags, and polars takes long for a Python list
    keys = (None if value is None else tuple(value) for value in values)
    places = [different.setdefault(key, len(different)) for key in keys]
    lists = [None if key is None else list(key) for key in different]
    return pl.Series(name, lists, kind)[places]


def _write_cells(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    schema: dict[str, Any] = {"run_no": pl.Int32, **dict.fromkeys(("tbl", "axes", "metric", "source"), pl.String)}
    schema |= {**dict.fromkeys(("value", "low", "high"), pl.Float64), "n": pl.Int64}
    frame = pl.DataFrame([(*key, *values) for key, values in batch.cells.items()], schema=schema, orient="row")
    old = {(run_no, tbl) for run_no, tbl in con.execute("SELECT DISTINCT run_no, tbl FROM raw.cells").fetchall()}
    if any((run_no, tbl) in old for run_no, tbl, *_ in batch.cells):
        replace(con, "raw.cells", frame, ["run_no", "tbl", "axes", "metric", "source"])
    else:
        insert(con, "raw.cells", frame)
    kinds = {(tbl, axis): kind for tbl, axis, kind in con.execute("FROM raw.axes").fetchall()}
    merged = {key: join_kinds(kinds.get(key, kind), kind) for key, kind in batch.axes.items()}
    rows = [(*key, kind) for key, kind in merged.items() if kinds.get(key) != kind]
    replace(
        con,
        "raw.axes",
        pl.DataFrame(rows, schema=dict.fromkeys(("tbl", "axis", "kind"), pl.String), orient="row"),
        ["tbl", "axis"],
    )


def _write_artifacts(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    rows = [{"run_no": run_no, **artifact} for (run_no, _), artifact in batch.artifacts.items()]
    schema = {
        "run_no": pl.Int32,
        **dict.fromkeys(("name", "kind", "path"), pl.String),
        "bytes": pl.Int64,
        "sha256": pl.String,
    }
    _put(con, batch, "raw.artifacts", pl.DataFrame(rows, schema=schema), ["run_no", "name"])


def _write_examples(con: duckdb.DuckDBPyConnection, layout: Layout, batch: Batch) -> None:
    for about in batch.examples.values():
        path = _sound(layout, about, batch)
        if path is not None:
            con.execute(
                "INSERT INTO raw.examples BY NAME "
                "SELECT DISTINCT ON (example_id, hash) $1 AS dataset, $2 AS split, example_id, hash, text "
                "FROM read_parquet($3) "
                "ANTI JOIN (FROM raw.examples WHERE dataset = $1 AND split = $2) USING (example_id, hash)",
                [about["dataset"], about["split"], str(path)],
            )


def _write_predictions(con: duckdb.DuckDBPyConnection, layout: Layout, batch: Batch) -> None:
    for (run_no, split), about in batch.predictions.items():
        path = _sound(layout, about, batch)
        if path is not None:
            con.execute("DELETE FROM raw.predictions WHERE run_no = ? AND split = ?", [run_no, split])
            con.execute(
                "INSERT INTO raw.predictions BY NAME SELECT $1 AS run_no, $2 AS split, * FROM read_parquet($3)",
                [run_no, split, str(path)],
            )


def _write_files(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """Names of the Parquet files that lines speak of, so that the others can be found."""
    rows: list[tuple[str, int | None]] = [(about["file"], run_no) for (run_no, _), about in batch.predictions.items()]
    rows += [(file, None) for file in batch.examples]
    replace(
        con, "raw.files", pl.DataFrame(rows, schema={"file": pl.String, "run_no": pl.Int32}, orient="row"), ["file"]
    )


def _sound(layout: Layout, about: Row, batch: Batch) -> Path | None:
    """Path of a Parquet file that is there and unharmed; what is not gets named among the damaged parts."""
    try:
        path = inside(layout.predictions, about["file"])
        reason = None if file_sha256(path) == about["sha256"] else "its checksum does not match its line"
    except OSError as error:
        reason = str(error.strerror).lower()
    except StoreError as error:
        reason = str(error)
    if reason is None:
        return path
    batch.damaged.append((about["file"], 0, "", reason))
    return None


def _write_spools(con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    schema = dict.fromkeys(("file", "text", "reason"), pl.String)
    rows = [
        {"file": file, "byte_offset": at, "text": text, "reason": reason} for file, at, text, reason in batch.damaged
    ]
    insert(con, "damaged", pl.DataFrame(rows, schema={**schema, "byte_offset": pl.Int64}))
    spools = [(file, *values) for file, values in batch.read.items()]
    kinds = {"file": pl.String, "run_no": pl.Int32, "read": pl.Int64, "over": pl.Boolean}
    replace(con, "raw.spools", pl.DataFrame(spools, schema=kinds, orient="row"), ["file"])
