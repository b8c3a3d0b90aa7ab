"""Random weight matrices of a given entry variance, in numpy (`engine.initialization.modules` has the torch ones).

Four laws with mean 0 and variance s: normal, uniform on +-sqrt(3 s), normal cut off at two standard deviations and
semi-orthogonal (Saxe, McClelland and Ganguli, 2013, arXiv 1312.6120). Cutting shrinks the variance of a normal by
gamma = 0.7737413..., so the width passed to it is larger by 1/sqrt(gamma) = 1.1368472...; torch's `trunc_normal_`
leaves this correction to its caller.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from engine.initialization.rules import check_widths
from engine.names import look_up

TRUNCATION = 2.0
TRUNCATED_VARIANCE = 1 - 2 * TRUNCATION * math.exp(-(TRUNCATION**2) / 2) / math.sqrt(2 * math.pi) / math.erf(
    TRUNCATION / math.sqrt(2)
)
"""gamma: variance of a standard normal given that it lies within two standard deviations of 0"""


def sample_standard(rng: np.random.Generator, fan_in: int, fan_out: int, *, law: str = "normal") -> np.ndarray:
    """A (fan_in, fan_out) float32 matrix whose entries have mean 0 and variance 1; rules only rescale it.

    Args:
        rng: source of randomness.
        fan_in: m.
        fan_out: n.
        law: a name in `LAWS`.

    Raises:
        ValueError: if a fan is below 1 or the law is unknown.
    """
    m, n = check_widths([fan_in, fan_out])
    return look_up(LAWS, law, what="law")(rng, m, n)


def _normal(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    return rng.standard_normal((m, n), dtype=np.float32)


def _uniform(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    return (rng.random((m, n), dtype=np.float32) * 2 - 1) * np.float32(math.sqrt(3))


def _truncated(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    low = ndtr(-TRUNCATION)
    cut = ndtri(low + (1 - 2 * low) * rng.random((m, n)))
    return np.asarray((cut / math.sqrt(TRUNCATED_VARIANCE)).astype(np.float32))


def _orthogonal(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Haar-distributed orthonormal rows or columns, times sqrt(max(m, n)): entry variance 1."""
    tall, wide = max(m, n), min(m, n)
    q, r = np.linalg.qr(rng.standard_normal((tall, wide)))
    q *= np.sign(np.diag(r)) * math.sqrt(tall)  # the signs make the law uniform
    return np.ascontiguousarray(q if m >= n else q.T, dtype=np.float32)


LAWS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "normal": _normal,
    "uniform": _uniform,
    "truncated": _truncated,
    "orthogonal": _orthogonal,
}
"""Samplers of unit-variance matrices by name."""
