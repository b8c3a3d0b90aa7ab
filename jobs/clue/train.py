"""One training on one task: prepare, open the run, train, store."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobs import cli, tracking
from jobs.clue import meaning, processes, settings, started, train_ngram, unchanged
from jobs.clue import results as clue_results
from jobs.clue.data import training_sets
from jobs.clue.prepare import Fold, Prepared, prepare
from jobs.clue.session import Session, follow
from jobs.clue.tasks import task_file
from jobs.models import names

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from jobs.clue.data.sources import Data
    from jobs.clue.results import Outcome
    from jobs.clue.started import Started
    from store.runs import Run


def start(
    config: Config, *, parent: str | None = None, fold: Fold | None = None, beside: Started | None = None
) -> Outcome | None:
    """Train one task with one seed; None after --dry-run.

    Args:
        config: the flags.
        parent: the run it is a child of.
        fold: what is held out of train.
        beside: an earlier child of the same parent, whose data it must have.
    """
    spec = task_file.find(config.task[0])
    if config.model == names.NGRAM:
        return train_ngram.start(config, spec, parent=parent, beside=beside)
    with processes.join(config.processes) as world:
        prepared = prepare(config, spec, world=world, fold=fold)
        if beside:
            unchanged.refuse_other_data(beside, prepared.data)
        if config.dry_run:
            estimate(prepared)
            return None
        if world.rank > 0:
            follow(prepared)
            return None
        run = open_run(prepared, parent=parent)
        with run:
            return train(prepared, run)


def open_run(prepared: Prepared, *, parent: str | None) -> Run:
    """Start the run of a prepared training."""
    config, fold = prepared.config, prepared.fold
    return start_run(
        config,
        prepared.data,
        given=prepared.given,
        parent=parent,
        model=names.title(config.model),
        recipe=config.recipe,
        device=config.device,
        resolved={**settings.of_recipe(config), **({"fold": [fold.number, fold.count]} if fold else {})},
    )


def start_run(
    config: Config, data: Data, *, given: Config, resolved: Mapping[str, Any] | None = None, **fields: Any
) -> Run:
    """Start a run on a task's data; that of a task file stores the task, so that its id alone is enough later.

    Args:
        config: the settled flags, which the run keeps.
        data: the task's data.
        given: the flags as they were given, which make its command and its hash.
        resolved: more that the flags decide.
        fields: further columns of `runs`.
    """
    spec, job = data.spec, started.batch_job()
    return tracking.start(
        started.kept(config),
        command=cli.command(tracking.with_data_dir(dataclasses.replace(given, resume_or_start=False))),
        experiment="clue",
        task=spec.name,
        dataset=spec.name,
        data_source=data.source,
        train_fingerprint=data.fingerprints["train"],
        dev_fingerprint=data.fingerprints["dev"],
        resolved={
            **(resolved or {}),
            **({"task_spec": spec.to_dict()} if spec.own else {}),
            **({started.BATCH_JOB: job} if job else {}),
            **({training_sets.PART: given.split[0]} if given.split else {}),
        },
        hashed=dataclasses.replace(given, task=(spec.name,)) if spec.own else given,
        identity=(task_file.describe(spec) if spec.own else "") + meaning.changed(given, config, spec),
        **fields,
    )


def train(prepared: Prepared, run: Run, *, about: dict[str, Any] | None = None) -> Outcome:
    """Train, from a checkpoint's `about` where there is one, then evaluate and store."""
    session = Session(prepared, run, about=about)
    session.run()
    return clue_results.finish(session)


def estimate(prepared: Prepared, *, seconds: float = 3.0) -> None:
    """Print the settings and how long the training would take on this machine, from a few updates."""
    from engine.model.training import predict

    config, training = prepared.config, prepared.training
    began = time.perf_counter()
    times: list[float] = []

    def on_step(_: object) -> bool:
        times.append(time.perf_counter())
        return times[-1] - began > seconds

    training.run(on_step)
    per_step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else times[0] - began
    before = time.perf_counter()
    predict(training.model, prepared.select_rows)
    per_evaluation = time.perf_counter() - before
    total = per_step * training.steps + per_evaluation * (training.settings.epochs + 1)
    print(settings.lines(config))
    evaluations = f"{training.settings.epochs} evaluations at {per_evaluation:.1f} s"
    print(f"  {training.steps:,} updates at {per_step * 1000:.0f} ms, {evaluations}")
    print(f"about {duration(total)}; nothing was trained or stored")


def duration(seconds: float) -> str:
    """Rough time in words: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
