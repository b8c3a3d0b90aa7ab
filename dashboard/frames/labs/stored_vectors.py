"""Sentence vectors that an evaluation kept: pairs of test sentences, and the statistics a whitening is fitted from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from engine.embeddings.pooling import POOLINGS
from engine.embeddings.similarity import (
    cosine_pairs,
    cosines_by_components,
    percentile_interval,
    resample_counts,
    sts_resampled,
    sts_scores,
)
from engine.embeddings.whitening import Whitening, WhiteningAccumulator

STATE = ("count", "shift", "total", "scatter")
RESAMPLES = 200
EMBEDDINGS, PAIRS = "embeddings", "pairs"


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Vectors of kept pairs under one pooling."""

    first: np.ndarray  # (m, d)
    second: np.ndarray  # (m, d)
    pairs: pl.DataFrame  # subset, sentence1, sentence2, gold
    statistics: dict[str, WhiteningAccumulator]

    @property
    def gold(self) -> np.ndarray:
        """(m,) gold scores."""
        return self.pairs["gold"].to_numpy()

    @property
    def width(self) -> int:
        """Of the vectors."""
        return int(self.first.shape[1])

    def sentences(self) -> tuple[list[str], np.ndarray]:
        """The distinct sentences and their vectors."""
        texts = [*self.pairs["sentence1"], *self.pairs["sentence2"]]
        rows = {text: row for row, text in reversed(list(enumerate(texts)))}
        return list(rows), np.concatenate([self.first, self.second])[list(rows.values())]


def available(artifacts: pl.DataFrame) -> dict[str, list[str]]:
    """Data set -> poolings of which a run kept vectors, from its artifacts."""
    found: dict[str, list[str]] = {}
    names = artifacts.filter(kind=PAIRS)["name"].to_list() if artifacts.height else []
    for dataset in (name.removeprefix("pairs-").removesuffix(".parquet") for name in names):
        prefix = f"{EMBEDDINGS}-{dataset}-"
        kept = [name for name in artifacts.filter(kind=EMBEDDINGS)["name"] if name.startswith(prefix)]
        if kept:
            poolings = [name.removeprefix(prefix).removesuffix(".npz") for name in kept]
            found[dataset] = sorted(poolings, key=lambda name: (*POOLINGS, name).index(name))
    return found


def load(artifacts: pl.DataFrame, dataset: str, pooling: str) -> StoredVectors:
    """Read the vectors of one set and pooling.

    Raises:
        OSError: if a file is gone.
    """
    files = dict(artifacts.select("name", "file").iter_rows())
    pairs = pl.read_parquet(Path(files[f"pairs-{dataset}.parquet"]))
    with np.load(files[f"{EMBEDDINGS}-{dataset}-{pooling}.npz"], allow_pickle=False) as arrays:
        kinds = dict.fromkeys(name.partition("/")[0] for name in arrays.files if "/" in name)
        states = {kind: {name: arrays[f"{kind}/{name}"] for name in STATE} for kind in kinds}
        first, second = arrays["first"], arrays["second"]
    statistics = {kind: WhiteningAccumulator.from_state(state) for kind, state in states.items()}
    return StoredVectors(first, second, pairs, statistics)


def by_subset(pairs: pl.DataFrame, values: np.ndarray) -> dict[str, np.ndarray]:
    """Values of the pairs, subset by subset."""
    names = pairs["subset"].unique(maintain_order=True).to_list()
    if len(names) == 1:
        return {names[0]: values}
    return {name: values[(pairs["subset"] == name).to_numpy()] for name in names}


def counts(pairs: pl.DataFrame) -> dict[str, np.ndarray]:
    """Bootstrap resamples of the pairs, the same ones every time."""
    sizes = {name: len(values) for name, values in by_subset(pairs, np.zeros(pairs.height)).items()}
    return dict(zip(sizes, _draws(tuple(sizes.values())), strict=True))


@lru_cache(maxsize=8)
def _draws(sizes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Resamples of subsets of these sizes: drawing them takes as long as scoring them."""
    rng = np.random.default_rng(0)
    return tuple(resample_counts(size, resamples=RESAMPLES, rng=rng) for size in sizes)


def score(pairs: pl.DataFrame, cosines: np.ndarray) -> tuple[float, float, float]:
    """Spearman of the kept pairs (mean over subsets by size) with its bootstrap interval.

    NaN where a subset's cosines are all equal, as those of one component whose sign never changes.
    """
    found, gold = by_subset(pairs, cosines), by_subset(pairs, pairs["gold"].to_numpy())
    if any(np.ptp(np.round(values, 8)) == 0 for values in found.values()):
        return (np.nan, np.nan, np.nan)
    value = sts_scores(found, gold)["wmean"]
    return (value, *percentile_interval(sts_resampled(found, gold, counts(pairs))["wmean"]))


def component_grid(rank: int) -> list[int]:
    """Numbers of components for a curve: powers of two, up to the rank."""
    return sorted({2**power for power in range(12) if 2**power < rank} | {rank})


def curve(stored: StoredVectors, whitening: Whitening) -> pl.DataFrame:
    """Spearman against the number of components kept: k, value, low, high."""
    ks = component_grid(whitening.kernel.shape[1])
    first, second = (whitening.transform(side) for side in (stored.first, stored.second))
    cosines = cosines_by_components(first, second, ks)
    rows = [(k, *score(stored.pairs, cosines[:, column])) for column, k in enumerate(ks)]
    return pl.DataFrame(rows, schema=["k", "value", "low", "high"], orient="row")


def cosines(stored: StoredVectors, whitening: Whitening | None) -> np.ndarray:
    """(m,) cosines of the kept pairs, as they are or whitened."""
    if whitening is None:
        return cosine_pairs(stored.first, stored.second)
    return cosine_pairs(whitening.transform(stored.first), whitening.transform(stored.second))
