"""Randomized SVD: the oracle's worked example, the recipe that fails, its repair, and the bounds."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.johnson_lindenstrauss import randomized_svd as rsvd

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "jl.json").read_text())["randomized_svd"]
ROWS, COLUMNS = np.arange(60)[:, None], np.arange(40)
MATRICES = {
    "A": 1 / (1 + ROWS + 2 * COLUMNS)
    + 0.05 * np.sin(1 + 0.7 * ROWS + 1.3 * COLUMNS)
    + 0.02 * np.cos(0.3 * ROWS * COLUMNS),
    "Alow": sum(np.cos(0.3 * ROWS * t) * np.sin(0.2 + 0.5 * t * COLUMNS) for t in range(1, 6)),
}


def lcg_signs(count: int) -> np.ndarray:
    state, signs = 42, []
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        signs.append(1.0 if state >> 30 & 1 else -1.0)
    return np.array(signs)


def test_the_oracles_signs():
    assert lcg_signs(8).tolist() == ORACLE["first_8_signs"]


@pytest.mark.parametrize("case", ORACLE["cases"], ids=lambda case: f"{case['matrix']}-k{case['k']}")
def test_worked_example(case):
    matrix, k = MATRICES[case["matrix"]], case["k"]
    omega = lcg_signs(40 * k).reshape(40, k)
    for q in range(3):
        found = rsvd.project_on(matrix, rsvd.range_finder(matrix, omega, power_iterations=q))
        assert rsvd.error(matrix, found) == pytest.approx(case[f"range_finder_fro_q{q}"], rel=1e-9, abs=1e-11)
        spectral = rsvd.error(matrix, found, norm="spectral")
        assert spectral == pytest.approx(case[f"range_finder_spec_q{q}"], rel=1e-9, abs=1e-11)
        assert found.values[0] == pytest.approx(case[f"top_singular_value_q{q}"], rel=1e-9)
    literal = {flag: rsvd.error(matrix, rsvd.post_recipe(matrix, omega, orthonormal=flag)) for flag in (True, False)}
    assert literal[True] == pytest.approx(case["post_literal_MQQt_QR_fro"], rel=1e-9)
    assert literal[False] == pytest.approx(case["post_literal_MQQt_noQR_fro"], rel=1e-9)
    repaired = rsvd.error(matrix, rsvd.repaired_recipe(matrix, omega))
    assert repaired == pytest.approx(case["repaired_U_B U_B^T M_fro"], rel=1e-9, abs=1e-11)
    assert repaired < literal[True] < literal[False]
    theory = rsvd.post_recipe_error(float(np.linalg.norm(matrix)), 40, k)
    assert theory == pytest.approx(case["post_literal_MQQt_QR_theory_sqrt(1-k/n)*fro"], rel=1e-9)
    values = np.linalg.svd(matrix, compute_uv=False)
    assert rsvd.optimal_error(values, k) == pytest.approx(case["optimal_fro"], rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("row", ORACLE["gaussian_monte_carlo_4000_statistical"])
def test_bounds_and_means_over_gaussian_matrices(row):
    matrix, k, p = MATRICES["A"], row["k"], row["p"]
    values = np.linalg.svd(matrix, compute_uv=False)
    bound = rsvd.expected_error_bound(values, k, oversampling=p)
    assert bound == pytest.approx(row["halko_bound_E_fro"], rel=1e-9)
    rng = np.random.default_rng(0)
    errors = {"finder": [], "spectral": [], "literal": [], "raw": []}
    for _ in range(300):
        omega = rng.standard_normal((40, k + p))
        found = rsvd.project_on(matrix, rsvd.range_finder(matrix, omega))
        errors["finder"].append(rsvd.error(matrix, found))
        errors["spectral"].append(rsvd.error(matrix, found, norm="spectral"))
        errors["literal"].append(rsvd.error(matrix, rsvd.post_recipe(matrix, omega)) ** 2)
        errors["raw"].append(rsvd.error(matrix, rsvd.post_recipe(matrix, omega, orthonormal=False)) ** 2)
    assert np.mean(errors["finder"]) == pytest.approx(row["range_finder_mean"], rel=0.03)
    assert np.mean(errors["finder"]) < bound
    assert np.mean(errors["spectral"]) < rsvd.expected_error_bound(values, k, oversampling=p, norm="spectral")
    size = float(np.linalg.norm(matrix))
    assert np.sqrt(np.mean(errors["literal"])) == pytest.approx(rsvd.post_recipe_error(size, 40, k + p), rel=0.02)
    raw = rsvd.post_recipe_error(size, 40, k + p, orthonormal=False)
    assert np.sqrt(np.mean(errors["raw"])) == pytest.approx(raw, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(8, 60), columns=st.integers(8, 60))
def test_low_rank_matrices_come_back_whole(seed, rows, columns):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, 4)) @ rng.standard_normal((4, columns))
    found = rsvd.randomized_svd(matrix, n_components=4, oversampling=3, rng=rng)
    np.testing.assert_allclose(found.matrix(), matrix, atol=1e-9)
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(found.values, np.linalg.svd(matrix, compute_uv=False)[:4], rtol=1e-9)


def test_power_iterations_survive_a_steep_spectrum():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((50, 50)))[0] for _ in range(2))
    values = 10.0 ** -np.arange(50)
    matrix = (left * values) @ right.T
    found = rsvd.randomized_svd(matrix, n_components=6, oversampling=4, power_iterations=3, rng=rng)
    np.testing.assert_allclose(found.values, values[:6], rtol=1e-6)


def test_float32_stays_float32():
    matrix = np.random.default_rng(0).standard_normal((30, 20)).astype(np.float32)
    found = rsvd.randomized_svd(matrix, n_components=3, rng=np.random.default_rng(1))
    assert found.left.dtype == found.values.dtype == np.float32


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="between 1 and 20"):
        rsvd.randomized_svd(np.ones((30, 20)), n_components=21, rng=rng)
    with pytest.raises(ValueError, match="NaN"):
        rsvd.randomized_svd(np.full((3, 3), np.nan), n_components=1, rng=rng)
    with pytest.raises(ValueError, match="2 or more"):
        rsvd.expected_error_bound(np.ones(5), 1, oversampling=4)
    with pytest.raises(ValueError, match="spectral norm only"):
        rsvd.expected_error_bound(np.ones(5), 2, oversampling=2, power_iterations=1)
