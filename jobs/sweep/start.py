"""From the command line to a finished sweep."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from jobs import cli, tracking
from jobs.interrupts import stop_requests
from jobs.sweep import config as sweep_config
from jobs.sweep import study
from jobs.sweep import words as sweep_words
from jobs.sweep.children import Children
from jobs.sweep.config import Config
from jobs.sweep.runners import choose
from jobs.sweep.study import Study, count
from jobs.sweep.target import Job, Target, find, samples
from jobs.sweep.words import Words
from store import paths, runs
from store.output import outlived

WORDS = "words.json"
WRITE_EVERY = 5.0
"""seconds between two writings of what the page reads"""
AGAIN = frozenset(
    [
        *("resume", "db", "workers", "on", "cpus", "gpus", "partition", "time", "slurm", "address", "start_within"),
        "resume_or_start",
    ]
)
"""Flags that may be given beside --resume: they do not change what the sweep is."""


@outlived()
def main(doc: str, arguments: Sequence[str]) -> None:
    """Sort the words, and run what they ask for."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(doc.strip(), end="\n\n", flush=True)
        cli.parse(Config, ["--help"], prog="python -m jobs.sweep")
    cli.run(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Start a sweep, or go on with one."""
    words = sweep_words.split(arguments)
    config = _own(words)
    if config.file:
        words = words.over(sweep_words.read(config.file))
        words.own.pop("file")
        config = _own(words)
    if not config.resume and config.resume_or_start and (begun := _stopped(config, words)):
        print(f"going on with sweep {begun}", flush=True)
        words, config = Words((), {}, {}, ()), dataclasses.replace(config, resume=begun)
    if config.resume:
        _resume(config, words)
        return
    sweep_config.check(config)
    target = find(words, seeds=config.all_seeds)
    if config.dry_run:
        _show(config, target)
        return
    _check(config, target)
    command = shlex.join(["python", "-m", "jobs.sweep", *words.line()])
    sought = {"job": target.name, "parameters": {name: list(values) for name, values in words.parameters.items()}}
    identity = json.dumps([words.job, words.command, sought], sort_keys=True)
    with tracking.start(
        config, experiment="sweep", command=command, model=target.name, resolved=sought, identity=identity
    ) as parent:
        folder = _folder(config, parent.run_id)
        folder.mkdir(parents=True)
        (folder / WORDS).write_text(json.dumps(dataclasses.asdict(words), ensure_ascii=False), encoding="utf-8")
        again = cli.going_on("jobs.sweep", parent.run_id, config.db)
        print(f"sweep {parent.run_id}; to go on after a stop: {again}", flush=True)
        _work(config, target, parent)


def _resume(config: Config, typed: Words) -> None:
    """Go on with a stopped sweep; what is finished is not trained again."""
    from store import queries

    queries.refresh(config.db)
    stored = queries.run(config.resume, config.db)
    folder = _folder(config, stored["run_id"])
    if stored["experiment"] != "sweep" or not (folder / WORDS).exists():
        raise cli.InputError(f"run {stored['run_id']} is no sweep that was started here")
    if stored["status"] == "finished":
        raise cli.InputError(
            f"sweep {stored['run_id']} is finished: start a new one, what is done is not trained again"
        )
    other = sorted({*typed.own, *typed.parameters} - AGAIN)
    if other or typed.job or typed.command:
        raise cli.InputError(f"--resume keeps the sweep as it is: leave out {', '.join(other) or 'the job'}")
    document = json.loads((folder / WORDS).read_text(encoding="utf-8"))
    own = {name: tuple(values) for name, values in {**document["own"], **typed.own}.items() if name != "resume"}
    parameters = {name: tuple(values) for name, values in document["parameters"].items()}
    words = Words(tuple(document["job"]), own, parameters, tuple(document["command"]))
    config = _own(words)
    sweep_config.check(config)
    target = find(words, seeds=config.all_seeds)
    _check(config, target)
    with runs.resume(stored["run_id"], 0, config.db) as parent:
        _work(config, target, parent)


def _stopped(config: Config, words: Words) -> str | None:
    """Id of the newest sweep of the same words that is not finished: what --resume-or-start goes on with."""
    from store import queries

    queries.refresh(config.db)
    wanted = _sought(json.loads(json.dumps(dataclasses.asdict(words))))
    for path in sorted(_folder(config, "").glob(f"*/{WORDS}"), reverse=True):
        if _sought(json.loads(path.read_text(encoding="utf-8"))) == wanted:
            status = queries.run(path.parent.name, config.db)["status"]
            return None if status == "finished" else path.parent.name
    return None


def _sought(words: dict[str, Any]) -> dict[str, Any]:
    """The words that make a sweep what it is."""
    return {**words, "own": {name: value for name, value in words["own"].items() if name not in AGAIN}}


def _check(config: Config, target: Target) -> None:
    """Refuse what the sampler or the runner cannot do."""
    candidates = study.count(config, target.space())
    if config.until_decided is not None and candidates < 2:
        raise cli.InputError("--until-decided compares candidates: give a parameter at least two values")
    choose.check(config)


def _work(config: Config, target: Target, parent: runs.Run) -> None:
    """Train, report, store."""
    from jobs.sweep import report
    from jobs.sweep.screen import Screen
    from jobs.sweep.search import Progress, Search

    metric = config.metric or _metric(target)
    minimise = config.lower_is_better or _is_lower_better(metric)
    folder, db = _folder(config, parent.run_id), paths.locate(config.db).db
    progress = Progress(count(config, target.space()) * len(config.all_seeds))
    study = Study(config, target.space(), folder / "journal.log", minimise=minimise)
    written = -WRITE_EVERY
    with stop_requests() as stop, closing(choose.find(config, folder)) as runner:
        behind = study.behind if config.pruner != "none" else None
        children = Children(folder, db, parent.run_id, target, metric, minimise, runner, behind)
        search = Search(children, study, config.all_seeds, config.workers, minimise, stop, progress)
        within = config.until_decided
        with Screen(progress, metric=metric, workers=config.workers, lower_is_better=minimise) as screen:
            for outcome in search.every() if within is None else search.until_decided(within / 100):
                screen.add(outcome)
                report.keep(outcome, parent)
                if time.monotonic() - written > WRITE_EVERY or len(progress.outcomes) == progress.total:
                    written = time.monotonic()
                    report.write(folder, report.document(progress, target, metric=metric, lower_is_better=minimise))
                parent.progress(len(progress.outcomes) / progress.total)
    report.write(folder, report.document(progress, target, metric=metric, lower_is_better=minimise))
    report.close(parent, progress, target, metric=metric, lower_is_better=minimise)
    if all(outcome.score is None for outcome in progress.outcomes.values()):
        reason = next(iter(progress.outcomes.values())).reason
        raise cli.InputError(f"all {len(progress.outcomes)} trainings failed; the first: {reason}")


def _own(words: Words) -> Config:
    """The sweep's own flags."""
    typed = Words((), words.own, {}, ()).line()
    config: Config = cli.parse(Config, typed, prog="python -m jobs.sweep")
    return config


def _show(config: Config, target: Target) -> None:
    """Print what would be searched, and an example of a child's command."""
    from jobs.sweep.report import shown

    space = target.space()
    number = count(config, space)
    print(f"{number} candidates x {len(config.all_seeds)} seeds = {number * len(config.all_seeds)} trainings")
    for name, found in space.items():
        print(f"  {name}: {found}")
    first = {name: samples(found)[0] for name, found in space.items()}
    print(shown(target.command(first, config.all_seeds[0])))


def _folder(config: Config, run_id: str) -> Path:
    """Beside the database: the journal, and a log for each child."""
    return paths.locate(config.db).folder / "sweeps" / run_id


def _metric(target: Target) -> str:
    """The score that decides where none is named."""
    if isinstance(target, Job) and target.name == "clue":
        from jobs.clue.config import Config as Clue
        from jobs.clue.tasks import task_file

        names = target.fixed("task") or Clue().task
        if len(names) > 1 or names == ("all",):
            raise cli.InputError(f"a sweep needs one score: name one --task, or say --metric, got {' '.join(names)}")
        return f"dev/{task_file.find(names[0]).metric}"
    return "dev/accuracy"


def _is_lower_better(metric: str) -> bool:
    from store.database.migrations import LOWER_IS_BETTER

    return re.search(LOWER_IS_BETTER, metric) is not None
