"""The seven even kernels that stand in for the Dirac function, each at unit width.

A kernel of width w is p(x/w)/w. Everything smoothed needs only five functions of u = x/w, given here for u >= 0 where
they are small, so that neither overflow nor cancellation occurs; the other side follows from symmetry:

    density p(u)    slope p'(u)    tail Q(u) = integral of p above u    excess T(u) = integral of Q above u

T is what the smoothed ReLU has above ReLU: w T(|x|/w). Cauchy has no first moment, so its T diverges; what stands there
is the antiderivative without its infinite constant, which is all that bounded functions need.

Widths: gaussian s, logistic and sech 1/t, student sqrt(b), laplace b, uniform the half-width, cauchy a (Su, 2021,
https://kexue.fm/archives/8718; Student's kernel with two degrees of freedom gives SquarePlus, archives/8833).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import erfc, expit, kv, spence

from engine.arrays import number, numbers
from engine.names import look_up

Function = Callable[[np.ndarray], np.ndarray]

CATALAN = 0.915965594177219015


@dataclass(frozen=True, slots=True)
class Kernel:
    """An even probability density of unit width, and what follows from it."""

    name: str
    density: Function = field(repr=False)  # p(u), u >= 0
    slope: Function = field(repr=False)  # p'(u), u >= 0
    tail: Function = field(repr=False)  # Q(u) = P(Y > u), u >= 0
    excess: Function = field(repr=False)  # T(u) = E max(Y - u, 0), u >= 0
    transform: Function = field(repr=False)  # characteristic function E cos(omega Y), omega > 0
    mean_absolute: float  # E|Y|, inf where there is none
    variance: float  # E Y^2, inf where there is none
    reach: float  # u beyond which Q(u) < 1e-17; inf for heavy tails
    smoothness: int | None  # continuous derivatives of the smoothed ReLU; None for infinitely many
    symbol: str  # LaTeX of the density at unit width

    @property
    def has_first_moment(self) -> bool:
        """Whether functions of linear growth can be convolved with it."""
        return math.isfinite(self.mean_absolute)

    def cdf(self, u: np.ndarray) -> np.ndarray:
        """P(Y <= u) at any u, infinities too: the smoothed step."""
        u = _points(u)
        tail = self.tail(np.abs(u))
        return np.where(u < 0, tail, 1 - tail)

    def ramp(self, u: np.ndarray) -> np.ndarray:
        """E max(u - Y, 0) at any u: the smoothed ReLU."""
        u = numbers(u, name="u")
        return np.asarray(np.maximum(u, 0) + self.excess(np.abs(u)))


def _points(u: np.ndarray) -> np.ndarray:
    points = numbers(u, name="u", finite=False)
    if np.isnan(points).any():
        raise ValueError("u must not be NaN")
    return points


def _gaussian_density(u: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-np.square(np.minimum(u, 40)) / 2) / math.sqrt(2 * math.pi))


def _gaussian_tail(u: np.ndarray) -> np.ndarray:
    return np.asarray(erfc(u / math.sqrt(2)) / 2)


def _gaussian_excess(u: np.ndarray) -> np.ndarray:
    near = np.minimum(u, 40)  # T(40) is below 1e-300
    return np.asarray(np.maximum(_gaussian_density(near) - near * _gaussian_tail(near), 0))


def _logistic_density(u: np.ndarray) -> np.ndarray:
    return np.asarray(expit(u) * expit(-u))


def _sech_density(u: np.ndarray) -> np.ndarray:
    decay = np.exp(-u)
    return np.asarray(2 / math.pi * decay / (1 + decay * decay))


def inverse_tangent_integral(y: np.ndarray) -> np.ndarray:
    """Ti2(y) = integral of atan(s)/s from 0 to y, for 0 <= y <= 1: the imaginary part of the dilogarithm at iy."""
    y = numbers(y, name="y", low=0, high=1)
    series = y - y**3 / 9 + y**5 / 25
    return np.where(y < 1e-3, series, spence(1 - 1j * np.asarray(y)).imag)


def _student_density(u: np.ndarray) -> np.ndarray:
    root = np.hypot(1, u)
    return np.asarray(0.5 / root / root / root)


def _student_slope(u: np.ndarray) -> np.ndarray:
    root = np.hypot(1, u)
    return np.asarray(-1.5 * (u / root) / root / root / root / root)


def _student_tail(u: np.ndarray) -> np.ndarray:
    root = np.hypot(1, u)
    return np.asarray(0.5 / root / (root + u))


def _student_transform(omega: np.ndarray) -> np.ndarray:
    small = np.minimum(omega, 700)
    return np.asarray(small * kv(1, small))


def _laplace(u: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-u) / 2)


def _cauchy_density(u: np.ndarray) -> np.ndarray:
    root = np.hypot(1, u)
    return np.asarray(1 / math.pi / root / root)


def _cauchy_slope(u: np.ndarray) -> np.ndarray:
    root = np.hypot(1, u)
    return np.asarray(-2 / math.pi * (u / root) / root / root / root)


def _cauchy_tail(u: np.ndarray) -> np.ndarray:
    return np.asarray(np.arctan2(1, u) / math.pi)


def _cauchy_excess(u: np.ndarray) -> np.ndarray:
    finite = np.minimum(u, 1e300)
    return np.asarray(-finite * _cauchy_tail(finite) - np.log(np.hypot(1, finite)) / math.pi)


def _over_sinh(z: np.ndarray) -> np.ndarray:
    small = np.minimum(z, 700)
    return np.asarray(np.where(z < 1e-4, 1 - z * z / 6, small / np.sinh(np.maximum(small, 1e-4))))


KERNELS: dict[str, Kernel] = {
    kernel.name: kernel
    for kernel in (
        Kernel(
            "gaussian",
            _gaussian_density,
            lambda u: -np.minimum(u, 40) * _gaussian_density(u),
            _gaussian_tail,
            _gaussian_excess,
            lambda omega: np.exp(-np.square(np.minimum(omega, 40)) / 2),
            math.sqrt(2 / math.pi),
            1.0,
            8.5,
            None,
            r"\frac{1}{\sqrt{2\pi}}e^{-u^2/2}",
        ),
        Kernel(
            "logistic",
            _logistic_density,
            lambda u: -_logistic_density(u) * np.tanh(u / 2),
            lambda u: expit(-u),
            lambda u: np.log1p(np.exp(-u)),
            lambda omega: _over_sinh(math.pi * omega),
            2 * math.log(2),
            math.pi**2 / 3,
            39.5,
            None,
            r"\frac{e^{u}}{(1+e^{u})^2}",
        ),
        Kernel(
            "sech",
            _sech_density,
            lambda u: -_sech_density(u) * np.tanh(u),
            lambda u: 2 / math.pi * np.arctan(np.exp(-u)),
            lambda u: 2 / math.pi * inverse_tangent_integral(np.exp(-u)),
            lambda omega: 1 / np.cosh(np.minimum(math.pi * omega / 2, 700)),
            4 * CATALAN / math.pi,
            math.pi**2 / 4,
            39.0,
            None,
            r"\frac{1}{\pi\cosh u}",
        ),
        Kernel(
            "student",
            _student_density,
            _student_slope,
            _student_tail,
            lambda u: 0.5 / (np.hypot(1, u) + u),
            _student_transform,
            1.0,
            math.inf,
            math.inf,
            None,
            r"\frac{1}{2(1+u^2)^{3/2}}",
        ),
        Kernel(
            "laplace",
            _laplace,
            lambda u: np.where(u > 0, -_laplace(u), 0.0),
            _laplace,
            _laplace,
            lambda omega: 1 / (1 + omega**2),
            1.0,
            2.0,
            38.5,
            2,
            r"\tfrac12 e^{-|u|}",
        ),
        Kernel(
            "uniform",
            lambda u: np.where(u < 1, 0.5, np.where(u == 1, 0.25, 0.0)),
            lambda u: np.zeros_like(u),
            lambda u: np.maximum(1 - u, 0) / 2,
            lambda u: np.square(np.maximum(1 - u, 0)) / 4,
            lambda omega: np.sinc(omega / math.pi),
            0.5,
            1 / 3,
            1.0,
            1,
            r"\tfrac12\,[|u|\le 1]",
        ),
        Kernel(
            "cauchy",
            _cauchy_density,
            _cauchy_slope,
            _cauchy_tail,
            _cauchy_excess,
            lambda omega: np.exp(-omega),
            math.inf,
            math.inf,
            math.inf,
            None,
            r"\frac{1}{\pi(1+u^2)}",
        ),
    )
}
"""The seven kernels by name."""


def find_kernel(kernel: str | Kernel) -> Kernel:
    """The kernel of that name.

    Raises:
        ValueError: if there is none; the message holds the nearest name.
    """
    return kernel if isinstance(kernel, Kernel) else look_up(KERNELS, kernel, what="kernel")


def check_width(width: float) -> float:
    """Return a width as a float.

    Raises:
        ValueError: if it is not positive and finite, or 1/width overflows float32.
    """
    try:
        value = number(width, name="width", above=0)
    except ValueError:
        raise ValueError(f"width must be positive and finite, got {width!r}") from None
    smallest = 1 / float(np.finfo(np.float32).max)
    if value < smallest or value < float(np.finfo(np.float32).tiny):
        raise ValueError(f"width {width} is too small for float32: use at least {np.finfo(np.float32).tiny:.3g}")
    return value
