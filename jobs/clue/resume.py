"""Go on with a run that was stopped, from nothing but its id."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.text.tasks import TaskSpec
from jobs import checkpoints, cli
from jobs.checkpoints import LAST
from jobs.clue import processes, run_folder, train
from jobs.clue.prepare import Fold, prepare
from jobs.clue.tasks import task_file
from store import runs

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from jobs.clue.results import Outcome

FREE = frozenset({"resume", "db", "device", "name", "tags", "note", "output", "skip_if_done"})
"""flags that may be given beside --resume"""


def stored(config: Config) -> tuple[Config, Path]:
    """The flags and the folder of the run, or the parent of several, that `config.resume` names."""
    folder = run_folder.find(config.resume, config.db)
    was = run_folder.stored_config(run_folder.read(folder))
    for field in dataclasses.fields(was):
        given, before = getattr(config, field.name), getattr(was, field.name)
        if field.name not in FREE and given not in (field.default, before):
            flag = field.name.replace("_", "-")
            raise cli.InputError(
                f"--{flag} {given} would change run {folder.name}, which has {before}; start a new run"
            )
    device = config.device if config.device != "auto" else was.device
    return dataclasses.replace(was, db=config.db, device=device), folder


def go_on(config: Config, folder: Path) -> Outcome | None:
    """Continue the training whose folder this is."""
    document = run_folder.read(folder)
    run_folder.refuse_finished(folder.name, config.db)
    if config.model == "ngram":
        raise cli.InputError(f"run {folder.name} is a linear model of seconds; run it again: {cli.command(config)}")
    fold = Fold(*document["fold"]) if document.get("fold") else None
    with processes.join(config.processes) as world:
        own = document.get("task_spec")
        spec = TaskSpec.from_dict(own) if own else task_file.find(config.task[0])
        prepared = prepare(config, spec, world=world, fold=fold)
        if prepared.data.fingerprints != document["fingerprints"]:
            raise cli.InputError(f"the data of {prepared.spec.name} are not those that run {folder.name} started with")
        about: dict[str, Any] = {}
        if (folder / LAST).exists():
            state, about = checkpoints.load(folder / LAST)
            with cli.input_errors(str(folder / LAST)):
                prepared.training.load_state_dict(state)
        if world.rank > 0:
            from jobs.clue.session import follow

            follow(prepared)
            return None
        with runs.resume(folder.name, prepared.training.step, config.db) as run:
            return train.train(prepared, run, about=about)
