"""Exact tails of the two quantities behind the Johnson-Lindenstrauss lemma, and the bounds that proofs use for them.

For independent u, v with entries N(0, 1/n): the squared length ||u||^2 (a chi-square law) and the inner product <u, v>
(a variance-gamma law). Both probabilities decay like e^{-c n}, so everything is computed as a logarithm first.

References: Su Jianlin, kexue.fm/archives/8679 (the bounds called "post"); NIST DLMF 8.9 and 8.11
(continued fraction and series).
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from engine.arrays import SQUARABLE, broadcast, numbers, shown

TailBound = Literal["post", "chernoff"]


def norm_tail(n: ArrayLike, *, eps: ArrayLike, log: bool = False) -> np.ndarray:
    """Exact P(| ||u||^2 - 1 | >= eps) for u ~ N(0, I_n / n), from the chi-square law.

    Args:
        n: dimensions, 1 or more; a scalar or an array.
        eps: deviation, in (0, 1).
        log: return the natural logarithm, which does not underflow.
    """
    dims, eps_ = _tail_domain(n, eps)
    result = np.logaddexp(
        _log_gamma_upper(dims / 2, dims * (1 + eps_) / 2), _log_gamma_lower(dims / 2, dims * (1 - eps_) / 2)
    )
    return np.asarray(result if log else np.exp(result))


def norm_tail_bound(n: ArrayLike, *, eps: ArrayLike, kind: TailBound = "chernoff", log: bool = False) -> np.ndarray:
    """Upper bound of `norm_tail`; may exceed 1, where it says nothing.

    Args:
        n: dimensions, 1 or more.
        eps: deviation, in (0, 1).
        kind: "post" is 2 exp(-eps^2 n / 8); "chernoff" is the optimal exponential bound, both tails summed:
            exp(n (ln(1 + eps) - eps) / 2) + exp(n (ln(1 - eps) + eps) / 2).
        log: return the natural logarithm.
    """
    dims, eps_ = _tail_domain(n, eps)
    if kind == "post":
        result = np.log(2.0) - eps_**2 * dims / 8
    elif kind == "chernoff":
        result = np.logaddexp(dims / 2 * (np.log1p(eps_) - eps_), dims / 2 * (np.log1p(-eps_) + eps_))
    else:
        raise ValueError(f"kind must be 'post' or 'chernoff', got {kind!r}")
    return np.asarray(result if log else np.exp(result))


def inner_product_tail(n: ArrayLike, *, eps: ArrayLike, log: bool = False) -> np.ndarray:
    """Exact P(|<u, v>| >= eps) for independent u, v ~ N(0, I_n / n): the variance-gamma law.

    Given u, the inner product is N(0, ||u||^2 / n), so the tail is a chi-square mixture of normal tails. With
    ||u||^2 = e^s the logarithm of the integrand is concave in s and falls off doubly exponentially: the trapezoid
    rule around its maximum converges to full precision, and nothing underflows.

    Args:
        n: dimensions, 1 or more; a scalar or an array.
        eps: deviation, positive (values of 1 and more are allowed here).
        log: return the natural logarithm.
    """
    dims, eps_ = broadcast(
        n=numbers(n, name="n", dtype=np.float64, high=SQUARABLE), eps=numbers(eps, name="eps", dtype=np.float64)
    )
    if not (np.all(dims >= 1) and np.all(eps_ > 0)):
        raise ValueError(f"n must be 1 or more and eps positive, got n={n!r}, eps={eps!r}")
    if np.any(dims > 1e15) or np.any((eps_ < 1e-9) | (eps_ > 1e3)):
        raise ValueError(f"n may be at most 1e15 and eps lie in 1e-9..1e3, got n={n!r}, eps={eps!r}")
    half, spread = dims / 2, eps_ * np.sqrt(dims)

    def log_integrand(s: np.ndarray) -> np.ndarray:
        return np.asarray(half * (s - np.exp(s)) + special.log_ndtr(-spread * np.exp(-s / 2)))

    def slope(s: np.ndarray) -> np.ndarray:
        x = spread * np.exp(-s / 2)
        hazard = np.exp(-0.5 * x**2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(-x))
        return np.asarray(half * (1 - np.exp(s)) + 0.5 * x * hazard)

    mode = _bisect(slope, np.zeros_like(half), np.log(3 + eps_**2))
    peak = log_integrand(mode)
    left = mode - _bisect(lambda d: log_integrand(mode - d) - peak + 45, np.zeros_like(half), np.full_like(half, 120.0))
    right = mode + _bisect(lambda d: log_integrand(mode + d) - peak + 45, np.zeros_like(half), np.full_like(half, 12.0))
    fractions = np.linspace(0.0, 1.0, 401)
    grid = left[..., None] + (right - left)[..., None] * fractions
    values = half[..., None] * (grid - np.exp(grid)) + special.log_ndtr(-spread[..., None] * np.exp(-grid / 2))
    step = np.log((right - left) / (len(fractions) - 1))
    constant = half * np.log(half) - special.gammaln(half)
    result = np.log(2.0) + constant + step + special.logsumexp(values, axis=-1)
    return np.asarray(result if log else np.exp(result))


def inner_product_tail_bound(
    n: ArrayLike, *, eps: ArrayLike, kind: TailBound = "chernoff", log: bool = False
) -> np.ndarray:
    """Upper bound of `inner_product_tail`; may exceed 1, where it says nothing.

    Args:
        n: dimensions, 1 or more.
        eps: deviation, in (0, 1).
        kind: "post" is 4 exp(-eps^2 n / 8), from the norm bound of (u + v)/sqrt2 and (u - v)/sqrt2; "chernoff" is the
            optimal exponential bound 2 exp(-n (s eps + ln(1 - s^2)/2)) with s = (sqrt(1 + 4 eps^2) - 1) / (2 eps).
        log: return the natural logarithm.
    """
    dims, eps_ = _tail_domain(n, eps)
    if kind == "post":
        result = np.log(4.0) - eps_**2 * dims / 8
    elif kind == "chernoff":
        s = 2 * eps_ / (np.sqrt(1 + 4 * eps_**2) + 1)  # the same, without cancellation
        result = np.log(2.0) - dims * (s * eps_ + 0.5 * np.log1p(-(s**2)))
    else:
        raise ValueError(f"kind must be 'post' or 'chernoff', got {kind!r}")
    return np.asarray(result if log else np.exp(result))


def _tail_domain(n: ArrayLike, eps: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    dims, eps_ = broadcast(
        n=numbers(n, name="n", dtype=np.float64, high=SQUARABLE), eps=numbers(eps, name="eps", dtype=np.float64)
    )
    if not np.all(dims >= 1):
        raise ValueError(f"n must be 1 or more, got {shown(n)}")
    if not np.all((eps_ > 0) & (eps_ < 1)):
        raise ValueError(f"eps must lie in (0, 1), got {shown(eps)}")
    return dims, eps_


def _bisect(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Zero of a decreasing function, elementwise, to about 1e-10 of the interval."""
    for _ in range(36):
        middle = (low + high) / 2
        positive = function(middle) > 0
        low, high = np.where(positive, middle, low), np.where(positive, high, middle)
    return np.asarray((low + high) / 2)


def _log_gamma_upper(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Logarithm of Q(a, x), x > a: scipy's value where far from underflow, else Lentz's continued fraction."""
    direct = special.gammaincc(a, x)
    tiny = 1e-300
    b, c = x + 1 - a, np.full_like(x, 1 / tiny)
    d = 1 / b
    fraction = d
    for i in range(1, 500):
        if np.all(direct > 1e-200):
            break
        step = -i * (i - a)
        b = b + 2
        d = 1 / np.where(np.abs(step * d + b) < tiny, tiny, step * d + b)
        c = np.where(np.abs(b + step / c) < tiny, tiny, b + step / c)
        fraction = fraction * d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    far = a * np.log(x) - x - special.gammaln(a) + np.log(fraction)
    return np.asarray(np.where(direct > 1e-200, np.log(np.maximum(direct, 1e-200)), far))


def _log_gamma_lower(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Logarithm of P(a, x) for x < a: scipy's value where far from underflow, else the power series."""
    direct = special.gammainc(a, x)
    term = total = np.ones_like(x)
    for i in range(1, 5000):
        if np.all(direct > 1e-200):
            break
        term = term * x / (a + i)
        total = total + term
        if np.all(term < 1e-17 * total):
            break
    far = a * np.log(x) - x - special.gammaln(a + 1) + np.log(total)
    return np.asarray(np.where(direct > 1e-200, np.log(np.maximum(direct, 1e-200)), far))
