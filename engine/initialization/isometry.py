"""Singular values of products of random square layers, depth by depth: what an isometry keeps and Gaussians lose.

Layers have entry variance 1/n, so the mean of v^2 stays 1. Under Gaussian entries the mean of v^4 is L + 1 after L
layers in the limit of wide ones (`singular_values.product_spectral_moments`): a few directions grow and the rest die.
Orthogonal layers keep every v at 1 (Saxe et al., 2013; Pennington et al., 2017, arXiv 1711.04735).
"""

from collections.abc import Sequence

import numpy as np

from engine.arrays import whole_number
from engine.initialization.samplers import sample_standard


def product_spectra(
    rng: np.random.Generator, width: int, depths: Sequence[int], *, law: str = "normal", draws: int = 1
) -> np.ndarray:
    """Singular values of the product of the first L layers for each L in depths, (draws, depths, width), descending.

    Args:
        rng: source of randomness.
        width: n, of every layer.
        depths: numbers of layers L, increasing.
        law: a name in `engine.initialization.samplers.LAWS`.
        draws: independent products.

    Raises:
        ValueError: if width, draws or a depth is below 1, the depths do not increase, or the law is unknown.
    """
    n, count = whole_number(width, name="width", low=1), whole_number(draws, name="draws", low=1)
    wanted = [whole_number(depth, name="depths", low=1) for depth in depths]
    if not wanted or sorted(set(wanted)) != wanted:
        raise ValueError(f"depths must increase, got {list(depths)}")
    product, found = np.broadcast_to(np.eye(n), (count, n, n)), []
    for layer in range(1, wanted[-1] + 1):
        layers = np.stack([sample_standard(rng, n, n, law=law) for _ in range(count)]).astype(np.float64)
        product = product @ (layers / np.sqrt(n))
        if layer in wanted:
            found.append(np.linalg.svd(product, compute_uv=False))
    return np.stack(found, axis=1)
