"""How many dimensions do N word vectors need? The entropy argument, exactly.

A table of N + N random vectors of n dimensions with norm sqrt(n) is read as a joint law p(i, j) ~ e^{<u_i, v_j>}.
Replacing sums by expectations, its entropy is 2 ln N + h_n with h_n = ln E[e^{n cos}] - E[n cos e^{n cos}] / E[e^{n
cos}]. It reaches 0 near n = (4 / ln phi) ln N = 8.3123 ln N, phi the golden ratio; the rule n > 8.33 ln N comes from
rounding ln(phi)/2 = 0.2406 to 0.24. A conditional softmax over N keys has ln N instead of 2 ln N, hence half of that.
What happens at the boundary is the freezing of a random-energy model: beyond it a random table puts its mass on a
handful of pairs. It is a statement about random vectors of that very norm, not about trained ones.

References: Su Jianlin, kexue.fm/archives/7695 and 8711; Derrida (1981), doi 10.1103/PhysRevB.24.2613 (random-energy
    model).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from engine.arrays import broadcast, number, numbers, shown, whole_number

Form = Literal["pairs", "rows"]
LARGEST = 1e9
GOLDEN = (1 + np.sqrt(5)) / 2
PAIRS_COEFFICIENT = float(4 / np.log(GOLDEN))  # 8.3123...
ROWS_COEFFICIENT = float(2 / np.log(GOLDEN))  # 4.1562...
POST_COEFFICIENT = 8.33  # 2 / 0.24, rounded
RETRIEVAL_COEFFICIENT = float(1 / (1 - (1 / GOLDEN - np.log(GOLDEN) / 2)))  # 1.6062...
ASYMPTOTE_CONSTANT = float(np.log(GOLDEN) - np.log(5) / 4 - 0.6 + 1 / np.sqrt(5))  # -0.0739...


def condensation_entropy(n: ArrayLike, *, rho: ArrayLike = 1.0) -> np.ndarray:
    """Entropy shift h_n in nats: ln E[e^{k cos}] - k E[cos e^{k cos}] / E[e^{k cos}] with k = rho n.

    Through E e^{k cos} = Gamma(n/2) (2/k)^nu I_nu(k), nu = n/2 - 1, and the tilted mean cosine I_{n/2}(k) /
    I_{n/2-1}(k).

    Args:
        n: dimensions, 2 or more; not necessarily whole.
        rho: |u| |v| / n; 1 is the post's norm sqrt(n).

    Returns:
        h, negative; N^2 pairs have entropy 2 ln N + h, a row of N keys ln N + h, as long as that is well above 0.
    """
    dims, k = _tilt(n, rho)
    return np.asarray(log_mean_exp(dims, rho=k / dims) - k * tilted_cosine(dims, rho=k / dims))


def condensation_entropy_asymptote(n: ArrayLike) -> np.ndarray:
    """Two terms for large n at rho = 1: -(n/2) ln phi + ln phi - (ln 5)/4 - 3/5 + 1/sqrt(5), error O(1/n)."""
    return np.asarray(-numbers(n, name="n", dtype=np.float64) / 2 * np.log(GOLDEN) + ASYMPTOTE_CONSTANT)


def log_mean_exp(n: ArrayLike, *, rho: ArrayLike = 1.0) -> np.ndarray:
    """Exact ln E[e^{rho n cos}] for two random directions in n dimensions."""
    dims, k = _tilt(n, rho)
    order = dims / 2 - 1
    return np.asarray(special.gammaln(dims / 2) + order * np.log(2 / k) + _log_bessel(order, k))


def tilted_cosine(n: ArrayLike, *, rho: ArrayLike = 1.0) -> np.ndarray:
    """Mean cosine of the pairs that carry the mass, E[cos e^{k cos}] / E[e^{k cos}]; tends to 1/phi at rho = 1."""
    dims, k = _tilt(n, rho)
    return np.asarray(np.exp(_log_bessel(dims / 2, k) - _log_bessel(dims / 2 - 1, k)))


def coefficient(*, form: Form = "pairs", rho: ArrayLike = 1.0) -> np.ndarray:
    """Limit of n / ln N at the boundary: -4 / ln(1 - c^2) for pairs, half of it for rows.

    c = (sqrt(1 + 4 rho^2) - 1) / (2 rho) is the cosine that dominates; at rho = 1 this is 4 / ln phi.
    """
    rho_ = numbers(rho, name="rho", dtype=np.float64)
    if not np.all(rho_ > 0) or np.any((rho_ > 1e6) | (rho_ < 1e-6)):
        raise ValueError(f"rho must be positive, in 1e-6..1e6, got {shown(rho)}")
    cosine = 2 * rho_ / (np.sqrt(1 + 4 * rho_**2) + 1)
    return np.asarray(-2 * _log_terms(form) / np.log1p(-(cosine**2)))


def dimension_for(vocabulary: ArrayLike, *, form: Form = "pairs", rho: float = 1.0) -> float | np.ndarray:
    """The n at which the entropy of a random table reaches zero, by the exact h_n.

    Args:
        vocabulary: N, 2 or more; a scalar or an array.
        form: "pairs" for a joint law over N^2 pairs (2 ln N + h_n = 0), "rows" for a softmax over N keys (ln N + h_n =
            0).
        rho: |u| |v| / n.

    Returns:
        n, not rounded (a float for a scalar); NaN where the root lies below 2 dimensions.
    """
    sizes = numbers(vocabulary, name="vocabulary", dtype=np.float64)
    if not np.all(sizes >= 2):
        raise ValueError(f"a vocabulary needs 2 words or more (one word has no entropy), got {shown(vocabulary)}")
    budget = _log_terms(form) * np.log(sizes)
    slope = float(coefficient(form=form, rho=rho)) / _log_terms(form)

    def root(nats: float) -> float:
        def gap(n: float) -> float:
            return nats + float(condensation_entropy(n, rho=rho))

        return float(optimize.brentq(gap, 2.0, 2 * slope * nats + 20, xtol=1e-10)) if gap(2.0) > 0 else float("nan")

    roots = np.array([root(float(nats)) for nats in np.ravel(budget)]).reshape(budget.shape)
    return float(roots) if roots.ndim == 0 else roots


def retrieval_threshold(keys: ArrayLike) -> np.ndarray:
    """Dimensions at which a query equal to one of L random keys gives that key probability 1/2: 1.6062 ln L.

    Logits are d cos, vectors have norm sqrt(d).
    """
    lengths = numbers(keys, name="keys", dtype=np.float64)
    if not np.all(lengths >= 2):
        raise ValueError(f"retrieval needs 2 keys or more, got {shown(keys)}")
    return np.asarray(RETRIEVAL_COEFFICIENT * np.log(lengths))


def scaled_attention_entropy(head_size: ArrayLike, length: ArrayLike) -> np.ndarray:
    """Expected entropy of an attention row with logits <q, k> / sqrt(d): ln L + h, rho = 1/sqrt(d); about ln L - 1/2.

    The usual scale makes the logits' variance 1: no head size condenses, and the boundary of the post does not exist.
    """
    sizes = numbers(head_size, name="head_size", dtype=np.float64)
    lengths = numbers(length, name="length", dtype=np.float64)
    if not np.all(sizes > 0):
        raise ValueError(f"head_size must be positive, got {shown(head_size)}")
    if not np.all(lengths >= 1):
        raise ValueError(f"length must be 1 or more, got {shown(length)}")
    sizes, lengths = broadcast(head_size=sizes, length=lengths)
    return np.asarray(np.log(lengths) + condensation_entropy(sizes, rho=1 / np.sqrt(sizes)))


def random_table_entropy(
    vocabulary: int, n: int, *, rng: np.random.Generator, form: Form = "pairs", rho: float = 1.0, scaled: bool = False
) -> float:
    """Measured entropy in nats of a random table; its expectation approximation is 2 ln N + h_n (or ln N + h_n).

    Args:
        vocabulary: N.
        n: dimensions.
        rng: source of 2 N uniform directions.
        form: "pairs" for the joint law over N^2 pairs, "rows" for the mean entropy of the N softmax rows.
        rho: |u| |v| / n.
        scaled: divide the logits by sqrt(n), as attention does.
    """
    vocabulary = whole_number(vocabulary, name="vocabulary", low=0)
    n = whole_number(n, name="n", low=0)
    rho = number(rho, name="rho", low=0, high=1e100)
    if vocabulary < 2 or n < 1:
        raise ValueError(f"vocabulary must be 2 or more and n 1 or more, got vocabulary={vocabulary}, n={n}")
    u, v = _directions(vocabulary, n, rng), _directions(vocabulary, n, rng)
    scale = rho * n / (np.sqrt(n) if scaled else 1.0)
    totals, means = [], []
    for start in range(0, vocabulary, 1024):  # row blocks: the N x N table is never whole
        logits = scale * (u[start : start + 1024] @ v.T)
        peak = logits.max(axis=1, keepdims=True)
        weights = np.exp(logits - peak)
        mass = weights.sum(axis=1)
        totals.append(peak[:, 0] + np.log(mass))
        means.append((weights * logits).sum(axis=1) / mass)
    log_rows, mean_rows = np.concatenate(totals), np.concatenate(means)
    if form == "rows":
        return float(np.mean(log_rows - mean_rows))
    _log_terms(form)
    log_total = special.logsumexp(log_rows)
    return float(log_total - np.sum(np.exp(log_rows - log_total) * mean_rows))


def retrieval_probability(keys: int, n: int, *, rng: np.random.Generator) -> float:
    """Mean probability on the true key when the query is one of the random keys and logits are n cos."""
    keys = whole_number(keys, name="keys", low=1)
    n = whole_number(n, name="n", low=1)
    directions = _directions(keys, n, rng)
    logits = n * (directions @ directions.T)
    return float(np.mean(np.exp(np.diag(logits) - special.logsumexp(logits, axis=1))))


@dataclass(frozen=True, slots=True)
class Example:
    """One of the post's cases, with the rule as printed and with the exact numbers."""

    case: str
    vocabulary: int
    used: int | None  # dimensions people use, None where the post names none
    rule: float  # 8.33 ln N
    pairs: float  # exact root of 2 ln N + h_n
    rows: float  # exact root of ln N + h_n


def post_examples() -> list[Example]:
    """The cases of kexue.fm/archives/8711: word vectors, ALBERT's factorised embedding, attention."""
    cases: list[tuple[str, int, int | None]] = [
        ("Word vectors, 100,000 words", 100_000, None),
        ("Word vectors, 5 million words (FastText has 300)", 5_000_000, 300),
        ("ALBERT's embedding, 30,000 pieces", 30_000, 128),
        ("Attention over 512 tokens", 512, 64),
    ]
    return [
        Example(
            case,
            size,
            used,
            float(POST_COEFFICIENT * np.log(size)),
            float(dimension_for(size)),
            float(dimension_for(size, form="rows")),
        )
        for case, size, used in cases
    ]


def _log_terms(form: Form) -> int:
    if form not in ("pairs", "rows"):
        raise ValueError(f"form must be 'pairs' or 'rows', got {form!r}")
    return 2 if form == "pairs" else 1


def _tilt(n: ArrayLike, rho: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    dims, rho_ = broadcast(n=numbers(n, name="n", dtype=np.float64), rho=numbers(rho, name="rho", dtype=np.float64))
    if not (np.all(dims >= 2) and np.all(rho_ > 0)):
        raise ValueError(f"n must be 2 or more and rho positive, got n={n!r}, rho={rho!r}")
    if np.any(dims > LARGEST) or np.any((rho_ > LARGEST) | (rho_ < 1 / LARGEST)):
        raise ValueError(
            f"n may be at most {LARGEST:g} and rho lie in {1 / LARGEST:g}..{LARGEST:g}, got {shown(n)} and {shown(rho)}"
        )
    return dims, rho_ * dims


def _log_bessel(order: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Logarithm of I_order(k): scaled Bessel function, or the uniform expansion where that one underflows."""
    with np.errstate(divide="ignore"):
        direct = np.log(special.ive(order, k)) + k
    nu = np.maximum(order, 1.0)
    z = k / nu
    root = np.sqrt(1 + z**2)
    eta = root + np.log(z / (1 + root))
    t = 1 / root
    series = (
        1
        + (3 * t - 5 * t**3) / (24 * nu)
        + (81 * t**2 - 462 * t**4 + 385 * t**6) / (1152 * nu**2)
        + (30375 * t**3 - 369603 * t**5 + 765765 * t**7 - 425425 * t**9) / (414720 * nu**3)
    )
    uniform = nu * eta - 0.5 * np.log(2 * np.pi * nu) - 0.5 * np.log(root) + np.log(series)
    return np.asarray(np.where(np.isfinite(direct) & (order < 5000), direct, uniform))


def _directions(count: int, n: int, rng: np.random.Generator) -> np.ndarray:
    vectors = rng.standard_normal((count, n), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
