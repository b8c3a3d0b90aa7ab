"""Scores of a correction, the cross-fitted choice, and the synthetic classifiers."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from engine.can.evaluation import accuracy_by_uncertainty, cross_fit, evaluate
from engine.can.simulation import Setting, simulate


def test_gain_counts_flips_and_parts():
    labels = np.array([0, 0, 1, 1, 2, 2])
    before = np.array([0, 1, 1, 0, 2, 1])
    after = np.array([0, 0, 1, 2, 1, 1])
    touched = np.array([False, True, False, True, True, True])
    gain = evaluate(labels, before, after, n_classes=3, touched=touched)
    assert (gain.corrected, gain.flips, gain.flips_to_right, gain.flips_to_wrong) == (4, 3, 1, 1)
    assert gain.gain.value == 0
    assert gain.p_value == 1
    assert gain.accuracy_confident.value == 1
    assert gain.accuracy_uncertain.value == pytest.approx(1 / 4)
    assert gain.macro_f1_before == pytest.approx(f1_score(labels, before, average="macro"))
    assert gain.macro_f1 == pytest.approx(f1_score(labels, after, average="macro"))


def test_a_method_that_touches_everything_has_no_confident_part():
    gain = evaluate([0, 1], [0, 0], [0, 1], n_classes=2)
    assert gain.accuracy_confident is None
    assert gain.accuracy_uncertain.value == 0.5


def test_cross_fitting_takes_the_luck_out_of_tuning():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    tuned, honest = [], []
    for _ in range(60):
        coins = rng.integers(0, 2, (100, 300))  # a hundred settings, all worth exactly 50 %
        choice = cross_fit(labels, coins, rng=rng)
        tuned.append((coins[choice.tuned] == labels).mean())
        honest.append((choice.preds == labels).mean())
    assert np.mean(tuned) > 0.55
    assert np.mean(honest) == pytest.approx(0.5, abs=0.012)


def test_cross_fitting_uses_the_choice_of_the_other_half_and_the_first_wins_ties():
    labels = np.zeros(6, dtype=int)
    same = cross_fit(labels, np.zeros((3, 6), dtype=int), rng=np.random.default_rng(0))
    assert same.chosen == (0, 0)
    choice = cross_fit(labels, np.stack([np.ones(6, dtype=int), labels]), rng=np.random.default_rng(0))
    assert (choice.preds == 0).all()
    assert choice.half.sum() == 3
    assert choice.tuned == 1


def test_leaving_the_predictions_as_they_are_is_a_candidate():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    before = np.where(rng.random(400) < 0.7, labels, (labels + 1) % 3)
    worse = np.where(rng.random((20, 400)) < 0.1, (labels + 1) % 3, before)  # no setting that helps
    forced = cross_fit(labels, worse, rng=np.random.default_rng(0))
    free = cross_fit(labels, worse, rng=np.random.default_rng(0), before=before)
    assert (forced.preds == labels).mean() < (before == labels).mean()
    assert free.chosen == (None, None)
    assert (free.preds == before).all()
    better = np.where(rng.random(400) < 0.5, labels, before)
    chosen = cross_fit(labels, [*worse, better], rng=np.random.default_rng(0), before=before)
    assert chosen.chosen == (20, 20)
    luck = np.where(rng.random((50, 400)) < 0.05, rng.integers(0, 3, (50, 400)), before)  # worth nothing, or a loss
    losses = [
        (cross_fit(labels, luck, rng=np.random.default_rng(seed), before=before).preds == labels).mean()
        - (before == labels).mean()
        for seed in range(30)
    ]
    assert min(losses) < 0  # chance stays, and is shown


def test_uncertainty_bins_count_every_row():
    bins = accuracy_by_uncertainty([0.0, 0.49, 0.5, 1.0], [1, 0, 1, 1], bins=2)
    assert bins.count.tolist() == [2, 2]
    assert bins.right.tolist() == [1, 2]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"accuracy must lie in 0..0.999, got 1.5"):
        simulate(Setting(accuracy=1.5), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"one shape \(n,\), got \(2,\), \(1,\), \(2,\)"):
        evaluate([0, 1], [0], [0, 1], n_classes=2)
    with pytest.raises(ValueError, match=r"candidates must have shape \(g, 3\)"):
        cross_fit([0, 1, 1], [[0, 1]], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"one shape \(n,\), got \(2,\) and \(1,\)"):
        accuracy_by_uncertainty([0.1, 0.2], [1])
