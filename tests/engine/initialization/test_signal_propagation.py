import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.initialization.rules import stack_drift, stack_gains
from engine.initialization.signal_propagation import (
    measure_spectrum,
    propagate_matrices,
    propagate_vectors,
)
from engine.initialization.singular_values import (
    product_spectral_moments,
    singular_value_density,
    singular_value_edges,
)

ORACLES = Path(__file__).parents[2] / "oracles"
ORACLE = json.loads((ORACLES / "init_averages.json").read_text())
MEASURED = json.loads((ORACLES / "math_measured_statistical.json").read_text())
SIMPLE = ("fan_in", "arithmetic", "geometric", "quadratic")


@pytest.mark.parametrize("law", ["normal", "uniform", "truncated"])
def test_measured_singular_values_follow_the_law(law):
    values = measure_spectrum(np.random.default_rng(1), 150, 400, law=law, draws=3)
    edges = np.linspace(*singular_value_edges(150, 400, variance=1.0), 4001)
    middles = (edges[1:] + edges[:-1]) / 2
    masses = singular_value_density(middles, fan_in=150, fan_out=400, variance=1.0) * np.diff(edges)
    assert masses.sum() == pytest.approx(1, abs=1e-3)
    levels = (np.arange(len(values)) + 0.5) / len(values)
    np.testing.assert_allclose(values, np.interp(levels, masses.cumsum(), edges[1:]), atol=0.5)
    assert values[0] > 6  # raw entries know nothing of the hole in the spectrum


def test_orthogonal_matrices_have_one_singular_value():
    values = measure_spectrum(np.random.default_rng(1), 40, 90, law="orthogonal")
    np.testing.assert_allclose(values, math.sqrt(90), rtol=1e-5)
    assert product_spectral_moments(8) == (1, 9)
    assert product_spectral_moments(8, orthogonal=True) == (1, 1)


def test_measured_stacks_agree_with_the_exact_gains():
    rng, widths = np.random.default_rng(7), [64, 256, 64]
    stacks = [propagate_matrices(widths, rules=SIMPLE, rng=rng, batch=64) for _ in range(40)]
    oracle = MEASURED["init_forward_backward_linear"]["64-256-64"]
    for rule in SIMPLE:
        forward = np.mean([stack[rule].forward[0] for stack in stacks], axis=0)
        backward = np.mean([stack[rule].backward[0] for stack in stacks], axis=0)
        np.testing.assert_allclose(forward, oracle[rule]["F"], rtol=0.03)
        np.testing.assert_allclose(backward, oracle[rule]["B"], rtol=0.03)


@pytest.mark.parametrize(("widths", "name"), [([64, 256], "m64_n256"), ([256, 64], "m256_n64")])
def test_semi_orthogonal_layers(widths, name):
    rng = np.random.default_rng(2)
    runs = [propagate_matrices(widths, rules=["orthogonal"], rng=rng, law="orthogonal", batch=32) for _ in range(10)]
    moments = [run["orthogonal"] for run in runs]
    expected = MEASURED["semi_orthogonal"][name]
    assert np.mean([m.forward[0, -1] for m in moments]) == pytest.approx(expected["forward"], rel=0.03)
    assert np.mean([m.backward[0, 0] for m in moments]) == pytest.approx(expected["backward"], rel=0.03)


@pytest.mark.parametrize(
    "activation", [pytest.param("linear", marks=pytest.mark.slow), "relu", pytest.param("gelu", marks=pytest.mark.slow)]
)
def test_vectors_have_the_law_of_matrices(activation):
    widths, options = [48, 128, 48, 96], {"activation": activation, "gain": "forward"}
    rng = np.random.default_rng(11)
    vectors = propagate_vectors(widths, rule="geometric", rng=rng, stacks=4000, **options)
    stacks = [propagate_matrices(widths, rules=["geometric"], rng=rng, batch=1, **options) for _ in range(1500)]
    for name in ("forward", "backward", "gradients"):
        one = np.log(getattr(vectors, name))
        two = np.log(np.concatenate([getattr(stack["geometric"], name) for stack in stacks]))
        error = np.sqrt(one.var(axis=0) / len(one) + two.var(axis=0) / len(two)) + 1e-12
        assert (np.abs(one.mean(axis=0) - two.mean(axis=0)) < 4.5 * error).all(), name
        np.testing.assert_allclose(one.std(axis=0), two.std(axis=0), atol=1e-12, rtol=0.12)


def test_vectors_agree_with_the_exact_gains_and_the_drift():
    widths = [256] + [64, 256] * 4
    moments = propagate_vectors(
        widths, rule="geometric", rng=np.random.default_rng(5), activation="relu", gain="forward", stacks=20_000
    )
    exact = stack_gains(widths, rule="geometric", activation="relu", gain="forward")
    np.testing.assert_allclose(moments.forward.mean(axis=0), exact.forward_moments, rtol=0.05)
    np.testing.assert_allclose(moments.gradients.mean(axis=0), exact.gradients, rtol=0.08)
    mean, variance = stack_drift(widths, activation="relu")
    logs = np.log(moments.forward[:, -1] / exact.forward_moments[-1])
    assert logs.mean() == pytest.approx(mean, abs=0.03)
    assert logs.var() == pytest.approx(variance, rel=0.05)


def test_rescaled_draws_are_the_draws():
    options = {"activation": "relu", "gain": 1.3, "batch": 4}
    widths = [16, 64, 16]
    both = propagate_matrices(widths, rules=["fan_in", "quadratic"], rng=np.random.default_rng(3), **options)
    one = propagate_matrices(widths, rules=["quadratic"], rng=np.random.default_rng(3), **options)
    np.testing.assert_allclose(both["quadratic"].gradients, one["quadratic"].gradients, rtol=1e-6)
    assert not np.allclose(both["fan_in"].forward, both["quadratic"].forward)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: propagate_matrices([3, 3], rules=["fan_in"], rng=rng, batch=0), "batch must be a whole number"),
        (lambda rng: propagate_matrices([3, 3], rules=["fan_in"], rng=rng, law="gauss"), "unknown law 'gauss'"),
        (lambda rng: propagate_vectors([3, 3], rule="fan_in", rng=rng, stacks=0), "stacks must be a whole number"),
        (lambda rng: propagate_vectors([3], rule="fan_in", rng=rng), "at least two widths"),
        (lambda rng: measure_spectrum(rng, 3, 3, draws=0), "draws must be a whole number"),
        (lambda rng: singular_value_edges(3, 3, variance=0.0), "variance must be a finite number"),
        (lambda rng: product_spectral_moments(0), "depth must be a whole number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
