"""Several trainings under one parent run: tasks, seeds, or folds.

The children are runs like any other, with the config they would have alone; a resumed parent skips those that are
finished and goes on with the one that was stopped.
"""

from __future__ import annotations

import dataclasses
import shlex
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.evidence.intervals import mean_interval
from engine.text.decode import decode
from engine.text.tasks import FEWCLUE, TaskSpec
from jobs import cli, submit, tracking
from jobs.clue import few_shot, started, train, unchanged
from jobs.clue import results as clue_results
from jobs.clue.config import several, task_names
from jobs.clue.data import sources as clue_data
from jobs.clue.data.training_sets import NUMBERED, PART, splits_of
from jobs.clue.models import ngram
from jobs.clue.prepare import Fold, read
from jobs.clue.resume import go_on
from jobs.clue.tasks import task_file
from jobs.models.names import NGRAM, title
from store import paths, runs
from store.errors import StoreError

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from jobs.clue.started import Started
    from store.runs import Run

UPLOAD = "clue_submission.zip"


@dataclass(frozen=True, slots=True)
class Child:
    """One training of the parent."""

    config: Config
    fold: Fold | None = None

    @property
    def title(self) -> str:
        """Task, and what tells it from its siblings."""
        name = task_file.find(self.config.task[0]).name
        if len(self.config.split) == 1:
            return f"{name} training set {self.config.split[0]}"
        return f"{name} fold {self.fold.number}" if self.fold else name


def start(config: Config, *, parent: str | None = None) -> str:
    """Check everything, open the parent run, and train its children one after the other; returns the parent's id."""
    names = task_names(config.task)
    check(config, names)
    if config.dry_run:
        for child in plan(config, names):
            print(f"-- {child.title}, seed {child.config.seed}")
            dry = dataclasses.replace(child.config, dry_run=True)
            if several(dry):
                start(dry)
            else:
                train.start(dry, fold=child.fold)
        return ""
    name = task_file.find(names[0]).name if len(names) == 1 else config.task[0] if len(config.task) == 1 else "all"
    recipe = NGRAM if config.model == NGRAM else config.recipe
    about: dict[str, Any] = {"model": title(config.model), "recipe": recipe}
    hashed = config
    if splits := few_shot.of_one_task(config, names):
        spec = task_file.find(names[0])
        hashed = dataclasses.replace(config, split=splits)
        about["data_source"], found = few_shot.fingerprints(config, spec, splits)
        about |= {f"{part}_fingerprint": found[part] for part in found}
        if spec.benchmark != FEWCLUE or not set(NUMBERED) <= set(splits):
            about["resolved"] = {PART: " ".join(splits)}
    with tracking.start(
        started.kept(config),
        hashed=hashed,
        command=cli.command(tracking.with_data_dir(config)),
        parent=parent,
        experiment="clue",
        task=name,
        dataset=name if len(names) == 1 else None,
        **about,
    ) as run:
        work(config, names, run)
    return run.run_id


def resume(config: Config, run_id: str) -> None:
    """Go on with the parent of several trainings."""
    started.refuse_finished(run_id, config.db)
    names = task_names(config.task)
    if before := started.read(run_id, config.db).fingerprints:  # of all training sets of one task together
        spec = task_file.find(names[0])
        _, now = few_shot.fingerprints(config, spec, few_shot.of_one_task(config, names))
        unchanged.refuse_other_fingerprints(run_id, spec.name, before, now)
    with runs.resume(run_id, 0, config.db) as run:
        work(config, names, run)


def check(config: Config, names: Sequence[str]) -> None:
    """Refuse what cannot work before the first training starts."""
    if config.processes > 1:
        raise cli.InputError("--processes trains one task with one seed; start the tasks one by one")
    if config.folds:
        others = [name for name in names if task_file.find(name).kind in ("span", "entities")]
        if others or config.model == NGRAM or len(names) > 1:
            reason = f"{others[0]} has none" if others else "one task and a neural model at a time"
            raise cli.InputError(f"--folds averages the probabilities of classes or choices: {reason}")
    overridden = [name for name in ("train_file", "dev_file", "test_file") if getattr(config, name)]
    if overridden and len(names) > 1:
        raise cli.InputError(f"--{overridden[0].replace('_', '-')} is for one task, not for {len(names)}")
    folder = clue_data.named_folder(config.data_dir)
    if folder is not None and not (config.train_file and config.dev_file):
        specs = [spec for spec in map(task_file.find, names) if not spec.own]
        missing = [spec.name for spec in specs if clue_data.find(spec, folder) is None]
        if missing:
            raise cli.InputError(f"{folder} has no folder {', '.join(missing)}")


def plan(config: Config, names: Sequence[str]) -> list[Child]:
    """The children in order; tasks that the linear baseline does not know are left out with a note."""
    children = []
    for name in names:
        if config.model == NGRAM and not ngram.supports(task_file.find(name)):
            print(f"{name}: left out, the linear baseline is for classification and pair tasks")
            continue
        single = dataclasses.replace(config, task=(name,), folds=0, seeds=(), output=None, name="")
        single = dataclasses.replace(single, resume="", resume_or_start=False)
        splits = splits_of(config, task_file.find(name))
        if config.output:
            single = dataclasses.replace(single, output=config.output / task_file.find(name).name)
        seeded = [dataclasses.replace(single, seed=seed, split=splits) for seed in config.seeds or (config.seed,)]
        if few_shot.of_one_task(config, names):
            seeded = [_on_split(seeded[0], split, config.output) for split in splits]
        children += [Child(found) for found in seeded]
        if config.folds:
            children = [Child(single, Fold(number, config.folds)) for number in range(config.folds)]
    return children


def _on_split(config: Config, split: str, output: Path | None) -> Config:
    """One training set of a task, with a folder of its own for what it leaves."""
    return dataclasses.replace(config, split=(split,), output=output / split if output else None)


def work(config: Config, names: Sequence[str], run: Run) -> None:
    """Train what is not yet trained, then say what came out."""
    children, before = plan(config, names), started.children(run.run_id, config.db)
    done: dict[Child, str] = {}
    failures: list[str] = []
    for number, child in enumerate(children):
        print(f"\n[{number + 1}/{len(children)}] {child.title}, seed {child.config.seed}", flush=True)
        try:
            done[child] = _train_or_find(child, run.run_id, before)
        except (Exception, SystemExit) as error:  # whatever ends one training, the others go on
            said = str(error) if isinstance(error, cli.InputError) else f"{type(error).__name__}: {error}"
            failures.append(f"{child.title}: {said}")
            print(f"failed: {said}")
            if not isinstance(error, cli.InputError):
                traceback.print_exception(error)
        run.progress((number + 1) / len(children))
    if config.folds and not failures:
        _average_folds(config, task_file.find(names[0]), list(done.values()), run)
    if not few_shot.of_one_task(config, names):
        table(run, done, config)
    elif not failures:
        few_shot.store_means(run, task_file.find(names[0]), {c.config.split[0]: i for c, i in done.items()}, config.db)
    print(f"parent {run.run_id}")
    if len(names) > 1:
        upload(run, config)
    if failures:
        raise cli.InputError(f"{len(failures)} of {len(children)} trainings failed: {'; '.join(failures)}")


def _train_or_find(child: Child, parent: str, before: Sequence[Started]) -> str:
    """Run id of the child, trained now, continued, or found finished among those that the parent started before."""
    was = _existing(child, before)
    if was is None and several(child.config):
        return start(child.config, parent=parent)
    if was is None:
        try:
            outcome = train.start(child.config, parent=parent, fold=child.fold, beside=_sibling(child, parent))
        except tracking.AlreadyDone as done:
            return done.run_id
        assert outcome is not None
        return outcome.run_id
    if started.status(was.run_id, child.config.db) == "finished":
        print(f"finished before: {was.run_id}")
    elif was.several:
        resume(dataclasses.replace(was.config, db=child.config.db), was.run_id)
    else:
        go_on(dataclasses.replace(was, config=dataclasses.replace(was.config, db=child.config.db)))
    return was.run_id


def _existing(child: Child, before: Sequence[Started]) -> Started | None:
    """The run that was started for the child, the newest if there are several."""
    fold = (child.fold.number, child.fold.count) if child.fold else None
    wanted = (child.config.task, child.config.seed, child.config.split, fold)
    return next((was for was in before if _told_apart(was) == wanted), None)


def _sibling(child: Child, parent: str) -> Started | None:
    """A run of the same parent on the same task and training set: its data and its task are the child's too."""
    return next(
        (
            was
            for was in started.children(parent, child.config.db)
            if (was.config.task, was.config.split) == (child.config.task, child.config.split) and was.fingerprints
        ),
        None,
    )


def _told_apart(was: Started) -> tuple[Any, ...]:
    """What tells the children of one parent from each other."""
    return was.config.task, was.config.seed, was.config.split, was.fold


def _average_folds(config: Config, spec: TaskSpec, children: Sequence[str], run: Run) -> None:
    """Average the probabilities of the folds, and store the average as the parent's own predictions."""
    data = read(config, spec)
    spec = data.spec
    splits = clue_results.splits(data)
    folder = paths.locate(config.db).artifacts
    sums: dict[str, np.ndarray] = {}
    for child in children:
        probs = clue_results.read_fold(folder / child / clue_results.FOLD_FILE, splits)
        for name, values in probs.items():
            sums[name] = sums.get(name, 0) + values / len(children)
    decoded = {}
    for name, examples in splits.items():
        logits = clue_results.as_logits(sums[name])
        rows = clue_results.no_rows(len(examples), logits.shape[1] if spec.kind == "choice" else 1)
        decoded[name] = decode(spec, rows, examples, logits.reshape(-1) if spec.kind == "choice" else logits)
    run.describe(
        data_source=data.source,
        train_fingerprint=data.fingerprints["train"],
        dev_fingerprint=data.fingerprints["dev"],
    )
    outcome = clue_results.store(run, config, data, decoded)
    clue_results.closing_lines(run, config, outcome, made=f"average of {len(children)} folds")


def table(run: Run, done: dict[Child, str], config: Config) -> None:
    """Print and store mean and deviation per task."""
    print(f"\n{'task':<12} {'metric':<10} {'score':>8} {'sd':>7} {'n':>2}  {'majority':>8} {'chance':>7}  runs")
    for name in dict.fromkeys(child.config.task[0] for child in done):
        spec = task_file.find(name)
        ids = [run_id for child, run_id in done.items() if child.config.task[0] == name and child.fold is None]
        said = [few_shot.said_by(run_id, config.db) for run_id in ids]
        common = [name for name in (said[0] if said else {}) if all(name in values for values in said)]
        values = {name: np.array([found[name] for found in said]) for name in common}
        on = "test" if f"test/{spec.metric}" in values and spec.benchmark == FEWCLUE else "dev"
        scores = values.get(f"{on}/{spec.metric}", np.zeros(0))
        if not len(scores):
            continue
        interval, sd = mean_interval(scores), float(scores.std(ddof=1)) if len(scores) > 1 else float("nan")
        run.measure(
            "seed_scores",
            {"task": spec.name, "scored_by": spec.metric, **({"scored_on": on} if on == "test" else {})},
            score=(interval.value, interval.low, interval.high, len(scores)),
            sd=sd,
        )
        beside = [
            f"{values[f'dev/{key}'][0]:.4f}" if spec.kind not in ("span", "entities") and on == "dev" else ""
            for key in ("majority", "chance")
        ]
        by = f"{on} {spec.metric}" if on == "test" else spec.metric
        spread = f"{sd:.4f}" if len(scores) > 1 else ""
        print(
            f"{spec.name:<12} {by:<10} {interval.value:>8.4f} {spread:>7} {len(scores):>2}  "
            f"{beside[0]:>8} {beside[1]:>7}  {' '.join(ids)}"
        )


def upload(run: Run, config: Config) -> None:
    """Pack the children's submission files into one checked zip, where there are any."""
    from store import queries

    if config.limit:
        return
    queries.refresh(db=config.db)
    few = config.task == ("fewclue",)
    target = run.folder / (UPLOAD.replace("clue", "fewclue") if few else UPLOAD)
    try:
        submit.pack(submit.collect(submit.Config(parent=run.run_id, db=config.db)), target)
    except (cli.InputError, StoreError) as error:  # in a sweep the runs are in the database only later
        print(f"no zip for the CLUE site: {error}")
        return
    run.artifact(target.name, "submission", target)
    again = shlex.join(["python", "-m", "jobs.submit", "--parent", run.run_id, *cli.db_flag(config.db)])
    print(f"for the CLUE site: {target} (or {again})")
