"""Gaussian moments of activation functions, exact to about 1e-13."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.initialization.activation_moments import ACTIVATIONS, find_activation

ORACLES = Path(__file__).parents[2] / "oracles"


ORACLE = json.loads((ORACLES / "init_averages.json").read_text())


def close(value, expected):
    return value == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("name", ORACLE["activation_moments_N01"])
def test_activation_moments_match_the_oracle(name):
    row = ORACLE["activation_moments_N01"][name]
    phi = find_activation({"gelu_erf": "gelu", "elu_1": "elu"}.get(name, name))
    assert close(phi.mean(), row["mean"])
    assert close(phi.second_moment(), row["second_moment"])
    assert close(phi.derivative_second_moment(), row["derivative_second_moment"])
    assert close(1 / math.sqrt(phi.second_moment()), row["forward_gain_1_over_sqrt_m2"])


def test_selu_keeps_mean_and_second_moment():
    assert find_activation("selu").mean() == pytest.approx(0, abs=1e-12)
    assert find_activation("selu").second_moment() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, phi in ACTIVATIONS.items() if not phi.homogeneous])
def test_derivatives_of_activations_are_their_slopes(name):
    phi, x, h = ACTIVATIONS[name], np.linspace(-6, 6, 101) + 0.013, 1e-6
    np.testing.assert_allclose((phi.function(x + h) - phi.function(x - h)) / (2 * h), phi.derivative(x), atol=2e-9)


def test_moments_resolve_any_scale():
    assert find_activation("tanh").second_moment(1e-8) == pytest.approx(1e-8, rel=1e-6)
    # a nearly hard sign: E tanh(cz)^2 = 1 - 2 phi(0) / c + O(c^-3)
    assert find_activation("tanh").second_moment(1e6) == pytest.approx(1 - 2 / math.sqrt(2 * math.pi) / 1e3, abs=1e-9)
