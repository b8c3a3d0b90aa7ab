"""Known activations and smooth maxima as members of the two families, convolution and gate.

SoftPlus, SquarePlus and SAU are convolutions; GELU, Swish and ACON are gates; SMU smooths |x| by x erf(mu x), again a
gate. Sources: SquarePlus, Barron, 2021, arXiv 2112.11687; SAU, Biswas et al., 2021, arXiv 2109.13210; SMU, arXiv
2111.04682; ACON, Ma et al., 2020, arXiv 2009.04759; GELU, Hendrycks and Gimpel, 2016, arXiv 1606.08415.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, expit, logsumexp, softmax

from engine.arrays import numbers
from engine.smoothing.convolution import smooth
from engine.smoothing.kernels import check_width


def softplus(x: ArrayLike, *, sharpness: float = 1.0) -> np.ndarray:
    """ln(1 + e^(tx)) / t without overflow: the logistic smoothing of ReLU."""
    return smooth("relu", kernel="logistic", width=1 / check_width(sharpness))(x)


def squareplus(x: ArrayLike, *, b: float = 1.0) -> np.ndarray:
    """(x + sqrt(x^2 + b)) / 2: Student's smoothing of ReLU. At least SoftPlus everywhere iff b >= 4 ln(2)^2."""
    return smooth("relu", kernel="student", width=math.sqrt(check_width(b)))(x)


def gaussian_leaky_relu(x: ArrayLike, *, slope: float = 0.15, width: float = 1.0) -> np.ndarray:
    """Leaky ReLU under the Gaussian kernel (SAU), with the factor 1 - slope on its bump.

    (1+a)x/2 + (1-a)(x/2) erf(x/(s sqrt 2)) + (1-a) s phi(x/s). Published code drops the last (1-a), which adds
    a s phi(x/s): 0.0598 at x = 0 for a = 0.15, s = 1.
    """
    return smooth("leaky_relu", kernel="gaussian", width=width, slope=slope)(x)


def gelu_tanh(x: ArrayLike) -> np.ndarray:
    """GELU's tanh form, off by at most 4.7323e-4."""
    points = numbers(x, name="x", dtype=np.float64)
    near = np.clip(points, -100, 100)  # beyond, the tangent is 1 to the last digit, and the cube would overflow
    return np.asarray(0.5 * points * (1 + np.tanh(math.sqrt(2 / math.pi) * (near + 0.044715 * near**3))))


def gelu_sigmoid(x: ArrayLike, *, sharpness: float = 1.702) -> np.ndarray:
    """GELU as x sigma(1.702 x), off by at most 2.0335e-2."""
    points = numbers(x, name="x", dtype=np.float64)
    return np.asarray(points * expit(sharpness * points))


def smu(x: ArrayLike, *, slope: float = 0.25, mu: float = 1.0) -> np.ndarray:
    """((1+a)x + (1-a) x erf(mu(1-a)x)) / 2: max(x, ax) with |.| as a gate."""
    points = numbers(x, name="x", dtype=np.float64)
    return np.asarray(((1 + slope) * points + (1 - slope) * points * erf(mu * (1 - slope) * points)) / 2)


def smu_root(x: ArrayLike, *, slope: float = 0.25, mu: float = 1.0) -> np.ndarray:
    """SMU-1, ((1+a)x + sqrt(((1-a)x)^2 + mu^2)) / 2: Student's smoothing of max(x, ax)."""
    points = numbers(x, name="x", dtype=np.float64)
    return np.asarray(((1 + slope) * points + np.hypot((1 - slope) * points, mu)) / 2)


def acon(x: ArrayLike, *, p1: float = 1.0, p2: float = 0.0, beta: float = 1.0) -> np.ndarray:
    """(p1-p2) x sigma(beta (p1-p2) x) + p2 x: max(p1 x, p2 x) as a softmax-weighted mean; Swish for p1=1, p2=0."""
    points = numbers(x, name="x", dtype=np.float64)
    return np.asarray((p1 - p2) * points * expit(beta * (p1 - p2) * points) + p2 * points)


def smooth_max(x: ArrayLike, *, sharpness: float, axis: int = -1) -> np.ndarray:
    """ln(sum e^(t x_i)) / t, between max and max + ln(n)/t; x of any shape, reduced along one axis."""
    t = check_width(sharpness)
    points = numbers(x, name="x", dtype=np.float64, empty=False)
    return np.asarray(logsumexp(t * points, axis=axis) / t)


def weighted_max(x: ArrayLike, *, sharpness: float, axis: int = -1) -> np.ndarray:
    """Softmax-weighted mean sum x e^(tx) / sum e^(tx), at most max; the n-ary form of ACON."""
    points = numbers(x, name="x", dtype=np.float64, empty=False, low=-1e300, high=1e300)
    return np.asarray((softmax(check_width(sharpness) * points, axis=axis) * points).sum(axis=axis))
