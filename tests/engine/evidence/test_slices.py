"""Slices: a planted one is found, and a search over many finds none where there is none."""

import numpy as np
import pytest
from scipy import stats

from engine.evidence.paired import holm
from engine.evidence.slices import conclusion, corrected_together, slices_that_differ


def rows(rng, n, planted=0.0):
    """Differences of right and wrong answers, and forty overlapping slices; the first gains more where planted."""
    slices = {f"word {i}": rng.random(n) < 0.15 for i in range(40)}
    gain = 0.02 + planted * slices["word 0"]
    return (rng.random(n) < 0.1 + gain).astype(float) - (rng.random(n) < 0.1), slices


def test_a_planted_slice_is_found_and_confirmed():
    rng = np.random.default_rng(0)
    found = slices_that_differ(*rows(rng, 6000, planted=0.25), rng=rng)
    assert found[0].name == "word 0"
    assert found[0].stands_out
    assert found[0].difference.low > found[0].rest + 0.1
    assert found[0].share > 0.3
    assert conclusion(found).startswith("Found on one half of the examples and confirmed on the other: word 0, +")


def test_no_slice_stands_out_where_there_is_none():
    rng, trials = np.random.default_rng(1), 15
    hits = sum(any(item.stands_out for item in slices_that_differ(*rows(rng, 1500), rng=rng)) for _ in range(trials))
    assert stats.binomtest(hits, trials, 0.05, alternative="greater").pvalue > 0.01
    found = slices_that_differ(*rows(np.random.default_rng(2), 1500), rng=np.random.default_rng(2))
    assert len(found) == 5
    assert conclusion(found).startswith("No slice stands out: 5 were found")


def test_slices_of_several_comparisons_are_corrected_together():
    rng = np.random.default_rng(3)
    groups = [slices_that_differ(*rows(rng, 1500, planted=planted), rng=rng) for planted in (0.0, 0.25)]
    together = corrected_together([*groups, []])
    raw = [item.uncorrected for group in groups for item in group]
    by_hand = dict(zip(raw, holm(raw), strict=True))
    assert [len(group) for group in together] == [5, 5, 0]
    assert all(item.p_value == by_hand[item.uncorrected] for group in together for item in group)
    assert together[1][0].name == "word 0"
    assert groups[1][0].p_value < together[1][0].p_value
    assert corrected_together([]) == []


def test_small_slices_are_not_looked_at():
    gaps = np.zeros(200)
    assert slices_that_differ(gaps, {"rare": np.arange(200) < 10}, rng=np.random.default_rng(0)) == []
    assert conclusion([]) == "No slice has enough examples to be looked at."


@pytest.mark.parametrize(
    ("gaps", "slices", "message"),
    [
        ([0.0, 1.0], {"a": [True]}, r"slice 'a' must be \(2,\) booleans, got bool \(1,\)"),
        ([0.0, 1.0], {"a": [1, 0]}, "booleans, got int64"),
        ([[0.0]], {}, r"shape \(n,\), got \(1, 1\)"),
    ],
)
def test_bad_input_is_refused(gaps, slices, message):
    with pytest.raises(ValueError, match=message):
        slices_that_differ(gaps, slices, rng=np.random.default_rng(0))
