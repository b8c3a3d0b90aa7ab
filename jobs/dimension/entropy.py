"""Entropy of random tables against n: where it follows 2 ln N + h_n, and where it freezes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from engine.dimension import entropy as entropy_rule
from engine.evidence.intervals import mean_interval
from jobs import cli, progress, tracking
from jobs.dimension.config import Entropy

FORMS: tuple[tuple[Literal["pairs", "rows"], bool], ...] = (("pairs", False), ("rows", False), ("rows", True))


def entropy(config: Entropy) -> None:
    """Draw the tables, store measurement and theory."""
    sizes, dims, repeats = config.vocabularies, config.dims, config.repeats
    if config.quick:
        sizes, dims, repeats = (256,), (8, 16, 32, 64), 3
    with cli.input_errors("--vocabularies, --dims, --rho"):
        entropy_rule.dimension_for(np.array(sizes), rho=config.rho)
        entropy_rule.condensation_entropy(np.array(dims), rho=config.rho)
    cells = [(size, n) for size in sizes for n in dims]
    with tracking.start(config, experiment="dimension", task="entropy", device="cpu") as run:
        print(f"run {run.run_id}")
        for size in sizes:
            for form in ("pairs", "rows"):
                exact = float(entropy_rule.dimension_for(size, form=form, rho=config.rho))
                axes = {"form": form, "vocabulary": size}
                run.measure("entropy_threshold", axes, source="exact", n_components=exact)
        print(
            f"nats of a table of N x N pairs and of one row, mean of {repeats} draws (intervals: table entropy), "
            "beside the rule's 2 ln N + h and ln N + h; scaled: the row with scores over sqrt n; retrieved: share of "
            "keys found"
        )
        print(f"{'N':>6} {'n':>4} {'pairs':>8} {'2lnN+h':>8} {'row':>8} {'lnN+h':>8} {'scaled':>8} {'retrieved':>9}")
        for size, n in progress.track_cost(cells, "entropy", _cost, run=run):
            line = [f"{size:>6} {n:>4}"]
            for form, scaled in FORMS:
                rngs = [np.random.default_rng([config.seed, size, n, repeat]) for repeat in range(repeats)]
                values = [
                    entropy_rule.random_table_entropy(size, n, rng=rng, form=form, rho=config.rho, scaled=scaled)
                    for rng in rngs
                ]
                axes = {"form": form, "n_components": n, "scaled": scaled, "vocabulary": size}
                run.measure("entropy", axes, entropy=tuple(mean_interval(values)))
                rho = config.rho / np.sqrt(n) if scaled else config.rho
                shift = float(entropy_rule.condensation_entropy(n, rho=rho))
                theory = (2 if form == "pairs" else 1) * float(np.log(size)) + shift
                run.measure("entropy", axes, source="exact", entropy=theory)
                line += [f"{np.mean(values):>8.3f}"] + ([f"{theory:>8.3f}"] if not scaled else [])
            found = [
                entropy_rule.retrieval_probability(size, n, rng=np.random.default_rng([config.seed, size, n, 100 + r]))
                for r in range(repeats)
            ]
            run.measure("retrieval", {"keys": size, "n_components": n}, probability=tuple(mean_interval(found)))
            progress.say(" ".join([*line, f"{np.mean(found):>9.3f}"]))


def _cost(cell: tuple[int, int]) -> float:
    """Time of a cell's tables, in products: N x N pairs, whose exponentials take as long as 100 products each."""
    size, n = cell
    return size**2 * (n + 100)
