"""Singular values of a random matrix with independent entries: edges, density and products.

W is (m, n) with entry variance s. For large m and n its min(m, n) singular values fill the interval
sqrt(s) [|sqrt m - sqrt n|, sqrt m + sqrt n] (Bai and Yin, 1993) with the density of Marchenko and Pastur (1967). The
initialization rule only stretches this picture: the condition number (sqrt m + sqrt n) / |sqrt m - sqrt n| depends on
m/n alone. A product of L square Gaussian layers keeps the mean square singular value at 1, but its fourth moment is
L + 1 (Pennington, Schoenholz and Ganguli, 2017, arXiv 1711.04735); orthogonal layers keep all of them at 1.
"""

import math

import numpy as np

from engine.arrays import number, numbers, whole_number
from engine.initialization.rules import check_widths


def singular_value_edges(fan_in: int, fan_out: int, *, variance: float) -> tuple[float, float]:
    """Smallest and largest singular value in the limit of large matrices, sqrt(s) |sqrt m -+ sqrt n|.

    Raises:
        ValueError: if a fan is below 1 or the variance is not positive.
    """
    variance = number(variance, name="variance", above=0)
    m, n = check_widths([fan_in, fan_out])
    if not (variance > 0 and math.isfinite(variance)):
        raise ValueError(f"variance must be positive and finite, got {variance}")
    scale = math.sqrt(variance)
    return scale * abs(math.sqrt(m) - math.sqrt(n)), scale * (math.sqrt(m) + math.sqrt(n))


def condition_number(fan_in: int, fan_out: int) -> float:
    """Largest over smallest singular value, the same under every rule; infinite for square matrices."""
    low, high = singular_value_edges(fan_in, fan_out, variance=1.0)
    return high / low if low > 0 else math.inf


def singular_value_density(values: np.ndarray, *, fan_in: int, fan_out: int, variance: float) -> np.ndarray:
    """Marchenko-Pastur density of the min(m, n) singular values.

    f(v) = sqrt((b^2 - v^2)(v^2 - a^2)) / (pi s k v) on [a, b], the edges, with k = min(m, n).

    Args:
        values: any shape, singular values v >= 0.
        fan_in: m.
        fan_out: n.
        variance: s, of one entry.

    Returns:
        Density at each value, same shape; 0 outside the edges.
    """
    low, high = singular_value_edges(fan_in, fan_out, variance=variance)
    points = numbers(values, name="values", dtype=np.float64, low=0)
    squares = np.square(np.minimum(points, 2 * high))  # far outside the edges a square may overflow
    inside = (squares > low**2) & (squares < high**2)
    safe = np.where(inside, squares, (low**2 + high**2) / 2)
    root = np.sqrt((high**2 - safe) * (safe - low**2))
    return np.where(inside, root / (math.pi * variance * min(fan_in, fan_out) * np.sqrt(safe)), 0.0)


def product_spectral_moments(depth: int, *, orthogonal: bool = False) -> tuple[float, float]:
    """Mean of v^2 and of v^4 over the singular values v of a product of square layers with variance 1/n.

    Returns:
        (1, depth + 1) for Gaussian layers and (1, 1) for orthogonal ones, in the limit of large n.

    Raises:
        ValueError: if depth is below 1.
    """
    depth = whole_number(depth, name="depth", low=1)
    return 1.0, 1.0 if orthogonal else float(depth + 1)
