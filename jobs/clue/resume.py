"""Go on with a run that was stopped, from nothing but its id."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from engine.text.tasks import TaskSpec
from jobs import checkpoints, cli
from jobs.checkpoints import LAST
from jobs.clue import processes, started, train
from jobs.clue.prepare import Fold, prepare
from jobs.clue.tasks import task_file
from store import runs
from store.paths import locate

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from jobs.clue.results import Outcome
    from jobs.clue.started import Started

FREE = frozenset({"resume", "db", "device", "name", "tags", "note", "output", "skip_if_done"})
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
        prepared = prepare(config, spec, world=world, fold=fold)
        if any(prepared.data.fingerprints[split] != before for split, before in was.fingerprints.items()):
            raise cli.InputError(f"the data of {prepared.spec.name} are not those that run {run_id} started with")
        about: dict[str, Any] = {}
        if (folder / LAST).exists():
            state, about = checkpoints.load(folder / LAST)
            with cli.input_errors(str(folder / LAST)):
                prepared.training.load_state_dict(state)
        if world.rank > 0:
            from jobs.clue.session import follow

            follow(prepared)
            return None
        with runs.resume(run_id, prepared.training.step, config.db) as run:
            return train.train(prepared, run, about=about)
