"""The map of CAN's gain: no gain without faults, a loss under a shift, and where known faults are found."""

import numpy as np
import pytest

from engine.can.gain_map import faults, gain_map
from engine.can.multi_label import micro_f1, simulate_cells
from engine.can.simulation import Setting, simulate


def test_exact_posteriors_gain_nothing_a_bias_gains_and_a_shift_costs():
    gains = gain_map([0.0, 2.0], [0.0, 1.0], n_classes=15, n_confident=300, rng=np.random.default_rng(0)).mean(axis=0)
    assert gains.shape == (2, 2)
    assert -0.01 < gains[0, 0] <= 0  # the best decisions cannot be improved
    assert gains[0, 1] > 0.02
    assert gains[1, 0] < -0.01
    assert gains[1, 1] < gains[0, 1]


def test_the_map_agrees_with_the_simulation_that_draws_labels():
    from engine.can.simulation import outcome

    found = gain_map([1.5], [0.0], n_classes=10, n_confident=300, rng=np.random.default_rng(1), problems=20, rows=300)
    setting = Setting(n_classes=10, class_bias=1.5, n_confident=300, n_test=1000)
    drawn = [outcome(simulate(setting, rng=np.random.default_rng(seed))).can for seed in range(20)]
    error = np.hypot(found.std(ddof=1), np.std(drawn, ddof=1)) / 20**0.5
    assert abs(found.mean() - np.mean(drawn)) < 3.5 * error


@pytest.mark.parametrize(("bias", "shift"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.6)])
def test_the_faults_of_predictions_are_found(bias, shift):
    setting = Setting(n_classes=12, class_bias=bias, prior_shift=shift, n_test=20_000, n_confident=0)
    problem = simulate(setting, rng=np.random.default_rng(3))
    found = faults(problem.probs, problem.labels, problem.train_prior)
    assert found.prior_shift == pytest.approx(shift, abs=0.08)
    assert found.class_bias == pytest.approx(bias, abs=0.12 + 0.35 * bias + 0.4 * shift)  # few offsets, and the shift


def test_cells_have_their_rate_and_exact_posteriors():
    probs, truth = simulate_cells(40_000, 1, rate=0.2, bias=0.0, rng=np.random.default_rng(0))
    assert truth.mean() == pytest.approx(0.2, abs=0.01)
    near = (probs > 0.45) & (probs < 0.55)
    assert truth[near].mean() == pytest.approx(0.5, abs=0.05)
    assert micro_f1(truth, truth) == 1
    assert micro_f1(truth, np.zeros_like(truth)) == 0
    with pytest.raises(ValueError, match="strictly between 0 and 1, got 1"):
        simulate_cells(1, 1, rate=1.0, bias=0.0, rng=np.random.default_rng(0))
