"""BERT-whitening: the affine map that turns sentence vectors into vectors of mean zero and covariance one.

With the mean mu and the covariance Sigma = U Lambda U^T of N sentence vectors x (rows), the whitened vector is

    (x - beta mu) U Lambda^(-gamma / 2),    Sigma = sum (x - beta mu)^T (x - beta mu) / (N - 1),

and keeping the first k columns of the kernel U Lambda^(-gamma / 2) reduces the dimension. `beta = gamma = 1` is the
method of Su et al. (2021, https://arxiv.org/abs/2103.15316, https://kexue.fm/archives/8069); the two knobs are of
https://kexue.fm/archives/9079. With `beta = gamma = 0` and all d columns no cosine changes.

The statistics are sums, so `WhiteningAccumulator` takes them chunk by chunk in memory that does not depend on N, and
merges those of several workers. Sums are float64 and taken around the mean of the first chunk, which keeps the digits
that a large common component would cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from threading import Lock

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.arrays import check_finite, number, numbers, whole_number

BLOCK_ROWS = 2048
"""Rows multiplied at a time: large enough for BLAS; beyond, the error of float32 products passes 1e-6 (256 columns)."""

STRIP_ROWS = 128
"""Rows centred at a time: they stay in the cache."""

SINGLE_FROM = 256
"""Width from which float32 vectors are multiplied in float32 (half the time, a relative error near 1e-8)."""

Sums = tuple[np.ndarray, np.ndarray, bool]
_ONE_CALLER = Lock()


@dataclass(frozen=True, slots=True)
class Whitening:
    """A fitted whitening: `transform(x) = (x - beta mean) kernel`.

    Columns of the kernel are ordered by decreasing eigenvalue. Their signs, and rotations inside equal eigenvalues,
    are arbitrary; cosines of transformed vectors are not.
    """

    mean: np.ndarray  # (d,)
    kernel: np.ndarray  # (d, k)
    eigenvalues: np.ndarray  # (d,) of the second moment around beta mean, decreasing
    rank: int  # eigenvalues that are above rounding
    beta: float = 1.0

    def transform(self, embeddings: np.ndarray) -> np.ndarray:
        """Whiten and reduce sentence vectors, in their own float type: (n, d) -> (n, k).

        Raises:
            ValueError: if the width of the vectors is not that of the fitted ones.
        """
        vectors = _matrix(embeddings)
        if vectors.shape[1] != len(self.mean):
            raise ValueError(f"the whitening was fitted on vectors of width {len(self.mean)}, got {vectors.shape}")
        check_finite(vectors, name="embeddings")
        kind = vectors.dtype
        return np.asarray((vectors - (self.beta * self.mean).astype(kind)) @ self.kernel.astype(kind))

    def reduced(self, n_components: int, *, gamma: float = 0.0) -> Whitening:
        """The leading columns of the kernel, divided once more by their eigenvalue to the power of gamma / 2.

        From a rotation (fitted with gamma 0) it makes the whitening of any gamma without fitting again.

        Raises:
            ValueError: if there are not so many columns, or gamma is positive and the rank is lower.
        """
        gamma = number(gamma, name="gamma", low=0)
        n_components = whole_number(n_components, name="n_components", low=1, high=self.kernel.shape[1])
        if gamma > 0 and n_components > self.rank:
            raise ValueError(
                f"n_components={n_components} wanted, but the fitted covariance has rank {self.rank}: "
                f"use at most {self.rank}, or gamma 0"
            )
        with np.errstate(over="ignore"):
            powers = self.eigenvalues[:n_components] ** (-gamma / 2)
        if not np.isfinite(powers).all():
            raise ValueError(f"gamma={gamma:g} divides by numbers that vanish beside the others: use a smaller one")
        return replace(self, kernel=self.kernel[:, :n_components] * powers)

    @property
    def effective_rank(self) -> float:
        """Exponential of the entropy of the spectrum: see `effective_rank`."""
        return effective_rank(self.eigenvalues)


def fit_whitening(
    embeddings: np.ndarray, *, n_components: int | None = None, beta: float = 1.0, gamma: float = 1.0
) -> Whitening:
    """Fit the whitening of sentence embeddings.

    >>> x = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]) + 5.0
    >>> np.round(np.cov(fit_whitening(x).transform(x), rowvar=False), 12)
    array([[1., 0.],
           [0., 1.]])

    Args:
        embeddings: (n, d) floats, one sentence a row, n > d.
        n_components: k, leading directions kept; None keeps all d.
        beta: share of the mean that is subtracted.
        gamma: power of the spectrum that is divided out; 0 only rotates, and then k may exceed the rank.

    Raises:
        ValueError: if embeddings is not 2-D and finite, or k exceeds the rank of the covariance.
    """
    accumulator = WhiteningAccumulator()
    accumulator.update(embeddings)
    return accumulator.finish(n_components=n_components, beta=beta, gamma=gamma)


class WhiteningAccumulator:
    """Mean and covariance of sentence vectors that arrive in chunks.

    The order and the size of the chunks do not matter but for rounding: with float64 vectors, or up to 255 columns,
    about 1e-14 relative; with wider float32 vectors, which are multiplied in float32 block by block, about 1e-8. That
    error times the ratio of the largest to the smallest eigenvalue is how far the whitened covariance may be from the
    identity: pass float64 vectors where the ratio exceeds a few hundred and all directions matter.
    """

    def __init__(self) -> None:
        self.count = 0
        self._shift = np.zeros(0)  # (d,) mean of the first block; zero-length before the first vector
        self._total = np.zeros(0)  # (d,) sum of x - shift
        self._scatter = np.zeros((0, 0))  # (d, d) sum of (x - shift)^T (x - shift)
        self._single = False  # whether float32 products went into the scatter

    def update(self, embeddings: np.ndarray) -> None:
        """Add the vectors of a chunk (n, d).

        Raises:
            ValueError: if the chunk is not 2-D and finite, or its width differs from that of the chunks before. The
                accumulator is then as it was.
        """
        vectors = _matrix(embeddings)
        if len(vectors) == 0:
            return
        if self.count and vectors.shape[1] != len(self._shift):
            raise ValueError(f"expected vectors of width {len(self._shift)} as before, got {vectors.shape}")
        shift = self._shift if self.count else _shift(vectors)
        total, scatter, single = _sums(vectors, shift)
        if not self.count:
            self._shift, self._total, self._scatter = shift, np.zeros_like(shift), np.zeros_like(scatter)
        self._total += total
        self._scatter += scatter
        self._single |= single
        self.count += len(vectors)

    def merge(self, other: WhiteningAccumulator) -> None:
        """Add the vectors another accumulator has seen; the other one stays as it is.

        Raises:
            ValueError: if the widths differ.
        """
        if other.count == 0:
            return
        if self.count == 0:
            self._shift, self._total, self._scatter = other._shift, other._total.copy(), other._scatter.copy()
            self.count, self._single = other.count, other._single
            return
        if len(other._shift) != len(self._shift):
            raise ValueError(f"cannot merge vectors of width {len(other._shift)} into vectors of {len(self._shift)}")
        offset = other._shift - self._shift
        cross = np.outer(other._total, offset)
        self._scatter += other._scatter + cross + cross.T + other.count * np.outer(offset, offset)
        self._total += other._total + other.count * offset
        self.count += other.count
        self._single |= other._single

    @property
    def mean(self) -> np.ndarray:
        """(d,) mean of the vectors so far."""
        self._require(1)
        return self._shift + self._total / self.count

    def second_moment(self, *, beta: float = 1.0) -> np.ndarray:
        """(d, d) sum of (x - beta mean)^T (x - beta mean), divided by N - 1; with beta 1 the sample covariance."""
        beta = number(beta, name="beta", low=-1e6, high=1e6)
        self._require(2)
        scatter = self._scatter - np.outer(self._total, self._total) / self.count
        if beta != 1.0:
            mean = self.mean
            scatter = scatter + self.count * (1.0 - beta) ** 2 * np.outer(mean, mean)
        return (scatter + scatter.T) / (2.0 * (self.count - 1))

    def finish(self, *, n_components: int | None = None, beta: float = 1.0, gamma: float = 1.0) -> Whitening:
        """Fit the whitening of the vectors so far; more may be added afterwards. Arguments as of `fit_whitening`."""
        beta, gamma = number(beta, name="beta"), number(gamma, name="gamma", low=0)
        self._require(2)
        width = len(self._shift)
        wanted = width
        if n_components is not None:
            wanted = whole_number(n_components, name="n_components", low=1, high=width)
        eigenvalues, directions = np.linalg.eigh(self.second_moment(beta=beta))  # ascending
        eigenvalues, directions = eigenvalues[::-1].clip(min=0.0), directions[:, ::-1]
        rank = self._rank(eigenvalues, beta)
        if wanted > rank and gamma > 0:
            raise ValueError(self._too_many(wanted, rank, asked=n_components is not None))
        return Whitening(self.mean, directions, eigenvalues, rank, beta).reduced(wanted, gamma=gamma)

    def state(self) -> dict[str, np.ndarray]:
        """The sums as arrays, to be stored or sent; `from_state` takes them back."""
        flags = np.array([self.count, int(self._single)])
        return {"count": flags, "shift": self._shift, "total": self._total, "scatter": self._scatter}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> WhiteningAccumulator:
        """The accumulator whose `state` was taken."""
        restored = cls()
        missing = {"count", "shift", "total", "scatter"} - set(state)
        if missing:
            raise ValueError(f"the state of a whitening has count, shift, total and scatter; {min(missing)} is missing")
        flags = numbers(state["count"], name="count", shape=(2,), low=0)
        shift = numbers(state["shift"], name="shift", shape=("d",), dtype=np.float64)
        total = numbers(state["total"], name="total", shape=shift.shape, dtype=np.float64)
        scatter = numbers(state["scatter"], name="scatter", shape=(len(shift), len(shift)), dtype=np.float64)
        restored.count, restored._single = int(flags[0]), bool(flags[1])
        restored._shift, restored._total, restored._scatter = shift.copy(), total.copy(), scatter.copy()
        return restored

    def _require(self, vectors: int) -> None:
        if self.count < vectors:
            raise ValueError(f"at least {vectors} sentence vectors are needed, got {self.count}")

    def _rank(self, eigenvalues: np.ndarray, beta: float) -> int:
        width = len(eigenvalues)
        tolerance = eigenvalues[0] * width * np.finfo(np.float64).eps
        scale = float(np.abs(self.mean).max()) * np.finfo(np.float64).eps
        if self._single:
            tolerance = max(tolerance, eigenvalues.mean() * np.sqrt(width) * np.finfo(np.float32).eps)
        above = int((eigenvalues > max(tolerance, scale**2)).sum())
        return min(above, self.count - 1 if beta == 1.0 else self.count)

    def _too_many(self, wanted: int, rank: int, *, asked: bool) -> str:
        what = f"n_components={wanted}" if asked else f"all {wanted} components"
        if rank == 0:
            return f"{what} wanted, but the {self.count} sentence vectors are all equal: there is nothing to whiten"
        vectors = f"{self.count} sentence vectors of width {len(self._shift)}"
        return f"{what} wanted, but the covariance of {vectors} has rank {rank}: use n_components of at most {rank}"


def effective_rank(eigenvalues: np.ndarray) -> float:
    """Exponential of the entropy of the normalised spectrum (Roy & Vetterli, 2007): d for a flat one, 1 for a line.

    Args:
        eigenvalues: (d,) not negative, at least one positive.
    """
    spectrum = numbers(eigenvalues, name="eigenvalues", shape=("d",), dtype=np.float64, low=0)
    largest = spectrum.max(initial=0.0)
    if not largest > 0:
        raise ValueError("the effective rank needs a positive eigenvalue, got none")
    shares = spectrum / largest
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _matrix(embeddings: np.ndarray) -> np.ndarray:
    array = numbers(embeddings, name="embeddings", shape=("n", "d"), finite=False)
    if array.shape[1] == 0:
        raise ValueError(f"embeddings must have shape (n, d) with d > 0, got {array.shape}")
    return array


def _shift(vectors: np.ndarray) -> np.ndarray:
    """(d,) mean of the first rows in float64, rounded to what the vectors' own type can subtract."""
    mean: np.ndarray = vectors[:BLOCK_ROWS].mean(axis=0, dtype=np.float64)
    return mean.astype(vectors.dtype).astype(np.float64)


def _sums(vectors: np.ndarray, shift: np.ndarray) -> Sums:
    """Sum (d,) and scatter (d, d) of vectors - shift in float64, and whether float32 products went in.

    Each thread that BLAS has takes a share of the rows: products of their own win more than one split over threads.
    """
    blas = _blas()
    threads = max((library.num_threads for library in blas.lib_controllers), default=1)
    rows = -(-len(vectors) // (threads * BLOCK_ROWS)) * BLOCK_ROWS
    shares = [vectors[start : start + rows] for start in range(0, len(vectors), rows)]
    if len(shares) == 1:
        return _share_sums(vectors, shift)
    with _ONE_CALLER, blas.limit(limits=1), ThreadPoolExecutor(threads) as pool:
        firsts = range(0, len(vectors), rows)
        totals, scatters, singles = zip(*pool.map(_share_sums, shares, repeat(shift), firsts), strict=True)
    return sum(totals[1:], totals[0]), sum(scatters[1:], scatters[0]), any(singles)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _share_sums(vectors: np.ndarray, shift: np.ndarray, first: int = 0) -> Sums:
    """`_sums` of a share whose first row has the number `first`."""
    width = vectors.shape[1]
    single = vectors.dtype == np.float32 and width >= SINGLE_FROM and _is_single(shift)
    kind = np.float32 if single else np.float64
    shifts = np.tile(shift.astype(kind), (STRIP_ROWS, 1))  # whole strips: one loop over equal shapes
    ones: np.ndarray = np.ones(STRIP_ROWS, kind)
    total, scatter = np.zeros(width), np.zeros((width, width))
    centred = np.empty((min(BLOCK_ROWS, len(vectors)), width), kind)
    product = np.empty((width, width), kind)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        rows = centred[: len(block)]
        with np.errstate(over="ignore", invalid="ignore"):
            for strip in range(0, len(block), STRIP_ROWS):
                part = slice(strip, strip + STRIP_ROWS)
                np.subtract(block[part], shifts[: len(block) - strip], out=rows[part])
                total += ones[: len(block) - strip] @ rows[part]
            np.matmul(rows.T, rows, out=product)
        if not np.isfinite(product.diagonal()).all():
            return _unusual(vectors, shift, first, single=single)
        scatter += product
    return total, scatter, single


def _is_single(shift: np.ndarray) -> bool:
    """Whether float32 holds the shift exactly: it comes from float64 vectors where it does not."""
    with np.errstate(over="ignore"):
        return bool((shift.astype(np.float32) == shift).all())


def _unusual(vectors: np.ndarray, shift: np.ndarray, first: int, *, single: bool) -> Sums:
    """The sums where float32 overflowed; the error where the vectors are not finite."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise ValueError(f"embeddings must be finite, row {first + bad[0]} is not")
    if not single:
        raise ValueError(f"embeddings are too large to square (largest {np.abs(vectors).max():.3g})")
    total, scatter, _ = _share_sums(vectors.astype(np.float64), shift.astype(np.float64), first)
    return total, scatter, False
