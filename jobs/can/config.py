"""The flags of `python -m jobs.can`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from jobs import cli

KS = (3, 2, 5)
PUBLISHED = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1}
"""The setting of kexue.fm/archives/8728."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(cli.Options):
    """Correct stored or given predictions with every point of a grid; choose and report on different halves."""

    run: str = ""
    """stored run whose predictions are corrected: an unambiguous part of its id, or latest"""
    split: str = "dev"
    """split of that run"""
    probs: Path | None = None
    """instead of a run: class probabilities, npy, csv or parquet"""
    labels: Path | None = None
    """true classes of the rows of --probs, as indices or names"""
    prior: Path | None = None
    """class frequencies or counts; with --run it is tried beside the training labels' own"""
    logits: bool = False
    """--probs holds logits: take the softmax first"""
    ks: tuple[int, ...] = KS
    """how many of the largest probabilities decide the uncertainty"""
    thresholds: tuple[float, ...] = (0.9, 0.7, 0.8, 0.95)
    """uncertainty from which on a prediction is corrected"""
    alphas: tuple[float, ...] = (1.0, 0.5, 2.0)
    """exponents"""
    iterations: tuple[int, ...] = (1, 2, 3)
    """numbers of alternations"""
    priors: tuple[str, ...] = ("train", "uniform")
    """class priors tried: train (training labels), uniform, given (--prior)"""
    uncertainty: Literal["blog", "paper", "any_k"] = "blog"
    """definition of the uncertainty"""
    resamples: int = 2000
    """without effect since the intervals need no resampling; kept so that old commands still run"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Apply(cli.Options):
    """Correct the probabilities in a file against a stored reference set, in blocks of rows."""

    reference: str
    """a sweep, or a run with stored probabilities, whose confident rows are the reference"""
    probs: Path
    """class probabilities to correct, npy, csv or parquet; other columns are kept"""
    output: Path
    """file to write, of the same kind"""
    prior: Path | None = None
    """class frequencies or counts (default: those stored with the reference)"""
    logits: bool = False
    """--probs holds logits: take the softmax first"""
    k: int | None = None
    """default: the sweep's choice, else 3"""
    threshold: float | None = None
    """default: the sweep's choice, else 0.9"""
    alpha: float | None = None
    """default: the sweep's choice, else 1"""
    iterations: int | None = None
    """default: the sweep's choice, else 1"""
    block: int = 50_000
    """rows in memory at a time"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Simulate(cli.Options):
    """Gain of CAN on synthetic classifiers with known faults, one parameter varied at a time."""

    repeats: int = 20
    """synthetic problems per point"""
    test_rows: int = 4000
    """rows that are scored per problem"""
    quick: bool = False
    """three points per parameter and three repeats"""
