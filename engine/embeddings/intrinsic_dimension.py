"""Intrinsic dimension of vectors from the distances to their two nearest neighbours (TwoNN, Facco et al., 2017).

Where points are locally uniform in D dimensions, the ratio mu of the second to the first distance has the density
D mu^(-D-1), so D = n / sum ln mu; with n ratios D n / D_hat is Gamma(n), which gives the interval.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from engine.arrays import numbers, to_unit_scale


class Dimension(NamedTuple):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float
    points: int


def two_nearest_dimension(embeddings: ArrayLike) -> Dimension:
    """Intrinsic dimension of distinct vectors (n, d), n at least 3.

    The interval takes the ratios for independent; on few points of many dimensions the estimate is too small, because
    two neighbours are then far away.
    """
    given = numbers(embeddings, name="embeddings", shape=("n", "d"), dtype=np.float64, empty=False)
    scaled = to_unit_scale(given)[0] + 0.0  # no -0, which has other bytes than 0
    vectors = scaled[[*{row.tobytes(): place for place, row in enumerate(scaled)}.values()]]
    n = len(vectors)
    if n < 3:
        raise ValueError(f"at least 3 distinct vectors are needed, got {n}")
    centred = vectors - vectors.mean(axis=0)
    norms = np.square(centred).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms - 2 * centred @ centred.T, 0)
    np.fill_diagonal(squares, np.inf)
    places, nearest = np.arange(n), squares.argmin(axis=1)
    first = squares[places, nearest]
    squares[places, nearest] = np.inf
    second = squares.min(axis=1)
    logs = 0.5 * np.log(second[first > 0] / first[first > 0])
    total, m = float(logs.sum()), len(logs)
    if not total > 0:
        raise ValueError("all vectors have their two neighbours at one distance, so the ratio tells no dimension")
    low, high = (float(bound) / total for bound in gammaincinv(m, [0.025, 0.975]))
    return Dimension(m / total, low, high, m)
