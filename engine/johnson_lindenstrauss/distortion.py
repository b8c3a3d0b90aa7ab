"""How far a map stretched and squeezed the distances of a data set: all pairs, without the N x N matrix.

For every pair the ratio ||y_i - y_j||^2 / ||x_i - x_j||^2 is formed tile by tile from matrix products. Subtracting
nearly equal numbers there would lose digits, so close pairs are computed again from their differences in float64. Pairs
of equal rows have no ratio and are counted apart.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import check_finite, numbers, read, whole_number

TILE = 1024
REDO_TILE_ABOVE = 0.05  # share of close pairs from which a whole tile is redone in float64


@dataclass(frozen=True, slots=True)
class Distortion:
    """Ratios of squared distances over all pairs; 1 is perfect."""

    n_pairs: int  # pairs with a ratio
    n_equal: int  # pairs of equal rows of x, left out
    minimum: float
    maximum: float
    mean: float
    sd: float
    edges: np.ndarray  # (bins + 1,)
    counts: np.ndarray  # (bins,)
    outside: int  # pairs beyond the edges
    worst: np.ndarray  # (w, 2) rows i < j, the largest |ratio - 1| first
    worst_ratios: np.ndarray  # (w,)

    @property
    def largest(self) -> float:
        """Largest |ratio - 1|: the eps that this projection achieved."""
        return max(self.maximum - 1, 1 - self.minimum)


def distortion(
    x: np.ndarray, y: np.ndarray, *, edges: np.ndarray | None = None, n_worst: int = 10, tile: int = TILE
) -> Distortion:
    """Compare all pairwise squared distances of x with those of y.

    Args:
        x: (N, m) original rows; memory maps are read tile by tile.
        y: (N, n) the same rows after the map.
        edges: equally spaced edges of the histogram of ratios; None means 200 bins over [0, 2].
        n_worst: how many of the worst pairs are kept.
        tile: rows of a tile; a tile takes about 30 tile^2 bytes.

    Raises:
        ValueError: for fewer than 2 rows, different lengths, or NaN.
    """
    x, y = (_floats(rows, name) for rows, name in ((x, "x"), (y, "y")))
    tile = whole_number(tile, name="tile", low=1)
    if edges is not None:
        edges = numbers(edges, name="edges", shape=("bins + 1",), dtype=np.float64)
        if len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise ValueError(f"edges must be two increasing numbers or more, got {len(edges)}: {edges[:4].tolist()}")
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"x and y must have shapes (N, m) and (N, n) with one N, got {x.shape} and {y.shape}")
    if len(x) < 2:
        raise ValueError(f"distances need 2 rows or more, got {len(x)}")
    tally = _Tally(np.linspace(0, 2, 201) if edges is None else np.asarray(edges, dtype=np.float64), n_worst)
    before, after = _Rows.prepare(x, tile), _Rows.prepare(y, tile)
    if abs(before.exponent - after.exponent) > 200:
        raise ValueError(
            f"x and y differ in scale by about 2^{after.exponent - before.exponent}: bring them to one scale"
        )
    for i in range(0, len(x), tile):
        a, b = before.load(i), after.load(i)
        for j in range(i, len(x), tile):
            upper = np.triu(np.ones((len(a), len(a)), dtype=bool), 1) if i == j else None
            old = _squared(a, a if i == j else before.load(j))
            new = _squared(b, b if i == j else after.load(j)).astype(old.dtype, copy=False)
            keep = old > 0 if upper is None else upper & (old > 0)
            pairs = old.size if upper is None else int(upper.sum())
            np.divide(new, old, out=new, where=keep)
            if before.exponent != after.exponent:
                new = np.ldexp(new, 2 * (after.exponent - before.exponent))
            tally.add(new, None if keep.all() else keep, i, j, pairs)
    return tally.result()


def _floats(rows: np.ndarray, name: str) -> np.ndarray:
    """The rows as they are where they hold floats, so that a memory map stays one; checked tile by tile later."""
    if isinstance(rows, np.ndarray) and rows.dtype in (np.float32, np.float64):
        return rows
    return numbers(rows, name=name, dtype=np.float64, finite=False)


@dataclass(frozen=True, slots=True)
class _Rows:
    """One array, read and centred tile by tile."""

    data: np.ndarray
    mean: np.ndarray
    tile: int
    exponent: int  # rows are divided by two to this power where squares of them would overflow or vanish, else 0

    @staticmethod
    def prepare(data: np.ndarray, tile: int) -> "_Rows":
        total, largest = np.zeros(data.shape[1]), 0.0
        for start in range(0, len(data), tile):
            block = read(data[start : start + tile], name="x")
            check_finite(block, first_row=start)
            total += block.mean(axis=0, dtype=np.float64) * (len(block) / len(data))
            largest = max(largest, float(np.abs(block).max(initial=0.0)))
        exponent = math.frexp(largest)[1]
        usual = 40 if data.dtype == np.float32 else 400
        return _Rows(data, total, tile, 0 if abs(exponent) < usual else exponent)

    def load(self, start: int) -> np.ndarray:
        rows = np.asarray(self.data[start : start + self.tile])
        centred = np.asarray(rows - self.mean.astype(rows.dtype))
        return np.ldexp(centred, -self.exponent) if self.exponent else centred


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(r, m), (c, m) -> (r, c) squared distances, to a relative accuracy of about 1e-5 (float32) or 1e-8 (float64)."""
    a2, b2 = np.einsum("ij,ij->i", a, a)[:, None], np.einsum("ij,ij->i", b, b)
    result = a @ b.T
    result *= -2
    result += a2
    result += b2
    single = result.dtype == np.float32
    close = result < (1e-2 if single else 1e-7) * (a2 + b2)
    if single and close.mean() > REDO_TILE_ABOVE:
        return _squared(a.astype(np.float64), b.astype(np.float64))
    rows, columns = np.nonzero(close)
    for start in range(0, len(rows), 4096):
        r, c = rows[start : start + 4096], columns[start : start + 4096]
        result[r, c] = ((a[r].astype(np.float64) - b[c]) ** 2).sum(axis=1)
    return np.asarray(result)


class _Tally:
    """Running minimum, maximum, moments about 1, histogram and worst pairs."""

    def __init__(self, edges: np.ndarray, n_worst: int) -> None:
        self.edges, self.n_worst = edges, n_worst
        self.counts = np.zeros(len(edges) - 1, dtype=np.int64)
        self.n = self.n_equal = self.outside = 0
        self.sum = self.sum_squares = 0.0
        self.low, self.high = np.inf, -np.inf
        self.worst: list[tuple[float, int, int, float]] = []

    def add(self, ratios: np.ndarray, keep: np.ndarray | None, i: int, j: int, pairs: int) -> None:
        values = ratios.ravel() if keep is None else ratios[keep]
        self.n_equal += pairs - len(values)
        if not len(values):
            return
        self.n += len(values)
        deviations = values - 1
        self.sum += float(deviations.sum(dtype=np.float64))
        self.sum_squares += float(np.dot(deviations, deviations))
        low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._histogram(values)
        if len(self.worst) < self.n_worst or (self.worst and max(high - 1, 1 - low) > self.worst[-1][0]):
            self._remember(deviations, keep, ratios.shape, i, j)

    def _histogram(self, values: np.ndarray) -> None:
        bins = len(self.counts)
        scaled = values - values.dtype.type(self.edges[0])
        scaled *= bins / (self.edges[-1] - self.edges[0])
        np.clip(scaled, -1, bins, out=scaled)
        scaled += 1  # below the edges: 0, inside: 1 to bins, above: bins + 1
        found = np.bincount(scaled.astype(np.intp), minlength=bins + 2)
        self.counts += found[1 : bins + 1]
        self.outside += int(found[0] + found[bins + 1 :].sum())

    def _remember(
        self, deviations: np.ndarray, keep: np.ndarray | None, shape: tuple[int, ...], i: int, j: int
    ) -> None:
        sizes = np.abs(deviations)
        count = min(self.n_worst, len(sizes))
        top = np.argpartition(sizes, len(sizes) - count)[len(sizes) - count :]
        flat = top if keep is None else np.flatnonzero(keep)[top]
        for size, place, deviation in zip(sizes[top], flat, deviations[top], strict=True):
            row, column = divmod(int(place), shape[1])
            self.worst.append((float(size), i + row, j + column, float(deviation) + 1))
        self.worst = sorted(self.worst, reverse=True)[: self.n_worst]

    def result(self) -> Distortion:
        if self.n == 0:
            raise ValueError(f"all {self.n_equal} pairs of rows are equal: there is no distance to compare")
        mean = self.sum / self.n
        return Distortion(
            n_pairs=self.n,
            n_equal=self.n_equal,
            minimum=self.low,
            maximum=self.high,
            mean=1 + mean,
            sd=float(np.sqrt(max(self.sum_squares / self.n - mean**2, 0.0))),
            edges=self.edges,
            counts=self.counts,
            outside=self.outside,
            worst=np.array([(row, column) for _, row, column, _ in self.worst], dtype=np.int64).reshape(-1, 2),
            worst_ratios=np.array([ratio for *_, ratio in self.worst]),
        )
