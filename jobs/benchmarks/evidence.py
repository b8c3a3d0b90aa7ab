"""Coverage, level and width of the interval over seeds and examples, simulated beside its alternatives.

Runs answer rows that are easy or hard, and every seed is a little better or worse. The differences of right and wrong
answers between paired runs are simulated through what the intervals need of them (how often each sum over seeds occurs,
the mean of each seed, the sum of squares), which is exact and costs the same for 50 as for 5,000 examples.

    python -m jobs.benchmark --suite evidence            # 4,000 simulations a cell
    python -m jobs.benchmark --suite evidence --full     # 20,000, and the table of docs/EVIDENCE.md
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from engine.evidence.joint import Spread, residual_variance, share_beside_seeds, tolerance
from engine.evidence.mean_difference import bisect, score_variance
from jobs.benchmarks import macro_f1

SEEDS = (1, 2, 3, 5, 10)
EXAMPLES = (50, 200, 1000, 5000)
SEED_SDS = (0.0, 0.005, 0.01, 0.02)
DIFFERING = (0.02, 0.10, 0.30)
ROWS = ("easy", "hard")
DIFFERENCE = 0.01
LEVEL = 0.05
SIMULATIONS = 4000
WIDTHS = 40  # simulations of a cell whose interval is computed, for its width
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """What is simulated; differing and seed_sd are fractions."""

    seeds: int
    examples: int
    seed_sd: float
    differing: float
    rows: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Simulated pairs of configurations, each a row: what the intervals need of their answers."""

    counts: np.ndarray  # (r, 2 seeds + 1) examples by their sum over seeds, from -seeds to seeds
    means: np.ndarray  # (r, seeds) difference of each seed on these examples
    squares: np.ndarray  # (r,) sum of squared differences
    true: np.ndarray  # (r, seeds) difference of each seed on all examples


def simulate(rng: np.random.Generator, cell: Cell, *, difference: float, repeats: int) -> Sample:
    """Draw pairs of configurations.

    Easy rows: every row differs with the same chance under every seed. Hard rows: only a few rows differ, half the
    time, and each of them leans nine to one towards the same side under every seed. A seed whose difference is t
    answers a share |t| of the rows in favour of B (of A if t is negative), and the rest as said.
    """
    s, r, half = cell.seeds, repeats, cell.differing / 2
    hard = [(1 - 4 * half, 0.0, 0.0), (2 * half, 0.45, 0.05), (2 * half, 0.05, 0.45)]
    kinds = hard if cell.rows == "hard" else [(1.0, half, half)]
    true = difference + cell.seed_sd * rng.standard_normal((r, s))
    sizes = rng.multinomial(cell.examples, [share for share, _, _ in kinds], size=r)
    counts, means, squares = np.zeros((r, 2 * s + 1), dtype=np.int64), np.zeros((r, s)), np.zeros(r)
    for size, (_, b_only, a_only) in zip(sizes.T, kinds, strict=True):
        state = np.zeros((r, 2 * s + 1), dtype=np.int64)
        state[:, s] = size
        for i in range(s):
            shift = true[:, i, None]
            plus = (1 - np.abs(shift)) * b_only + np.maximum(shift, 0)
            minus = (1 - np.abs(shift)) * a_only + np.maximum(-shift, 0)
            reached = state[:, s - i : s + i + 1]
            up = rng.binomial(reached, plus)
            down = rng.binomial(reached - up, minus / (1 - plus))
            state = np.zeros_like(state)
            state[:, s - i : s + i + 1] = reached - up - down
            state[:, s - i + 1 : s + i + 2] += up
            state[:, s - i - 1 : s + i] += down
            gained, lost = up.sum(axis=1), down.sum(axis=1)
            means[:, i] += (gained - lost) / cell.examples
            squares += gained + lost
        counts += state
    return Sample(counts, means, squares, true)


def measure(cell: Cell, *, repeats: int, seed: int) -> dict[str, float]:
    """Coverage at a difference of one point, level at none, and half-widths in points, of every method."""
    rng = np.random.default_rng([seed, cell.seeds, cell.examples, *np.rint(1e4 * np.array(
        [cell.seed_sd, cell.differing, cell.rows == "hard"])).astype(int)])  # fmt: skip
    found: dict[str, float] = {}
    for name, difference in (("coverage", DIFFERENCE), ("level", 0.0)):
        sample = simulate(rng, cell, difference=difference, repeats=repeats)
        for method, kept in inside(sample, cell, difference).items():
            found[f"{method}_{name}"] = float(kept.mean() if name == "coverage" else 1 - kept.mean())
    found["weights_half"], found["again_half"] = half_widths(sample, cell)
    return found


def inside(sample: Sample, cell: Cell, difference: float) -> dict[str, np.ndarray]:
    """Whether each method's interval holds what it is to hold, (r,) booleans."""
    s, n = cell.seeds, cell.examples
    value, values = sample.means.mean(axis=1), np.arange(-s, s + 1) / s
    theirs = sample.true.mean(axis=1)  # of these trained models
    fixed = Spread((), (), np.ones(len(value)))
    sampling = score_variance(values, sample.counts, theirs, bound=1.0)
    kept = {"weights": (value - theirs) ** 2 <= tolerance(sampling, fixed, n=n, level=LEVEL)}
    if s == 1:
        return kept
    spread, example_variance, residual = spread_of(sample, cell)
    distance = (value - difference) ** 2
    sampling = score_variance(values, sample.counts, np.full(len(value), difference), bound=1.0)
    kept["again"] = distance <= tolerance(sampling, spread, n=n, level=LEVEL)
    between, z = spread.between_seeds[0], ndtri(1 - LEVEL / 2)
    kept["seeds_t"] = distance <= stdtrit(s - 1, 1 - LEVEL / 2) ** 2 * between
    kept["examples_z"] = distance <= z**2 * example_variance / n
    total = np.maximum(between + example_variance / n - residual / (s * n), example_variance / n)
    freedom = np.minimum(1e9, total**2 / np.maximum(between**2 / (s - 1), 1e-30))
    kept["satterthwaite"] = distance <= stdtrit(np.maximum(1.0, freedom), 1 - LEVEL / 2) ** 2 * total
    kept["two_way_bootstrap"] = distance <= z**2 * bootstrap_variance(sample, cell)
    return kept


def spread_of(sample: Sample, cell: Cell) -> tuple[Spread, np.ndarray, np.ndarray]:
    """Parts of the variance of each simulated pair, the variance of its example means, and the residual variance."""
    s, n = cell.seeds, cell.examples
    value, values = sample.means.mean(axis=1), np.arange(-s, s + 1) / s
    example_squares = sample.counts @ values**2
    residual = residual_variance(sample.squares, sample.means, example_squares, n=n)
    variance = (example_squares - n * value**2) / (n - 1)
    share = share_beside_seeds(residual / (s * n), variance / n)
    return Spread((sample.means.var(axis=1, ddof=1) / s,), (s - 1,), share), variance, residual


def bootstrap_variance(sample: Sample, cell: Cell) -> np.ndarray:
    """Variance of the mean when seeds and examples are resampled with replacement (Owen, 2007), in closed form."""
    s, n = cell.seeds, cell.examples
    value, sums = sample.means.mean(axis=1), np.arange(-s, s + 1)
    moments = (
        (1 - 1 / s) * (1 - 1 / n) * (s * n * value) ** 2
        + (1 - 1 / s) * (sample.counts @ sums**2)
        + (1 - 1 / n) * ((n * sample.means) ** 2).sum(axis=1)
        + sample.squares
    )
    return np.asarray(np.maximum(0.0, moments / (s * n) ** 2 - value**2))


def half_widths(sample: Sample, cell: Cell) -> tuple[float, float]:
    """Mean half-width in points of the interval for these trained models and, from two seeds on, for training again."""
    s, n = cell.seeds, cell.examples
    values, r = np.arange(-s, s + 1) / s, min(WIDTHS, len(sample.means))
    value, counts = sample.means[:r].mean(axis=1), sample.counts[:r, None, :]
    wholes = [Spread((), (), np.ones((r, 1)))]
    if s > 1:
        whole, _, _ = spread_of(sample, cell)
        wholes.append(Spread((whole.between_seeds[0][:r, None],), whole.freedom, whole.share[:r, None]))
    found = []
    for spread in wholes:

        def excess(theta: np.ndarray, spread: Spread = spread) -> np.ndarray:
            sampling = score_variance(values, counts, theta, bound=1.0)
            beyond: np.ndarray = (value[:, None] - theta) ** 2 - tolerance(sampling, spread, n=n, level=LEVEL)
            return beyond

        low, high = (bisect(excess, outside=np.full(r, end), inside=value) for end in (-1 + 1e-12, 1 - 1e-12))
        found.append(50 * float((high - low).mean()))
    return found[0], found[-1] if s > 1 else float("nan")


def cells() -> list[Cell]:
    """All cells of the table."""
    return [Cell(*each) for each in product(SEEDS, EXAMPLES, SEED_SDS, DIFFERING, ROWS)]


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Simulate every cell on two processors and yield its figures; the worst of each number of seeds last.

    Args:
        full: 20,000 simulations a cell in place of 4,000.
    """
    repeats, table = 5 * SIMULATIONS if full else SIMULATIONS, cells()
    measured.clear()
    with ProcessPoolExecutor(WORKERS) as pool:
        spent = 0.0
        each = pool.map(_measure, table, [repeats] * len(table), chunksize=8)
        for cell, (found, seconds) in zip(table, each, strict=True):
            measured[cell] = found
            spent += seconds
            yield _row(cell, found)
    yield {"name": f"processor time of {len(table)} cells, {repeats:,} simulations each, {WORKERS} processes",
           "value": spent, "unit": "s", "bar": f"<= {600 * WORKERS * repeats // SIMULATIONS}"}  # fmt: skip
    yield from macro_f1.rows(repeats)
    for seeds in SEEDS:
        for name, value in worst({cell: found for cell, found in measured.items() if cell.seeds == seeds}).items():
            bar = {"coverage": ">= 94", "level": "<= 6"}[name.rsplit("_", 1)[1]]
            yield {"name": f"{seeds} seeds, worst {name.replace('_', ' ')}", "value": 100 * value, "unit": "%",
                   "bar": bar if name.startswith("weights" if seeds < 3 else "again") else None}  # fmt: skip


measured: dict[Cell, dict[str, float]] = {}
"""what the last call of `suite` found"""
METHODS = {
    "weights": "these trained models, other examples",
    "again": "seeds and examples together",
    "seeds_t": "t-test over seeds alone",
    "examples_z": "examples alone, normal law",
    "satterthwaite": "Satterthwaite's degrees of freedom",
    "two_way_bootstrap": "two-way bootstrap (normal law, its exact variance)",
}


def worst(found: Mapping[Cell, Mapping[str, float]]) -> dict[str, float]:
    """Least coverage and highest level of each method over cells."""
    names = [name for name in next(iter(found.values())) if not name.endswith("half")]
    values = {name: [figures[name] for figures in found.values()] for name in names}
    return {name: (min if name.endswith("coverage") else max)(values[name]) for name in names}


def document() -> str:
    """The tables of the last call as Markdown: worst cells by method, then every number of seeds and examples."""
    lines = ["| seeds | method | least coverage | highest level |", "|---|---|---|---|"]
    for seeds in SEEDS:
        found = worst({cell: figures for cell, figures in measured.items() if cell.seeds == seeds})
        for method, title in METHODS.items():
            if f"{method}_coverage" in found:
                covered, level = found[f"{method}_coverage"], found[f"{method}_level"]
                lines.append(f"| {seeds} | {title} | {100 * covered:.1f} | {100 * level:.1f} |")
    lines += [
        "",
        "| seeds | examples | rows | " + " | ".join(f"sd {100 * sd:g}: {100 * d:g} %" for sd, d in _columns()) + " |",
        "|---|---|---|" + "---|" * len(_columns()),
    ]
    for seeds, examples, rows in product(SEEDS, EXAMPLES, ROWS):
        figures = [measured[Cell(seeds, examples, sd, differing, rows)] for sd, differing in _columns()]
        scope = "weights" if seeds < 3 else "again"
        shown = [
            f"{100 * f[f'{scope}_coverage']:.1f} / {100 * f[f'{scope}_level']:.1f} / {f[f'{scope}_half']:.1f}"
            for f in figures
        ]
        lines.append(f"| {seeds} | {examples:,} | {rows} | " + " | ".join(shown) + " |")
    return "\n".join([*lines, "", *macro_f1.table()]) + "\n"


def _columns() -> list[tuple[float, float]]:
    return list(product(SEED_SDS, DIFFERING))


def _measure(cell: Cell, repeats: int) -> tuple[dict[str, float], float]:
    """What `measure` found, and the processor time that it took."""
    started = time.process_time()
    return measure(cell, repeats=repeats, seed=0), time.process_time() - started


def _row(cell: Cell, found: Mapping[str, float]) -> dict[str, Any]:
    scope = "weights" if cell.seeds < 3 else "again"
    name = (
        f"{cell.seeds} seeds sd {100 * cell.seed_sd:g}, {cell.examples:,} {cell.rows} rows, "
        f"{100 * cell.differing:g} % differ"
    )
    figures = {key: value for key, value in found.items() if np.isfinite(value)}
    covered = 100 * found[f"{scope}_coverage"]
    return {"table": "coverage", "name": name, "value": covered, "unit": "% covered", "bar": ">= 94",
            "axes": {"seeds": cell.seeds, "examples": cell.examples, "seed_sd": cell.seed_sd,
                     "differing": cell.differing, "rows": cell.rows}, "figures": figures}  # fmt: skip
