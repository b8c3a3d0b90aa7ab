"""Mean and covariance one sentence at a time: the recursion of the post, and the one printed in the paper.

With n sentences seen, mean mu and covariance Sigma (divided by n), a new sentence x gives

    mu' = (n mu + x) / (n + 1),    Sigma' = (n (Sigma + mu mu^T) + x x^T) / (n + 1) - mu' mu'^T    (exact)

(https://kexue.fm/archives/8069). Equation 11 of the paper (arXiv 2103.15316), read with the running mean, is
Sigma' = (n Sigma + (x - mu')(x - mu')^T) / (n + 1): it leaves out that the mean has moved for the sentences before.
"""

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers

LARGEST = 1e120  # n entries of this size can be squared and summed


def streamed(embeddings: ArrayLike, *, printed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Covariances after each sentence, and the means: (n, d, d) and (n, d).

    Args:
        embeddings: (n, d) sentence vectors in the order in which they come.
        printed: the paper's equation 11 instead of the exact recursion.
    """
    vectors = numbers(embeddings, name="embeddings", shape=("n", "d"), dtype=np.float64, low=-LARGEST, high=LARGEST)
    n, d = vectors.shape
    covariances, means = np.empty((n, d, d)), np.empty((n, d))
    mean, covariance = np.zeros(d), np.zeros((d, d))
    for seen, x in enumerate(vectors):
        moved = (seen * mean + x) / (seen + 1)
        if printed:
            covariance = (seen * covariance + np.outer(x - moved, x - moved)) / (seen + 1)
        else:
            second = (seen * (covariance + np.outer(mean, mean)) + np.outer(x, x)) / (seen + 1)
            covariance = second - np.outer(moved, moved)
        mean = moved
        covariances[seen], means[seen] = covariance, mean
    return covariances, means
