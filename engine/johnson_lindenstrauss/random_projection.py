"""Random linear maps R^m -> R^n that keep squared distances on average: E ||A x||^2 = ||x||^2.

| kind | rows of A | n Var ||A x||^2 at ||x|| = 1 |
|---|---|---|
| gaussian | N(0, 1/n) | 2 |
| rademacher | +-1/sqrt(n) | 2 (1 - q), q = sum x_i^4 |
| achlioptas | sqrt(3/n) (+1, 0, -1) with probabilities 1/6, 2/3, 1/6 | 2 |
| sparse | sqrt(s/n) (+1, 0, -1) with probabilities 1/2s, 1 - 1/s, 1/2s | 2 + (s - 3) q |
| haar | orthonormal rows times sqrt(m/n) | 2 (m - n) / (m + 2) |
| srht | sqrt(P/n) (H D)[rows], see `engine.johnson_lindenstrauss.hadamard` | 2 (1 - q) (P - n) / (P - 1) |

The very sparse map fails on spiky data (q large, such as differences of one-hot vectors); signs are then better than
Gaussians.

References: Achlioptas (2003); Li, Hastie and Church (2006), doi 10.1145/1150402.1150436; Tropp (2011), arXiv 1011.1595.
"""

from typing import Any, Literal, get_args

import numpy as np
from scipy import sparse

from engine.arrays import check_finite, number, numbers, read, whole_number
from engine.johnson_lindenstrauss.hadamard import Srht, draw_srht, padded_length

Kind = Literal["gaussian", "rademacher", "achlioptas", "sparse", "srht", "haar"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BLOCK_ROWS = 4096
MATRIX_BYTES = 4 << 30
SPARSE_BELOW = 0.1  # densities below this are stored as sparse matrices


def project(
    x: np.ndarray,
    *,
    n_components: int,
    kind: Kind | Literal["auto"] = "gaussian",
    rng: np.random.Generator,
    s: float | None = None,
) -> np.ndarray:
    """Project rows to n_components dimensions with a freshly drawn map.

    Rows are read in blocks, so a memory-mapped array larger than memory streams through.

    Args:
        x: (N, m) floats (integers become float64); a memory map is read once.
        n_components: n.
        kind: one of KINDS, or "auto": gaussian or srht, whichever `choose_kind` expects to be faster.
        rng: source of the map.
        s: sparsity of kind "sparse": one entry in s is not zero; None means sqrt(m).

    Returns:
        (N, n) array of x's float dtype.
    """
    if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64):  # a memory map of floats stays one
        x = numbers(x, name="x", shape=("N", "m"), dtype=np.float64)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"x must have shape (N, m) with m > 0, got {x.shape}")
    if kind == "auto":
        kind = choose_kind(len(x), x.shape[1], n_components)
    dtype = x.dtype
    drawn = draw(kind, n_components, x.shape[1], rng=rng, s=s, dtype=dtype)
    result = np.empty((len(x), n_components), dtype=dtype)
    for start in range(0, len(x), BLOCK_ROWS):
        block = read(x[start : start + BLOCK_ROWS], name="x").astype(dtype, copy=False)
        check_finite(block, first_row=start)
        result[start : start + BLOCK_ROWS] = apply(drawn, block)
    return result


def choose_kind(n_samples: int, n_features: int, n_components: int) -> Literal["gaussian", "srht"]:
    """The faster of a Gaussian matrix and an SRHT, by their operation counts.

    Both costs are counted in multiplications of a matrix product. Drawing one Gaussian number costs about as much as
    400 of them; a coordinate of the padded transform costs its Hadamard factors and about 400 for moving it through
    memory, and its calls as much as 20 million. A tie of up to a factor 2 goes to the Gaussian map, whose law is known
    exactly.
    """
    n_samples = whole_number(n_samples, name="n_samples", low=0)
    n_features = whole_number(n_features, name="n_features", low=1)
    n_components = whole_number(n_components, name="n_components", low=1)
    padded = padded_length(n_features)
    if n_components > padded:
        return "gaussian"
    dense = n_features * n_components * (n_samples + 400)
    exponent = padded.bit_length() - 1
    count = max(1, -(-exponent // 7))
    transform = 20_000_000 + n_samples * padded * (count * 2 ** (exponent / count) + 400)
    return "srht" if 2 * transform < dense else "gaussian"


def draw(
    kind: Kind,
    n_components: int,
    n_features: int,
    *,
    rng: np.random.Generator,
    s: float | None = None,
    dtype: np.dtype[Any] | type = np.float64,
) -> Any:
    """Draw a map: an (n, m) array, an (n, m) scipy sparse array, or an `Srht`.

    Raises:
        ValueError: if a size is not positive, if haar or srht should give more dimensions than there are, or
            if a dense matrix would take more than 4 GiB.
    """
    n_components = whole_number(n_components, name="n_components", low=1)
    n_features = whole_number(n_features, name="n_features", low=1)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if n_components < 1 or n_features < 1:
        raise ValueError(
            f"n_components and n_features must be 1 or more, got n_components={n_components}, n_features={n_features}"
        )
    if kind == "srht":
        return draw_srht(n_components, n_features, rng=rng)
    if kind == "sparse":
        density = _density(s, n_features)
        matrix = sparse_matrix(n_components, n_features, density=density, rng=rng).astype(dtype)
        return matrix.toarray() if SPARSE_BELOW < density < 1 else matrix
    bytes_needed = n_components * n_features * np.dtype(dtype).itemsize
    if bytes_needed > MATRIX_BYTES:
        raise ValueError(
            f"a {kind} matrix of {n_components} x {n_features} takes {bytes_needed / 2**30:.1f} GiB (limit "
            f"{MATRIX_BYTES / 2**30:.0f}): use kind 'srht' or 'sparse', which need no such matrix"
        )
    if kind == "haar":
        return haar_matrix(n_components, n_features, rng=rng).astype(dtype)
    if kind == "gaussian":
        return gaussian_matrix(n_components, n_features, rng=rng, dtype=dtype)
    density = 1.0 if kind == "rademacher" else 1 / 3
    matrix = sparse_matrix(n_components, n_features, density=density, rng=rng)
    return (matrix.toarray() if sparse.issparse(matrix) else matrix).astype(dtype)


def apply(drawn: Any, x: np.ndarray) -> np.ndarray:
    """Apply a drawn map to rows: (N, m) -> (N, n)."""
    if isinstance(drawn, Srht):
        return drawn.apply(x)
    x = numbers(x, name="x", shape=("N", "m"))
    if x.shape[1] != drawn.shape[1]:
        raise ValueError(f"the map takes rows of {drawn.shape[1]} numbers, got x of shape {x.shape}")
    return np.asarray(x @ drawn.T)


def gaussian_matrix(
    n_components: int, n_features: int, *, rng: np.random.Generator, dtype: np.dtype[Any] | type = np.float64
) -> np.ndarray:
    """(n, m) matrix of independent N(0, 1/n) entries."""
    n_components, n_features = (
        whole_number(n_components, name="n_components", low=1),
        whole_number(n_features, name="n_features", low=1),
    )
    matrix = rng.standard_normal((n_components, n_features), dtype=np.dtype(dtype).type)
    matrix *= np.dtype(dtype).type(1 / np.sqrt(n_components))
    return matrix


def sparse_matrix(n_components: int, n_features: int, *, density: float, rng: np.random.Generator) -> Any:
    """(n, m) matrix, entries +-sqrt(1/density/n) with probability density, else 0.

    The places of the entries are independent coin flips. Where they are rare, the gaps between them are drawn from the
    geometric law, so that the cost is that of the entries. Density 1 gives a dense array, everything else a CSR array.
    """
    density = number(density, name="density")
    n_components, n_features = (
        whole_number(n_components, name="n_components", low=1),
        whole_number(n_features, name="n_features", low=1),
    )
    if not 0 < density <= 1:
        raise ValueError(f"density must lie in (0, 1], got {density!r}")
    scale = np.sqrt(1 / density) / np.sqrt(n_components)
    size = n_components * n_features
    if density == 1:
        return _signs(size, rng).reshape(n_components, n_features) * scale
    places = _dense_places(size, density, rng) if density > SPARSE_BELOW else _rare_places(size, density, rng)
    values = _signs(len(places), rng) * scale
    rows, columns = np.divmod(places, n_features)
    starts = np.searchsorted(rows, np.arange(n_components + 1))
    return sparse.csr_array((values, columns, starts), shape=(n_components, n_features))


def _signs(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random signs as floats, one random bit each."""
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-count // 8)), dtype=np.uint8), count=count)
    return 2.0 * bits - 1


def _dense_places(size: int, density: float, rng: np.random.Generator) -> np.ndarray:
    return np.flatnonzero(rng.random(size, dtype=np.float32) < density)


def _rare_places(size: int, density: float, rng: np.random.Generator) -> np.ndarray:
    parts, last = [np.empty(0, dtype=np.int64)], -1
    while last < size:
        expected = (size - last) * density
        gaps = rng.geometric(density, size=int(expected + 4 * np.sqrt(expected) + 16))
        parts.append(last + np.cumsum(np.minimum(gaps, size + 1)))  # a longer gap ends the matrix all the same
        last = int(parts[-1][-1])
    places = np.concatenate(parts)
    return places[places < size]


def haar_matrix(n_components: int, n_features: int, *, rng: np.random.Generator) -> np.ndarray:
    """(n, m) matrix: n uniformly distributed orthonormal rows times sqrt(m/n)."""
    n_components, n_features = (
        whole_number(n_components, name="n_components", low=1),
        whole_number(n_features, name="n_features", low=1),
    )
    if n_components > n_features:
        raise ValueError(
            f"haar needs orthonormal rows: at most n_features={n_features} of them, got n_components={n_components}"
        )
    q, r = np.linalg.qr(rng.standard_normal((n_features, n_components)))
    return np.asarray((q * np.sign(np.diag(r))).T * np.sqrt(n_features / n_components))


def variance_factor(kind: Kind, *, n_features: int, n_components: int, q: float, s: float | None = None) -> float:
    """Exact n Var(||A x||^2) for a unit vector with sum of fourth powers q.

    Args:
        kind: projection.
        n_features: m.
        n_components: n.
        q: sum of x_i^4 in [1/m, 1]: 1 for a one-hot vector, 1/2 for a difference of two, about 3/m for a Gaussian one.
        s: sparsity of kind "sparse"; None means sqrt(m).
    """
    n_features = whole_number(n_features, name="n_features", low=1)
    n_components = whole_number(n_components, name="n_components", low=1)
    q = number(q, name="q", low=0, high=1)
    if kind == "haar":
        return 2 * (n_features - n_components) / (n_features + 2)
    if kind == "srht":  # n of P numbers with mean 1 and variance 2 (1 - q), drawn without replacement
        padded = padded_length(n_features)
        return 2 * (1 - q) * (padded - n_components) / (padded - 1)
    kurtosis = {"gaussian": 3.0, "rademacher": 1.0, "achlioptas": 3.0}.get(kind) or 1 / _density(s, n_features)
    return 2 * (1 - q) + (kurtosis - 1) * q


def _density(s: float | None, n_features: int) -> float:
    if s is None:
        return float(1 / np.sqrt(n_features))
    if not s >= 1:
        raise ValueError(f"s must be 1 or more (one entry in s is not zero), got {s!r}")
    return 1 / s
