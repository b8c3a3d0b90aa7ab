"""Locality-sensitive hashing with signs of random projections.

Two vectors at angle theta get the same random sign with probability 1 - theta/pi. The mean product of n sign pairs is
therefore not their cosine but, on average, 1 - 2 theta/pi = (2/pi) asin(cos): read as a cosine it errs by up to 0.2105
(at cos = 0.771). The repair is to invert the curve, cos = cos(pi * Hamming / n).

References: Charikar (2002), doi 10.1145/509907.509965; Su Jianlin, kexue.fm/archives/8706 (which reads the sign cosine
as the cosine); Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3 (banding).
"""

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import (
    broadcast,
    check_finite,
    flags,
    number,
    numbers,
    read,
    same_shape,
    shown,
    unit,
    whole,
    whole_number,
)
from engine.johnson_lindenstrauss.random_projection import gaussian_matrix

BLOCK = 1 << 15
WORST_COSINE = float(np.sqrt(1 - 4 / np.pi**2))  # 0.7712, where the raw reading is most wrong
WORST_BIAS = WORST_COSINE - 2 / np.pi * float(np.arcsin(WORST_COSINE))  # 0.2105


def sign_hash(x: np.ndarray, *, n_bits: int, rng: np.random.Generator, center: np.ndarray | None = None) -> np.ndarray:
    """Packed signs of random projections: bit b of a row is 1 where <a_b, x> >= 0.

    Args:
        x: (N, m) floats.
        n_bits: bits of a code.
        rng: source of the (n_bits, m) Gaussian matrix; the same state gives the same hash.
        center: (m,) point that is subtracted first. Signs only tell directions apart, so data away from the origin need
            it.

    Returns:
        (N, ceil(n_bits / 64)) uint64, see `pack_bits`.

    Raises:
        ValueError: for NaN, or for rows of length zero after centring, which have no direction.
    """
    if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64):
        x = numbers(x, name="x")
    if x.ndim != 2 or n_bits < 1:
        raise ValueError(f"x must have shape (N, m) and n_bits be 1 or more, got {x.shape} and n_bits={n_bits}")
    dtype, n_bits = x.dtype, whole_number(n_bits, name="n_bits", low=1)
    if center is not None:
        center = numbers(center, name="center", shape=(x.shape[1],))
    matrix = gaussian_matrix(n_bits, x.shape[1], rng=rng).astype(dtype)  # one hash for both float types
    codes = np.empty((len(x), -(-n_bits // 64)), dtype=np.uint64)
    for start in range(0, len(x), BLOCK):
        block = read(x[start : start + BLOCK], name="x")
        check_finite(block, first_row=start)
        block = block if center is None else block - center.astype(dtype)
        zero = np.flatnonzero(~block.any(axis=1))
        if len(zero):
            raise ValueError(f"row {start + zero[0]} has length zero (of {len(zero)} such rows): it has no direction")
        with np.errstate(over="ignore", invalid="ignore"):
            products = block @ matrix.T
        if not np.isfinite(products).all():  # the largest numbers there are: their signs at a smaller scale
            products = np.ldexp(block, -64) @ matrix.T
        codes[start : start + BLOCK] = pack_bits(products >= 0)
    return codes


def pack_bits(bits: np.ndarray) -> np.ndarray:
    """(N, b) booleans -> (N, ceil(b / 64)) uint64, the last word padded with zeros."""
    bits = flags(bits, name="bits", shape=("N", "b"))
    padding = -bits.shape[1] % 64
    padded = np.pad(bits, ((0, 0), (0, padding))) if padding else bits
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little")).view(np.uint64)


def hamming(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differing bits of packed codes, broadcast over all but the last axis."""
    a, b = _codes(a, "a"), _codes(b, "b")
    if a.shape[-1:] != b.shape[-1:]:
        raise ValueError(f"a and b must be codes of the same number of words, got {a.shape} and {b.shape}")
    a, b = broadcast(a=a, b=b)
    return np.asarray(np.bitwise_count(a ^ b).sum(axis=-1, dtype=np.int64))


def collision_probability(cosine: ArrayLike) -> np.ndarray:
    """Probability 1 - theta/pi that one bit agrees."""
    return np.asarray(1 - np.arccos(_cosines(cosine)) / np.pi)


def expected_raw_cosine(cosine: ArrayLike) -> np.ndarray:
    """What the mean product of signs tends to: (2/pi) asin(cos), not the cosine."""
    return np.asarray(2 / np.pi * np.arcsin(_cosines(cosine)))


def raw_cosine(distance: ArrayLike, n_bits: int) -> np.ndarray:
    """Mean product of signs, 1 - 2 Hamming/n: the post's reading as a cosine, biased by up to 0.2105."""
    return np.asarray(1 - 2 * _distances(distance, n_bits) / n_bits)


def estimate_cosine(distance: ArrayLike, n_bits: int) -> np.ndarray:
    """The repaired reading, cos(pi Hamming/n); its bias falls like 1/n."""
    return np.asarray(np.cos(np.pi * _distances(distance, n_bits) / n_bits))


def cosine_standard_error(cosine: ArrayLike, n_bits: int) -> np.ndarray:
    """Standard error of `estimate_cosine` by the delta method: pi sin(theta) sqrt(p (1 - p) / n)."""
    c, n_bits = _cosines(cosine), whole_number(n_bits, name="n_bits", low=1)
    p = collision_probability(c)
    return np.asarray(np.pi * np.sqrt(1 - c**2) * np.sqrt(p * (1 - p) / n_bits))


def bits_for(n_samples: int, *, eps: float, delta: float | None = None) -> int:
    """Bits for which the collision shares of all pairs are within eps of 1 - theta/pi with probability 1 - delta.

    By Hoeffding's inequality and the union over the pairs.

    Args:
        n_samples: N, 2 or more.
        eps: allowed error of the share, in (0, 1).
        delta: allowed failure probability; None means 1/N.
    """
    n_samples = whole_number(n_samples, name="n_samples", low=2)
    eps = number(eps, name="eps", above=0, low=1e-150, high=1)
    if n_samples < 2 or not 0 < eps < 1 or (delta is not None and not 0 < delta <= 1):
        raise ValueError(
            f"n_samples must be 2 or more, eps in (0, 1), delta in (0, 1], got {n_samples}, {eps} and {delta}"
        )
    failure = 1 / n_samples if delta is None else delta
    return int(np.ceil((np.log(n_samples) + np.log(n_samples - 1) - np.log(failure)) / (2 * eps**2)))


def candidate_probability(agreement: ArrayLike, *, rows: int, bands: int) -> np.ndarray:
    """S-curve 1 - (1 - p^rows)^bands: at least one of the bands of `rows` bits agrees wholly."""
    p = numbers(agreement, name="agreement", dtype=np.float64, low=0, high=1)
    rows, bands = whole_number(rows, name="rows", low=1), whole_number(bands, name="bands", low=1)
    return np.asarray(-np.expm1(bands * np.log1p(-np.minimum(p**rows, 1 - 1e-16))))


def band_matches(a: np.ndarray, b: np.ndarray, *, rows: int, bands: int) -> np.ndarray:
    """Whether any band of two unpacked codes agrees: (N, bits), (N, bits) booleans -> (N,)."""
    a, b = flags(a, name="a", shape=("N", "bits")), flags(b, name="b", shape=("N", "bits"))
    same_shape(a=a, b=b)
    used = whole_number(rows, name="rows", low=1) * whole_number(bands, name="bands", low=1)
    if a.shape[1] < used:
        raise ValueError(f"{bands} bands of {rows} bits take {used} bits, the codes have {a.shape[1]}")
    equal = (a[:, :used] == b[:, :used]).reshape(len(a), bands, rows)
    return np.asarray(equal.all(axis=2).any(axis=1))


def nearest_by_hamming(codes: np.ndarray, queries: np.ndarray, *, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest packed codes by exhaustive search with faiss, which is three times as fast as numpy's bit counts.

    Args:
        codes: (N, words) uint64, see `pack_bits`.
        queries: (q, words) uint64.
        n_neighbors: k, at most N.

    Returns:
        Indices (q, k) and distances (q, k) int64, the nearest first; of equal distances any may come first.
    """
    import faiss  # half a second of import, and a file of 30 MB

    codes, queries = (np.ascontiguousarray(_codes(a, n, ndim=2)) for a, n in ((codes, "codes"), (queries, "queries")))
    if codes.shape[1] != queries.shape[1] or not codes.shape[1]:
        raise ValueError(f"codes and queries must have as many words, got {codes.shape} and {queries.shape}")
    n_neighbors = whole_number(n_neighbors, name="n_neighbors", low=1)
    if n_neighbors > len(codes):
        raise ValueError(f"n_neighbors must be between 1 and the {len(codes)} codes, got {n_neighbors}")
    index = faiss.IndexBinaryFlat(64 * codes.shape[1])
    index.add(codes.view(np.uint8))
    distances, indices = index.search(queries.view(np.uint8), n_neighbors)
    return indices, distances.astype(np.int64)


def nearest_by_cosine(x: np.ndarray, queries: np.ndarray, *, n_neighbors: int) -> np.ndarray:
    """Exact neighbours by cosine, in blocks of queries: (N, m), (q, m) -> indices (q, k), the most similar first."""
    rows = _unit(numbers(x, name="x", shape=("N", "m")), "x")
    unit_queries = _unit(numbers(queries, name="queries", shape=("q", rows.shape[1])), "queries")
    n_neighbors = whole_number(n_neighbors, name="n_neighbors", low=1, high=len(rows))
    result = np.empty((len(queries), n_neighbors), dtype=np.int64)
    for start in range(0, len(queries), 256):
        cosines = unit_queries[start : start + 256] @ rows.T
        top = np.argpartition(-cosines, n_neighbors - 1, axis=1)[:, :n_neighbors]
        order = np.argsort(-np.take_along_axis(cosines, top, axis=1), axis=1, kind="stable")
        result[start : start + 256] = np.take_along_axis(top, order, axis=1)
    return result


def recall(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the exact neighbours that were found: (q, k'), (q, k) -> mean over queries."""
    found = whole(found, name="found", shape=("q", "k'"), empty=False)
    exact = whole(exact, name="exact", shape=(len(found), "k"), empty=False)
    return float(np.mean([np.isin(e, f).mean() for f, e in zip(found, exact, strict=True)]))


def pairs_at_cosine(
    cosine: float, count: int, n_features: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs of unit vectors with exactly this cosine: two (count, m) arrays."""
    count = whole_number(count, name="count", low=0)
    n_features = whole_number(n_features, name="n_features", low=2)
    c = number(cosine, name="cosine", low=-1, high=1)
    first = _unit(rng.standard_normal((count, n_features)), "x")
    other = rng.standard_normal((count, n_features))
    other -= (other * first).sum(axis=1, keepdims=True) * first
    return first, c * first + np.sqrt(1 - c**2) * _unit(other, "x")


def _unit(x: np.ndarray, name: str) -> np.ndarray:
    zero = np.flatnonzero(~x.any(axis=1))
    if len(zero):
        raise ValueError(f"row {zero[0]} of {name} has length zero: its cosine is not defined")
    return unit(x)


def _cosines(cosine: ArrayLike) -> np.ndarray:
    c = numbers(cosine, name="cosines", dtype=np.float64)
    if not np.all(np.abs(c) <= 1):
        raise ValueError(f"cosines must lie in [-1, 1], got {shown(cosine)}")
    return c


def _distances(distance: ArrayLike, n_bits: int) -> np.ndarray:
    n_bits = whole_number(n_bits, name="n_bits", low=1)
    return numbers(distance, name="distance", dtype=np.float64, low=0, high=n_bits)


def _codes(codes: np.ndarray, name: str, *, ndim: int | None = None) -> np.ndarray:
    """Refuse what `pack_bits` did not make: other integers would be read as other bits."""
    array = read(codes, name=name)
    if array.dtype != np.uint64 or array.ndim < 1 or (ndim is not None and array.ndim != ndim):
        expected = {1: "(words,)", 2: "(N, words)"}.get(ndim or 0, "(..., words)")
        raise ValueError(f"{name} must be packed uint64 codes {expected}, got {array.dtype} of shape {array.shape}")
    return array
