"""CAN for all rows at once beside one row at a time, a slider's answer, and the interval of a difference.

The peer is the definition as a plain numpy loop: for each uncertain row the confident rows are stacked above it and
normalised d times. It is timed on some of the rows and scaled to all of them. Times are CPU time, all threads together.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from engine.can.alternation import correct_rows
from engine.can.correct import alternating_normalization, top_k_entropy
from engine.can.evaluation import evaluate
from engine.evidence.mean_difference import mean_difference_interval

CONFIDENT, UNCERTAIN, CLASSES = 8000, 2000, 119
LOOP = "numpy, one row at a time"


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Measure and yield one row after the other.

    Args:
        full: more repeats and more rows of the loop.
    """
    rng = np.random.default_rng(0)
    rows, reference = rng.dirichlet(np.full(CLASSES, 5.0), UNCERTAIN), rng.dirichlet(np.full(CLASSES, 0.005), CONFIDENT)
    prior = rng.dirichlet(np.full(CLASSES, 5.0))
    for iterations, bar in ((1, 1000), (2, None), (3, 20)):
        yield from _against_loop(rows, reference, prior, iterations=iterations, bar=bar, full=full)
    yield from _memory(rows, reference, prior)
    yield from _slider(rows, reference, prior, rng=rng, full=full)
    yield from _interval(rng, full=full)


def one_row_at_a_time(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, iterations: int = 1, alpha: float = 1.0
) -> np.ndarray:
    """The definition, literally."""
    corrected = np.empty_like(rows)
    for index, row in enumerate(rows):
        matrix = np.vstack([reference, row])
        for _ in range(iterations):
            if alpha != 1:
                matrix = matrix**alpha
            matrix = matrix / matrix.sum(axis=0) * prior
            matrix = matrix / matrix.sum(axis=1, keepdims=True)
        corrected[index] = matrix[-1]
    return corrected


def _against_loop(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, iterations: int, bar: int | None, full: bool
) -> Iterator[dict[str, Any]]:
    some = rows[: (200 if full else 20) // iterations]
    loop_s, expected = _best(lambda: one_row_at_a_time(some, reference, prior, iterations=iterations), 2 if full else 1)
    loop_s *= len(rows) / len(some)
    ours_s, found = _best(
        lambda: correct_rows(rows, reference, prior, iterations=iterations), 20 if iterations == 1 else 3 + 4 * full
    )
    name = f"correct {len(rows):,} rows against {len(reference):,}, {CLASSES} classes, d={iterations}"
    bar_text = f">= {bar}" if bar else None
    yield {"name": name, "value": ours_s, "unit": "s CPU", "bar": bar_text, "peer": LOOP, "ratio": loop_s / ours_s}
    worst = float(np.abs(found[: len(some)] - expected).max())
    yield {"name": f"largest difference, d={iterations}", "value": worst, "unit": "", "bar": "<= 1e-10", "peer": LOOP}


def _memory(rows: np.ndarray, reference: np.ndarray, prior: np.ndarray) -> Iterator[dict[str, Any]]:
    """Peak of the temporaries over the size of the input, at two sizes: linear if it does not grow."""
    for size in (1, 4):
        many = np.tile(reference, (size, 1))
        more = np.tile(rows, (size, 1))
        tracemalloc.start()
        correct_rows(more, many, prior, iterations=2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        ratio = peak / (many.nbytes + more.nbytes)
        name = f"peak memory over input, {len(many):,} + {len(more):,} rows, d=2"
        yield {"name": name, "value": ratio, "unit": "x", "bar": "linear", "peer": None}


def _slider(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, rng: np.random.Generator, full: bool
) -> Iterator[dict[str, Any]]:
    """What the page computes when a slider moves: uncertainty, correction, scores with intervals."""
    probs = np.vstack([reference, rows]).astype(np.float32)
    labels = np.array([rng.choice(CLASSES, p=row / row.sum()) for row in probs.astype(np.float64)])

    def answer(iterations: int) -> Any:
        unsure = top_k_entropy(probs, k=3) >= 0.9
        after = alternating_normalization(probs, prior, iterations=iterations)
        before = probs.argmax(axis=1)
        return evaluate(labels, before, after.argmax(axis=1), n_classes=CLASSES, touched=unsure)

    for iterations in (1, 3):
        seconds, gain = _best(partial(answer, iterations), 5 + 5 * full)
        name = f"a slider's answer on {len(probs):,} x {CLASSES}, {gain.corrected:,} uncertain, d={iterations}"
        bar = "< 150 ms" if iterations == 1 else None
        yield {"name": name, "value": 1000 * seconds, "unit": "ms CPU", "bar": bar, "peer": None}


def _interval(rng: np.random.Generator, *, full: bool) -> Iterator[dict[str, Any]]:
    """The score interval of an accuracy difference on 50,000 examples, beside 10,000 resamples of the rows."""
    right_a = rng.random(50_000) < 0.7
    right_b = np.where(rng.random(50_000) < 0.1, rng.random(50_000) < 0.75, right_a)
    difference, some = right_b.astype(float) - right_a, 500 if full else 100
    ours_s, _ = _best(lambda: mean_difference_interval(difference), 5)

    def resample_rows() -> Any:
        return [difference[rng.integers(0, 50_000, 50_000)].mean() for _ in range(some)]

    loop_s = _best(resample_rows, 1)[0] * 10_000 / some
    name = "score interval of a difference on 50,000 examples"
    yield {
        "name": name, "value": 1000 * ours_s, "unit": "ms CPU", "bar": "< 200 ms", "peer": "numpy, 10,000 bootstraps",
        "ratio": loop_s / ours_s,
    }  # fmt: skip


def _best(function: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least CPU time of several calls, which other work on the machine disturbs little, and the last result."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        result = function()
        times.append(time.process_time() - started)
    return min(times), result
