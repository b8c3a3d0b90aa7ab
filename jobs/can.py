"""Correct uncertain predictions with the class prior (CAN), and see whether it helps.

python -m jobs.can sweep --run 7f3a                         # every grid point on the dev predictions of a run, seconds
python -m jobs.can sweep --run 7f3a --alphas 0.5 1 2 --thresholds 0.9
python -m jobs.can sweep --probs probs.npy --labels labels.csv --prior prior.csv       # anybody's model
python -m jobs.can apply --reference 7f3a --probs test.csv --output corrected.csv       # a test file, streaming
python -m jobs.can simulate                                 # when does it help? synthetic classifiers, half a minute
"""

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
    """bootstrap samples of every interval"""


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


def sweep(config: Sweep) -> None:
    """Run the grid and store it as a child of the run it corrects."""
    from jobs.can_sweep import sweep as start

    start(config)


def apply(config: Apply) -> None:
    """Correct a file."""
    from jobs.can_apply import apply as start

    start(config)


def simulate(config: Simulate) -> None:
    """Vary one fault at a time."""
    from jobs.can_simulate import simulate as start

    start(config)


if __name__ == "__main__":
    from jobs import can

    modes: dict[str, cli.Job] = {
        "sweep": (can.Sweep, can.sweep),
        "apply": (can.Apply, can.apply),
        "simulate": (can.Simulate, can.simulate),
    }
    cli.main(__doc__, modes)
