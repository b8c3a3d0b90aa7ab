"""What a whitening fitted from n sentences of width d can tell about these sentences: nothing where n <= d + 1.

The whitened vectors of the fitted sentences are the rows of a projection onto r = min(d, n - 1) dimensions, up to
scale. Where each has the same norm (leverage r / n, nearly so for Gaussian vectors), the cosines of its pairs have mean
-1/(n-1) and variance 1/r - 1/(n-1) around zero, up to terms of order 1/n^2. For n <= d + 1 the rank r is n - 1 and
the variance is 0: the points are a regular simplex, every pair has the same cosine, and no pair can be ranked.
"""

import math

import numpy as np

from engine.arrays import numbers, to_unit_scale, whole_number
from engine.embeddings.similarity import unit_rows


def cosine_spread(sentences: int, width: int) -> float:
    """Standard deviation of the cosines of all pairs of the fitted sentences after whitening; 0 up to width + 1.

    >>> cosine_spread(60, 64), round(cosine_spread(1000, 64), 4)
    (0.0, 0.1209)
    """
    n = whole_number(sentences, name="sentences", low=2)
    rank = min(whole_number(width, name="width", low=1), n - 1)
    return math.sqrt(max(0.0, 1 / rank - 1 / (n - 1)))


def whitened_cosines(embeddings: np.ndarray) -> np.ndarray:
    """Cosines of all pairs of the fitted sentences after whitening onto their rank, (n (n - 1) / 2,)."""
    rows, _ = to_unit_scale(numbers(embeddings, name="embeddings", shape=("sentences", "width"), empty=False))
    if len(rows) < 2:
        raise ValueError("embeddings must hold at least 2 sentences, got 1")
    centred = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    units = unit_rows(left[:, sizes > sizes[0] * max(centred.shape) * np.finfo(sizes.dtype).eps])
    return np.asarray((units @ units.T)[np.triu_indices(len(units), 1)])
