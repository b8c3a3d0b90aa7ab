"""Feature hashing: each column goes to one row with a random sign, so that a projection costs one addition a number.

n Var ||A x||^2 = 2 (1 - q) at ||x|| = 1, as with dense signs, but the tails are heavier: two large numbers that fall on
one row are added or taken from one another.

References: Weinberger et al. (2009), arXiv 0902.2206; Freksen, Kamma and Larsen (2018), arXiv 1805.08539.
"""

import numpy as np

from engine.arrays import number, numbers, whole_number


def hash_features(x: np.ndarray, *, n_components: int, rng: np.random.Generator) -> np.ndarray:
    """Project rows by feature hashing.

    Args:
        x: (N, m) rows.
        n_components: n, rows of the projection.
        rng: source of rows and signs.

    Returns:
        (N, n).
    """
    rows = numbers(x, name="x", shape=("points", "features"), dtype=np.float64)
    n = whole_number(n_components, name="n_components", low=1)
    places = rng.integers(0, n, rows.shape[1])
    signed = rows * rng.choice([-1.0, 1.0], rows.shape[1])
    result = np.zeros((n, len(rows)))
    np.add.at(result, places, signed.T)
    return np.ascontiguousarray(result.T)


def hashing_variance_factor(q: float) -> float:
    """Exact n Var(||A x||^2) for a unit vector with sum of fourth powers q."""
    q = number(q, name="q", low=0, high=1)
    return 2 * (1 - q)
