"""The ladder of bounds against N and eps, and the smallest dimension that worked."""

from __future__ import annotations

import numpy as np

from engine.johnson_lindenstrauss.bounds import BOUNDS, jl_dim
from engine.johnson_lindenstrauss.measured_dimension import measure_dimension
from jobs import cli, progress, tracking
from jobs.johnson_lindenstrauss.config import Bounds


def bounds(config: Bounds) -> None:
    """Store the ladder, measure the minimum where that is affordable."""
    samples, eps = ((100,), (0.3, 0.5)) if config.quick else (config.samples, config.eps)
    with cli.input_errors("--samples, --eps"):
        ladder: dict[tuple[str, int, float], int] = {}
        for n in samples:
            for e in eps:
                ladder |= {(bound, n, e): int(jl_dim(n, eps=e, bound=bound)) for bound in BOUNDS}
                ladder["exact_union_half", n, e] = int(jl_dim(n, eps=e, delta=0.5))
    cells = [(n, e) for n in samples for e in eps if n <= config.measure_up_to]
    with tracking.start(config, experiment="johnson_lindenstrauss", task="bounds", device="cpu") as run:
        print(f"run {run.run_id}")
        for (bound, n, e), value in ladder.items():
            source = "exact" if bound.startswith("exact") else "bound"
            run.measure("jl_dimension", {"bound": bound, "eps": e, "n_samples": n}, source=source, n_components=value)
        measured = {}
        for n, e in progress.track_cost(cells, "measured minimum", lambda cell: cell[0] ** 2 / cell[1] ** 2, run=run):
            rng = np.random.default_rng([config.seed, n, round(e * 1000)])
            # N one-hot points: their Gaussian projection is the matrix itself, the least favourable case to project
            found = measure_dimension(
                np.eye(n, dtype=np.float32),
                eps=e,
                start=ladder["exact_union_half", n, e],
                rng=rng,
                trials=config.trials,
            )
            measured[n, e] = found.n_components
            axes = {"bound": "measured", "eps": e, "n_samples": n}
            least, share = ((value, None, None, config.trials) for value in (found.n_components, found.success))
            run.measure("jl_dimension", axes, n_components=least, success=share)
        _print(samples, eps, ladder, measured)
        run.summary({f"n_components/N{n}_eps{e}": float(value) for (n, e), value in measured.items()})


def _print(
    samples: tuple[int, ...],
    eps: tuple[float, ...],
    ladder: dict[tuple[str, int, float], int],
    measured: dict[tuple[int, float], int],
) -> None:
    names = [*BOUNDS, "exact_union_half"]
    print(f"{'N':>8} {'eps':>5} " + " ".join(f"{name:>17}" for name in [*names, "measured"]))
    for n in samples:
        for e in eps:
            values = [f"{ladder[name, n, e]:,}" for name in names]
            values.append(f"{measured[n, e]:,}" if (n, e) in measured else "-")
            print(f"{n:>8,} {e:>5} " + " ".join(f"{value:>17}" for value in values))
    print("measured: smallest n at which half of the Gaussian projections of N one-hot points kept all pairs")
