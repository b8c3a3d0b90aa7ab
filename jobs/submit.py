"""Pack the submission files of runs into one zip for the CLUE site.

python -m jobs.submit --parent RUN                  # the children of a `--task all` run
python -m jobs.submit --runs 7f3a 91bc --team ours  # or these runs

Every file is checked against its test file (number, order, labels) before the zip is written.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.text.tasks import TASKS, get_task
from jobs import cli
from jobs.clue.data.training_sets import PART
from jobs.files import aside


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Pack the submission files of runs into one zip for the CLUE site."""

    parent: str = ""
    """run whose children are packed (an unambiguous part of its id, or latest)"""
    runs: tuple[str, ...] = ()
    """runs to pack, instead of or besides a parent's children; of several runs of a task the last named counts"""
    team: str = "clueboard"
    """name in the zip's file name"""
    output: Path | None = None
    """the zip (default: submit_<team>_<date>.zip in the current folder)"""
    data_dir: Path | None = None
    """folder with the test files (default: where the runs read them)"""
    db: Path | None = None
    """results database (default: $CLUEBOARD_DB, else results.duckdb in the project's root)"""


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """One checked submission file."""

    task: str
    run_id: str
    path: Path
    rows: int


def submit(config: Config) -> Path:
    """Check and pack; returns the zip's path."""
    if not config.parent and not config.runs:
        raise cli.InputError("name a run with --parent or --runs")
    found = collect(config)
    target = config.output or Path(f"submit_{config.team}_{datetime.now(UTC):%Y%m%d}.zip")
    pack(found, target)
    for item in found:
        print(f"  {item.path.name:<28} {item.rows:>7,} rows   {item.task} ({item.run_id})")
    print(f"{target}: {len(found)} files, {target.stat().st_size / 1024:,.0f} KiB, every file fits its test file")
    return target


def pack(files: Iterable[Packed], target: Path) -> None:
    """Write the zip to the side and rename it into place.

    Raises:
        InputError: if the disk refuses; nothing is left behind then.
    """
    try:
        with aside(target) as side, zipfile.ZipFile(side, "w", zipfile.ZIP_DEFLATED) as archive:
            for item in files:
                archive.write(item.path, item.path.name)
    except (OSError, ValueError) as error:  # a ZipFile that could not be written complains again when it is closed
        cause = error if isinstance(error, OSError) else error.__context__
        raise cli.InputError(f"cannot write {target}: {getattr(cause, 'strerror', None) or error}") from error


def collect(config: Config) -> list[Packed]:
    """Find the submission files of the runs and check each against its test file.

    Raises:
        InputError: if a run has no task or data, a file does not fit its test file, or there is no file at all.
    """
    from store import paths, queries

    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for run in _runs(config):
        if run.get("task") and run.get("experiment") == "clue":
            chosen[run["task"], _flags(config, run["run_id"]).get(PART) or ""] = run
    boards = {TASKS[task].benchmark for task, _ in chosen if task in TASKS}
    if len(boards) > 1:
        raise cli.InputError(f"{' and '.join(sorted(boards))} take their files apart: pack the runs of one with --runs")
    files = []
    for (task, _), run in chosen.items():
        artifacts = queries.artifacts(run["run_id"], db=config.db)
        names = artifacts.filter(kind="submission")["path"].to_list()
        if not names:
            print(f"  {task}: run {run['run_id']} has no submission file (no test file, or a limited run); left out")
            continue
        folder = paths.locate(config.db).folder
        files += _checked(config, task, run["run_id"], [folder / name for name in names])
    if not files:
        raise cli.InputError(f"no submission files among the runs of {config.parent or ', '.join(config.runs)}")
    return files


def _runs(config: Config) -> list[dict[str, Any]]:
    """The parent's finished children, oldest first (or the parent itself where it has none), then the named runs."""
    from store import queries

    found = []
    if config.parent:
        finished = queries.runs(experiment="clue", status="finished", db=config.db).sort("started_at", "run_id")
        found = _leaves(queries.run(config.parent, db=config.db), finished.to_dicts())
    return found + [queries.run(name, db=config.db) for name in config.runs]


def _leaves(parent: dict[str, Any], finished: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The finished trainings below a run, or the run itself where it has no children."""
    children = [run for run in finished if run["parent_run_id"] == parent["run_id"]]
    return [leaf for child in children for leaf in _leaves(child, finished)] or [parent]


def _flags(config: Config, run_id: str) -> dict[str, Any]:
    from store import queries

    return {row["name"]: json.loads(row["value"]) for row in queries.params([run_id], db=config.db).to_dicts()}


def _checked(config: Config, task: str, run_id: str, files: Iterable[Path]) -> list[Packed]:
    from jobs.clue import submission
    from jobs.clue.data import sources as clue_data

    with cli.input_errors(f"run {run_id}"):
        spec = get_task(task)
    flags = _flags(config, run_id)

    def folder(name: str) -> Path | None:
        return Path(flags[name]) if flags.get(name) else None

    data_dir = config.data_dir or folder("data_dir")
    tests = clue_data.load_tests(spec, data_dir=data_dir, test_file=folder("test_file"))
    part = flags.get(PART) or ""
    known = [version for version in tests if submission.has_submission(spec, version)]
    versions = {submission.file_name(spec, version, few_shot_split=part): version for version in known}
    packed = []
    for path in files:
        if not path.is_file():
            raise cli.InputError(f"{path}: the submission file of run {run_id} is gone")
        if path.name not in versions:
            raise cli.InputError(f"{path.name}: no test file of {task} belongs to it ({', '.join(versions) or 'none'})")
        examples = tests[versions[path.name]]
        submission.check(spec, examples, path.read_text(encoding="utf-8"), name=path.name)
        packed.append(Packed(task, run_id, path, len(examples)))
    return packed


def main(config: Config) -> None:
    """Run the job."""
    submit(config)


if __name__ == "__main__":
    cli.main(__doc__, (Config, main))
