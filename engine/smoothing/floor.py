"""Floor smoothed by a kernel, with its derivatives.

floor(x) = n on [n, n+1) is a sum of steps, so its convolution is a sum of kernel distribution functions. Poisson
summation turns the two-sided sum into a Fourier series around the line x - 1/2 (at every integer n it is n - 1/2):

    floor_w(x) = x - 1/2 + sum over k >= 1 of chf(2 pi k w) sin(2 pi k x) / (pi k)

The sum is quick for narrow kernels and the series for wide ones; Cauchy and Laplace have closed forms. `floor_window`
is the finite sum of Su (2021, https://kexue.fm/archives/8718), which stops climbing outside its window -M..N.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers
from engine.smoothing.kernels import Kernel, check_width, find_kernel

NARROW = 0.3  # widths below sum, those above use the series, for kernels with exponential tails
HEAVY_NARROW = 0.02  # the same for Student's kernel
HEAVY_TERMS = 32
SERIES_TERMS = {"gaussian": 1.45, "logistic": 2.4, "sech": 4.2, "student": 7.0, "cauchy": 6.5}  # divided by the width


def floor_window(x: ArrayLike, *, kernel: str | Kernel, width: float, low: int, high: int) -> np.ndarray:
    """The finite sum over steps -low..high: close to floor inside, stuck at -low - 1 and high outside.

    Written as sum_{n=-M}^{0} (Phi(x-n) - 1) + sum_{n=1}^{N} Phi(x-n), which does not cancel for large M.

    Args:
        x: any shape.
        kernel: name or kernel.
        width: of the kernel.
        low: M >= 0.
        high: N >= 1.

    Raises:
        ValueError: on an unknown kernel, a bad width, M below 0 or N below 1.
    """
    if low < 0 or high < 1:
        raise ValueError(f"the window -M..N needs M >= 0 and N >= 1, got M={low}, N={high}")
    shape, w = find_kernel(kernel), check_width(width)
    points = numbers(x, name="x", dtype=np.float64)
    u = (points[..., None] - np.arange(-low, high + 1)) / w
    terms = np.where(np.arange(-low, high + 1) <= 0, -shape.cdf(-u), shape.cdf(u))
    return np.asarray(terms.sum(axis=-1))


def smooth_floor(x: ArrayLike, *, kernel: str | Kernel, width: float) -> np.ndarray:
    """Floor convolved with the kernel, exact everywhere, any shape."""
    return _floor(numbers(x, name="x", dtype=np.float64), find_kernel(kernel), check_width(width), 0)


def smooth_floor_derivative(x: ArrayLike, *, kernel: str | Kernel, width: float, order: int = 1) -> np.ndarray:
    """First or second derivative of the smoothed floor: the periodic sum of kernels, or of their slopes."""
    return _floor(numbers(x, name="x", dtype=np.float64), find_kernel(kernel), check_width(width), order)


def _floor(x: np.ndarray, kernel: Kernel, w: float, order: int) -> np.ndarray:
    closed = {"cauchy": _cauchy, "laplace": _laplace}.get(kernel.name)
    if closed is not None:
        return closed(x, w, order)
    if kernel.name == "uniform":
        return _sum(x, kernel, w, order, math.ceil(w) + 1)
    if kernel.name == "student":
        if w >= HEAVY_NARROW:
            return _series(x, kernel, w, order)
        return np.asarray(_sum(x, kernel, w, order, HEAVY_TERMS) + _heavy_tail(x, kernel, w, order))
    if w >= NARROW:
        return _series(x, kernel, w, order)
    return _sum(x, kernel, w, order, math.ceil(kernel.reach * w) + 1)


def _sum(x: np.ndarray, kernel: Kernel, w: float, order: int, steps: int) -> np.ndarray:
    """Sum over the `steps` nearest steps on each side of x."""
    whole = np.floor(x)
    rest = x - whole
    result = whole.astype(np.float64) if order == 0 else np.zeros_like(rest)
    for k in range(steps):
        below, above = (rest + k) / w, (k + 1 - rest) / w  # distances to steps on either side, both >= 0
        if order == 0:
            result += kernel.tail(above) - kernel.tail(below)
        elif order == 1:
            result += (kernel.density(above) + kernel.density(below)) / w
        else:
            result += (kernel.slope(below) - kernel.slope(above)) / w**2
    return np.asarray(result)


def _heavy_tail(x: np.ndarray, kernel: Kernel, w: float, order: int) -> np.ndarray:
    """Euler-Maclaurin estimate of what the steps beyond HEAVY_TERMS add."""
    rest = x - np.floor(x)
    below, above = (rest + HEAVY_TERMS - 0.5) / w, (HEAVY_TERMS + 0.5 - rest) / w
    if order == 0:
        return w * (kernel.excess(above) - kernel.excess(below)) - (kernel.density(above) - kernel.density(below)) / (
            24 * w
        )
    if order == 1:
        return kernel.tail(above) + kernel.tail(below) + (kernel.slope(above) + kernel.slope(below)) / (24 * w**2)
    return (kernel.density(above) - kernel.density(below)) / w


def _series(x: np.ndarray, kernel: Kernel, w: float, order: int) -> np.ndarray:
    k = np.arange(1, _series_terms(kernel, w) + 1, dtype=np.float64)
    weights = kernel.transform(2 * math.pi * k * w)
    angle = 2 * math.pi * (x - np.floor(x))
    if order == 0:
        return np.asarray(x - 0.5 + _waves(angle, weights / (math.pi * k)).imag)
    if order == 1:
        return np.asarray(1 + _waves(angle, 2 * weights).real)
    return np.asarray(-_waves(angle, 4 * math.pi * k * weights).imag)


def _waves(angle: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over k >= 1 of weights_k exp(i k angle), any shape, by Horner's rule: a polynomial in exp(i angle)."""
    turn = np.cos(angle) + 1j * np.sin(angle)
    total = np.zeros_like(turn)
    for weight in weights[::-1]:
        total += weight
        total *= turn
    return np.asarray(total)


def _series_terms(kernel: Kernel, w: float) -> int:
    """Terms until the transform falls below 1e-17; capped where it decays only like a power."""
    return min(math.ceil(SERIES_TERMS.get(kernel.name, 100.0) / w) + 1, 20_000)


def _cauchy(x: np.ndarray, a: float, order: int) -> np.ndarray:
    """X - 1/2 + atan2(r sin, 1 - r cos) / pi with r = exp(-2 pi a), and its derivatives."""
    r, angle = math.exp(-2 * math.pi * a), 2 * math.pi * (x - np.floor(x))
    sine, cosine = np.sin(angle), np.cos(angle)
    if order == 0:
        return np.asarray(x - 0.5 + np.arctan2(r * sine, 1 - r * cosine) / math.pi)
    # Poisson's kernel: 1 + 2 sum r^k cos(k angle) = (1 - r^2) / (1 - 2 r cos + r^2), written without cancellation
    spread = math.expm1(-2 * math.pi * a) ** 2 + 4 * r * np.sin(angle / 2) ** 2
    poisson = -math.expm1(-4 * math.pi * a) / spread
    return np.asarray(poisson if order == 1 else -poisson * 4 * math.pi * r * sine / spread)


def _laplace(x: np.ndarray, b: float, order: int) -> np.ndarray:
    """Two geometric series: the steps below and above x."""
    whole = np.floor(x)
    below, above = np.exp(-(x - whole) / b), np.exp(-(whole + 1 - x) / b)
    scale = -2 * math.expm1(-1 / b)
    if order == 0:
        return np.asarray(whole + (above - below) / scale)
    return np.asarray((above + below) / (b * scale) if order == 1 else (above - below) / (b * b * scale))
