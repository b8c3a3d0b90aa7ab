"""How random vectors become perpendicular: the law of the angle between two directions in n dimensions.

The angle between two independent uniform directions has the density
Gamma(n/2) / (Gamma((n-1)/2) sqrt(pi)) sin^{n-2}(theta), so cos^2 follows Beta(1/2, (n-1)/2).
For large n the angle is close to N(pi/2, 1/(n-2)).

References: Su Jianlin, kexue.fm/archives/7076 and 8679; Cai, Fan and Jiang (2013), JMLR 14, "Distributions of angles in
random packing on spheres".
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from engine.arrays import broadcast, numbers, shown, whole_number


def angle_density(theta: ArrayLike, *, n: int) -> np.ndarray:
    """Density of the angle between two random directions.

    Args:
        theta: angles in radians, in [0, pi].
        n: dimensions, 2 or more.
    """
    _check_dimensions(n)
    angles = numbers(theta, name="theta", dtype=np.float64)
    sine = np.sin(angles)
    log_constant = special.gammaln(n / 2) - special.gammaln((n - 1) / 2) - 0.5 * np.log(np.pi)
    density = np.exp(log_constant + special.xlogy(n - 2, np.clip(sine, 0.0, None)))
    return np.asarray(np.where((angles >= 0) & (angles <= np.pi), density, 0.0))


def angle_density_normal(theta: ArrayLike, *, n: int) -> np.ndarray:
    """The limit N(pi/2, 1/(n-2)) of `angle_density`, for n of 3 or more."""
    if n < 3:
        raise ValueError(f"the normal limit needs n of 3 or more, got n={n}")
    deviation = numbers(theta, name="theta", dtype=np.float64) - np.pi / 2
    return np.asarray(np.sqrt((n - 2) / (2 * np.pi)) * np.exp(-0.5 * (n - 2) * deviation**2))


def angle_quantile(probability: ArrayLike, *, n: int) -> np.ndarray:
    """Angle in radians below which the given share of random pairs lies."""
    _check_dimensions(n)
    p = numbers(probability, name="probability", dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"probability must lie in [0, 1], got {shown(probability)}")
    squared_cosine = special.betaincinv(0.5, (n - 1) / 2, np.abs(1 - 2 * p))
    return np.asarray(np.arccos(np.sign(0.5 - p) * np.sqrt(squared_cosine)))


def angle_variance(n: int) -> float:
    """Variance of the angle in square radians: psi_1(n/2) / 2, so pi^2/12 for n = 2 and about 1/(n-1) for large n.

    Integrating sin^{n-2}(theta) (theta - pi/2)^2 twice by parts gives V_n = V_{n-2} - 2 / (n-2)^2 with limit 0, hence
    V_n = sum over k of 2 / (n + 2k)^2, the trigamma function.
    """
    _check_dimensions(n)
    return float(special.polygamma(1, n / 2) / 2)


def cosine_tail(n: ArrayLike, *, threshold: ArrayLike) -> np.ndarray:
    """P(|cos| >= threshold) for two random directions in n dimensions: a regularised incomplete beta function."""
    dims, limit = numbers(n, name="n", dtype=np.float64), numbers(threshold, name="threshold", dtype=np.float64)
    if not (np.all(dims >= 2) and np.all((limit >= 0) & (limit <= 1))):
        raise ValueError(f"n must be 2 or more and threshold in [0, 1], got n={n!r}, threshold={threshold!r}")
    dims, limit = broadcast(n=dims, threshold=limit)
    return np.asarray(special.betainc((dims - 1) / 2, 0.5, 1 - limit**2))


def max_cosine(n_samples: ArrayLike, *, n: ArrayLike, probability: float = 0.5) -> np.ndarray:
    """Quantile of the largest |cos| among N random directions, with the pairs taken as independent.

    Solves (1 - P(|cos| >= c))^{N(N-1)/2} = probability, without cancellation when the pairs are many.

    Args:
        n_samples: N, number of vectors, 2 or more.
        n: dimensions, 2 or more.
        probability: quantile wanted; 0.5 is the median.
    """
    samples, dims = numbers(n_samples, name="n_samples", dtype=np.float64), numbers(n, name="n", dtype=np.float64)
    if not (np.all(samples >= 2) and np.all(dims >= 2) and 0 < probability < 1):
        raise ValueError(
            f"n_samples and n must be 2 or more and probability in (0, 1), got n_samples={n_samples!r}, n={n!r}, "
            f"probability={probability}"
        )
    samples, dims = broadcast(n_samples=samples, n=dims)
    tail = -np.expm1(np.log(probability) / (samples * (samples - 1) / 2))
    return np.asarray(np.sqrt(1 - special.betaincinv((dims - 1) / 2, 0.5, tail)))


def sample_cosines(count: int, *, n: int, rng: np.random.Generator) -> np.ndarray:
    """Cosines of `count` independent pairs of random directions in n dimensions, shape (count,).

    By symmetry the first vector may be fixed, so one normal and one chi-square number make a cosine: cheap for any n.
    """
    count = whole_number(count, name="count", low=0)
    _check_dimensions(n)
    first = rng.standard_normal(count)
    rest = rng.chisquare(n - 1, size=count)
    return np.asarray(first / np.sqrt(first**2 + rest))


def _check_dimensions(n: int) -> None:
    if whole_number(n, name="n") < 2:
        raise ValueError(f"an angle needs n of 2 dimensions or more, got n={n}")
