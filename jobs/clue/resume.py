"""Go on with a run that was stopped, from nothing but its id."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.text.tasks import TaskSpec
from jobs import checkpoints, cli, tracking
from jobs.checkpoints import LAST
from jobs.clue import processes, started, train, unchanged
from jobs.clue.prepare import Fold, prepare
from jobs.clue.session import follow
from jobs.clue.tasks import task_file
from jobs.models.names import NGRAM
from store import runs
from store.errors import StoreError
from store.paths import is_run_id, locate
from store.tracking import parent as of_sweep

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from jobs.clue.results import Outcome
    from jobs.clue.started import Started

FREE = frozenset({"resume", "db", "device", "name", "tags", "note", "output", "skip_if_done", "resume_or_start"})
"""flags that may be given beside --resume"""


def stored(config: Config) -> Started:
    """The run, or the parent of several, that `config.resume` names, with the flags that may be given beside it."""
    found = started.read(started.find(config.resume, config.db), config.db)
    was = found.config
    for field in dataclasses.fields(was):
        given, before = getattr(config, field.name), getattr(was, field.name)
        if field.name not in FREE and given not in (field.default, before):
            flag = field.name.replace("_", "-")
            raise cli.InputError(
                f"--{flag} {given} would change run {found.run_id}, which has {before}; start a new run"
            )
    device = config.device
    if device == "auto" and was.processes == 1:
        device = was.device  # of several processes, each finds its own
    return dataclasses.replace(found, config=dataclasses.replace(was, db=config.db, device=device))


def own(config: Config) -> str:
    """Id of the stopped run that `--resume-or-start` goes on with; empty where there is none.

    In a sweep it is the run that the same child began; else the newest with the same flags and seed. A run that still
    trains is left alone, unless the batch system has started this very job again.
    """
    if config.dry_run or config.model == NGRAM:  # the linear model takes seconds and has no checkpoint
        return ""
    wanted = _identity(cli.command(tracking.with_data_dir(config)))
    if of_sweep.is_child():
        names = [of_sweep.announced() or ""]
    else:
        artifacts = locate(config.db).artifacts
        names = sorted((path.name for path in artifacts.glob("*") if is_run_id(path.name)), reverse=True)
    for name in filter(None, names):
        try:
            line = runs.first_line(name, config.db)
        except StoreError:
            continue
        about = line["run"]
        if about["experiment"] != "clue" or _identity(about["command"] or "") != wanted:
            continue
        status = started.status(name, config.db)
        again = of_sweep.is_child() or line["config"].get(started.BATCH_JOB) == (started.batch_job() or "none")
        return name if status != "finished" and (status != "running" or again) else ""
    return ""


def _identity(command: str) -> list[str]:
    """The words of a command that make its run: without the flags that may be given beside --resume."""
    kept, free = [], False
    for word in shlex.split(command):
        if word.startswith("--"):
            name = word[2:].partition("=")[0].removeprefix("no-").replace("-", "_")
            free = name in FREE
        if not free:
            kept.append(word)
    return kept


def go_on(was: Started) -> Outcome | None:
    """Continue the training that has started so."""
    config, run_id = was.config, was.run_id
    folder = locate(config.db).folder_of(run_id)
    started.refuse_finished(run_id, config.db)
    if config.model == "ngram":
        raise cli.InputError(f"run {run_id} is a linear model of seconds; run it again: {cli.command(config)}")
    fold = Fold(*was.fold) if was.fold else None
    with processes.join(config.processes) as world:
        spec = TaskSpec.from_dict(was.task_spec) if was.task_spec else task_file.find(config.task[0])
        refuse_an_edited_task(was)
        prepared = prepare(config, spec, world=world, fold=fold)
        unchanged.refuse_other_data(was, prepared.data)
        about: dict[str, Any] = {}
        if (folder / LAST).exists():
            state, about = checkpoints.load(folder / LAST)
            unchanged.refuse_other_rows(was, prepared, about)
            with cli.input_errors(str(folder / LAST)):
                prepared.training.load_state_dict(state)
        if world.rank > 0:
            follow(prepared)
            return None
        with runs.resume(run_id, prepared.training.step, config.db) as run:
            return train.train(prepared, run, about=about)


def refuse_an_edited_task(was: Started) -> None:
    """Refuse to go on beside a task file that says something else now; one that is gone is not needed."""
    if was.task_spec and (path := Path(was.task_spec.get("source", ""))).is_file():
        unchanged.refuse_other_task(was, task_file.read(path))
