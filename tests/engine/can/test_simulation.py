"""Synthetic classifiers whose faults are known, to see when CAN helps."""

from dataclasses import replace

import numpy as np
import pytest

from engine.can.simulation import Setting, outcome, simulate


def test_a_simulated_classifier_has_the_accuracy_asked_for():
    problem = simulate(Setting(accuracy=0.7, n_classes=12), rng=np.random.default_rng(2))
    assert (problem.probs.argmax(axis=1) == problem.labels).mean() == pytest.approx(0.7, abs=0.01)
    assert problem.probs.sum(axis=1) == pytest.approx(1)


def test_the_exact_posterior_is_calibrated_and_cannot_be_corrected():
    setting = Setting(class_bias=0.0, n_test=6000)
    results = [outcome(simulate(setting, rng=np.random.default_rng(seed))) for seed in range(5)]
    assert np.mean([r.calibration_error for r in results]) < 0.02
    assert np.mean([r.can for r in results]) == pytest.approx(0, abs=0.004)
    assert np.mean([r.gap for r in results]) > 0.2  # though confident rows are far better


def test_a_wrong_class_mix_is_corrected_and_a_shifted_prior_hurts():
    biased = [outcome(simulate(Setting(class_bias=1.5), rng=np.random.default_rng(seed))) for seed in range(3)]
    assert min(r.can for r in biased) > 0.01
    shifted = Setting(class_bias=0.0, imbalance=1.0, prior_shift=1.0)
    results = [outcome(simulate(shifted, rng=np.random.default_rng(seed))) for seed in range(3)]
    assert max(r.can for r in results) < min(r.can_test_prior for r in results)


@pytest.mark.parametrize("change", [{"n_classes": 2}, {"n_confident": 0}, {"accuracy": 0.0}])
def test_corners_of_the_simulation_work(change):
    result = outcome(simulate(replace(Setting(n_test=200), **change), rng=np.random.default_rng(3)))
    assert np.isfinite([result.can, result.sinkhorn, result.saerens_em]).all()
