"""Reproduction of a published figure as an equivalence test."""

import numpy as np
import pytest
from scipy import stats

from engine.evidence.reproduction import in_words, reproduce

OFFICIAL = {"abc123"}


def outcome(scores, published=0.7, **settings):
    return reproduce(scores, published, n_examples=10_000, fingerprint="abc123", official=OFFICIAL, **settings)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.7010, 0.7005, 0.6990, 0.7000], "reproduced"),
        ([0.7200, 0.7210, 0.7190], "above"),
        ([0.6800, 0.6810, 0.6790], "below"),
        ([0.66, 0.70, 0.74], "undecided"),
        ([0.7050, 0.7045, 0.7055], "undecided"),
        ([0.70, 0.70], "undecided"),
    ],
)
def test_outcomes(scores, expected):
    found = outcome(scores)
    assert found.outcome == expected
    assert found.sentence.startswith(expected.capitalize())


def test_it_is_two_one_sided_t_tests():
    scores = np.array([0.7010, 0.7005, 0.6975, 0.7020])
    found = outcome(scores)
    bounds = stats.ttest_1samp(scores, 0.7).confidence_interval(0.9)
    assert (found.difference.low, found.difference.high) == pytest.approx((bounds.low - 0.7, bounds.high - 0.7))
    worst = max(
        stats.ttest_1samp(scores, 0.695, alternative="greater").pvalue,
        stats.ttest_1samp(scores, 0.705, alternative="less").pvalue,
    )
    assert (found.outcome == "reproduced") == (worst < 0.05)


def test_a_difference_of_the_margin_is_called_reproduced_one_time_in_twenty_at_most():
    rng = np.random.default_rng(0)
    hits = sum(outcome(rng.normal(0.705, 0.001, 4)).outcome == "reproduced" for _ in range(1000))
    assert stats.binomtest(hits, 1000, 0.05, alternative="greater").pvalue > 0.01


def test_other_data_than_the_official_split_are_refused():
    with pytest.raises(ValueError, match=r"not the official split \(fingerprint 999\)"):
        reproduce([0.7] * 3, 0.7, n_examples=100, fingerprint="999", official=OFFICIAL)
    with pytest.raises(ValueError, match="no fingerprint of it is"):
        reproduce([0.7] * 3, 0.7, n_examples=100, fingerprint="999", official=())
    with pytest.raises(ValueError, match="must be fractions"):
        outcome([70.1, 70.2, 70.0])


def test_a_table_says_why_runs_are_not_compared():
    def told(fingerprints, official="abc"):
        return in_words([0.7, 0.7001, 0.7002], 0.7, n_examples=10_000, fingerprints=fingerprints, official=official)

    assert told(["abc"] * 3).startswith("Reproduced: within 0.5 points")
    assert told(["abc", "abd", "abc"]).startswith(
        "Not compared: the runs were scored on data that are not the official"
    )
    assert told(["abc", None, "abc"]).endswith("(fingerprint none).")
    assert "no fingerprint of it is" in told(["abc"] * 3, official=None)
