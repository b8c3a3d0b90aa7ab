"""Whitening against the oracle, numpy and scikit-learn, and what it promises of streams, ranks and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from engine.embeddings.similarity import cosine_pairs
from engine.embeddings.whitening import BLOCK_ROWS, SINGLE_FROM, WhiteningAccumulator, effective_rank, fit_whitening

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "whitening_small.json").read_text())
SMALL = np.array(ORACLE["X"])


def cosines_to_first(vectors: np.ndarray) -> np.ndarray:
    return cosine_pairs(np.repeat(vectors[:1], len(vectors), axis=0), vectors)


def stretched(rows: int, width: int, *, seed: int = 0, offset: float = 3.0) -> np.ndarray:
    """Correlated vectors around a large common mean, as sentence vectors are."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((width, width)) * np.geomspace(1.0, 0.05, width)
    return rng.standard_normal((rows, width)) @ mixing + offset


def covariance(vectors: np.ndarray) -> np.ndarray:
    return np.cov(vectors.astype(np.float64), rowvar=False)


def test_mean_and_spectrum_are_the_oracles():
    whitening = fit_whitening(SMALL)
    np.testing.assert_allclose(whitening.mean, ORACLE["mu"], atol=1e-11)
    np.testing.assert_allclose(whitening.eigenvalues, ORACLE["eigenvalues_ddof1"], atol=1e-10)
    np.testing.assert_allclose(whitening.kernel @ whitening.kernel.T, ORACLE["inv_cov_ddof1"], atol=1e-10)


@pytest.mark.parametrize("k", [4, 3, 2, 1])
def test_cosines_after_reduction_are_the_oracles(k):
    vectors = fit_whitening(SMALL, n_components=k).transform(SMALL)
    expected = ORACLE["cosines_after_whitening"][f"k{k}"]
    np.testing.assert_allclose(cosines_to_first(vectors), expected["cosine_row0"], atol=1e-10)
    assert cosine_pairs(vectors[2:3], vectors[3:4])[0] == pytest.approx(expected["cosine_23"], abs=1e-10)


@pytest.mark.parametrize("case", ORACLE["beta_gamma"], ids=lambda case: f"beta{case['beta']}-gamma{case['gamma']}")
@pytest.mark.parametrize("k", [4, 2])
def test_beta_and_gamma_are_the_oracles(case, k):
    whitening = fit_whitening(SMALL, n_components=k, beta=case["beta"], gamma=case["gamma"])
    np.testing.assert_allclose(whitening.eigenvalues * 11 / 12, case["eigenvalues"], rtol=1e-9)
    np.testing.assert_allclose(cosines_to_first(whitening.transform(SMALL)), case[f"cosine_row0_k{k}"], atol=1e-10)


def test_whitened_vectors_have_mean_zero_and_covariance_one():
    vectors = stretched(500, 12)
    assert np.abs(covariance(vectors) - np.eye(12)).max() > 0.5
    assert np.abs(vectors.mean(axis=0)).min() > 1.0
    whitened = fit_whitening(vectors).transform(vectors)
    np.testing.assert_allclose(covariance(whitened), np.eye(12), atol=1e-10)
    np.testing.assert_allclose(whitened.mean(axis=0), 0.0, atol=1e-10)


def test_wide_float32_vectors_keep_the_covariance_at_one():
    width = SINGLE_FROM
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((9000, width)) * np.geomspace(1.0, 0.1, width) + 2.0).astype(np.float32)
    whitening = fit_whitening(vectors)
    assert vectors.dtype == whitening.transform(vectors[:2]).dtype == np.float32
    whitened = whitening.transform(vectors.astype(np.float64))
    np.testing.assert_allclose(covariance(whitened), np.eye(width), atol=1e-6)


def test_whitening_twice_is_whitening_once():
    vectors = stretched(300, 8)
    once = fit_whitening(vectors).transform(vectors)
    twice = fit_whitening(once).transform(once)
    np.testing.assert_allclose(cosines_to_first(twice), cosines_to_first(once), atol=1e-10)


def test_beta_and_gamma_zero_change_no_cosine():
    vectors = stretched(50, 8)
    rotated = fit_whitening(vectors, beta=0.0, gamma=0.0).transform(vectors)
    np.testing.assert_allclose(cosines_to_first(rotated), cosines_to_first(vectors), atol=1e-12)


def test_gamma_zero_needs_no_rank():
    vectors = stretched(5, 8)
    with pytest.raises(ValueError, match="rank 4"):
        fit_whitening(vectors)
    assert fit_whitening(vectors, gamma=0.0).transform(vectors).shape == (5, 8)


def test_first_columns_of_the_full_kernel_are_the_reduced_kernel():
    vectors = stretched(200, 6)
    np.testing.assert_array_equal(fit_whitening(vectors).kernel[:, :3], fit_whitening(vectors, n_components=3).kernel)


def test_scikit_learn_finds_the_same_whitened_subspace():
    from sklearn.decomposition import PCA

    vectors = stretched(400, 10)
    ours = fit_whitening(vectors, n_components=4).transform(vectors)
    theirs = PCA(n_components=4, whiten=True, svd_solver="full").fit_transform(vectors)
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=0)) / 399, 1.0, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 200), max_size=5),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
    dtype=st.sampled_from([np.float32, np.float64]),
    workers=st.integers(1, 3),
)
def test_chunks_and_workers_do_not_change_the_statistics(cuts, offset, dtype, workers):
    vectors = stretched(200, 5, offset=offset).astype(dtype)
    parts = np.split(vectors, sorted(cuts))
    accumulators = [WhiteningAccumulator() for _ in range(workers)]
    for index, part in enumerate(parts):
        accumulators[index % workers].update(part)
    total = accumulators[0]
    for other in accumulators[1:]:
        total.merge(other)
    exact = vectors.astype(np.float64)
    assert total.count == 200
    np.testing.assert_allclose(total.mean, exact.mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(total.second_moment(), np.cov(exact, rowvar=False), rtol=1e-9, atol=1e-10)


def test_a_stream_equals_the_batch_to_1e_10():
    vectors = stretched(1000, 20)
    stream = WhiteningAccumulator()
    for start in range(0, 1000, 37):
        stream.update(vectors[start : start + 37])
    batch = fit_whitening(vectors)
    kernel = stream.finish().kernel
    np.testing.assert_allclose(stream.finish().eigenvalues, batch.eigenvalues, rtol=1e-10)
    np.testing.assert_allclose(kernel @ kernel.T, batch.kernel @ batch.kernel.T, rtol=1e-9, atol=1e-10)


def test_a_large_common_mean_costs_no_digits():
    vectors = stretched(400, 4, offset=0.0)
    far = fit_whitening(vectors + 1e6)
    np.testing.assert_allclose(far.eigenvalues, fit_whitening(vectors).eigenvalues, rtol=1e-8)


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_a_large_mean_of_wide_float32_vectors_is_exact(first):
    rng = np.random.default_rng(1)
    vectors = (rng.standard_normal((1200, SINGLE_FROM)) + 1e5 * rng.random(SINGLE_FROM)).astype(np.float32)
    accumulator = WhiteningAccumulator()
    accumulator.update(vectors[:500].astype(first))
    accumulator.update(vectors[500:])
    exact = vectors.astype(np.float64)
    np.testing.assert_allclose(accumulator.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(accumulator.second_moment(), np.cov(exact, rowvar=False), atol=5e-6)


def test_state_takes_the_sums_elsewhere():
    accumulator = WhiteningAccumulator()
    accumulator.update(stretched(60, 5))
    restored = WhiteningAccumulator.from_state(accumulator.state())
    for one in (accumulator, restored):
        one.update(stretched(40, 5, seed=1))
    np.testing.assert_array_equal(restored.second_moment(), accumulator.second_moment())
    assert restored.count == 100


def test_merge_leaves_the_other_alone_and_takes_from_an_empty_one():
    one, other = WhiteningAccumulator(), WhiteningAccumulator()
    other.update(stretched(30, 3))
    before = other.second_moment()
    one.merge(other)
    one.update(stretched(30, 3, seed=1))
    np.testing.assert_array_equal(other.second_moment(), before)
    count = one.count
    one.merge(WhiteningAccumulator())
    assert one.count == count == 60


def test_effective_rank_of_closed_forms():
    assert effective_rank(np.ones(7)) == pytest.approx(7.0)
    assert effective_rank(np.array([3.0, 0.0, 0.0])) == pytest.approx(1.0)
    assert effective_rank(np.array([0.5, 0.25, 0.25])) == pytest.approx(2**1.5)
    with pytest.raises(ValueError, match="positive eigenvalue"):
        effective_rank(np.zeros(3))


def test_fewer_sentences_than_dimensions_names_the_largest_usable_number():
    vectors = stretched(10, 16)
    with pytest.raises(ValueError, match=r"all 16 components wanted.*10 sentence vectors.*at most 9"):
        fit_whitening(vectors)
    with pytest.raises(ValueError, match=r"n_components=12 wanted.*at most 9"):
        fit_whitening(vectors, n_components=12)
    assert fit_whitening(vectors, n_components=9).rank == 9


def test_dependent_columns_lower_the_rank():
    vectors = stretched(100, 5)
    vectors[:, 4] = vectors[:, 0] - 2 * vectors[:, 1]
    with pytest.raises(ValueError, match="at most 4"):
        fit_whitening(vectors)


def test_constant_vectors_are_refused():
    with pytest.raises(ValueError, match="all equal"):
        fit_whitening(np.full((20, 3), 0.1))


@pytest.mark.parametrize("width", [4, SINGLE_FROM])
def test_a_row_that_is_not_finite_is_named_and_nothing_is_added(width):
    vectors = np.random.default_rng(0).standard_normal((40, width)).astype(np.float32)
    accumulator = WhiteningAccumulator()
    accumulator.update(vectors)
    before = accumulator.second_moment()
    bad = vectors.copy()
    bad[7, 2] = np.nan
    with pytest.raises(ValueError, match="row 7 is not"):
        accumulator.update(bad)
    assert accumulator.count == 40
    np.testing.assert_array_equal(accumulator.second_moment(), before)


def test_a_rotation_gives_the_whitening_of_any_gamma_and_any_number_of_components():
    vectors = stretched(100, 6)
    rotation = fit_whitening(vectors, beta=0.5, gamma=0.0)
    for gamma, k in ((1.0, 6), (0.3, 4)):
        wanted = fit_whitening(vectors, n_components=k, beta=0.5, gamma=gamma)
        np.testing.assert_array_equal(rotation.reduced(k, gamma=gamma).transform(vectors), wanted.transform(vectors))


def test_threads_share_the_rows_without_changing_sums_or_row_numbers():
    vectors = np.random.default_rng(0).standard_normal((3 * BLOCK_ROWS, 3)) + 1.0
    with threadpool_limits(2, user_api="blas"):
        fitted = fit_whitening(vectors)
    with threadpool_limits(1, user_api="blas"):
        np.testing.assert_allclose(fitted.eigenvalues, fit_whitening(vectors).eigenvalues, rtol=1e-13)
    np.testing.assert_allclose(np.cov(fitted.transform(vectors), rowvar=False), np.eye(3), atol=1e-12)
    vectors[[2 * BLOCK_ROWS + 5, 2 * BLOCK_ROWS + 9], 1] = np.inf
    with threadpool_limits(2, user_api="blas"), pytest.raises(ValueError, match=f"row {2 * BLOCK_ROWS + 5} is not"):
        fit_whitening(vectors)


def test_values_whose_squares_overflow_float32_are_summed_in_float64():
    vectors = np.random.default_rng(0).standard_normal((2000, SINGLE_FROM)).astype(np.float32)
    large = fit_whitening(vectors * np.float32(1e25), n_components=3)
    np.testing.assert_allclose(large.eigenvalues[:3], 1e50 * fit_whitening(vectors).eigenvalues[:3], rtol=1e-5)


def test_shapes_and_knobs_are_checked():
    vectors = stretched(30, 4)
    with pytest.raises(ValueError, match=r"shape \(n, d\)"):
        fit_whitening(vectors[0])
    with pytest.raises(ValueError, match=r"n_components must be a whole number, in 1\.\.4"):
        fit_whitening(vectors, n_components=5)
    with pytest.raises(ValueError, match="gamma"):
        fit_whitening(vectors, gamma=-1.0)
    with pytest.raises(ValueError, match="fitted on vectors of width 4"):
        fit_whitening(vectors).transform(vectors[:, :3])
    accumulator = WhiteningAccumulator()
    with pytest.raises(ValueError, match="at least 2 sentence vectors"):
        accumulator.finish()
    accumulator.update(vectors)
    with pytest.raises(ValueError, match="width 4 as before"):
        accumulator.update(vectors[:, :3])
    narrow = WhiteningAccumulator()
    narrow.update(vectors[:, :2])
    with pytest.raises(ValueError, match="cannot merge"):
        accumulator.merge(narrow)


def test_inputs_stay_as_they_are():
    vectors = stretched(50, 4)
    copy = vectors.copy()
    fit_whitening(vectors).transform(vectors)
    np.testing.assert_array_equal(vectors, copy)
