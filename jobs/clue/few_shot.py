"""FewCLUE's protocol: train on each of five small training sets, score each model on the public test file.

Training set i stands in `train_i.json`, with `dev_i.json` to choose the checkpoint; the score is the mean over the
five, with their deviation. Five training sets are not five seeds: each seed has a mean of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.evidence import metrics
from engine.evidence.intervals import mean_interval
from engine.text.tasks import TaskSpec
from jobs.clue.data import sources as clue_data
from jobs.clue.data.training_sets import NUMBERED, splits_of
from jobs.clue.tasks import task_file
from store import paths
from store.spool.packing import unpack
from store.spool.watched import Watched

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from store.runs import Run

TABLE = "few_shot_scores"
"""view of a parent: split, scored_on, metric and value; the row of all five has their interval"""


def of_one_task(config: Config, names: Sequence[str]) -> tuple[str, ...]:
    """The training sets that are the children of one run: those of one task with one seed."""
    if len(names) > 1 or config.seeds:
        return ()
    splits = splits_of(config, task_file.find(names[0]))
    return splits if len(splits) > 1 else ()


def fingerprints(config: Config, spec: TaskSpec, splits: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Source of the data, and the fingerprints of all training sets together; every file is read and checked."""
    found = [
        clue_data.load(
            spec, data_dir=config.data_dir, limit=config.limit, test_file=config.test_file, few_shot_split=name
        )
        for name in splits
    ]
    joined = {
        part: hashlib.sha256("".join(data.fingerprints[part] for data in found).encode()).hexdigest()
        for part in ("train", "dev")
    }
    return found[0].source, joined


def store_means(run: Run, spec: TaskSpec, runs: Mapping[str, str], db: Path | None) -> None:
    """Store the means of what the runs of the training sets (split -> run id) say of themselves."""
    store(run, spec, {split: said_by(run_id, db) for split, run_id in runs.items()})


def said_by(run_id: str, db: Path | None) -> dict[str, float]:
    """What a run says that it is worth, from its own spool: a sweep's children reach the database later."""
    path = paths.locate(db).spool_file(run_id)
    unpack(path)
    found = Watched(path, "")
    found.look()
    return {name: value for name, value in found.summary.items() if name.startswith(("dev/", "test/"))}


def store(run: Run, spec: TaskSpec, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Store the means over the numbered training sets in their parent's run, and print them.

    Args:
        run: the parent.
        spec: the task.
        scores: split -> what its run says of itself (`test/accuracy`, ...).
    """
    numbered = [values for name, values in scores.items() if name in NUMBERED]
    common = [name for name in (numbered[0] if numbered else {}) if all(name in values for values in numbered)]
    means = {name: float(np.mean([values[name] for values in numbered])) for name in common}
    run.summary(means)
    run.configure({"higher_is_better": {name: metrics.metric_of(name.split("/", 1)[1]).higher_is_better
                                        for name in common}})  # fmt: skip
    for on in ("test", "dev"):
        key = f"{on}/{spec.metric}"
        for name, values in scores.items():
            if key in values:
                run.measure(TABLE, {"split": name, "scored_on": on, "by": spec.metric}, score=values[key])
        if key in means and len(numbered) > 1:
            found = np.array([values[key] for values in numbered])
            interval, sd = mean_interval(found), float(found.std(ddof=1))
            run.measure(
                TABLE,
                {"split": "mean", "scored_on": on, "by": spec.metric},
                score=(interval.value, interval.low, interval.high, len(found)),
                sd=sd,
            )
            each = ", ".join(f"{value:.4f}" for value in found)
            shown = f"{interval.value:.4f} ± {sd:.4f} over {len(found)} training sets ({each})"
            print(f"{spec.name} {on} {spec.metric} {shown}")
    for name in scores.keys() - set(NUMBERED):
        value = scores[name].get(f"test/{spec.metric}", scores[name][f"dev/{spec.metric}"])
        print(f"{spec.name} {spec.metric} {value:.4f} after all training sets together; not part of the mean")
