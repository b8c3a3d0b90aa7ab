"""Low-rank approximation from random projections: the range finder, its bounds, and a recipe that does not work.

Range finder (Halko, Martinsson and Tropp, 2011, arXiv 0909.4061): Y = M Omega, Q = orth(Y), M ~ Q (Q^T M). The basis Q
lies in the column space of M, and the error is close to that of the best rank-k matrix.

The recipe printed in kexue.fm/archives/8706 is M ~ (M Q) Q^T with Q drawn without looking at M. Q Q^T has rank k and
cannot stand for the identity of R^n; only its mean is the identity. Its error does not see the spectrum of M at all:
with orthonormal Q, E ||M - M Q Q^T||_F^2 = (1 - k/n) ||M||_F^2, and with Gaussian Q it is (n + 1)/k ||M||_F^2, more
than M itself. The repair is to keep the left vectors U_B of B = M Q, which are good, and to project on them: M ~ U_B
U_B^T M, which is the range finder.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

from engine.arrays import SQUARABLE, Shape, number, numbers, whole_number

Norm = Literal["frobenius", "spectral"]


@dataclass(frozen=True, slots=True)
class LowRank:
    """A matrix as left (m, k), values (k,), right (k, n): left * values @ right. Right rows may not be orthonormal."""

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray

    def matrix(self) -> np.ndarray:
        """(m, n) product."""
        return np.asarray((self.left * self.values) @ self.right)


def randomized_svd(
    matrix: np.ndarray,
    *,
    n_components: int,
    oversampling: int = 10,
    power_iterations: int = 2,
    rng: np.random.Generator,
) -> LowRank:
    """Leading singular vectors and values of a matrix.

    Args:
        matrix: (m, n) floats.
        n_components: k.
        oversampling: p more random directions than components; they only help to find the space.
        power_iterations: q passes over M M^T, which raise the spectrum to the power 2 q + 1.
        rng: source of the random directions.

    Returns:
        k left vectors, values and right vectors; signs are arbitrary.
    """
    matrix = _matrix(matrix, name="matrix", shape=("m", "n"), empty=True)
    _check_rank(matrix, n_components)
    n_components, oversampling = (
        whole_number(n_components, name="n_components"),
        whole_number(oversampling, name="oversampling"),
    )
    size = n_components + oversampling
    tall = matrix.shape[0] >= matrix.shape[1]
    work = matrix if tall else matrix.T
    size = min(size, work.shape[1])
    omega = rng.standard_normal((work.shape[1], size), dtype=_dtype(work))
    basis = _basis_of_range(work, omega, whole_number(power_iterations, name="power_iterations"))
    # of the tall transpose: LAPACK reduces it by QR first and takes half the time
    tall_right, values, inner = linalg.svd(
        (basis.T @ work).T, full_matrices=False, check_finite=False, overwrite_a=True
    )
    left = basis @ inner[:n_components].T
    result = LowRank(left, values[:n_components], tall_right[:, :n_components].T)
    return result if tall else LowRank(result.right.T, result.values, result.left.T)


def range_finder(matrix: np.ndarray, omega: np.ndarray, *, power_iterations: int = 0) -> np.ndarray:
    """Orthonormal basis (m, l) of the space that M (M^T M)^q Omega spans.

    Half-steps in between are re-orthonormalised, which keeps them from collapsing onto the first vector.

    Args:
        matrix: (m, n).
        omega: (n, l) test matrix, l <= m.
        power_iterations: q.
    """
    matrix = _matrix(matrix, name="matrix", shape=("m", "n"))
    omega = _matrix(omega, name="omega", shape=(matrix.shape[1], "l")).astype(matrix.dtype, copy=False)
    if omega.shape[1] > len(matrix):
        raise ValueError(f"omega must have at most {len(matrix)} columns, the rows of the matrix, got {omega.shape}")
    return _basis_of_range(matrix, omega, whole_number(power_iterations, name="power_iterations"))


def _basis_of_range(matrix: np.ndarray, omega: np.ndarray, power_iterations: int) -> np.ndarray:
    """As `range_finder`, of arrays that have been checked: reading a matrix once more costs half a product with it."""
    sample = _times(matrix, omega)
    for _ in range(power_iterations):
        sample = _times(matrix.T, _spread(sample))
        sample = _times(matrix, _spread(sample))
    return _orthonormal(sample)


def project_on(matrix: np.ndarray, basis: np.ndarray) -> LowRank:
    """Best approximation Q (Q^T M) in the space of an orthonormal basis, as an SVD."""
    matrix = _matrix(matrix, name="matrix", shape=("m", "n"))
    basis = _matrix(basis, name="basis", shape=(len(matrix), "l"))
    left, values, right = linalg.svd(basis.T @ matrix, full_matrices=False)
    return LowRank(basis @ left, values, right)


def post_recipe(matrix: np.ndarray, omega: np.ndarray, *, orthonormal: bool = True) -> LowRank:
    """The post's recipe as written: M ~ U S (Q V)^T from the SVD of B = M Q. Kept for comparison; see the module.

    Args:
        matrix: (m, n).
        omega: (n, k) random matrix; scaled by 1/sqrt(k) if it is not orthonormalised.
        orthonormal: orthonormalise Q by QR (the post's option).
    """
    matrix, omega = _with_omega(matrix, omega)
    q = linalg.qr(omega, mode="economic")[0] if orthonormal else omega / np.sqrt(omega.shape[1])
    left, values, right = linalg.svd(matrix @ q, full_matrices=False)
    return LowRank(left, values, right @ q.T)


def repaired_recipe(matrix: np.ndarray, omega: np.ndarray) -> LowRank:
    """The repair: keep U_B of the post's B = M Q and project M on it, M ~ U_B U_B^T M."""
    matrix, omega = _with_omega(matrix, omega)
    left, values, _ = linalg.svd(matrix @ omega, full_matrices=False)
    keep = values > values[0] * max(matrix.shape) * np.finfo(values.dtype).eps
    keep[0] = True  # of the zero matrix too
    return project_on(matrix, left[:, keep])


def optimal_error(singular_values: np.ndarray, rank: int, *, norm: Norm = "frobenius") -> float:
    """Smallest error of any matrix of this rank (Eckart and Young)."""
    rest = _spectrum(singular_values)[whole_number(rank, name="rank") :]
    if not len(rest) or rest[0] == 0:
        return 0.0
    return float(rest[0] * np.sqrt(((rest / rest[0]) ** 2).sum())) if norm == "frobenius" else float(rest[0])


def expected_error_bound(
    singular_values: np.ndarray, rank: int, *, oversampling: int, norm: Norm = "frobenius", power_iterations: int = 0
) -> float:
    """Bound of the expected error of the range finder (Halko, Martinsson and Tropp, theorems 10.5 and 10.6).

    Args:
        singular_values: all of them, in decreasing order.
        rank: k >= 2.
        oversampling: p >= 2.
        norm: "frobenius" (no power iterations) or "spectral".
        power_iterations: q; the spectral bound is that of the powered spectrum to the power 1/(2 q + 1).
    """
    if rank < 2 or oversampling < 2:
        raise ValueError(
            f"the bound needs rank and oversampling of 2 or more, got rank={rank}, oversampling={oversampling}"
        )
    values = _spectrum(singular_values)
    if norm == "frobenius":
        if power_iterations:
            raise ValueError("there is a bound with power iterations for the spectral norm only")
        return float(np.sqrt(1 + rank / (oversampling - 1)) * optimal_error(values, rank))
    if rank >= len(values) or values[rank] == 0:
        return 0.0
    power = 2 * power_iterations + 1
    scaled = (values[rank:] / values[rank]) ** power  # scaled against underflow
    head = 1 + np.sqrt(rank / (oversampling - 1))
    tail = np.e * np.sqrt(rank + oversampling) / oversampling * np.sqrt((scaled**2).sum())
    return float(values[rank] * (head + tail) ** (1 / power))


def post_recipe_error(frobenius: float, n_columns: int, rank: int, *, orthonormal: bool = True) -> float:
    """Root mean square Frobenius error of the post's recipe: a multiple of ||M||_F, whatever M is."""
    frobenius = number(frobenius, name="frobenius", low=0)
    n_columns = whole_number(n_columns, name="n_columns", low=1)
    rank = whole_number(rank, name="rank", low=1)
    factor = 1 - rank / n_columns if orthonormal else (n_columns + 1) / rank
    return float(np.sqrt(factor) * frobenius)


def error(matrix: np.ndarray, approximation: LowRank, *, norm: Norm = "frobenius") -> float:
    """Norm of the difference."""
    product = approximation.matrix()
    gap = numbers(matrix, name="matrix", shape=product.shape) - product
    scale = np.abs(gap).max(initial=0.0)
    return float(scale * np.linalg.norm(gap / scale, 2 if norm == "spectral" else "fro")) if scale > 0 else 0.0


def _matrix(values: np.ndarray, *, name: str, shape: Shape, empty: bool = False) -> np.ndarray:
    return numbers(values, name=name, shape=shape, empty=empty, low=-SQUARABLE, high=SQUARABLE)


def _with_omega(matrix: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    matrix = _matrix(matrix, name="matrix", shape=("m", "n"))
    return matrix, _matrix(omega, name="omega", shape=(matrix.shape[1], "k"))


def _spectrum(singular_values: np.ndarray) -> np.ndarray:
    values = numbers(singular_values, name="singular_values", shape=("k",), dtype=np.float64, low=0)
    if (np.diff(values) > 0).any():
        raise ValueError("singular_values must be in decreasing order")
    return values


def _times(matrix: np.ndarray, thin: np.ndarray) -> np.ndarray:
    """Matrix times a few columns, as the transpose of the transposed product: a quarter to 40 % faster in float64."""
    return np.asarray((thin.T @ matrix.T).T)


def _spread(sample: np.ndarray) -> np.ndarray:
    """A well-conditioned basis of the same columns: by Cholesky where that is safe, else by LU."""
    basis = _cholesky_basis(sample)
    if basis is not None:
        return basis
    return np.asarray(linalg.lu(sample, permute_l=True, check_finite=False)[0])


def _orthonormal(sample: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the columns: Cholesky twice where that is safe (it is then as exact as Householder QR)."""
    basis = _cholesky_basis(sample)
    again = None if basis is None else _cholesky_basis(basis)
    if again is not None:
        return again
    return np.asarray(linalg.qr(sample, mode="economic", check_finite=False)[0])


def _cholesky_basis(sample: np.ndarray) -> np.ndarray | None:
    """S R^{-1} with R from the Cholesky factor of S^T S; None where S is too near to rank deficient for it.

    One pass is three matrix products' worth of work. Its error is eps cond(S)^2, so cond(S) is kept below eps^{-1/2} /
    100 (judged by the diagonal of R).
    """
    # LAPACK's own names: scipy's wrappers cost as much again for so few columns
    factorize, invert = linalg.get_lapack_funcs(("potrf", "trtri"), (sample,))
    with np.errstate(over="ignore", invalid="ignore"):
        factor, failed = factorize(sample.T @ sample)
    diagonal = np.abs(np.diag(factor))
    if failed or not diagonal.min() > 100 * np.sqrt(np.finfo(sample.dtype).eps) * diagonal.max():
        return None
    return np.asarray(sample @ invert(factor)[0])


def _check_rank(matrix: np.ndarray, n_components: int) -> None:
    if matrix.ndim != 2 or not 1 <= n_components <= min(matrix.shape):
        raise ValueError(
            f"n_components must be between 1 and {min(matrix.shape)} for {matrix.shape}, got {n_components}"
        )


def _dtype(matrix: np.ndarray) -> type[np.float32] | type[np.float64]:
    return np.float32 if matrix.dtype == np.float32 else np.float64
