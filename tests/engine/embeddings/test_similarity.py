"""Cosines, Spearman with ties, the three averages over subsets and their bootstrap."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.embeddings.similarity import (
    average_ranks,
    cosine_pairs,
    cosines_by_components,
    percentile_interval,
    rank_gaps,
    resample_counts,
    spearman,
    spearman_resampled,
    sts_resampled,
    sts_scores,
    unit_rows,
)

VALUES = st.lists(st.integers(0, 6), min_size=3, max_size=40)


def test_cosines_by_hand():
    first = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    second = np.array([[6.0, 8.0], [0.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(cosine_pairs(first, second), [1.0, 0.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(unit_rows(first)[0], [0.6, 0.8])


def test_cosines_of_the_first_columns_are_those_of_cut_vectors():
    first, second = np.random.default_rng(0).standard_normal((2, 30, 9))
    found = cosines_by_components(first, second, [1, 4, 9])
    for column, k in enumerate((1, 4, 9)):
        np.testing.assert_allclose(found[:, column], cosine_pairs(first[:, :k], second[:, :k]), atol=1e-12)
    with pytest.raises(ValueError, match=r"1\.\.9, got \[0, 3\]"):
        cosines_by_components(first, second, [0, 3])


def test_identical_float32_sentences_tie_at_one():
    vectors = np.random.default_rng(0).standard_normal((200, 768)).astype(np.float32)
    assert len(set(np.round(cosine_pairs(vectors, vectors), 8))) == 1


def test_cosines_want_one_shape():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        cosine_pairs(np.ones((2, 3)), np.ones((2, 4)))


@given(VALUES)
def test_ranks_are_scipys(values):
    np.testing.assert_allclose(average_ranks(np.array(values)), stats.rankdata(values))


@given(VALUES, st.randoms(use_true_random=False))
def test_spearman_is_scipys(values, random):
    other = [random.randint(0, 6) for _ in values]
    assume(len(set(values)) > 1 and len(set(other)) > 1)
    expected = stats.spearmanr(values, other).statistic
    assert spearman(np.array(values, float), np.array(other, float)) == pytest.approx(expected, abs=1e-12)


def test_spearman_refuses_what_has_no_ranking():
    with pytest.raises(ValueError, match=r"gold scores are all equal \(2\)"):
        spearman(np.arange(3.0), np.full(3, 2.0))
    with pytest.raises(ValueError, match="1 of 3 are"):
        spearman(np.array([0.1, np.nan, 0.3]), np.arange(3.0))
    with pytest.raises(ValueError, match="one length"):
        spearman(np.arange(3.0), np.arange(4.0))


def test_averages_over_subsets_by_hand():
    cosines = {"a": np.array([0.1, 0.2, 0.3]), "b": np.array([0.9, 0.8, 0.7, 0.95, 0.6, 0.5])}
    gold = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([1.0, 2.0, 3.0, 0.0, 4.0, 5.0])}
    scores = sts_scores(cosines, gold)
    assert (scores["a"], scores["b"]) == (pytest.approx(1.0), pytest.approx(-1.0))
    assert scores["mean"] == pytest.approx(0.0)
    assert scores["wmean"] == pytest.approx((3 - 6) / 9)
    everything = stats.spearmanr(np.concatenate(list(cosines.values())), np.concatenate(list(gold.values()))).statistic
    assert scores["all"] == pytest.approx(everything)


def test_noise_below_the_eighth_decimal_does_not_rank():
    gold = np.array([5.0, 5.0, 4.0, 1.0])
    noisy = np.array([1.0, 1.0 - 1e-12, 1.0 - 2e-12, 0.3])
    assert sts_scores({"x": noisy}, {"x": gold})["all"] == sts_scores({"x": np.round(noisy, 6)}, {"x": gold})["all"]


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.integers(1, 6), st.integers(0, 100))
def test_a_resample_is_the_correlation_of_the_repeated_pairs(size, levels, seed):
    rng = np.random.default_rng(seed)
    scores, gold = rng.integers(0, levels + 1, size).astype(float), rng.standard_normal(size)
    counts = resample_counts(size, resamples=5, rng=rng)
    assert (counts.sum(axis=1) == size).all()
    for value, row in zip(spearman_resampled(scores, gold, counts, block=2), counts, strict=True):
        repeated = np.repeat(scores, row), np.repeat(gold, row)
        if min(len(set(side)) for side in repeated) == 1:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(spearman(*repeated), abs=1e-6)


def test_bootstrap_spread_is_that_of_the_sampling_distribution():
    rng = np.random.default_rng(0)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        x = rng.standard_normal(300)
        return x, x + rng.standard_normal(300)

    truth = np.std([spearman(*draw()) for _ in range(400)])
    x, y = draw()
    counts = {"s": resample_counts(300, resamples=400, rng=rng)}
    resampled = sts_resampled({"s": x}, {"s": y}, counts)
    assert np.std(resampled["all"]) == pytest.approx(truth, rel=0.3)
    low, high = percentile_interval(resampled["all"])
    assert low < spearman(np.round(x, 8), y) < high
    np.testing.assert_array_equal(resampled["s"], resampled["wmean"])


def test_resamples_of_several_subsets_average_like_the_scores():
    rng = np.random.default_rng(3)
    cosines = {name: rng.random(size) for name, size in (("a", 30), ("b", 60))}
    gold = {name: np.round(values * 5 + rng.standard_normal(len(values))) for name, values in cosines.items()}
    counts = {name: np.ones((2, len(values)), np.uint8) for name, values in cosines.items()}
    scores, resampled = sts_scores(cosines, gold), sts_resampled(cosines, gold, counts)
    assert scores.keys() == resampled.keys()
    for name, value in scores.items():
        np.testing.assert_allclose(resampled[name], value, atol=1e-6)


def test_rank_gaps_have_the_sign_of_the_mistake():
    gaps = rank_gaps(np.array([0.9, 0.1, 0.5]), np.array([0.0, 5.0, 2.0]))
    np.testing.assert_allclose(gaps, [2 / 3, -2 / 3, 0.0])
