"""FewCLUE's training sets: `train_0.json` with `dev_0.json` to `train_4.json`, and all five together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.text.tasks import FEWCLUE, TaskSpec
from jobs.cli import InputError

if TYPE_CHECKING:
    from jobs.clue.config import Config

NUMBERED = ("0", "1", "2", "3", "4")
JOINED = "few_all"
"""the rows of all five together, each once"""
EVERY = "all"
PART = "few_shot_split"
"""parameter of a run that saw one of the training sets: the leaderboard has the mean over the five instead"""


def check(config: Config) -> None:
    """Refuse splits that there are not, or that go with no other flag given."""
    for name in config.split:
        if name not in (*NUMBERED, JOINED, EVERY):
            raise InputError(f"--split {name}: expected {', '.join(NUMBERED)}, {JOINED}, or {EVERY} for the five")
    if config.split and config.folds:
        raise InputError("--split and --folds cannot be combined: both say which rows are trained on")
    for flag in ("train_file", "dev_file"):
        if config.split and getattr(config, flag):
            raise InputError(f"--split names the training set: not with --{flag.replace('_', '-')}")


def splits_of(config: Config, spec: TaskSpec) -> tuple[str, ...]:
    """The training sets that a task is trained on, one after the other; empty where it has a single one."""
    if config.split:
        if spec.own:
            raise InputError(f"--split is for the files of FewCLUE, not for the task file of {spec.name}")
        spelled = [part for name in config.split for part in (NUMBERED if name == EVERY else (name,))]
        return tuple(dict.fromkeys(spelled))
    if spec.benchmark == FEWCLUE and not (config.train_file or config.dev_file or config.folds):
        return NUMBERED
    return ()


def of_split(spec: TaskSpec, split: str) -> TaskSpec:
    """The task with the files of one training set; CLUE's tasks have no submission for FewCLUE's test file."""
    few = spec.benchmark == FEWCLUE
    return replace(
        spec,
        sizes=spec.sizes if few and split in NUMBERED else {},
        tests=spec.tests if few else (),
        train_files=(f"train_{split}.json",),
        dev_files=(f"dev_{split}.json",),
    )


def refuse_missing(spec: TaskSpec, folder: Path) -> None:
    """Refuse a folder without the files of a training set, and say which it has."""
    missing = [name for name in (*spec.train_files, *spec.dev_files) if not (folder / name).is_file()]
    if not missing:
        return
    numbered = (name for name in (*NUMBERED, JOINED) if (folder / f"train_{name}.json").is_file())
    there = [name for name in numbered if (folder / f"dev_{name}.json").is_file()]
    instead = f"it has the training sets {', '.join(there)}: --split {there[0]}" if there else "it has no training set"
    raise InputError(f"{folder}: no {missing[0]} of FewCLUE's five training sets of {spec.name} ({instead})")
