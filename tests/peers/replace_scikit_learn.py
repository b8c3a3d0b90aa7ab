"""A pytest plugin: scikit-learn's names for random projections and randomized SVD, computed by the engine.

Loaded with `-p` before scikit-learn's own tests are imported, so that these test our matrices and factors. Sparse
matrices are made dense: the engine takes arrays.
"""

import numpy as np
import sklearn.random_projection as theirs
from scipy import sparse
from sklearn.utils import check_random_state, extmath

from engine.johnson_lindenstrauss.bounds import sklearn_dim
from engine.johnson_lindenstrauss.random_projection import gaussian_matrix, sparse_matrix
from engine.johnson_lindenstrauss.randomized_svd import randomized_svd


def _generator(random_state):
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))


def _gaussian(n_components, n_features, random_state=None):
    return gaussian_matrix(n_components, n_features, rng=_generator(random_state))


def _sparse(n_components, n_features, density="auto", random_state=None):
    share = 1 / np.sqrt(n_features) if density == "auto" else density
    return sparse_matrix(n_components, n_features, density=share, rng=_generator(random_state))


def _minimum_dimension(n_samples, *, eps=0.1):
    return sklearn_dim(n_samples, eps=eps)


def _svd(
    M,
    n_components,
    *,
    n_oversamples=10,
    n_iter="auto",
    power_iteration_normalizer="auto",
    transpose="auto",
    flip_sign=True,
    random_state=None,
    svd_lapack_driver="gesdd",
):
    matrix = M.toarray() if sparse.issparse(M) else np.asarray(M)
    passes = (7 if n_components < 0.1 * min(matrix.shape) else 4) if n_iter == "auto" else n_iter
    turned = transpose is True
    found = randomized_svd(
        matrix.T if turned else matrix,
        n_components=n_components,
        oversampling=n_oversamples,
        power_iterations=passes,
        rng=_generator(random_state),
    )
    left, right = (found.right.T, found.left.T) if turned else (found.left, found.right)
    if flip_sign:
        left, right = extmath.svd_flip(left, right)
    return left, found.values, right


theirs._gaussian_random_matrix = _gaussian
theirs._sparse_random_matrix = _sparse
theirs.johnson_lindenstrauss_min_dim = _minimum_dimension
extmath.randomized_svd = _svd
