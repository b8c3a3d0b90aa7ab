"""The fitted projections: scikit-learn's estimator checks, and scikit-learn's own tests run on our classes."""

import collections
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn.utils.estimator_checks import check_estimator

from engine.johnson_lindenstrauss.projectors import (
    AchlioptasProjection,
    GaussianProjection,
    HaarProjection,
    HadamardProjection,
    SignProjection,
    SparseProjection,
)

CLASSES = [
    GaussianProjection,
    SparseProjection,
    SignProjection,
    AchlioptasProjection,
    HaarProjection,
    HadamardProjection,
]
REPLACE = """
import sklearn.random_projection as theirs
from engine.johnson_lindenstrauss import bounds, projectors
theirs.GaussianRandomProjection = projectors.GaussianProjection
theirs.SparseRandomProjection = projectors.SparseProjection
theirs._gaussian_random_matrix = projectors.sklearn_gaussian_matrix
theirs._sparse_random_matrix = projectors.sklearn_sparse_matrix
theirs.johnson_lindenstrauss_min_dim = johnson_lindenstrauss.sklearn_dim
"""


@pytest.mark.parametrize("projection", CLASSES)
@pytest.mark.filterwarnings("ignore")
def test_estimator_checks_of_sklearn_pass(projection):
    results = check_estimator(projection(n_components=1), on_skip=None, on_fail="raise")
    states = collections.Counter(result["status"] for result in results)
    assert states["passed"] > 40
    assert set(states) <= {"passed", "skipped"}
    assert states["skipped"] <= 2  # those that need another array library


def test_sklearns_own_tests_pass_with_our_classes(tmp_path):
    (tmp_path / "replace_projections.py").write_text(REPLACE)
    (tmp_path / "empty.ini").write_text("[pytest]\n")
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "pytest", "--pyargs", "sklearn.tests.test_random_projection", "-q"]
    command += ["-p", "replace_projections", "-p", "no:cacheprovider", "-c", str(tmp_path / "empty.ini")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "failed" not in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("projection", CLASSES)
def test_projection_keeps_squared_lengths_on_average(projection):
    x = np.random.default_rng(0).standard_normal((60, 300))
    lengths = [(projection(n_components=64, random_state=seed).fit_transform(x) ** 2).sum() for seed in range(20)]
    assert np.mean(lengths) / (x**2).sum() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("projection", CLASSES)
def test_transform_is_the_product_with_the_components(projection):
    x = np.random.default_rng(1).standard_normal((7, 50)).astype(np.float32)
    fitted = projection(n_components=9, random_state=3).fit(x)
    components = fitted.components_
    dense = components.toarray() if scipy.sparse.issparse(components) else components
    np.testing.assert_allclose(fitted.transform(x), x @ dense.T, atol=2e-5)
    sparse_result = fitted.transform(scipy.sparse.csr_array(x))
    sparse_result = sparse_result.toarray() if scipy.sparse.issparse(sparse_result) else sparse_result
    np.testing.assert_allclose(sparse_result, x @ dense.T, atol=2e-5)
    assert fitted.transform(x).dtype == np.float32


@pytest.mark.parametrize("projection", CLASSES)
def test_inverse_transform_has_the_same_projection(projection):
    x = np.random.default_rng(2).standard_normal((5, 40))
    for keep in (True, False):
        fitted = projection(n_components=8, random_state=0, compute_inverse_components=keep).fit(x)
        y = fitted.transform(x)
        np.testing.assert_allclose(fitted.transform(fitted.inverse_transform(y)), y, atol=1e-10)


@pytest.mark.parametrize("projection", [HaarProjection, HadamardProjection])
def test_orthogonal_projections_refuse_more_components_than_there_are(projection):
    with pytest.raises(ValueError, match="n_components=40"), pytest.warns(match="number of components"):
        projection(n_components=40).fit(np.ones((3, 30)))


@pytest.mark.parametrize("bad", [{"n_components": 0}, {"n_components": 2.5}, {"n_components": 3, "eps": -1.0}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(ValueError, match="must be"):
        GaussianProjection(**bad).fit(np.ones((3, 30)))


def test_hadamard_components_are_not_kept_as_a_matrix():
    fitted = HadamardProjection(n_components=16, random_state=0).fit(np.ones((2, 100)))
    assert fitted.srht_.padded == 128
    assert fitted.components_.shape == (16, 100)
    assert not any(isinstance(v, np.ndarray) and v.shape == (16, 100) for v in vars(fitted).values())
