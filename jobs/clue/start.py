"""From the flags to what they ask for."""

from __future__ import annotations

import dataclasses

from jobs.clue.config import Config, check, task_names
from jobs.clue.tasks import new_task, task_file


def run(config: Config) -> None:
    """Do what the flags say: list, resume, estimate, or train one task or many."""
    if config.new_task:
        new_task.write(config.new_task)
        return
    config = dataclasses.replace(config, task=tuple(map(task_file.absolute, config.task)))
    check(config)
    if config.list:
        from jobs.clue.tasks import listing

        listing.show(config)
    elif config.resume:
        from jobs.clue import many, resume, run_folder

        stored, folder = resume.stored(config)
        if run_folder.read(folder).get("children"):
            many.resume(stored, folder.name)
        else:
            resume.go_on(stored, folder)
    elif len(task_names(config.task)) > 1 or config.seeds or config.folds:
        from jobs.clue import many

        many.start(config)
    else:
        from jobs.clue import train

        train.start(config)
