"""Scores of one set of sentence pairs under one setting after another, on the same bootstrap resamples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.embeddings.similarity import cosine_pairs, percentile_interval, resample_counts, sts_resampled, sts_scores
from engine.embeddings.whitening import WhiteningAccumulator
from jobs import cli
from jobs.whitening.sentence_vectors import Index
from jobs.whitening.sts.sets import StsData

Estimate = tuple[float, float, float, int]
AVERAGES = ("mean", "wmean", "all")
CHUNK = 16384


class Scorer:
    """Spearman of a set's test pairs with its intervals; differences are taken resample by resample."""

    def __init__(self, data: StsData, index: Index, *, resamples: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        parts = [(part, rows) for part, rows in zip(data.parts, index.rows, strict=True) if part.split == "test"]
        self.name = data.spec.name
        self.rows = {part.subset: rows for part, rows in parts}
        self.gold = {part.subset: part.gold for part, _ in parts}
        self.counts = {
            name: resample_counts(len(gold), resamples=resamples, rng=rng) for name, gold in self.gold.items()
        }
        self.sizes = {name: len(gold) for name, gold in self.gold.items()}

    def score(self, vectors: np.ndarray) -> Scores:
        """Scores of vectors (n, d) of the set's distinct sentences."""
        cosines = {name: cosine_pairs(vectors[first], vectors[second]) for name, (first, second) in self.rows.items()}
        with cli.input_errors(self.name):
            values = sts_scores(cosines, self.gold)
        resampled = sts_resampled(cosines, self.gold, self.counts)
        total = sum(self.sizes.values())
        sizes = {name: self.sizes.get(name, total) for name in values}
        if len(self.sizes) == 1:  # one subset is the set
            values = {name: values[name] for name in AVERAGES}
            resampled = {name: resampled[name] for name in AVERAGES}
        return Scores(values, resampled, sizes, float(np.mean(np.concatenate(list(cosines.values())))))


class Scores:
    """Values and resampled values of every average and subset."""

    def __init__(
        self, values: Mapping[str, float], resampled: Mapping[str, np.ndarray], sizes: Mapping[str, int], cosine: float
    ) -> None:
        self.values = values
        self.resampled = resampled
        self.sizes = sizes
        self.mean_cosine = cosine

    def spearman(self, name: str) -> Estimate:
        """Value, bounds and number of pairs."""
        return (self.values[name], *percentile_interval(self.resampled[name]), self.sizes[name])

    def gain(self, name: str, other: Scores) -> Estimate:
        """Difference to another setting: paired, so its interval is narrower than the two scores' suggest."""
        difference = self.resampled[name] - other.resampled[name]
        value = self.values[name] - other.values[name]
        return (value, *percentile_interval(difference), self.sizes[name])


def accumulate(vectors: np.ndarray, rows: np.ndarray) -> WhiteningAccumulator:
    """Statistics of the vectors at `rows`, repeated ones counted as often as they come."""
    accumulator = WhiteningAccumulator()
    for start in range(0, len(rows), CHUNK):
        accumulator.update(np.asarray(vectors[rows[start : start + CHUNK]]))
    return accumulator
