"""Smooth approximations by Dirac kernels: g(x) = integral of f(y) p((x - y)/w)/w dy, in closed form.

For piecewise-linear f every kernel leads to its step Phi and its ramp R (the smoothed ReLU): a jump J at k becomes
J Phi((x-k)/w), a change of slope S becomes S w R((x-k)/w). Hence g'' of the smoothed ReLU *is* the kernel, and every
convex smoothing of ReLU with the right limits comes from one: SoftPlus from the logistic, SquarePlus from Student's.
GELU and Swish do not: they are x Phi, a product with a smoothed step (`gate`), and lie below ReLU instead of above it
(Su, 2021, https://kexue.fm/archives/8718).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import SQUARABLE, broadcast, numbers
from engine.smoothing.floor import smooth_floor, smooth_floor_derivative
from engine.smoothing.kernels import Kernel, check_width, find_kernel
from engine.smoothing.piecewise_linear import PiecewiseLinear, Staircase, from_knots, named
from engine.smoothing.quadrature import convolve


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A smoothed function: call it, or ask for its derivatives. Keeps the float dtype, computes in float64."""

    f: Callable[[Any], np.ndarray]
    kernel: Kernel
    width: float
    closed: bool
    """whether the values come from a closed form (otherwise from quadrature)"""

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """g(x), any shape."""
        return _like(x, self._evaluate(numbers(x, name="x", dtype=np.float64), 0))

    def derivative(self, x: ArrayLike) -> np.ndarray:
        """g'(x), any shape."""
        return _like(x, self._evaluate(numbers(x, name="x", dtype=np.float64), 1))

    def second_derivative(self, x: ArrayLike) -> np.ndarray:
        """g''(x), any shape. For a jump under the uniform kernel the two Dirac spikes of g'' are left out."""
        return _like(x, self._evaluate(numbers(x, name="x", dtype=np.float64), 2))

    def _evaluate(self, x: np.ndarray, order: int) -> np.ndarray:
        if isinstance(self.f, PiecewiseLinear):
            return _piecewise(self.f, self.kernel, self.width, x, order)
        if isinstance(self.f, Staircase):
            return _staircase(self.f, self.kernel, self.width, x, order)
        return convolve(self.f, x, kernel=self.kernel, width=self.width, order=order)


def smooth(
    f: str | PiecewiseLinear | Staircase | Sequence[Sequence[float]] | Callable[[np.ndarray], np.ndarray],
    *,
    kernel: str | Kernel,
    width: float,
    **parameters: float,
) -> Smoothed:
    """Convolve a function with a kernel.

    Args:
        f: a name (relu, leaky_relu, abs, sign, step, clip, hard_tanh, relu6, round, floor, ceil, sawtooth, indicator,
            max), a list of knots (x, y) or (x, left, right), a `PiecewiseLinear`, or any callable on arrays (then by
            quadrature).
        kernel: gaussian, logistic, sech, student, laplace, uniform or cauchy.
        width: a scale: of the Gaussian s, of logistic and sech 1/t, of Student sqrt(b), of Laplace b, of Cauchy a, of
            the uniform its half-width.
        parameters: of a named function: slope, low, high, level.

    Raises:
        ValueError: on an unknown name, a bad width, knots that do not increase, an f that is no function, or an f that
            grows faster than the kernel can carry (Cauchy has no first moment).

    Example:
        >>> float(smooth("relu", kernel="logistic", width=1.0)(0.0))
        0.6931471805599453
    """
    shape, scale = find_kernel(kernel), check_width(width)
    function = _function(f, parameters)
    if isinstance(function, PiecewiseLinear):
        _check_growth(function, shape)
    closed = isinstance(function, PiecewiseLinear | Staircase)
    if not closed and not shape.has_first_moment:
        _check_callable_growth(function, shape)
    return Smoothed(function, shape, scale, closed)


@dataclass(frozen=True, slots=True)
class Gate:
    """x Phi(x/w): GELU for the Gaussian, Swish (SiLU) for the logistic kernel. No convolution of ReLU."""

    kernel: Kernel
    width: float

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """X Phi(x/w), any shape."""
        points = numbers(x, name="x", dtype=np.float64)
        return _like(x, points * self.kernel.cdf(points / self.width))

    def derivative(self, x: ArrayLike) -> np.ndarray:
        """Phi(u) + u p(u), u = x/w."""
        u = numbers(x, name="x", dtype=np.float64, low=-SQUARABLE, high=SQUARABLE) / self.width
        return _like(x, self.kernel.cdf(u) + u * self.kernel.density(np.abs(u)))

    def second_derivative(self, x: ArrayLike) -> np.ndarray:
        """(2 p(u) + u p'(u)) / w: negative somewhere, which no convolution of ReLU can be."""
        u = numbers(x, name="x", dtype=np.float64, low=-SQUARABLE, high=SQUARABLE) / self.width
        size = np.abs(u)
        return _like(x, (2 * self.kernel.density(size) + size * self.kernel.slope(size)) / self.width)

    def gap(self, x: ArrayLike) -> np.ndarray:
        """What the true convolution of ReLU has above the gate: w (T(|u|) + |u| Q(|u|)); s phi(x/s) for the Gaussian.

        Raises:
            ValueError: for Cauchy, where the convolution does not exist.
        """
        if not self.kernel.has_first_moment:
            raise ValueError("the cauchy kernel has no first moment: there is no convolution of relu to compare with")
        u = np.abs(numbers(x, name="x", dtype=np.float64, low=-SQUARABLE, high=SQUARABLE)) / self.width
        return _like(x, self.width * (self.kernel.excess(u) + np.minimum(u, 1e300) * self.kernel.tail(u)))


def gate(*, kernel: str | Kernel, width: float) -> Gate:
    """The gate family x Phi(x/w); works for every kernel, Cauchy too.

    Raises:
        ValueError: on an unknown kernel or a bad width.
    """
    return Gate(find_kernel(kernel), check_width(width))


@dataclass(frozen=True, slots=True)
class SmoothMaximum:
    """max(u, v) = v + ReLU(u - v) with its ReLU smoothed; symmetric in u and v."""

    ramp: Smoothed

    def __call__(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Smoothed max(u, v), broadcast shape."""
        return np.asarray(numbers(v, name="v") + self.ramp(_difference(u, v)))

    def derivative(self, u: ArrayLike, v: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives by u and by v; they add up to 1."""
        first = self.ramp.derivative(_difference(u, v))
        return first, 1 - first

    def second_derivative(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Second derivative by u (and by v); the mixed one is its negative."""
        return self.ramp.second_derivative(_difference(u, v))


def _difference(u: ArrayLike, v: ArrayLike) -> np.ndarray:
    return np.asarray(np.subtract(*broadcast(u=numbers(u, name="u"), v=numbers(v, name="v"))))


def smooth_maximum(*, kernel: str | Kernel, width: float) -> SmoothMaximum:
    """The smoothed maximum of two numbers: logsumexp for the logistic kernel, SMU-1 for Student's.

    Raises:
        ValueError: on an unknown kernel, one without first moment, or a bad width.
    """
    return SmoothMaximum(smooth("relu", kernel=kernel, width=width))


def _function(f: Any, parameters: dict[str, float]) -> Any:
    if isinstance(f, str):
        return named(f, **parameters)
    if parameters:
        raise ValueError(f"only named functions take parameters, got {', '.join(parameters)}")
    if callable(f):
        return f
    if isinstance(f, Sequence):
        return from_knots(f)
    if isinstance(f, np.ndarray) and f.ndim == 2:
        return from_knots(f.tolist())
    raise ValueError(f"f must be a name, a list of knots or a callable, got {type(f).__name__}")


def _check_growth(f: PiecewiseLinear, kernel: Kernel) -> None:
    if kernel.has_first_moment or math.isclose(f.slope, f.right_slope, abs_tol=1e-12):
        return
    raise ValueError(_growth_message(f.name, kernel.name))


def _growth_message(name: str, kernel: str) -> str:
    return (
        f"{name} grows linearly and the {kernel} kernel has no first moment, so their convolution diverges: use the "
        f"gate x·Φ (gate(kernel={kernel!r}, width=...)), or a kernel with a first moment such as student or laplace"
    )


def _check_callable_growth(f: Callable[[np.ndarray], np.ndarray], kernel: Kernel) -> None:
    far = 1e8
    left, right = np.asarray(f(np.array([-far, far])), dtype=np.float64)
    if not abs(left) + abs(right) < 1e-4 * far:
        raise ValueError(_growth_message(getattr(f, "__name__", "f"), kernel.name))


def _piecewise(f: PiecewiseLinear, kernel: Kernel, w: float, x: np.ndarray, order: int) -> np.ndarray:
    """Line plus smoothed jumps and kinks; ramps split into ReLU and excess so that nothing overflows."""
    result = (f.value + f.slope * x, np.full_like(x, f.slope), np.zeros_like(x))[order]
    for knot, jump, kink in zip(f.knots, f.jumps, f.kinks, strict=True):
        offset = x - knot
        with np.errstate(over="ignore"):
            distance = np.abs(offset) / w
        if order == 0:
            if jump:
                result = result + jump * _cdf(kernel, offset, distance)
            if kink:
                result = result + kink * (np.maximum(offset, 0) + w * kernel.excess(distance))
        elif order == 1:
            if jump:
                result = result + jump * kernel.density(distance) / w
            if kink:
                result = result + kink * _cdf(kernel, offset, distance)
        else:
            if jump:
                result = result + jump * np.sign(offset) * kernel.slope(distance) / w**2
            if kink:
                result = result + kink * kernel.density(distance) / w
    return np.asarray(result)


def _cdf(kernel: Kernel, offset: np.ndarray, distance: np.ndarray) -> np.ndarray:
    tail = kernel.tail(distance)
    return np.where(offset < 0, tail, 1 - tail)


def _staircase(f: Staircase, kernel: Kernel, w: float, x: np.ndarray, order: int) -> np.ndarray:
    moved = x + f.shift
    if order:
        steps = smooth_floor_derivative(moved, kernel=kernel, width=w, order=order)
        return f.height * steps + (f.slope if order == 1 else 0.0)
    return f.value + f.slope * x + f.height * smooth_floor(moved, kernel=kernel, width=w)


def _like(x: ArrayLike, result: np.ndarray) -> np.ndarray:
    """The result in the float dtype of x, so that float32 in gives float32 out."""
    kind = getattr(x, "dtype", None)
    return result.astype(kind) if isinstance(kind, np.dtype) and kind.kind == "f" else result
