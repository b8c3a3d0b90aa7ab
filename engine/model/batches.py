"""Which rows go into which batch, decided from lengths and a random generator alone.

Rows of similar length are put together, because a padded cell costs as much as a real one. An epoch is a fresh
permutation, cut into pools of many batches; each pool is sorted by length and cut under a token budget; the batches are
shuffled. The order is still random, yet most batches hold rows of one or two lengths. Rows that belong to one example
(the choices of a question) form a unit that is never split. A plan depends on (seed, epoch) only, so a training that
is resumed in the middle of an epoch needs two integers to go on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import whole, whole_number

POOL_BATCHES = 64


@dataclass(frozen=True, slots=True)
class Units:
    """Indivisible groups of adjacent rows."""

    first: np.ndarray  # (units,) index of the first row
    rows: np.ndarray  # (units,) number of rows
    longest: np.ndarray  # (units,) tokens of the longest row

    def __len__(self) -> int:
        """Number of units."""
        return len(self.first)

    def expand(self, units: np.ndarray) -> np.ndarray:
        """Row indices of `units`, unit after unit."""
        units = whole(units, name="units", shape=("n",), low=0, high=len(self) - 1)
        counts = self.rows[units]
        starts = np.repeat(self.first[units] - (np.cumsum(counts) - counts), counts)
        return starts + np.arange(counts.sum())


def make_units(lengths: np.ndarray, example: np.ndarray, *, grouped: bool) -> Units:
    """Units of rows with `lengths` (rows,): one per row, or one per run of equal `example` (rows,) if grouped."""
    lengths = whole(lengths, name="lengths", shape=("rows",), low=0)
    if len(lengths) == 0:
        raise ValueError("expected at least one row, got none")
    example = whole(example, name="example", shape=(len(lengths),))
    if not grouped:
        return Units(np.arange(len(lengths)), np.ones(len(lengths), dtype=np.int64), lengths)
    first = np.flatnonzero(np.r_[True, example[1:] != example[:-1]])
    if len(first) != len(np.unique(example)):
        raise ValueError("rows of one example must be adjacent")
    return Units(first, np.diff(np.r_[first, len(example)]), np.maximum.reduceat(lengths, first))


def length_batches(
    units: Units, *, tokens_per_batch: int, rng: np.random.Generator, pool: int = POOL_BATCHES
) -> list[np.ndarray]:
    """Batches of units of similar length: rows x longest row stays within `tokens_per_batch` wherever one unit fits."""
    tokens_per_batch = whole_number(tokens_per_batch, name="tokens_per_batch", low=1)
    pool = whole_number(pool, name="pool", low=1)
    order = rng.permutation(len(units))
    costs = units.rows * units.longest
    pools = np.cumsum(costs[order]) // max(1, pool * tokens_per_batch)
    batches: list[np.ndarray] = []
    for members in np.split(order, np.flatnonzero(np.diff(pools)) + 1):
        by_length = members[np.argsort(units.longest[members], kind="stable")]
        batches.extend(_cut(by_length, units, tokens_per_batch))
    return [batches[position] for position in rng.permutation(len(batches))]


def random_batches(n_units: int, *, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of `batch_size` units in a fresh random order; the last one may be short and is kept."""
    n_units = whole_number(n_units, name="n_units", low=0)
    batch_size = whole_number(batch_size, name="batch_size", low=1)
    order = rng.permutation(n_units)
    return [order[start : start + batch_size] for start in range(0, n_units, batch_size)]


def sorted_batches(units: Units, *, tokens_per_batch: int) -> list[np.ndarray]:
    """Batches for evaluation: all units by falling length, so that the largest batch comes first."""
    tokens_per_batch = whole_number(tokens_per_batch, name="tokens_per_batch", low=1)
    return _cut(np.argsort(-units.longest, kind="stable"), units, tokens_per_batch)


def _cut(order: np.ndarray, units: Units, tokens_per_batch: int) -> list[np.ndarray]:
    """Cut `order` wherever the next unit would take rows x longest row over the budget."""
    batches: list[np.ndarray] = []
    rows, lengths = units.rows[order].tolist(), units.longest[order].tolist()
    start = total = longest = 0
    for position, (row_count, length) in enumerate(zip(rows, lengths, strict=True)):
        total, longest = total + row_count, max(longest, length)
        if total * longest > tokens_per_batch and position > start:
            batches.append(order[start:position])
            start, total, longest = position, row_count, length
    batches.append(order[start:])
    return batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """The batches of every epoch.

    With `tokens_per_batch` units of similar length are grouped under that budget; without it batches are
    `batch_size` units drawn at random.
    """

    units: Units
    seed: int
    batch_size: int = 32
    tokens_per_batch: int | None = None

    def epoch(self, number: int) -> list[np.ndarray]:
        """Batches of epoch `number` (from 0), each an array of unit indices."""
        rng = np.random.default_rng((self.seed, number))
        if self.tokens_per_batch is None:
            return random_batches(len(self.units), batch_size=self.batch_size, rng=rng)
        return length_batches(self.units, tokens_per_batch=self.tokens_per_batch, rng=rng)


def real_share(units: Units, batches: Sequence[np.ndarray], lengths: np.ndarray) -> float:
    """Share of real tokens among rows x longest row, summed over `batches`; `lengths` (rows,) are those of the rows."""
    lengths = whole(lengths, name="lengths", shape=(int(units.rows.sum()),), low=1)
    real = padded = 0
    for batch in batches:
        chosen = lengths[units.expand(whole(batch, name="batch", shape=("n",), empty=False))]
        real, padded = real + int(chosen.sum()), padded + len(chosen) * int(chosen.max())
    if not padded:
        raise ValueError("batches must hold at least one row, got none")
    return real / padded
