"""The inequalities of the lemma's proof, one function each, so that every step can be drawn.

Steps (Su Jianlin, kexue.fm/archives/8679): Markov's inequality on e^{lambda n ||u||^2 / n}, the best lambda, the
elementary ln(1 + eps) - eps <= -eps^2/4, the second tail, and the union over pairs.
"""

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import number, numbers, shown, whole_number


def chernoff_exponent(lam: ArrayLike, *, n: int, eps: float) -> np.ndarray:
    """Logarithm of e^{-lambda (1 + eps)} E e^{lambda ||u||^2}, which bounds ln P(||u||^2 >= 1 + eps) for each lambda.

    E e^{lambda ||u||^2} = (n / (n - 2 lambda))^{n/2} for u ~ N(0, I_n / n).

    Args:
        lam: lambda in [0, n/2).
        n: dimensions.
        eps: deviation.
    """
    values = numbers(lam, name="lam", dtype=np.float64)
    if not np.all((values >= 0) & (values < n / 2)):
        raise ValueError(f"lambda must lie in [0, n/2) = [0, {n / 2}), got {shown(lam)}")
    return np.asarray(-values * (1 + eps) - n / 2 * np.log1p(-2 * values / n))


def best_lambda(*, n: int, eps: float) -> float:
    """The lambda of the smallest bound, n eps / (2 (1 + eps))."""
    n = whole_number(n, name="n", low=1)
    eps = number(eps, name="eps", low=0)
    return n * eps / (2 * (1 + eps))


def elementary_gap(eps: ArrayLike) -> dict[str, np.ndarray]:
    """The two exponents per n/2 and the -eps^2/4 that replaces both: name -> values."""
    e = numbers(eps, name="eps", dtype=np.float64)
    if not np.all((e >= 0) & (e < 1)):
        raise ValueError(f"eps must lie in [0, 1), got {shown(eps)}")
    return {
        "ln(1+ε) − ε (upper tail)": np.asarray(np.log1p(e) - e),
        "ln(1−ε) + ε (lower tail)": np.asarray(np.log1p(-e) + e),
        "−ε²/4 (the post)": np.asarray(-(e**2) / 4),
        "−0.3069 ε² (best constant)": np.asarray(-(1 - np.log(2)) * e**2),
    }


def inner_product_sd(cosine: ArrayLike, *, n: int) -> np.ndarray:
    """Standard deviation sqrt((1 + c^2) / n) of <A u, A v> for unit vectors with cosine c and a Gaussian A."""
    c = numbers(cosine, name="cosine", dtype=np.float64)
    if not np.all(np.abs(c) <= 1):
        raise ValueError(f"cosines must lie in [-1, 1], got {shown(cosine)}")
    return np.asarray(np.sqrt((1 + c**2) / n))
