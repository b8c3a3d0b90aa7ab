"""What a run said when it started, so that its id alone is enough to go on with it or to use its model.

The config is kept once, in the first line of the run's spool: settled, with absolute paths. A run of an earlier
version kept it in `config.json` in its folder, which is read where it is there.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs import cli, tracking
from jobs.clue.config import Config, several
from store import paths, runs
from store.errors import StoreError

PATHS = ("db", "data_dir", "train_file", "dev_file", "test_file", "output")
BATCH_JOB = "batch_job"
"""parameter of a run that belongs to a SLURM job"""
MOST_MATCHES = 50
"""runs of which the experiment is looked up when a part of an id fits many"""


@dataclass(frozen=True, slots=True)
class Started:
    """The first line of a CLUE run."""

    run_id: str
    config: Config
    parent: str | None
    fold: tuple[int, int] | None
    fingerprints: dict[str, str]
    """split -> fingerprint of the data; empty for the parent of several trainings"""
    task_spec: dict[str, Any] | None
    """of a task file; of a parent, each child has it"""

    @property
    def several(self) -> bool:
        """Whether this is the parent of several trainings."""
        return self.fold is None and self.task_spec is None and several(self.config)


def batch_job() -> str | None:
    """Name of the SLURM job that this process belongs to; a job that is queued again keeps it."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def kept(config: Config) -> Config:
    """The config as the spool keeps it: absolute paths and the named data folder, so that a resume works anywhere."""
    config = tracking.with_data_dir(config)
    given = {name: getattr(config, name) for name in PATHS}
    changed: dict[str, Any] = {name: path.expanduser().resolve() for name, path in given.items() if path}
    if Path(config.model).is_dir():
        changed["model"] = str(Path(config.model).resolve())
    return dataclasses.replace(config, **changed)


def read(run_id: str, db: Path | None) -> Started:
    """What a CLUE run said when it started.

    Raises:
        InputError: if its spool is not there, or it is no CLUE run.
    """
    try:
        line = runs.first_line(run_id, db)
    except StoreError as error:
        raise cli.InputError(str(error)) from error
    if line["run"]["experiment"] != "clue":
        raise cli.InputError(f"run {run_id} is one of {line['run']['experiment']}, not of jobs.clue")
    return _started(run_id, line, db)


def _started(run_id: str, line: dict[str, Any], db: Path | None) -> Started:
    about, values = line["run"], line["config"]
    splits = [split for split in ("train", "dev") if about.get(f"{split}_fingerprint")]
    fold = values.get("fold")
    earlier = paths.locate(db).folder_of(run_id) / "config.json"
    if earlier.is_file():
        try:
            document = json.loads(earlier.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise cli.InputError(f"{earlier} cannot be read: {error}") from error
        values, fold = {**values, **document["config"]}, document.get("fold")
    return Started(
        run_id,
        _config(values),
        about.get("parent_run_id"),
        (fold[0], fold[1]) if fold else None,
        {split: about[f"{split}_fingerprint"] for split in splits},
        values.get("task_spec"),
    )


def _config(values: dict[str, Any]) -> Config:
    fields = {field.name for field in dataclasses.fields(Config)}
    known: dict[str, Any] = {name: value for name, value in values.items() if name in fields}
    known |= {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    known |= {name: Path(known[name]) for name in PATHS if known.get(name)}
    return Config(**known)


def find(part: str, db: Path | None, *, flag: str = "--resume") -> str:
    """Id of the CLUE run that `part` of it names; `latest` is the newest.

    Raises:
        InputError: if no run or several match; near ids are named.
    """
    artifacts = paths.locate(db).artifacts
    names = sorted(path.name for path in artifacts.glob("*") if paths.is_run_id(path.name))
    matches = [name for name in names if part in name or part == "latest"][-MOST_MATCHES:]
    found = [name for name in matches if _clue_line(name, db) is not None]
    if len(found) == 1 or (found and part == "latest"):
        return found[-1]
    if found:
        raise cli.InputError(f"{flag} {part} could be any of {', '.join(found[-5:])}; give more of the id")
    if len(matches) == 1:
        read(matches[0], db)  # says why it is none
    newest = f" (the newest is {names[-1]})" if names else ""
    raise cli.InputError(f"{flag} {part}: no such CLUE run in {artifacts}{cli.suggest(part, names)}{newest}")


def _clue_line(run_id: str, db: Path | None) -> dict[str, Any] | None:
    """The first line of a CLUE run; None for any other run, and where it cannot be read."""
    try:
        line = runs.first_line(run_id, db)
    except StoreError:
        return None
    return line if line["run"]["experiment"] == "clue" else None


def children(parent: str, db: Path | None) -> list[Started]:
    """The trainings that a parent has started, the newest first."""
    second = parent.rpartition("-")[0]  # within their second, ids of earlier versions are in no order
    names = (path.name for path in paths.locate(db).artifacts.glob("*"))
    found = []
    for name in sorted((name for name in names if name >= second and paths.is_run_id(name)), reverse=True):
        line = _clue_line(name, db)
        if line is not None and line["run"].get("parent_run_id") == parent:
            found.append(_started(name, line, db))
    return found


def refuse_finished(run_id: str, db: Path | None) -> None:
    """Refuse a run that needs no resume."""
    if status(run_id, db) == "finished":
        raise cli.InputError(f"run {run_id} is finished; there is nothing to resume")


def status(run_id: str, db: Path | None) -> str:
    """Status of a run in the store; empty if the store has not seen it."""
    from store import queries

    queries.refresh(db=db)
    try:
        return str(queries.run(run_id, db=db)["status"])
    except StoreError:
        return ""
