"""The random maps as fitted objects with scikit-learn's interface: pipelines, clones, inverse_transform.

`GaussianProjection` and `SparseProjection` take the parameters of scikit-learn's GaussianRandomProjection and
SparseRandomProjection and keep their contract; `SignProjection`, `AchlioptasProjection`, `HaarProjection` and
`HadamardProjection` are the other maps of `random_projection`. They keep squared distances on average, and
nothing is learned from the data but their number of columns.
"""

import warnings
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from engine.johnson_lindenstrauss.bounds import sklearn_dim
from engine.johnson_lindenstrauss.hadamard import Srht
from engine.johnson_lindenstrauss.random_projection import Kind, draw, gaussian_matrix, sparse_matrix

Auto = Literal["auto"]
RandomState = int | np.random.RandomState | None


class Projection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What the projections share; use one of the classes below.

    Attributes:
        n_components_: n, given or from the bound.
        components_: (n, m) array or sparse array, of the dtype of the data.
        inverse_components_: (m, n) pseudo-inverse, if compute_inverse_components.
    """

    kind: Kind = "gaussian"

    def __init__(
        self,
        n_components: int | Auto = "auto",
        *,
        eps: float = 0.1,
        compute_inverse_components: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.eps = eps
        self.compute_inverse_components = compute_inverse_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the map for the columns of X.

        Args:
            X: (N, m) array or sparse matrix; N matters only for n_components="auto".
            y: ignored.

        Raises:
            ValueError: if n_components="auto" leads to more dimensions than X has columns.
        """
        data = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32])
        self.n_components_ = self._choose_components(*data.shape)
        self.components_ = self._draw(data.shape[1]).astype(data.dtype, copy=False)
        if self.compute_inverse_components:
            self.inverse_components_ = self._pseudo_inverse()
        self._n_features_out = self.n_components_
        return self

    def transform(self, X: Any) -> Any:
        """(N, m) -> (N, n)."""
        return self._validated(X) @ self.components_.T

    def inverse_transform(self, X: Any) -> np.ndarray:
        """(N, n) -> (N, m): the shortest vectors whose projection is X."""
        check_is_fitted(self)
        data = check_array(X, dtype=[np.float64, np.float32], accept_sparse=("csr", "csc"))
        inverse = self.inverse_components_ if self.compute_inverse_components else self._pseudo_inverse()
        return np.asarray(data @ inverse.T)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = True
        return tags

    def _draw(self, n_features: int) -> Any:
        return draw(self.kind, self.n_components_, n_features, rng=_generator(self.random_state))

    def _validated(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False, dtype=[np.float64, np.float32])

    def _pseudo_inverse(self) -> np.ndarray:
        components = self.components_
        dense = components.toarray() if sparse.issparse(components) else np.asarray(components)
        return np.asarray(linalg.pinv(dense, check_finite=False))

    def _choose_components(self, n_samples: int, n_features: int) -> int:
        if not isinstance(self.eps, Real) or self.eps <= 0:
            raise ValueError(f"eps must be a positive number, got {self.eps!r}")
        if self.n_components != "auto":
            if not isinstance(self.n_components, Integral) or self.n_components < 1:
                raise ValueError(f"n_components must be 'auto' or an integer of 1 or more, got {self.n_components!r}")
            if self.n_components > n_features:
                warnings.warn(
                    "The number of components is higher than the number of features: n_features < n_components "
                    f"({n_features} < {self.n_components}). The projection does not reduce the dimension.",
                    DataDimensionalityWarning,
                    stacklevel=3,
                )
            return int(self.n_components)
        chosen = int(sklearn_dim(n_samples, eps=self.eps))
        target = f"eps={self.eps:f} and n_samples={n_samples} lead to a target dimension of {chosen} which is"
        if chosen <= 0:
            raise ValueError(f"{target} invalid")
        if chosen > n_features:
            raise ValueError(f"{target} larger than the original space with n_features={n_features}")
        return chosen


class GaussianProjection(Projection):
    """Independent N(0, 1/n) entries.

    Example:
        >>> GaussianProjection(n_components=128, random_state=0).fit_transform(np.ones((10, 768))).shape
        (10, 128)
    """


class SignProjection(Projection):
    """Independent entries +-1/sqrt(n) (Rademacher)."""

    kind = "rademacher"


class AchlioptasProjection(Projection):
    """Entries sqrt(3/n) times +1, 0, -1 with probabilities 1/6, 2/3, 1/6."""

    kind = "achlioptas"


class HaarProjection(Projection):
    """Uniformly distributed orthonormal rows times sqrt(m/n); needs n_components <= n_features."""

    kind = "haar"


class HadamardProjection(Projection):
    """Subsampled randomized Hadamard transform; dense data go through the fast transform.

    Attributes:
        srht_: the drawn transform; `components_` is its matrix, made when asked for.
    """

    kind = "srht"

    @property
    def components_(self) -> np.ndarray:
        """(n, m) matrix of the transform."""
        return self.srht_.matrix().astype(self._dtype, copy=False)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw signs and rows for the columns of X."""
        data = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32])
        self.n_components_ = self._choose_components(*data.shape)
        self.srht_: Srht = self._draw(data.shape[1])
        self._dtype = data.dtype
        if self.compute_inverse_components:
            self.inverse_components_ = self._pseudo_inverse()
        self._n_features_out = self.n_components_
        return self

    def transform(self, X: Any) -> Any:
        """(N, m) -> (N, n)."""
        data = self._validated(X)
        return data @ self.components_.T if sparse.issparse(data) else self.srht_.apply(data)


class SparseProjection(Projection):
    """Entries +-sqrt(s/n) with probability 1/s = density, else 0.

    Attributes:
        density_: the density used; "auto" means 1/sqrt(m).
    """

    kind = "sparse"

    def __init__(
        self,
        n_components: int | Auto = "auto",
        *,
        density: float | Auto = "auto",
        eps: float = 0.1,
        dense_output: bool = False,
        compute_inverse_components: bool = False,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(
            n_components,
            eps=eps,
            compute_inverse_components=compute_inverse_components,
            random_state=random_state,
        )
        self.density = density
        self.dense_output = dense_output

    def transform(self, X: Any) -> Any:
        """(N, m) -> (N, n); sparse for sparse X unless dense_output."""
        result = self._validated(X) @ self.components_.T
        return result.toarray() if self.dense_output and sparse.issparse(result) else result

    def _draw(self, n_features: int) -> Any:
        self.density_ = 1 / np.sqrt(n_features) if self.density == "auto" else self.density
        return sparse_matrix(self.n_components_, n_features, density=self.density_, rng=_generator(self.random_state))


def sklearn_gaussian_matrix(n_components: int, n_features: int, random_state: RandomState = None) -> np.ndarray:
    """`gaussian_matrix` with scikit-learn's kind of seed."""
    _check_sizes(n_components, n_features)
    return gaussian_matrix(n_components, n_features, rng=_generator(random_state))


def sklearn_sparse_matrix(
    n_components: int, n_features: int, density: float | Auto = "auto", random_state: RandomState = None
) -> Any:
    """`sparse_matrix` with scikit-learn's kind of seed and its density "auto"."""
    _check_sizes(n_components, n_features)
    value = 1 / np.sqrt(n_features) if density == "auto" else density
    return sparse_matrix(n_components, n_features, density=value, rng=_generator(random_state))


def _check_sizes(n_components: int, n_features: int) -> None:
    if n_components < 1 or n_features < 1:
        raise ValueError(
            f"n_components and n_features must be 1 or more, got n_components={n_components}, n_features={n_features}"
        )


def _generator(random_state: RandomState) -> np.random.Generator:
    """A numpy Generator seeded from what scikit-learn calls a random state."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
