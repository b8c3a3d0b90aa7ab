"""Laplace's method for the entropy of a random table: where (ln phi)/2 comes from.

E e^{n cos} is the ratio of the integrals of sin^{n-2} e^{n cos} and sin^{n-2} over the angle. The first has the
exponent n (ln sin + cos), largest where cos = 1/phi, with curvature -sqrt 5; the second is sqrt(2 pi / n).

Reference: Su Jianlin, kexue.fm/archives/7695. The post drops the factor 1/sin^2 = phi, which leaves the slope alone.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers, shown, whole_number
from engine.dimension.entropy import GOLDEN, log_mean_exp

COSINE = float(1 / GOLDEN)  # 0.618034
ANGLE = math.acos(COSINE)  # 0.904557 radians, 51.8 degrees
HEIGHT = COSINE - math.log(GOLDEN) / 2  # 0.377428, as sin^2 = 1/phi there
CURVATURE = -math.sqrt(5.0)  # of the exponent at its maximum
SLOPE = HEIGHT - COSINE  # -0.240606 = -(ln phi)/2


def exponent(theta: ArrayLike) -> np.ndarray:
    """The function ln sin(theta) + cos(theta), for 0 < theta < pi."""
    angle = numbers(theta, name="theta", dtype=np.float64)
    if not np.all((angle > 0) & (angle < math.pi)):
        raise ValueError(f"theta must lie between 0 and pi, got {shown(theta)}")
    return np.asarray(np.log(np.sin(angle)) + np.cos(angle))


def parabola(theta: ArrayLike) -> np.ndarray:
    """What Laplace's method keeps of the exponent: its value and curvature at the maximum."""
    angle = numbers(theta, name="theta", dtype=np.float64)
    return np.asarray(HEIGHT + CURVATURE / 2 * (angle - ANGLE) ** 2)


def log_mean_exp_by_laplace(n: ArrayLike, *, factor: bool = True) -> np.ndarray:
    """Approximate ln E e^{n cos} = n HEIGHT - (ln 5)/4 + ln phi; without the factor phi as in the post."""
    dims = numbers(n, name="n", dtype=np.float64)
    return np.asarray(dims * HEIGHT - math.log(5) / 4 + (math.log(GOLDEN) if factor else 0.0))


def tilted_density(theta: ArrayLike, *, n: int) -> np.ndarray:
    """Density of the angle among pairs weighted by e^{n cos}: those that carry the table's mass."""
    angle = numbers(theta, name="theta", dtype=np.float64, low=0, high=math.pi)
    whole_number(n, name="n", low=2)
    log_norm = math.lgamma(n / 2) - math.lgamma((n - 1) / 2) - math.log(math.pi) / 2
    with np.errstate(divide="ignore"):
        log_plain = log_norm + (n - 2) * np.log(np.sin(angle))
    return np.asarray(np.exp(log_plain + n * np.cos(angle) - log_mean_exp(n)))
