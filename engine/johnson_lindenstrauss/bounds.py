"""How many dimensions keep all distances: the Johnson-Lindenstrauss lemma as numbers.

A vector u with entries N(0, 1/n) has almost unit length: n ||u||^2 follows a chi-square law with n degrees of freedom.
A random matrix with such entries therefore keeps the squared distance of one pair within a factor 1 +- eps except
with a small probability, and the union over all N (N - 1) / 2 pairs gives the lemma. How many dimensions that takes
depends on the bound of the tail that is believed (`norm_tails` has the exact one): here is the ladder of them.

References: Johnson and Lindenstrauss (1984); Dasgupta and Gupta (2003), doi 10.1002/rsa.10073; Achlioptas (2003),
doi 10.1016/S0022-0000(03)00025-4; Burr, Gao and Knoll (2018), JMLR 19(73); Su Jianlin, kexue.fm/archives/8679.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import broadcast, numbers, shown
from engine.johnson_lindenstrauss.norm_tails import norm_tail, norm_tail_bound

Bound = Literal["post24", "post16", "sklearn", "achlioptas", "chernoff", "exact_union"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)
WITHOUT_DELTA: frozenset[Bound] = frozenset({"post16", "sklearn"})


def jl_dim(
    n_samples: ArrayLike, *, eps: ArrayLike, bound: Bound = "exact_union", delta: ArrayLike | None = None
) -> int | np.ndarray:
    """Smallest number of dimensions that a bound asks for, so that every pair keeps its squared distance.

    | bound | formula | promised success |
    |---|---|---|
    | post24 | n > 8 ln(N^2 / delta) / eps^2, which is 24 ln N / eps^2 for delta = 1/N | 1 - delta |
    | post16 | n > 16 ln N / eps^2 | more than 0: existence only |
    | sklearn | int(4 ln N / (eps^2/2 - eps^3/3)), truncated as scikit-learn does | 1/N |
    | achlioptas | n >= (4 + 2 beta) ln N / (eps^2/2 - eps^3/3), beta = ln(1/delta) / ln N | 1 - delta |
    | chernoff | n >= 2 ln(N (N - 1) / delta) / (eps - ln(1 + eps)): the optimal exponent, for both tails | 1 - delta |
    | exact_union | N (N - 1) / 2 times the exact chi-square tail is at most delta | 1 - delta |

    Args:
        n_samples: N, number of points (2 or more); a scalar or an array.
        eps: allowed relative error of squared distances, in (0, 1); broadcast against n_samples.
        bound: which argument is believed.
        delta: allowed probability that some pair fails, in (0, 1]; None means 1/N. Not for post16 and sklearn.

    Returns:
        An int for scalar arguments, else an int64 array.
    """
    samples, eps_, log_delta = _domain(n_samples, eps, delta)
    if bound not in BOUNDS:
        raise ValueError(f"bound must be one of {', '.join(BOUNDS)}, got {bound!r}")
    if delta is not None and bound in WITHOUT_DELTA:
        promise = "existence only" if bound == "post16" else "a success probability of 1/N"
        raise ValueError(f"bound {bound!r} promises {promise}: it takes no delta, got delta={delta!r}")
    log_n = np.log(samples)
    if bound == "post24":
        dims = np.floor(8 * (2 * log_n - log_delta) / eps_**2) + 1  # strictly greater
    elif bound == "post16":
        dims = np.floor(16 * log_n / eps_**2) + 1
    elif bound == "sklearn":
        dims = np.asarray(sklearn_dim(samples, eps=eps_))
    elif bound == "achlioptas":
        dims = np.ceil((4 * log_n - 2 * log_delta) / (eps_**2 / 2 - eps_**3 / 3))
    elif bound == "chernoff":
        dims = np.ceil(2 * (_log_pairs(samples) + np.log(2) - log_delta) / (eps_ - np.log1p(eps_)))
    else:
        dims = _smallest(lambda n: norm_tail(n, eps=eps_, log=True), log_delta - _log_pairs(samples))
    result = np.asarray(dims).astype(np.int64)
    return int(result) if result.ndim == 0 else result


def sklearn_dim(n_samples: ArrayLike, *, eps: ArrayLike) -> np.ndarray:
    """scikit-learn's johnson_lindenstrauss_min_dim: int(4 ln N / (eps^2/2 - eps^3/3)), also for N = 1."""
    samples, eps_ = numbers(n_samples, name="n_samples"), numbers(eps, name="eps", dtype=np.float64)
    if not np.all((eps_ > 0) & (eps_ < 1)):
        raise ValueError(f"eps must lie in (0, 1), got {shown(eps)}")
    if not np.all(samples >= 1):
        raise ValueError(f"n_samples must be 1 or more, got {shown(n_samples)}")
    _check_limits(samples, eps_)
    samples, eps_ = broadcast(n_samples=samples, eps=eps_)
    return np.asarray((4 * np.log(samples) / (eps_**2 / 2 - eps_**3 / 3)).astype(np.int64))


def success_probability(n_samples: int, n_components: ArrayLike, *, eps: float, exact: bool = True) -> np.ndarray:
    """Union-bound promise that all pairs survive: 1 - N (N - 1) / 2 times the tail of one pair, at least 0.

    Args:
        n_samples: N, number of points.
        n_components: n, target dimensions; a scalar or an array.
        eps: allowed relative error of squared distances.
        exact: with the exact chi-square tail, else with the bound 2 exp(-eps^2 n / 8) of the lemma's usual proof.
    """
    samples, eps_, _ = _domain(n_samples, eps, None)
    dims = numbers(n_components, name="n_components", dtype=np.float64)
    tail = norm_tail(dims, eps=eps_, log=True) if exact else norm_tail_bound(dims, eps=eps_, kind="post", log=True)
    return np.asarray(np.maximum(0.0, -np.expm1(_log_pairs(samples) + tail)))


def is_useless(n_components: ArrayLike, n_features: int) -> np.ndarray:
    """True where n >= m: projecting to as many dimensions as there already are saves nothing."""
    return numbers(n_components, name="n_components") >= n_features


def _log_pairs(samples: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(samples) + np.log(samples - 1) - np.log(2.0))


def _domain(n_samples: ArrayLike, eps: ArrayLike, delta: ArrayLike | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Checked float arrays of one shape: N, eps, ln delta."""
    samples, eps_ = numbers(n_samples, name="n_samples", dtype=np.float64), numbers(eps, name="eps", dtype=np.float64)
    if not np.all(samples >= 2):
        raise ValueError(f"n_samples must be 2 or more (there are no pairs otherwise), got {shown(n_samples)}")
    if not np.all((eps_ > 0) & (eps_ < 1)):
        raise ValueError(f"eps must lie in (0, 1), got {shown(eps)}")
    _check_limits(samples, eps_)
    delta_ = 1 / samples if delta is None else numbers(delta, name="delta", dtype=np.float64)
    if not np.all((delta_ > 0) & (delta_ <= 1)):
        raise ValueError(f"delta must lie in (0, 1], got {shown(delta)}")
    samples, eps_, log_delta = broadcast(n_samples=samples, eps=eps_, delta=np.log(delta_))
    return samples, eps_, log_delta


def _check_limits(samples: np.ndarray, eps: np.ndarray) -> None:
    """Refuse sizes whose answer would not fit 64 bits."""
    if np.any(samples > 1e15) or np.any(eps < 1e-6):
        raise ValueError(
            f"n_samples may be at most 1e15 and eps at least 1e-6, got {samples.max():g} and {eps.min():g}"
        )


def _smallest(log_tail: Callable[[np.ndarray], np.ndarray], target: np.ndarray) -> np.ndarray:
    """Smallest integer n of 1 or more, elementwise, with log_tail(n) <= target; log_tail decreases in n."""
    low, high = np.zeros_like(target), np.ones_like(target)
    while np.any(short := log_tail(high) > target):
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    while np.any(high - low > 1):
        middle = np.maximum(np.floor((low + high) / 2), 1)
        short = log_tail(middle) > target
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
