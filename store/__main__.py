"""Look after the store of results.

python -m store ingest                                  # move new lines into the database and publish it
python -m store check                                   # damage, lost runs, orphan files, size
python -m store sql "SELECT run_id, status FROM runs"   # read-only, prints a table
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from store.editing import delete_run, restore_run
from store.errors import StoreError
from store.output import can_write, outlived
from store.subprocesses import without_pandas

MEGABYTE = 1 << 20


@outlived()
def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (function, options) in _COMMANDS.items():
        summary = (function.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        options(command)
        command.add_argument(
            "--db", type=Path, default=None, help="the database (default: CLUEBOARD_DB, else results.duckdb)"
        )
        command.set_defaults(function=function)
    options_given = parser.parse_args(arguments)
    without_pandas()
    try:
        return int(options_given.function(options_given))
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def ingest(options: argparse.Namespace) -> int:
    """Move new spool lines into the database and publish it."""
    from store.ingest import ingest as run

    outcome = run(options.db, wait=30.0, force=True, verify=True)
    if outcome is None:
        raise StoreError("another process has been ingesting for 30 seconds")
    print(f"{outcome.lines} lines ingested, {outcome.lost} runs found lost, published")
    return 0


def check(options: argparse.Namespace) -> int:
    """Look for damage, lost runs, damaged lines, orphan files; exit code 1 if something is wrong."""
    from store.checking import check as run

    report = run(options.db, deep=options.deep)
    for note in report.notes:
        print(f"note: {note}")
    for problem in report.problems:
        print(f"PROBLEM: {problem}")
    print(", ".join(f"{name} {size / MEGABYTE:.1f} MB" for name, size in report.sizes.items()))
    print("clean" if report.clean else f"{len(report.problems)} problems")
    return 0 if report.clean else 1


def rebuild(options: argparse.Namespace) -> int:
    """Make the database anew from the spools; runs without one are kept as the database has them."""
    from store.upkeep import rebuild as run

    done = run(options.db)
    kept = f"; {len(done.kept)} runs kept that have no whole spool" if done.kept else ""
    print(f"rebuilt from {done.lines} lines{kept}")
    for path in done.unreadable:
        print(f"note: {path} could not be read: a run without a spool would have been in there alone")
    return 0


def published(options: argparse.Namespace) -> int:
    """Load the figures of papers and posts from a CSV file."""
    from store.upkeep import load_published

    print(f"{load_published(options.file, options.db)} published figures loaded")
    return 0


def sql(options: argparse.Namespace) -> int:
    """Run one read-only statement and print its table."""
    import polars as pl

    from store.sandbox import query

    result = query(options.statement, limit=options.limit, timeout=options.timeout, db=options.db)
    with pl.Config(
        tbl_formatting=None if can_write("│") else "ASCII_FULL_CONDENSED",
        tbl_rows=-1,
        tbl_cols=-1,
        fmt_str_lengths=60,
        tbl_hide_dataframe_shape=True,
        tbl_width_chars=options.width,
    ):
        print(result.frame)
    rows = f"{len(result.frame):,} row{'s' * (len(result.frame) != 1)}"
    print(f"first {rows}; there are more" if result.cut else rows, file=sys.stderr)
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a query or a run to Parquet, CSV or JSON, or runs into another tracker's store."""
    from store import exporting

    if options.to is not None:
        if options.sql is not None:
            raise StoreError("--to takes runs: --run RUN, or all of them without it")
        from store.exporters.to_trackers import export_to

        done = export_to(options.to, options.run or "all", options.output, db=options.db)
        print(f"{len(done.new)} runs written to {options.output} for {options.to}, {len(done.same)} already there")
        for what, how in done.changed.items():
            print(f"changed: {what} {how}")
        return 0
    if options.sql is None and options.run is None:
        raise StoreError("say what is written: --sql QUERY, --run RUN, or --to TRACKER for all runs")
    if options.sql is not None:
        rows = exporting.export_query(options.sql, options.output, kind=options.format, db=options.db)
        print(f"{rows} rows written to {options.output}")
        return 0
    files = exporting.export_run(options.run, options.output, kind=options.format or "parquet", db=options.db)
    print(f"{len(files)} tables written to {options.output}")
    return 0


def merge(options: argparse.Namespace) -> int:
    """Bring the runs of another store, with their files; exit code 1 if something was left out."""
    from store.merging import merge as run

    done = run(options.other, options.db)
    print(
        f"{done.new} runs new, {done.grown} grown, {done.same} already here, "
        f"{done.renamed} got another id, {done.edits} edits"
    )
    for run_id, why in done.left_out.items():
        print(f"left out: run {run_id}: {why}", file=sys.stderr)
    return 1 if done.left_out else 0


def import_(options: argparse.Namespace) -> int:
    """Import the runs of TensorBoard, trackio, MLflow or Weights & Biases; exit code 1 if something was left out."""
    from store.importers.into_spools import import_from

    done = import_from(options.source, kind=options.kind, experiment=options.experiment, db=options.db)
    print(f"{len(done.new)} runs new, {len(done.grown)} grown, {len(done.same)} already here")
    for there, here in done.renamed.items():
        print(f"renamed: {there} -> {here}")
    for what, count in done.not_understood.items():
        print(f"not understood: {what} ({count} times)")
    for where, why in done.left_out.items():
        print(f"left out: {where}: {why}")
    return 1 if done.left_out else 0


def remove(options: argparse.Namespace) -> int:
    """Take a run out of every list; `restore` brings it back until `gc --delete` has removed its files."""
    from store import queries
    from store.ingest import ingest as run

    run_id = queries.run(options.run, options.db)["run_id"]
    delete_run(run_id, options.db)
    run(options.db, wait=30.0, force=True)
    again = shlex.join(["python", "-m", "store", "restore", run_id, *(("--db", str(options.db)) if options.db else ())])
    print(f"{run_id} removed; {again} brings it back")
    return 0


def restore(options: argparse.Namespace) -> int:
    """Bring a removed run back."""
    from store.ingest import ingest as run

    restore_run(options.run, options.db)
    run(options.db, wait=30.0, force=True)
    print(f"{options.run} restored")
    return 0


def gc(options: argparse.Namespace) -> int:
    """List what finished runs kept only to be resumed, archived runs and orphan files; --delete removes them."""
    from store.upkeep import gc as run

    found = run(options.db, dry_run=not options.delete, models=options.models)
    for what, size in found:
        print(f"{size / MEGABYTE:9.2f} MB  {what}")
    done = "removed" if options.delete else "would be removed; --delete removes them"
    print(f"{len(found)} things, {sum(size for _, size in found) / MEGABYTE:.1f} MB {done}")
    return 0


def compact(options: argparse.Namespace) -> int:
    """Compress the spools of runs that are over."""
    from store.upkeep import compact as run

    packed, won = run(options.db)
    print(f"{packed} spools packed, {won / MEGABYTE:.1f} MB won")
    return 0


def backup(options: argparse.Namespace) -> int:
    """Copy the whole store to a database path that is free."""
    from store.upkeep import backup as run

    print(f"{run(options.target, options.db) / MEGABYTE:.1f} MB copied to {options.target}")
    return 0


def _sql_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("statement", help="one SELECT, EXPLAIN, DESCRIBE or SHOW")
    command.add_argument("--limit", type=_count, default=100_000, help="rows at most")
    command.add_argument("--timeout", type=_seconds, default=10.0, help="seconds at most")
    command.add_argument("--width", type=_count, default=200, help="characters of a printed line")


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {2**31 - 1}, got {text}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, 86400 at most, got {text}")
    return seconds


def _export_options(command: argparse.ArgumentParser) -> None:
    what = command.add_mutually_exclusive_group()
    what.add_argument("--sql", help="read-only statement whose answer is written")
    what.add_argument("--run", help="run that is written (part of its id, or latest; with --to all unless named)")
    command.add_argument(
        "--output", "-o", type=Path, required=True, help="file (or folder, with --run) that is not there yet"
    )
    command.add_argument("--format", choices=("parquet", "csv", "json"), default=None)
    command.add_argument("--to", choices=("mlflow", "trackio", "tensorboard"), help="tracker that is to read the runs")


def _import_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", type=Path, help="files, folder or database of the other tracker")
    command.add_argument("--kind", choices=("tensorboard", "trackio", "mlflow", "wandb"), default=None)
    command.add_argument("--experiment", default=None, help="experiment the runs are stored under")


def _gc_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--delete", action="store_true", help="remove what is listed")
    command.add_argument(
        "--models", action="store_true", help="also the models that finished runs keep for predictions"
    )


def _nothing(_: argparse.ArgumentParser) -> None:
    pass


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], Callable[[argparse.ArgumentParser], object]]] = {
    "ingest": (ingest, _nothing),
    "check": (
        check,
        lambda command: command.add_argument("--deep", action="store_true", help="also read every spool again"),
    ),
    "rebuild": (rebuild, _nothing),
    "published": (
        published,
        lambda command: command.add_argument("--file", type=Path, default=None, help="CSV (default: the project's)"),
    ),
    "sql": (sql, _sql_options),
    "export": (export, _export_options),
    "merge": (merge, lambda command: command.add_argument("other", type=Path, help="the other store's database")),
    "import": (import_, _import_options),
    "remove": (remove, lambda command: command.add_argument("run", help="part of its id, or latest")),
    "restore": (restore, lambda command: command.add_argument("run", help="its id")),
    "gc": (gc, _gc_options),
    "compact": (compact, _nothing),
    "backup": (backup, lambda command: command.add_argument("target", type=Path, help="database path of the copy")),
}

if __name__ == "__main__":
    sys.exit(main())
