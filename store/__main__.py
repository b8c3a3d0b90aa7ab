"""Look after the store.

python -m store ingest
python -m store sql "SELECT run_id, status FROM runs"
"""

import argparse
import sys
from pathlib import Path

from store.errors import StoreError


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    ingest = commands.add_parser("ingest", help="move new spool lines into the database and publish it")
    sql = commands.add_parser("sql", help="run one read-only statement and print its table")
    sql.add_argument("statement")
    for command in (ingest, sql):
        command.add_argument(
            "--db", type=Path, default=None, help="the store's database (default: CLUEBOARD_DB, else results.duckdb)"
        )
    options = parser.parse_args(arguments)
    try:
        return _ingest(options) if options.command == "ingest" else _sql(options)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 2


def _ingest(options: argparse.Namespace) -> int:
    from store.ingest import ingest

    outcome = ingest(options.db, wait=30.0, force=True)
    print(
        "another process is ingesting"
        if outcome is None
        else f"{outcome.lines} lines ingested, {outcome.lost} runs lost"
    )
    return 0


def _sql(options: argparse.Namespace) -> int:
    from store import queries

    print(queries.sql(options.statement, db=options.db))
    return 0


if __name__ == "__main__":
    sys.exit(main())
