"""How well cosines of sentence pairs follow people's scores: Spearman's rank correlation and its averages.

Identical sentences must tie at cosine 1, but floating noise would order them by chance (0.02 points on one set), so
cosines are rounded to 8 decimals before ranking, and ties get their average rank. A set of several subsets has three
scores in the literature, which differ by up to 20 points and are never to be compared with each other: `mean` and
`wmean` of the subsets' correlations (plain, and weighted by size), and `all`, one correlation over all pairs.

Intervals come from a bootstrap over pairs in which the ranks are taken anew in every resample; the resamples are given
as counts, so that several settings are compared on the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.arrays import check_finite, lengths, number, numbers, rescaled, unit, whole, whole_number

COSINE_DECIMALS = 8


def cosine_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosines of row pairs in float64: (n, d), (n, d) -> (n,); 0 where a row is zero and has no direction."""
    first, second = _pair(first, second)
    sizes = lengths(first), lengths(second)
    usual = np.logical_and(*((size > 2.0**-400) & (size < 2.0**400) for size in sizes))
    if usual.all():
        products: np.ndarray = np.einsum("nd,nd->n", first, second, dtype=np.float64)
        return np.asarray(products / (sizes[0] * sizes[1]))
    first, second = unit(first.astype(np.float64)), unit(second.astype(np.float64))
    return np.asarray(np.einsum("nd,nd->n", first, second))


def cosines_by_components(first: np.ndarray, second: np.ndarray, components: Sequence[int]) -> np.ndarray:
    """Cosines of row pairs of which only the first k columns count, for several k in one pass.

    Args:
        first: (n, d).
        second: (n, d).
        components: values of k, each in 1..d.

    Returns:
        (n, len(components)) float64.
    """
    first, second = _pair(first, second)
    last = whole(components, name="components", shape=("k",), empty=False) - 1
    if last.min() < 0 or last.max() >= first.shape[1]:
        raise ValueError(f"components must lie in 1..{first.shape[1]}, got {list(components)}")
    a, b = rescaled(first)[0], rescaled(second)[0]
    products, squares_a, squares_b = (np.cumsum(table, axis=1)[:, last] for table in (a * b, a * a, b * b))
    sizes = np.sqrt(squares_a) * np.sqrt(squares_b)
    return np.asarray(np.divide(products, sizes, out=np.zeros_like(products), where=sizes > 0))


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their lengths, in their own float type: (n, d) -> (n, d); a row of zeros stays."""
    return unit(numbers(vectors, name="vectors", shape=("n", "d")))


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks 1..n of the values, equal ones getting their average rank: (n,) -> (n,)."""
    values = numbers(values, name="values", shape=("n",))
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def spearman(scores: np.ndarray, gold: np.ndarray) -> float:
    """Spearman's rank correlation with average ranks for ties.

    Args:
        scores: (n,) predicted, such as rounded cosines.
        gold: (n,) given by people.

    Raises:
        ValueError: if the lengths differ, fewer than two pairs came, a value is NaN, or one side is constant.
    """
    scores = numbers(scores, name="scores", shape=("n",), finite=False)
    gold = numbers(gold, name="gold scores", shape=("n",), finite=False)
    if scores.shape != gold.shape or len(scores) < 2:
        raise ValueError(f"expected two vectors of one length of at least 2, got {scores.shape} and {gold.shape}")
    for name, values in (("scores", scores), ("gold scores", gold)):
        if np.isnan(values).any():
            raise ValueError(f"{name} must not be NaN, {int(np.isnan(values).sum())} of {len(values)} are")
        check_finite(values, name=name)
        if values.min() == values.max():
            raise ValueError(f"{name} are all equal ({values[0]:g}): they give no ranking to correlate with")
    return float(np.corrcoef(average_ranks(scores), average_ranks(gold))[0, 1])


def sts_scores(cosines: Mapping[str, np.ndarray], gold: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Spearman of every subset and their `mean`, `wmean` and `all`.

    Args:
        cosines: subset -> (n,) cosines; rounded here.
        gold: subset -> (n,) gold scores.

    Returns:
        The three averages under their names and every subset under its own. With one subset all agree.
    """
    rounded = {name: _rounded(values) for name, values in cosines.items()}
    subsets = {name: spearman(values, gold[name]) for name, values in rounded.items()}
    pooled = spearman(*(np.concatenate([side[name] for name in subsets]) for side in (rounded, gold)))
    return _averages({name: np.asarray(value) for name, value in subsets.items()}, gold, np.asarray(pooled))


def resample_counts(size: int, *, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `size` pairs is drawn in each bootstrap resample: (resamples, size) uint8."""
    resamples, size = whole_number(resamples, name="resamples", low=1), whole_number(size, name="size", low=1)
    counts = np.empty((resamples, size), np.uint8)
    for row in counts:
        row[:] = np.bincount(rng.integers(size, size=size), minlength=size)
    return counts


def sts_resampled(
    cosines: Mapping[str, np.ndarray], gold: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The scores of `sts_scores` in every resample, drawn within subsets: name -> (resamples,).

    A resample in which one side is constant has NaN.
    """
    rounded = {name: _rounded(values) for name, values in cosines.items()}
    subsets = {name: spearman_resampled(values, gold[name], counts[name]) for name, values in rounded.items()}
    if len(subsets) == 1:
        return _averages(subsets, gold, next(iter(subsets.values())))
    joined = (np.concatenate([side[name] for name in subsets], axis=-1) for side in (rounded, gold, counts))
    return _averages(subsets, gold, spearman_resampled(*joined))


def spearman_resampled(scores: np.ndarray, gold: np.ndarray, counts: np.ndarray, *, block: int = 32) -> np.ndarray:
    """Spearman's correlation in bootstrap resamples, ranks taken anew in each, without sorting anew.

    Args:
        scores: (n,) predicted.
        gold: (n,) given by people.
        counts: (resamples, n) how often each pair is drawn.
        block: resamples computed at a time; bounds the memory.

    Returns:
        (resamples,) correlations; NaN where one side is constant.
    """
    scores = numbers(scores, name="scores", shape=("n",), empty=False)
    gold = numbers(gold, name="gold", shape=(len(scores),))
    counts = whole(counts, name="counts", shape=("resamples", len(scores)), low=0)
    result = np.empty(len(counts))
    order, score_groups = _groups(scores)
    _, gold_groups = _groups(gold[order])
    gold_order = np.argsort(gold[order], kind="stable")
    for start in range(0, len(counts), block):
        weights = counts[start : start + block, order].astype(np.float32)  # in the order of the scores
        ranks = _weighted_ranks(weights, score_groups)
        gold_ranks = np.empty_like(ranks)
        gold_ranks[:, gold_order] = _weighted_ranks(weights[:, gold_order], gold_groups)
        result[start : start + block] = _weighted_correlation(ranks, gold_ranks, weights)
    return result


def percentile_interval(values: np.ndarray, *, confidence: float = 0.95) -> tuple[float, float]:
    """Middle `confidence` of resampled values, NaN left out: the percentile bootstrap interval."""
    values = numbers(values, name="values", shape=("n",), finite=False)
    values = values[~np.isnan(values)]
    if not len(values):
        raise ValueError("values must hold at least one number that is not NaN")
    check_finite(values, name="values")
    tail = 50.0 * (1.0 - number(confidence, name="confidence", above=0, high=1))
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def rank_gaps(cosines: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """How far each pair's place by cosine is from its place by gold score, in -1..1: (n,).

    Positive: the cosine calls the pair more similar than people do.
    """
    cosines = numbers(cosines, name="cosines", shape=("n",), empty=False)
    gold = numbers(gold, name="gold", shape=(len(cosines),))
    return np.asarray((average_ranks(_rounded(cosines)) - average_ranks(gold)) / len(gold))


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = numbers(first, name="first", shape=("n", "d"))
    second = numbers(second, name="second", shape=("n", "d"))
    if first.shape != second.shape:
        raise ValueError(f"expected two matrices of one shape (n, d), got {first.shape} and {second.shape}")
    return first, second


def _rounded(cosines: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(numbers(cosines, name="cosines", finite=False), COSINE_DECIMALS))


def _averages(subsets: dict[str, np.ndarray], gold: Mapping[str, np.ndarray], pooled: np.ndarray) -> dict[str, Any]:
    values = np.stack(list(subsets.values()))  # (subsets, ...)
    sizes = np.array([len(gold[name]) for name in subsets], float)
    averages = {"mean": values.mean(axis=0), "wmean": np.tensordot(sizes / sizes.sum(), values, axes=1), "all": pooled}
    named = averages | subsets
    return {name: float(value) if value.ndim == 0 else value for name, value in named.items()}


def _groups(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending order of the values and, in that order, the first index of every group of equal ones."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    return order, np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))


def _weighted_ranks(weights: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Average ranks, less the overall mean rank, of values in ascending order drawn `weights` times: (b, n)."""
    without_ties = len(starts) == weights.shape[1]
    sums = weights if without_ties else np.add.reduceat(weights, starts, axis=1)
    ranks = np.cumsum(sums, axis=1, dtype=np.float64) - sums / 2 - weights.sum(axis=1, keepdims=True) / 2
    lengths = np.diff(np.append(starts, weights.shape[1]))
    return np.asarray(ranks if without_ties else np.repeat(ranks, lengths, axis=1))


def _weighted_correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Correlations (b,) of ranks that are centred already."""
    covariance = np.einsum("bn,bn,bn->b", weights, first, second)
    norms = np.einsum("bn,bn,bn->b", weights, first, first) * np.einsum("bn,bn,bn->b", weights, second, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(norms > 0, covariance / np.sqrt(norms), np.nan)
