"""Walsh-Hadamard transform and the subsampled randomized Hadamard transform (SRHT).

H of order 2^k is a Kronecker product of small Hadamard matrices, so H x is a few products with matrices of order
at most 128, each of which runs at the speed of the machine's matrix product: on today's CPUs this beats the textbook
butterflies by far.
The SRHT keeps n random coordinates of H D x, D random signs: x -> sqrt(P/n) (H D x)[rows], P the padded length.

References: Ailon and Chazelle (2009), doi 10.1137/060673096; Tropp (2011), arXiv 1011.1595.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from engine.arrays import numbers, whole_number

FACTOR = 7  # Hadamard blocks of order at most 2^7 = 128
BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Srht:
    """One drawn SRHT from m to n dimensions; rows are sampled without replacement."""

    signs: np.ndarray  # (m,), +-1
    rows: np.ndarray  # (n,), coordinates of the padded transform that are kept
    padded: int

    def apply(self, x: np.ndarray) -> np.ndarray:
        """(N, m) -> (N, n)."""
        n_features, n_components = len(self.signs), len(self.rows)
        x = numbers(x, name="x", shape=("N", n_features))
        signs = self.signs.astype(x.dtype) * np.sqrt(self.padded / n_components).astype(x.dtype)
        result = np.empty((len(x), n_components), dtype=x.dtype)
        step = max(1, BLOCK_BYTES // (self.padded * x.itemsize))
        block = np.zeros((step, self.padded), dtype=x.dtype)
        for start in range(0, len(x), step):
            part = x[start : start + step]
            np.multiply(part, signs, out=block[: len(part), :n_features])
            np.take(hadamard_transform(block[: len(part)]), self.rows, axis=1, out=result[start : start + step])
        return result

    def matrix(self) -> np.ndarray:
        """The (n, m) matrix of the map, for checks and inverses."""
        return self.apply(np.eye(len(self.signs))).T


def draw_srht(n_components: int, n_features: int, *, rng: np.random.Generator) -> Srht:
    """Draw an SRHT.

    Raises:
        ValueError: if n_components exceeds the padded length (the next power of two): there are no
            more coordinates to keep.
    """
    n_components, n_features = (
        whole_number(n_components, name="n_components", low=1),
        whole_number(n_features, name="n_features", low=1),
    )
    padded = padded_length(n_features)
    if n_components > padded:
        raise ValueError(
            f"srht keeps coordinates of a transform of length {padded} ({n_features} columns padded to a power "
            f"of two): n_components={n_components} is more than there are"
        )
    signs = 2.0 * rng.integers(0, 2, size=n_features) - 1
    rows = np.sort(rng.choice(padded, size=n_components, replace=False))
    return Srht(signs, rows, padded)


def padded_length(n_features: int) -> int:
    """Next power of two."""
    n_features = whole_number(n_features, name="n_features", low=0)
    return 1 << max(n_features - 1, 0).bit_length()


def hadamard_transform(x: np.ndarray) -> np.ndarray:
    """Orthonormal Walsh-Hadamard transform of every row, in natural (Sylvester) order; its own inverse.

    Args:
        x: (N, P) numbers, P a power of two.
    """
    x = numbers(x, name="x", shape=("N", "P"))
    if x.shape[1] & (x.shape[1] - 1) or x.shape[1] == 0:
        raise ValueError(f"x must have shape (N, P) with P a power of two, got {x.shape}")
    n_rows, length = x.shape
    result, done = x, 1
    for order in _factors(length):  # from the fastest axis outwards
        hadamard = (linalg.hadamard(order) / np.sqrt(order)).astype(x.dtype)
        if done == 1:
            result = result.reshape(-1, order) @ hadamard
        else:
            result = np.matmul(hadamard, result.reshape(-1, order, done))
        done *= order
    return np.array(result, copy=result is x).reshape(n_rows, length)


def _factors(length: int) -> list[int]:
    """Orders of nearly equal Hadamard blocks whose product is the length."""
    exponent = length.bit_length() - 1
    count = max(1, -(-exponent // FACTOR))
    return [1 << (exponent // count + (i < exponent % count)) for i in range(count)]
