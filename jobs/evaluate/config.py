"""The flags of `python -m jobs.evaluate`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from jobs import cli


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config(cli.Options):
    """Score predictions made elsewhere, or average those of stored runs."""

    task: str = ""
    """task of the predictions, or a task file of one's own"""
    predictions: Path | None = None
    """answers: .jsonl, .json, .csv, .tsv, .parquet (also .gz), or a submission file of CLUE"""
    ensemble: tuple[str, ...] = ()
    """runs whose stored probabilities are averaged (unambiguous parts of their ids)"""
    split: Literal["dev", "test"] = "dev"
    """the rows that were predicted; of test only those with labels can be scored"""
    answer: str = ""
    """column of the answers (default: the first of prediction, pred, answer, response, output, ..., label)"""
    model: str = ""
    """what made the predictions (default: the file's name)"""
    data_dir: Path | None = None
    """folder with a folder per task (default: $CLUE_DATA_DIR, else the hub, else the built-in sample)"""
    dev_file: Path | None = None
    """read this instead of the task's dev file"""
    encoding: str = ""
    """of the predictions (default: found out)"""
