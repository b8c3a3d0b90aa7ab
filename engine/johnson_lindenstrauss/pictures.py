"""A small shape that is projected and drawn in the plane again, and how often a projection keeps every pair.

A Gaussian matrix restricted to the span of the points is a Gaussian matrix again, so that the points may be written in
coordinates of their span: the number of columns they came from does not matter.
"""

import numpy as np
from scipy.spatial.distance import pdist

from engine.arrays import number, numbers, to_unit_scale, whole_number

CORNERS = np.array([[0.0, 1.0], [-0.866, -0.5], [0.866, -0.5]])


def triangle(per_side: int = 4) -> np.ndarray:
    """(3 per_side, 2) points on the sides of a triangle, centred."""
    count = whole_number(per_side, name="per_side", low=1)
    along = np.arange(count)[:, None] / count
    sides = [(1 - along) * CORNERS[k] + along * CORNERS[(k + 1) % 3] for k in range(3)]
    points = np.concatenate(sides)
    return np.asarray(points - points.mean(axis=0))


def fitted(images: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Images (N, n) of points of the plane, drawn in the plane: their first two coordinates, turned to fit.

    The images of a plane lie in a plane, so that nothing is lost.

    Args:
        images: (N, n) projected points.
        points: (N, 2) true places.
    """
    after = numbers(images, name="images", shape=("points", "n"), dtype=np.float64, empty=False)
    places = numbers(points, name="points", shape=(len(after), 2), dtype=np.float64)
    after, exponent = to_unit_scale(after)
    places, _ = to_unit_scale(places)
    u, s, _ = np.linalg.svd(after - after.mean(axis=0), full_matrices=False)
    plane = np.zeros((len(after), 2))
    kept = min(2, len(s))
    plane[:, :kept] = u[:, :kept] * s[:kept]
    left, _, right = np.linalg.svd(plane.T @ places)
    return np.asarray(np.ldexp(plane @ left @ right, exponent))


def squared_ratios(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Squared distances after divided by those before, a pair of points each.

    Raises:
        ValueError: if there are not as many images as points, or two points lie in one place.
    """
    first = numbers(before, name="before", shape=("points", "m"), dtype=np.float64, empty=False)
    second = numbers(after, name="after", shape=(len(first), "n"), dtype=np.float64, empty=False)
    if len(first) < 2:
        raise ValueError("before must hold at least 2 points, got 1")
    (first, power), (second, other) = to_unit_scale(first), to_unit_scale(second)
    squares = pdist(first, "sqeuclidean")
    if not squares.min() > 0:
        raise ValueError("no two points of before may lie in one place")
    return np.asarray(np.ldexp(pdist(second, "sqeuclidean") / squares, 2 * (other - power)))


def kept_share(n_samples: int, n: int, *, eps: float, draws: int, rng: np.random.Generator) -> int:
    """In how many draws every squared distance of N points in general position stays within 1 +- eps.

    The points are the corners of a regular simplex, which span N - 1 dimensions.
    """
    count = whole_number(n_samples, name="n_samples", low=2)
    n, draws = whole_number(n, name="n", low=1), whole_number(draws, name="draws", low=1)
    eps = number(eps, name="eps", low=0)
    images = rng.standard_normal((draws, count, n), dtype=np.float32) / np.sqrt(n)  # of N orthonormal vectors
    gram = images @ images.transpose(0, 2, 1)
    length = np.einsum("dii->di", gram)
    i, j = np.triu_indices(count, 1)
    ratios = (length[:, i] + length[:, j] - 2 * gram[:, i, j]) / 2
    return int((np.abs(ratios - 1) <= eps).all(axis=1).sum())
