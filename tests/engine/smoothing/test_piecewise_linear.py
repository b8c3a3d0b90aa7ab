"""Piecewise-linear functions with jumps and kinks: what `engine.smoothing.convolution` smooths."""

import numpy as np

from engine.smoothing.piecewise_linear import named


def test_named_functions_are_what_they_are_called():
    x = np.array([-7.3, -1.5, -0.2, 0.4, 1.5, 8.0])
    expected = {
        "leaky_relu": np.where(x > 0, x, 0.01 * x),
        "clip": np.clip(x, -1, 1),
        "relu6": np.clip(x, 0, 6),
        "sawtooth": x - np.floor(x) + 0.5 * (x == 8),
        "ceil": np.ceil(x) + 0.5 * (x == 8),
        "indicator": (np.abs(x) < 1).astype(float),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(named(name)(x), values, atol=1e-12)
    assert named("max", level=2.0)(x).tolist() == [2, 2, 2, 2, 2, 8]
    assert named("round")(np.array([0.4, 0.6])).tolist() == [0, 1]
