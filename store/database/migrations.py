"""The schema, as numbered migrations; a file of every older version is brought up to date when ingest opens it.

What people query lies in the schema `main` and its names are public; the tables behind it lie in `raw`, where runs
are numbered (`run_no`) so that the big tables stay small and DuckDB skips the parts that belong to other runs. There
are no keys and no indexes: rows are unique by construction, because a row and the byte offset it was read up to are
committed together.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.database.sql import count_change, finite, one
from store.errors import StoreError

RUN_COLUMNS = {
    "run_no": "INTEGER", "run_id": "VARCHAR", "name": "VARCHAR", "experiment": "VARCHAR", "task": "VARCHAR",
    "model": "VARCHAR", "recipe": "VARCHAR",
    "dataset": "VARCHAR", "data_source": "VARCHAR", "train_fingerprint": "VARCHAR", "dev_fingerprint": "VARCHAR",
    "config_hash": "VARCHAR", "status": "VARCHAR", "progress": "DOUBLE", "eta_s": "DOUBLE", "started_at": "TIMESTAMP",
    "heartbeat_at": "TIMESTAMP", "finished_at": "TIMESTAMP", "duration_s": "DOUBLE", "earlier_s": "DOUBLE",
    "seed": "BIGINT",
    "command": "VARCHAR", "git_commit": "VARCHAR", "git_dirty": "BOOLEAN", "host": "VARCHAR", "pid": "BIGINT",
    "device": "VARCHAR",
    "versions": "VARCHAR", "parent_run_id": "VARCHAR", "tags": "VARCHAR[]", "note": "VARCHAR", "error": "VARCHAR",
}  # fmt: skip
_WRITTEN_LATER = ("run_no", "run_id", "name", "earlier_s", "tags", "note", "error")
PUBLIC_RUN_COLUMNS = tuple(name for name in RUN_COLUMNS if name not in _WRITTEN_LATER)
_FIRST_RUN_COLUMNS = {name: kind for name, kind in RUN_COLUMNS.items() if name != "name"}
LOWER_IS_BETTER = "loss|error|perplexity|brier|ece|nll|distance|seconds|bytes|_s$"

_RAW = f"""
CREATE SCHEMA raw;
CREATE TABLE raw.meta (key VARCHAR, value VARCHAR);
CREATE TABLE raw.spools (file VARCHAR, run_no INTEGER, read BIGINT, over BOOLEAN);
CREATE TABLE raw.runs ({", ".join(f"{name} {kind}" for name, kind in _FIRST_RUN_COLUMNS.items())});
CREATE TABLE raw.params (run_no INTEGER, name VARCHAR, value VARCHAR);
CREATE TABLE raw.names (name_no INTEGER, name VARCHAR);
CREATE TABLE raw.points (run_no INTEGER, name_no INTEGER, step BIGINT, epoch DOUBLE, value DOUBLE, logged_at TIMESTAMP);
CREATE TABLE raw.summary (run_no INTEGER, name_no INTEGER, value DOUBLE, step BIGINT, said BOOLEAN);
CREATE TABLE raw.cells (run_no INTEGER, tbl VARCHAR, axes VARCHAR, metric VARCHAR, source VARCHAR,
    value DOUBLE, low DOUBLE, high DOUBLE, n BIGINT);
CREATE TABLE raw.axes (tbl VARCHAR, axis VARCHAR, kind VARCHAR);
CREATE TABLE raw.examples (dataset VARCHAR, split VARCHAR, example_id VARCHAR, hash VARCHAR, text VARCHAR);
CREATE TABLE raw.predictions (run_no INTEGER, split VARCHAR, example_id VARCHAR, hash VARCHAR, label VARCHAR,
    prediction VARCHAR, confidence DOUBLE);
CREATE TABLE raw.files (file VARCHAR, run_no INTEGER);
CREATE TABLE raw.artifacts (run_no INTEGER, name VARCHAR, kind VARCHAR, path VARCHAR, bytes BIGINT, sha256 VARCHAR);
CREATE TABLE raw.edits (run_id VARCHAR, tags VARCHAR[], note VARCHAR, archived BOOLEAN, deleted BOOLEAN);
CREATE TABLE marks (hash VARCHAR, run_id VARCHAR, kind VARCHAR, note VARCHAR, marked_at TIMESTAMP);
CREATE TABLE published (experiment VARCHAR, task VARCHAR, dataset VARCHAR, model VARCHAR, variant VARCHAR,
    split VARCHAR, metric VARCHAR, value DOUBLE, source VARCHAR, note VARCHAR);
CREATE TABLE damaged (file VARCHAR, byte_offset BIGINT, text VARCHAR, reason VARCHAR);
"""

_NAMED = """
ALTER TABLE raw.runs ADD COLUMN name VARCHAR;
ALTER TABLE raw.edits ADD COLUMN name VARCHAR;
"""

# A run that a person deleted keeps its rows until its files are removed, and appears in no view.
_VIEWS = f"""
CREATE OR REPLACE VIEW raw.shown AS FROM raw.runs ANTI JOIN (FROM raw.edits WHERE deleted) USING (run_id);
CREATE OR REPLACE VIEW runs AS SELECT r.run_id, nullif(coalesce(e.name, r.name), '') AS name,
    {", ".join("r." + name for name in PUBLIC_RUN_COLUMNS)},
    coalesce(e.tags, r.tags, []) AS tags, coalesce(e.note, r.note, '') AS note,
    coalesce(e.archived, false) AS archived, r.error
    FROM raw.runs r LEFT JOIN raw.edits e USING (run_id) WHERE NOT coalesce(e.deleted, false);
CREATE OR REPLACE VIEW params AS SELECT r.run_id, p.name, p.value FROM raw.params p JOIN raw.shown r USING (run_no);
CREATE OR REPLACE VIEW metrics AS SELECT r.run_id, n.name, p.step, p.epoch, p.value, p.logged_at
    FROM raw.points p JOIN raw.shown r USING (run_no) JOIN raw.names n USING (name_no);
CREATE OR REPLACE VIEW summary AS SELECT r.run_id, n.name, s.value
    FROM raw.summary s JOIN raw.shown r USING (run_no) JOIN raw.names n USING (name_no);
CREATE OR REPLACE VIEW measurements AS
    SELECT r.run_id, c.tbl, c.axes::JSON AS axes, c.metric, c.source, c.value, c.low, c.high, c.n
    FROM raw.cells c JOIN raw.shown r USING (run_no);
CREATE OR REPLACE VIEW examples AS SELECT dataset, split, example_id, hash, text::JSON AS text FROM raw.examples;
CREATE OR REPLACE VIEW predictions AS
    SELECT r.run_id, p.split, p.example_id, p.hash, p.label, p.prediction, p.confidence
    FROM raw.predictions p JOIN raw.shown r USING (run_no);
CREATE OR REPLACE VIEW artifacts AS
    SELECT r.run_id, a.name, a.kind, 'artifacts/' || r.run_id || '/' || a.path AS path, a.bytes, a.sha256
    FROM raw.artifacts a JOIN raw.shown r USING (run_no);
DELETE FROM raw.meta WHERE key = 'views';
"""

# Only finite values count, the others are counted. One value a seed: the same seed again is no second seed. Runs are
# grouped by a hash of their texts, which are joined last, because a hundred thousand runs have many values each.
# Which value is better the newest run says itself in the parameter `higher_is_better` (a metric, with its split or
# without, -> true or false); else the metric's name does.
_LEADERBOARD = f"""
CREATE OR REPLACE VIEW leaderboard AS
    WITH eligible AS (
        SELECT run_no, seed, coalesce(started_at, make_timestamp(0)) AS began,
            hash(experiment, task, model, dataset, config_hash) AS config
        FROM raw.runs LEFT JOIN raw.edits USING (run_id)
        WHERE status = 'finished' AND NOT coalesce(archived, false) AND NOT coalesce(deleted, false)
            AND run_no NOT IN (SELECT run_no FROM raw.params
                WHERE (name = 'limit' AND value NOT IN ('null', '0')) OR name = 'few_shot_split')),
    scores AS (
        SELECT name_no, split_part(name, '/', 1) AS split, substr(name, strpos(name, '/') + 1) AS metric,
            NOT regexp_matches(metric, '{LOWER_IS_BETTER}') AS by_name
        FROM raw.names WHERE contains(name, '/') AND split NOT IN ('train', 'time')),
    seeds AS (
        SELECT config, name_no, arg_max(run_no, began) AS newest, max(began) AS latest,
            arg_max(value, began) AS score, {finite("score")} AS finite
        FROM raw.summary JOIN eligible USING (run_no) SEMI JOIN scores USING (name_no)
        GROUP BY config, name_no, seed, CASE WHEN seed IS NULL THEN run_no END),
    configs AS (
        SELECT name_no, arg_max(newest, latest) AS run_no, count(finite) AS n, avg(finite) AS mean,
            stddev_samp(finite) AS sd, min(finite) AS least, max(finite) AS most, count(*) - count(finite) AS diverged
        FROM seeds GROUP BY config, name_no),
    directions AS (
        SELECT run_no, TRY_CAST(value::JSON AS MAP(VARCHAR, BOOLEAN)) AS said
        FROM raw.params WHERE name = 'higher_is_better'),
    rows AS (
        SELECT configs.*, split, metric, coalesce(map_extract(said, split || '/' || metric)[1],
            map_extract(said, metric)[1], by_name) AS higher_is_better
        FROM configs JOIN scores USING (name_no) LEFT JOIN directions USING (run_no))
    SELECT experiment, task, model, dataset, split, metric, config_hash, recipe, data_source, n, mean, sd,
        CASE WHEN higher_is_better THEN most ELSE least END AS best, diverged, higher_is_better,
        run_id AS newest_run_id
    FROM rows JOIN raw.runs USING (run_no);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    statements: str


MIGRATIONS = (
    Migration(1, _RAW),
    Migration(2, ""),  # changed a view; views are made by the newest step, for every older file too
    Migration(3, _NAMED + _VIEWS),
    Migration(4, ""),  # changed a view
    Migration(5, ""),  # changed a view
    Migration(6, ""),  # changed a view
    Migration(7, _LEADERBOARD),
)


def version_of(con: duckdb.DuckDBPyConnection) -> int | None:
    """Schema version of an open database: 0 for an empty one, None for one that is not a store."""
    try:
        row = one(con, "SELECT value FROM raw.meta WHERE key = 'schema'")
    except duckdb.CatalogException:
        empty = one(con, "SELECT 1 FROM information_schema.tables") is None
        return 0 if empty else None
    return int(row[0]) if row else None


def check_version(
    con: duckdb.DuckDBPyConnection, path: Path, *, migrations: tuple[Migration, ...] | None = None
) -> int:
    """Version of a store's database.

    Raises:
        StoreError: if the database is something else or of a newer schema.
    """
    newest = (migrations or MIGRATIONS)[-1].number
    version = version_of(con)
    if version is None:
        raise StoreError(f"{path} is a DuckDB database, but not a store of clueboard")
    if version > newest:
        raise StoreError(
            f"{path} has schema version {version}, this clueboard knows up to {newest}: install a newer one"
        )
    return version


def migrate(con: duckdb.DuckDBPyConnection, path: Path, *, migrations: tuple[Migration, ...] | None = None) -> int:
    """Bring an open database to the newest schema, all steps in one transaction with their number, then checkpoint.

    Returns:
        How many steps were taken.
    """
    version = check_version(con, path, migrations=migrations)
    steps = [step for step in migrations or MIGRATIONS if step.number > version]
    if steps:
        con.execute("BEGIN")
        for step in steps:
            con.execute(step.statements)
        con.execute("DELETE FROM raw.meta WHERE key = 'schema'")
        con.execute("INSERT INTO raw.meta VALUES ('schema', ?)", [str(steps[-1].number)])
        count_change(con)
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
    return len(steps)
