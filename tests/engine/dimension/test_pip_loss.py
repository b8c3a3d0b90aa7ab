"""The dimension of an embedding as a trade of bias against variance: the PIP loss of Yin and Shen."""

import numpy as np
import pytest

from engine.dimension import pip_loss


def test_pip_loss_is_least_at_the_rank_without_noise_and_below_it_with_much():
    signal = np.concatenate([np.array([9.0, 8, 7, 6, 5]), np.zeros(35)])
    quiet = pip_loss.simulate_pip_loss(signal, 1e-9, rng=np.random.default_rng(0))
    assert quiet.loss[4] == pytest.approx(0, abs=1e-6)
    assert quiet.signal_rank == 5
    assert (np.diff(quiet.loss[:5]) < 0).all()
    steep = np.concatenate([30.0 * 0.6 ** np.arange(20), np.zeros(20)])
    loud = pip_loss.simulate_pip_loss(steep, 0.5, rng=np.random.default_rng(0))
    assert 1 < loud.best < 15
    with pytest.raises(ValueError, match="no singular value rises"):
        pip_loss.simulate_pip_loss(np.zeros(4), 1.0, rng=np.random.default_rng(0))


def test_noise_of_two_halves():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((80, 80))
    halves = [signal + np.sqrt(2) * 0.3 * rng.standard_normal(signal.shape) for _ in range(2)]
    assert pip_loss.estimate_noise(*halves) == pytest.approx(0.3, rel=0.05)
