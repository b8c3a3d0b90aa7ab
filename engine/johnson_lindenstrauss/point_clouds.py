"""Point clouds on which projections behave differently, and the principal components they compete with."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import linalg

from engine.arrays import SQUARABLE, numbers, whole_number

Cloud = Literal["gaussian", "one_hot", "decaying", "clustered"]
CLOUDS: tuple[Cloud, ...] = get_args(Cloud)


def cloud(kind: Cloud, n_samples: int, n_features: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw (N, m) points.

    Args:
        kind: "gaussian" is isotropic; "one_hot" are N different unit vectors (distances all sqrt 2, the sparsest
            differences there are); "decaying" has standard deviations 1/j along random directions; "clustered" are ten
            tight Gaussian clusters.
        n_samples: N, 2 or more; at most m for one_hot.
        n_features: m.
        rng: source of the points.
    """
    n_samples = whole_number(n_samples, name="n_samples", low=2)
    n_features = whole_number(n_features, name="n_features", low=1)
    if kind == "gaussian":
        return rng.standard_normal((n_samples, n_features))
    if kind == "one_hot":
        if n_samples > n_features:
            raise ValueError(f"there are only {n_features} different one-hot vectors of {n_features} columns")
        points = np.zeros((n_samples, n_features))
        points[np.arange(n_samples), rng.permutation(n_features)[:n_samples]] = 1
        return points
    if kind == "decaying":
        directions, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
        spread = 1 / np.arange(1, n_features + 1)
        return np.asarray((rng.standard_normal((n_samples, n_features)) * spread) @ directions.T)
    if kind == "clustered":
        centers = rng.standard_normal((10, n_features))
        return np.asarray(centers[rng.integers(0, 10, n_samples)] + 0.1 * rng.standard_normal((n_samples, n_features)))
    raise ValueError(f"kind must be one of {', '.join(CLOUDS)}, got {kind!r}")


@dataclass(frozen=True, slots=True)
class PrincipalComponents:
    """Orthogonal projection on the directions of largest variance."""

    mean: np.ndarray  # (m,)
    directions: np.ndarray  # (m, n), signs arbitrary
    explained: float  # share of the variance that is kept

    def transform(self, x: np.ndarray, *, rescaled: bool = False) -> np.ndarray:
        """(N, m) -> (N, n); rescaled divides by sqrt(explained), so that squared distances are right on average."""
        x = numbers(x, name="x", shape=("N", len(self.mean)))
        projected = (x - self.mean) @ self.directions
        return np.asarray(projected / np.sqrt(self.explained) if rescaled else projected)


def fit_principal_components(x: np.ndarray, *, n_components: int) -> PrincipalComponents:
    """Principal components of rows.

    Args:
        x: (N, m) floats.
        n_components: n, at most the smaller side of x.

    Raises:
        ValueError: if n is too large, x has NaN, or all rows are equal.
    """
    x = numbers(x, name="x", shape=("N", "m"), low=-SQUARABLE, high=SQUARABLE)
    if not 1 <= n_components <= min(x.shape):
        raise ValueError(f"n_components must be between 1 and {min(x.shape)} for {x.shape}, got {n_components}")
    n_components = whole_number(n_components, name="n_components", low=1)
    mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
    _, values, right = linalg.svd(x - mean, full_matrices=False, check_finite=False)
    if values[0] == 0:
        raise ValueError("all rows of x are equal: there is no variance to keep")
    shares = (values / values[0]).astype(np.float64) ** 2
    return PrincipalComponents(mean, right[:n_components].T, float(shares[:n_components].sum() / shares.sum()))
