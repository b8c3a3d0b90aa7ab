"""Which head size reaches which attention pattern: KL, argmax accuracy and norms against d and L."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from engine.dimension import entropy
from engine.dimension.attention_fit import AttentionFit, Pattern, attention_pattern, fit_attention
from engine.evidence.intervals import mean_interval
from jobs import cli, progress, tracking
from jobs.dimension.config import Attention
from store.runs import Run

Cell = tuple[Pattern, int, int]


def attention(config: Attention) -> None:
    """Fit every cell, read off the head size each pattern needs, and fit its growth with L."""
    lengths, sizes, steps, repeats = config.lengths, config.head_sizes, config.steps, config.repeats
    if config.quick:
        lengths, sizes, steps, repeats = (32, 64), (2, 4, 8, 16), 200, 2
    if min(lengths) < 4 or min(*sizes, steps, repeats) < 1:
        raise cli.InputError("--lengths must be 4 or more, --head-sizes, --steps and --repeats 1 or more")
    cells: list[Cell] = [(p, length, d) for p in config.patterns for length in lengths for d in sizes if d <= length]
    with tracking.start(config, experiment="dimension", task="attention", device="cpu") as run:
        print(f"run {run.run_id}")
        kls: dict[Cell, list[float]] = {}
        with progress.Bar(sum(length**2 for _, length, _ in cells), "attention", run=run) as bar:
            for cell in cells:
                kls[cell] = _fit(run, cell, steps, repeats, config)
                bar.advance(cell[1] ** 2, kl=f"{np.mean(kls[cell]):.4f}")
        _needed(run, kls, config)


def _fit(run: Run, cell: Cell, steps: int, repeats: int, config: Attention) -> list[float]:
    pattern, length, head_size = cell
    fits: list[AttentionFit] = []
    for repeat in range(repeats):
        target = attention_pattern(pattern, length, rng=np.random.default_rng([config.seed, repeat, length]))
        rng = np.random.default_rng([config.seed, repeat, length, head_size])
        fits.append(
            fit_attention(target, head_size=head_size, rng=rng, steps=steps, learning_rate=config.learning_rate)
        )
    names = ("kl", "accuracy", "support_mass", "norm", "largest_logit")
    values: dict[str, Any] = {name: tuple(mean_interval([getattr(fit, name) for fit in fits])) for name in names}
    run.measure("attention_fit", {"head_size": head_size, "length": length, "pattern": pattern}, **values)
    return [fit.kl for fit in fits]


def _needed(run: Run, kls: dict[Cell, list[float]], config: Attention) -> None:
    """Head size at which the mean KL falls below the goal, by interpolation, beside the candidate laws."""
    curves: dict[tuple[Pattern, int], list[tuple[int, float]]] = defaultdict(list)
    for (pattern, length, head_size), values in kls.items():
        curves[pattern, length].append((head_size, float(np.mean(values))))
    print(f"\nhead size that reaches a mean KL of {config.good} nats")
    print(f"{'pattern':<12} {'L':>5} {'needed':>8} {'8.33 ln L':>10} {'4.16 ln L':>10} {'1.61 ln L':>10} {'L - 1':>6}")
    for (pattern, length), points in curves.items():
        needed = crossing(points, config.good)
        laws = {
            "pairs": entropy.POST_COEFFICIENT * np.log(length),
            "rows": entropy.ROWS_COEFFICIENT * np.log(length),
            "retrieval": entropy.RETRIEVAL_COEFFICIENT * np.log(length),
            "rank": float(length - 1),
        }
        axes = {"length": length, "pattern": pattern}
        if needed is not None:
            run.measure("attention_need", {**axes, "law": "measured"}, head_size=needed)
            run.summary({f"head_size/{pattern}_L{length}": needed})
        for law, value in laws.items():
            run.measure("attention_need", {**axes, "law": law}, source="bound", head_size=float(value))
        shown = "above all" if needed is None else f"{needed:.1f}"
        print(f"{pattern:<12} {length:>5} {shown:>8} " + " ".join(f"{value:>10.1f}" for value in laws.values()))


def crossing(points: list[tuple[int, float]], goal: float) -> float | None:
    """First head size where KL falls to the goal, linear in ln KL against ln d; None if it never does."""
    points = sorted(points)
    for (left, above), (right, below) in zip([points[0], *points], points, strict=False):
        if below <= goal:
            if above <= goal or left == right:
                return float(right)
            share = np.log(above / goal) / np.log(above / max(below, 1e-12))
            return float(np.exp(np.log(left) + share * (np.log(right) - np.log(left))))
    return None
