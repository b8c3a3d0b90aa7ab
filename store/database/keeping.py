"""What an older database holds beyond a rebuilt one: runs whose spool or predictions are gone, cut or damaged.

A rebuild reads the spools. A store that came without them, or lost some, has those runs in its database alone; they are
carried over, row by row, with numbers that fit the new one.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from store.database.sql import literal, one, replace
from store.spool.parsing import join_kinds

_OF_RUNS = ("runs", "params", "points", "summary", "cells", "predictions", "files", "artifacts")


_CUT = "o.run_id || '.jsonl' IN (SELECT file FROM older.main.damaged WHERE reason LIKE 'cut: %')"
"""the spool lost its end after it was read"""
_DAMAGED = (
    "n.run_no IN (SELECT run_no FROM raw.files JOIN damaged USING (file)) AND "
    "(SELECT count(*) FROM older.raw.predictions p WHERE p.run_no = o.run_no) > "
    "(SELECT count(*) FROM raw.predictions p WHERE p.run_no = n.run_no)"
)
"""a file of predictions was read when it was whole, and is damaged or gone now"""


def keep_missing(con: duckdb.DuckDBPyConnection, older: Path, *, current: bool, but: Sequence[str] = ()) -> list[str]:
    """Bring over what an older database holds and this one lacks; returns the ids of the runs.

    Args:
        con: a database that was just made from the spools.
        older: another one, of the same schema, closed.
        current: whether it has read everything that the spools hold; what people wrote is then taken from it as it is.
        but: runs that were brought over from a newer database.
    """
    con.execute(f"ATTACH {literal(str(older))} AS older (READ_ONLY)")
    try:
        con.execute("BEGIN")
        _keep_edits(con, current=current)
        kept = _keep_runs(con, but)
        _keep_examples(con)
        _keep_figures(con)
        con.execute(
            "UPDATE raw.meta SET value = (greatest(value::BIGINT, (SELECT value::BIGINT FROM older.raw.meta "
            "WHERE key = 'counter')) + 1)::VARCHAR WHERE key = 'counter'"
        )
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    finally:
        con.execute("DETACH older")
    return kept


def _keep_runs(con: duckdb.DuckDBPyConnection, but: Sequence[str]) -> list[str]:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE kept AS SELECT o.run_id, o.run_no AS old_no, n.run_no AS shorter_no, "
        "coalesce(n.run_no, (SELECT coalesce(max(run_no), 0) FROM raw.runs) + row_number() OVER (ORDER BY o.run_no)) "
        "::INTEGER AS run_no FROM older.raw.runs o JOIN older.raw.spools os USING (run_no) "
        "LEFT JOIN raw.runs n USING (run_id) LEFT JOIN raw.spools ns ON ns.run_no = n.run_no "
        f"WHERE NOT list_contains($1, o.run_id) "
        f"AND (os.read > ns.read OR (os.read = ns.read AND ({_CUT} OR {_DAMAGED})) "
        "OR (n.run_no IS NULL AND o.run_id NOT IN (SELECT run_id FROM raw.edits WHERE deleted)))",
        [list(but)],
    )
    ids = [row[0] for row in con.execute("SELECT run_id FROM kept ORDER BY run_id").fetchall()]
    if not ids:
        return []
    for table in (*_OF_RUNS, "spools"):
        con.execute(f"DELETE FROM raw.{table} WHERE run_no IN (SELECT shorter_no FROM kept)")
    con.execute(
        "INSERT INTO raw.names SELECT (SELECT count(*) FROM raw.names) + row_number() OVER () - 1, name "
        "FROM older.raw.names WHERE name NOT IN (SELECT name FROM raw.names)"
    )
    for table in (*_OF_RUNS, "spools"):
        if table in ("points", "summary"):  # in the order of the file: the last value stands
            con.execute(
                f"INSERT INTO raw.{table} BY NAME SELECT t.* REPLACE (k.run_no AS run_no, n.name_no AS name_no) "
                f"FROM older.raw.{table} t JOIN kept k ON t.run_no = k.old_no JOIN older.raw.names o USING (name_no) "
                "JOIN raw.names n ON n.name = o.name ORDER BY t.rowid"
            )
        else:
            con.execute(
                f"INSERT INTO raw.{table} BY NAME SELECT t.* REPLACE (k.run_no AS run_no) "
                f"FROM older.raw.{table} t JOIN kept k ON t.run_no = k.old_no ORDER BY t.rowid"
            )
    con.execute(
        "INSERT INTO damaged BY NAME SELECT d.* FROM older.main.damaged d JOIN kept ON d.file = run_id || '.jsonl' "
        "ANTI JOIN damaged n USING (file, byte_offset)"
    )
    _keep_axes(con)
    return ids


def _keep_examples(con: duckdb.DuckDBPyConnection) -> None:
    """Texts whose file is gone or damaged, or was named by a spool that is gone."""
    con.execute(
        "INSERT INTO raw.files BY NAME FROM older.raw.files o ANTI JOIN raw.files n USING (file) WHERE o.run_no IS NULL"
    )
    con.execute(
        "INSERT INTO raw.examples BY NAME FROM older.raw.examples o "
        "ANTI JOIN raw.examples n USING (dataset, split, example_id, hash)"
    )


def _keep_axes(con: duckdb.DuckDBPyConnection) -> None:
    kinds = {(tbl, axis): kind for tbl, axis, kind in con.execute("SELECT tbl, axis, kind FROM raw.axes").fetchall()}
    for tbl, axis, kind in con.execute("SELECT tbl, axis, kind FROM older.raw.axes").fetchall():
        kinds[tbl, axis] = join_kinds(kinds.get((tbl, axis), kind), kind)
    rows = [(*key, kind) for key, kind in kinds.items()]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("tbl", "axis", "kind"), pl.String), orient="row")
    replace(con, "raw.axes", frame, ["tbl", "axis"])


def _keep_edits(con: duckdb.DuckDBPyConnection, *, current: bool) -> None:
    """What people wrote: the file of edits may be missing, or another than the first."""
    if current:
        con.execute("DELETE FROM raw.edits")
        con.execute("DELETE FROM marks")
    columns = [row[0] for row in con.execute("DESCRIBE raw.edits").fetchall() if row[0] != "run_id"]
    both = ", ".join(f"coalesce(n.{name}, o.{name}) AS {name}" for name in columns)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE edited AS SELECT run_id, {both} "
        "FROM raw.edits n FULL JOIN older.raw.edits o USING (run_id)"
    )
    con.execute("DELETE FROM raw.edits")
    con.execute("INSERT INTO raw.edits BY NAME FROM edited")
    con.execute(
        "INSERT INTO marks BY NAME FROM older.main.marks o WHERE NOT exists(FROM marks n "
        "WHERE n.hash = o.hash AND n.run_id IS NOT DISTINCT FROM o.run_id AND n.kind = o.kind)"
    )


def _keep_figures(con: duckdb.DuckDBPyConnection) -> None:
    """Published figures that somebody loaded from a file of his own."""
    found = one(con, "SELECT value FROM older.raw.meta WHERE key = 'published' AND value LIKE 'own:%'")
    if found is None:
        return
    con.execute("DELETE FROM published")
    con.execute("INSERT INTO published BY NAME FROM older.main.published")
    con.execute("DELETE FROM raw.meta WHERE key = 'published'")
    con.execute("INSERT INTO raw.meta VALUES ('published', ?)", [found[0]])
