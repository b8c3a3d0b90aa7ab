"""From the flags to what they ask for."""

from __future__ import annotations

import dataclasses

from jobs.clue import many, resume, train
from jobs.clue.config import Config, check, several
from jobs.clue.tasks import listing, new_task, task_file


def run(config: Config) -> None:
    """Do what the flags say: list, resume, estimate, or train one task or many."""
    if config.new_task:
        new_task.write(config.new_task)
        return
    config = dataclasses.replace(config, task=tuple(map(task_file.absolute, config.task)))
    check(config)
    if config.list:
        listing.show(config)
    elif config.resume or config.resume_or_start:
        name = config.resume or resume.own(config)
        if not name:
            _start(config)
            return
        if not config.resume:
            print(f"going on with run {name}", flush=True)
        was = resume.stored(dataclasses.replace(config, resume=name))
        if was.several:
            many.resume(was.config, was.run_id)
        else:
            resume.go_on(was)
    else:
        _start(config)


def _start(config: Config) -> None:
    """Train one task with one seed, or several of them."""
    if several(config):
        many.start(config)
    else:
        train.start(config)
