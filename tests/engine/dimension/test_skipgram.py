"""Skip-gram with negative sampling, and what its vectors know."""

import numpy as np
import pytest

from engine.dimension import skipgram


def test_skipgram_optimum_is_the_shifted_pointwise_mutual_information():
    counts = np.array([[400.0, 100.0], [100.0, 200.0]])
    model = skipgram.train_skipgram(counts, n_components=2, rng=np.random.default_rng(0), steps=800, negatives=2)
    conditional = counts / counts.sum(axis=1, keepdims=True)
    expected = np.log(conditional / model.noise) - np.log(2)
    np.testing.assert_allclose(model.centers @ model.contexts.T, expected, atol=0.15)


def test_pip_distance_ignores_rotations_and_matches_the_definition():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    assert skipgram.pip_distance(first, first @ rotation) == pytest.approx(0, abs=1e-7)
    expected = np.linalg.norm(first @ first.T - second @ second.T) / np.linalg.norm(first @ first.T)
    assert skipgram.pip_distance(first, second) == pytest.approx(expected)
