"""Numerical convolution of any function with a kernel, independent of the closed forms it is compared with.

g(x) = integral of f(x - w u) p(u) du over Gauss-Legendre panels in u: narrow around 0, growing geometrically into the
tails, and cut additionally wherever f itself has a break. Derivatives fall on the kernel: g' has p'(u)/w.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers
from engine.smoothing.kernels import Kernel, check_width, find_kernel

NODES = 12


@cache
def _panel_edges(kernel_name: str, reach: float) -> np.ndarray:
    if kernel_name == "uniform":
        return np.linspace(-1.0, 1.0, 17)
    far = min(reach, 1e15)
    near = np.arange(0.0, 10.1, 0.5)
    beyond = np.geomspace(10.0, far, max(2, int(np.log2(far / 10) * 0.75) + 2))[1:] if far > 10 else np.array([])
    half = np.concatenate([near[near <= far], beyond])
    return np.concatenate([-half[:0:-1], half])


def convolve(
    f: Callable[[np.ndarray], np.ndarray],
    x: ArrayLike,
    *,
    kernel: str | Kernel,
    width: float,
    order: int = 0,
    breaks: Sequence[float] = (),
) -> np.ndarray:
    """Convolution of f with a kernel, or its first or second derivative, by quadrature.

    Args:
        f: takes and returns float arrays of the same shape.
        x: any shape.
        kernel: name or kernel.
        width: of the kernel.
        order: 0, 1 or 2 for g, g' or g''.
        breaks: places where f jumps or has a kink; they make the result accurate to about 1e-12 there too.

    Raises:
        ValueError: if f does not return finite numbers of its argument's shape, or the order is another one.
    """
    shape, w = find_kernel(kernel), check_width(width)
    if order not in (0, 1, 2):
        raise ValueError(f"order must be 0, 1 or 2, got {order}")
    points = numbers(x, name="x", dtype=np.float64).ravel()
    if order and shape.name == "uniform":
        result = _uniform_derivative(f, points, w, order)
    elif order == 2 and shape.name == "laplace":
        smooth = _integrate(f, points, shape, w, 0, breaks)
        result = (smooth - _call(f, points)) / w**2
    else:
        result = _integrate(f, points, shape, w, order, breaks)
    return result.reshape(np.shape(x))


def _integrate(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, kernel: Kernel, w: float, order: int, breaks: Sequence[float]
) -> np.ndarray:
    edges = np.broadcast_to(
        _panel_edges(kernel.name, kernel.reach), (len(x), len(_panel_edges(kernel.name, kernel.reach)))
    )
    if len(breaks):
        own = np.clip((x[:, None] - np.asarray(breaks, dtype=np.float64)) / w, edges[:, :1], edges[:, -1:])
        edges = np.sort(np.concatenate([edges, own], axis=1), axis=1)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges, axis=1)[..., None] / 2  # (points, panels, 1)
    u = edges[:, :-1, None] + half * (nodes + 1)  # (points, panels, nodes)
    values = _call(f, x[:, None, None] - w * u)
    return np.asarray((values * _weight(kernel, u, order) * half * weights).sum(axis=(1, 2)) / w**order)


def _weight(kernel: Kernel, u: np.ndarray, order: int) -> np.ndarray:
    size = np.abs(u)
    if order == 0:
        return kernel.density(size)
    if order == 1:
        return np.asarray(np.sign(u) * kernel.slope(size))
    return _density_curvature(kernel, size)


def _density_curvature(kernel: Kernel, u: np.ndarray) -> np.ndarray:
    """p''(u) of the kernels that are smooth at 0."""
    p = kernel.density(u)
    if kernel.name == "gaussian":
        return np.asarray(p * (u * u - 1))
    if kernel.name == "logistic":
        return np.asarray(p * (1 - 6 * p))
    if kernel.name == "sech":
        return np.asarray(p * (2 * np.tanh(u) ** 2 - 1))
    root = np.hypot(1, u)
    if kernel.name == "student":
        return np.asarray(p * 3 * (5 * (u / root) ** 2 - 1) / root**2)
    return np.asarray(p * 2 * (4 * (u / root) ** 2 - 1) / root**2)


def _uniform_derivative(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, w: float, order: int) -> np.ndarray:
    if order == 1:
        return np.asarray((_call(f, x + w) - _call(f, x - w)) / (2 * w))
    step = 1e-5 * w
    slopes = [(_call(f, x + side * w + step) - _call(f, x + side * w - step)) / (2 * step) for side in (1, -1)]
    return np.asarray((slopes[0] - slopes[1]) / (2 * w))


def _call(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    values = np.asarray(f(x), dtype=np.float64)
    if values.shape != x.shape:
        raise ValueError(f"f must return an array of its argument's shape {x.shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("f must return finite numbers, got NaN or infinity")
    return values
