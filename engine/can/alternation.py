r"""The exact algebra behind classification with alternating normalization (CAN).

For one uncertain row b and n confident rows A the method repeats d times on Y = [A; b]: raise to alpha, scale every
column to sum to the prior q, scale every row to sum to one. Done literally that is n x m numbers per iteration *per
uncertain row*. But a row after t iterations is the original row to the power p = alpha^t times one number per row and
one per column:

    Y_t[i, c] = A[i, c]^p r_t[i] s_t[c],    r_t[i] = 1 / sum_c A[i, c]^p s_t[c],
    s_{t+1}[c] = q[c] / (sum_i A[i, c]^(alpha p) r_t[i]^alpha + b[c]^(alpha p) rho_t^alpha),

where rho is the r of row b and r_0 = rho_0 = 1. Only r and s depend on b, so all uncertain rows share two matrix
products per iteration after the first: 2 (d - 1) products in all, and none for d = 1, where

    new b[c] ~ q[c] b[c]^alpha / (S[c] + b[c]^alpha),    S[c] = sum_i A[i, c]^alpha.

Powers such as alpha^t = 32 would underflow, so the products act on the alternation of A *alone*, which is computed once
in logarithms and whose rows and columns are normalised, and r and s are kept relative to it. Where even that leaves
the range of a double (alpha = 6 and d = 5 raise a probability to the power 7,776), a sum that came out too small to
be trusted is added up again in logarithms; at usual settings there is none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.special import softmax

from engine.arrays import number, numbers, whole_number

LARGEST = 1e100  # of a probability: they are at most 1, and their sums and products must not overflow
TINY = 1e-290
SMALL = 1e-140  # products of two such numbers still count
NEGLIGIBLE = 1e-140  # smaller shares count as 0: products of two of them would be denormal numbers, which are slow
TRUSTED = 1e-100  # a sum of products at least as large has lost less than a rounding error to the negligible shares
NEAR = 1e-15  # the least sum of a row up to which its power is taken as it is
BLOCK_CELLS = 1_000_000  # cells of the (block, n) temporaries: few enough for the cache, and memory stays linear


def correct_rows(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, alpha: float = 1.0, iterations: int = 1
) -> np.ndarray:
    """Correct every row alone against the reference, all at once.

    Args:
        rows: (u, m) float64 probabilities to correct.
        reference: (n, m) float64 confident probabilities, n >= 1.
        prior: (m,) positive class frequencies.
        alpha: exponent, positive.
        iterations: d, at least 1.

    Returns:
        (u, m) rows that sum to one. A class without mass in both the row and the reference keeps 0.
    """
    iterations = whole_number(iterations, name="iterations", low=1)
    return next(islice(each_correction(rows, reference, prior, alpha=alpha), iterations - 1, None))


def each_correction(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, alpha: float = 1.0
) -> Iterator[np.ndarray]:
    """What `correct_rows` gives after one iteration, after two, and so on without end: each costs one iteration."""
    rows, reference, prior = _checked(rows, reference, prior)
    alpha = number(alpha, name="alpha", above=0)
    plain = alpha == 1 and min(prior.min(), rows.max(axis=1).min(initial=1.0)) > SMALL
    if plain:  # no logarithm
        scaled = prior * rows / np.maximum(reference.sum(axis=0) + rows, TINY)
        yield np.asarray(scaled / scaled.sum(axis=1, keepdims=True))
    log_rows, log_prior, log_reference = _log(rows), np.log(prior), _log(reference)
    log_column = _log_sum(alpha * log_reference, axis=0)  # (m,)
    log_s = _scale(log_prior, np.logaddexp(log_column, alpha * log_rows), empty=0)  # (u, m)
    power = alpha
    if not plain:
        yield np.asarray(softmax(power * log_rows + log_s, axis=1))
    while True:
        own = _alternate_reference(log_reference, _scale(log_prior, log_column), alpha, power)
        size = max(16, BLOCK_CELLS // len(reference))
        sums = np.empty((min(size, len(rows)), len(reference)))
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            log_s[block] = _next_scales(log_s[block], log_rows[block], own, log_prior, alpha, power, sums)
        log_column = own.log_column
        power *= alpha
        yield np.asarray(softmax(power * log_rows + log_s, axis=1))


@dataclass(frozen=True, slots=True)
class _Own:
    """One iteration of the alternation of the reference alone, from one row normalisation to the next column sums."""

    log_scale: np.ndarray  # (m,) log s; -inf for a class without mass
    log_within: np.ndarray  # (n, m) rows sum to one
    log_between: np.ndarray  # (n, m) the next power of it, columns sum to one (or to zero)
    within: np.ndarray  # (n, m) exponentials of both
    between: np.ndarray
    log_column: np.ndarray  # (m,) log of the column sums that were divided out of between


def _alternate_reference(log_reference: np.ndarray, log_scale: np.ndarray, alpha: float, power: float) -> _Own:
    within = power * log_reference + log_scale
    log_row = -_log_sum(within, axis=1)
    within += log_row[:, None]
    between = (alpha * power) * log_reference + alpha * log_row[:, None]
    log_column = _log_sum(between, axis=0)
    between -= np.where(np.isneginf(log_column), 0, log_column)
    return _Own(log_scale, within, between, _shares(within), _shares(between), log_column)


def _next_scales(
    log_s: np.ndarray,
    log_rows: np.ndarray,
    own: _Own,
    log_prior: np.ndarray,
    alpha: float,
    power: float,
    sums: np.ndarray,
) -> np.ndarray:
    """Column scales (u, m) of the next iteration, the two matrix products; the first is written into `sums`."""
    alive = np.isfinite(own.log_scale)
    relative = np.where(alive, log_s - np.where(alive, own.log_scale, 0), -np.inf)
    shift = relative.max(axis=1, keepdims=True)  # a common factor of s cancels in the result: keep exp in range
    relative -= shift
    log_rho = -_log_sum(power * log_rows + log_s - shift, axis=1)
    shares, least = _shares(relative), max(NEAR, LARGEST ** (-1 / alpha))
    sums = np.matmul(shares, own.within.T, out=sums[: len(shares)])  # (u, n), 1 / r relative to the reference's own
    if shares.min() >= 2 * least or sums.min() >= least:  # the usual case: no power leaves the range of a double
        weights = np.reciprocal(sums, out=sums) if alpha == 1 else _power(sums, -alpha)
        log_weights, largest = None, np.zeros((1, 1))
    else:
        log_weights = -alpha * _log_of_sums(sums, relative, own.log_within)
        largest = log_weights.max(axis=1, keepdims=True)  # (u, 1)
        log_weights -= largest
        weights = _shares(log_weights)
    totals = weights @ own.between  # (u, m)
    totals[:, ~np.isfinite(own.log_column)] = 1  # a class without mass: its log_column of -inf decides
    if log_weights is None:
        log_weights = np.log(weights) if totals.min() < TRUSTED else weights  # not looked at where all is well
    log_total = own.log_column + _log_of_sums(totals, log_weights, own.log_between.T) + largest
    return _scale(log_prior, np.logaddexp(log_total, alpha * (power * log_rows + log_rho[:, None])), empty=0)


def _power(values: np.ndarray, exponent: float) -> np.ndarray:
    """Positive values to a power, in their place: by logarithms, which numpy computes several at once."""
    np.log(values, out=values)
    values *= exponent
    np.exp(values, out=values)
    return values


def _log_of_sums(sums: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Log of sums (a, u) = exp(left) @ exp(right).T, those too small to be trusted added up again in logarithms.

    Args:
        sums: (a, u) the matrix product.
        left: (a, b) logarithms of its factors.
        right: (u, b)
    """
    logs = _log(sums)
    rows, columns = np.nonzero(sums < TRUSTED)
    size = max(1, BLOCK_CELLS // left.shape[1])
    for start in range(0, len(rows), size):
        at = rows[start : start + size], columns[start : start + size]
        logs[at] = _log_sum(left[at[0]] + right[at[1]], axis=1)
    return logs


def correct_together(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, alpha: float = 1.0, iterations: int = 1
) -> np.ndarray:
    """Correct all rows in one alternation, so that they also influence one another (the batch variant).

    Arguments and result as in `correct_rows`; it is another algorithm, not a faster form of the same one.
    """
    iterations = whole_number(iterations, name="iterations", low=1)
    return next(islice(each_correction_together(rows, reference, prior, alpha=alpha), iterations - 1, None))


def each_correction_together(
    rows: np.ndarray, reference: np.ndarray, prior: np.ndarray, *, alpha: float = 1.0
) -> Iterator[np.ndarray]:
    """What `correct_together` gives after one iteration, after two, and so on without end."""
    rows, reference, prior = _checked(rows, reference, prior)
    alpha = number(alpha, name="alpha", above=0)
    log_both, log_prior = _log(np.vstack([reference, rows])), np.log(prior)
    while True:
        log_both = alpha * log_both
        log_both = log_both + _scale(log_prior, _log_sum(log_both, axis=0))
        log_both = log_both - _log_sum(log_both, axis=1)[:, None]
        yield np.asarray(np.exp(log_both[len(reference) :]))


def _checked(rows: np.ndarray, reference: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = numbers(rows, name="rows", shape=("u", "m"), dtype=np.float64, low=0, high=LARGEST)
    if not rows.any(axis=1).all():
        raise ValueError(f"every row needs a probability above 0, row {int((~rows.any(axis=1)).argmax())} has none")
    width = rows.shape[1]
    reference = numbers(
        reference, name="reference", shape=("n", width), dtype=np.float64, low=0, high=LARGEST, empty=False
    )
    prior = numbers(prior, name="prior", shape=(width,), dtype=np.float64, high=LARGEST)
    if not (prior > 0).all():
        raise ValueError(f"prior must be positive, got {prior.min():g}")
    return rows, reference, prior


@dataclass(frozen=True, slots=True)
class HalfStep:
    """The matrix after one half-step of the alternation, for teaching."""

    name: str  # "power", "between rows" or "within row"
    iteration: int
    matrix: np.ndarray  # (rows, m)


def half_steps(matrix: np.ndarray, prior: np.ndarray, *, alpha: float = 1.0, iterations: int = 1) -> list[HalfStep]:
    """Every half-step of the alternation of a small matrix, literally as the definition says.

    Args:
        matrix: (n + 1, m) confident rows and, last, the uncertain one.
        prior: (m,) class frequencies.
        alpha: exponent; the power step is listed only where it is not 1.
        iterations: d.
    """
    matrix = numbers(matrix, name="matrix", shape=("n + 1", "m"), dtype=np.float64, low=0, high=LARGEST, empty=False)
    prior = numbers(prior, name="prior", shape=(matrix.shape[1],), dtype=np.float64, high=LARGEST)
    if not (prior > 0).all():
        raise ValueError(f"prior must be positive, got {prior.min():g}")
    alpha, iterations = number(alpha, name="alpha", above=0), whole_number(iterations, name="iterations", low=1)
    log_now, log_prior, steps = _log(matrix), np.log(prior), list[HalfStep]()
    for iteration in range(1, iterations + 1):
        if alpha != 1:
            log_now = alpha * log_now
            steps.append(HalfStep("power", iteration, np.exp(log_now)))
        log_now = log_now + np.log(len(log_now)) + _scale(log_prior, _log_sum(log_now, axis=0))
        steps.append(HalfStep("between rows", iteration, np.exp(log_now)))
        log_row = _log_sum(log_now, axis=1)[:, None]
        log_now = log_now - np.where(np.isneginf(log_row), 0, log_row)
        steps.append(HalfStep("within row", iteration, np.exp(log_now)))
    return steps


def _scale(log_prior: np.ndarray, log_column: np.ndarray, *, empty: float = -np.inf) -> np.ndarray:
    """Log of prior over column sum, `empty` for a class without mass."""
    return np.where(np.isneginf(log_column), empty, log_prior - log_column)


def _log(probs: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probs))


def _shares(logs: np.ndarray) -> np.ndarray:
    """Exponentials without the negligible ones."""
    shares = np.exp(logs)
    shares[shares < NEGLIGIBLE] = 0
    return np.asarray(shares)


def _log_sum(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Log of the sum of exponentials; -inf where all are -inf."""
    largest = values.max(axis=axis, keepdims=True)
    largest = np.where(np.isneginf(largest), 0, largest)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - largest).sum(axis=axis)) + largest.squeeze(axis))
