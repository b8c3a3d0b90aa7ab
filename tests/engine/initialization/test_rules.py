import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.initialization.activation_moments import find_activation
from engine.initialization.rules import (
    RULES,
    effective_dimension,
    fan_variance,
    log_drift,
    objectives,
    ordering,
    residual_factors,
    squared_errors,
    stack_drift,
    stack_gains,
)

ORACLES = Path(__file__).parents[2] / "oracles"
ORACLE = json.loads((ORACLES / "init_averages.json").read_text())
MEASURED = json.loads((ORACLES / "math_measured_statistical.json").read_text())
NAMES = {
    "fan_in (LeCun) 1/m": "fan_in",
    "fan_out 1/n": "fan_out",
    "arithmetic (Xavier) 2/(m+n)": "arithmetic",
    "geometric 1/sqrt(mn)": "geometric",
    "quadratic-fraction (m+n)/(m^2+n^2)": "quadratic",
    "mean of 1/m and 1/n (harmonic dim)": "harmonic",
    "rms dim sqrt(2/(m^2+n^2))": "rms",
    "max dim 1/max(m,n) (semi-orthogonal entries)": "orthogonal",
    "min dim 1/min(m,n)": "minimum",
}
FANS = st.integers(1, 10_000)


def close(value, expected):
    return value == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("case", ORACLE["single_layer"], ids=lambda c: f"{c['m_fan_in']}-{c['n_fan_out']}")
def test_single_layers_match_the_oracle(case):
    m, n = case["m_fan_in"], case["n_fan_out"]
    for name, row in case["rules"].items():
        variance = fan_variance(m, n, rule=NAMES[name])
        gains = stack_gains([m, n], rule=NAMES[name])
        assert close(variance, row["variance"])
        assert close(math.sqrt(3 * variance), row["uniform_bound"])
        assert close(gains.total_forward, row["forward_gain"])
        assert close(gains.total_backward, row["backward_gain"])
        assert close(float(gains.product[0]), row["pair_gain_mnv2"])
        assert close(objectives(m, n, variance=variance), (row["quadratic_objective"], row["log_objective"]))


@pytest.mark.parametrize("name", ORACLE["stacks"])
def test_stacks_match_the_oracle(name):
    case = ORACLE["stacks"][name]
    for label, rule in NAMES.items():
        gains = stack_gains(case["widths"], rule=rule)
        assert close(gains.total_forward, case["forward_total_gain"][label])
        assert close(gains.total_backward, case["backward_total_gain"][label])
        assert close(gains.forward_moments[1:7].tolist(), case["forward_per_layer_first6"][label])


@pytest.mark.parametrize("case", ORACLE["argmin_checks"], ids=lambda c: f"{c['m']}-{c['n']}")
def test_the_quadratic_and_geometric_rules_minimise_their_objectives(case):
    m, n = case["m"], case["n"]
    assert close(fan_variance(m, n, rule="quadratic"), case["argmin_quadratic"])
    assert close(fan_variance(m, n, rule="geometric"), case["argmin_log"])
    assert close(objectives(m, n, variance=case["argmin_quadratic"])[0], case["min_value_quadratic"])


@given(FANS, FANS, st.floats(-0.5, 0.5).filter(lambda e: abs(e) > 1e-3))
def test_no_other_variance_does_better(m, n, shift):
    for rule, which in (("quadratic", 0), ("geometric", 1)):
        best = fan_variance(m, n, rule=rule)
        other = best * math.exp(shift)
        assert objectives(m, n, variance=best)[which] < objectives(m, n, variance=other)[which]


@given(FANS, FANS, st.floats(-0.5, 0.5).filter(lambda e: abs(e) > 1e-3))
def test_every_mean_minimises_its_own_error(m, n, shift):
    for rule in squared_errors(m, n, variance=1.0):
        best = fan_variance(m, n, rule=rule)
        least = squared_errors(m, n, variance=best)[rule]
        assert least <= squared_errors(m, n, variance=best * math.exp(shift))[rule] * (1 + 1e-12)


@given(FANS, FANS)
def test_the_three_averages_are_ordered(m, n):
    quadratic, arithmetic, geometric = ordering(m, n).values()
    assert quadratic >= arithmetic * (1 - 1e-12)
    assert arithmetic >= geometric * (1 - 1e-12)
    assert geometric == pytest.approx(math.sqrt(m * n))


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=12))
def test_geometric_telescopes_and_alone_has_product_one(widths):
    gains = stack_gains(widths, rule="geometric")
    np.testing.assert_allclose(gains.product, 1, rtol=1e-12)
    np.testing.assert_allclose(gains.total_forward, math.sqrt(widths[0] / widths[-1]), rtol=1e-9)
    np.testing.assert_allclose(gains.gradients, math.sqrt(widths[0] * widths[-1]), rtol=1e-9)
    assert stack_gains(widths, rule="arithmetic").total_product <= 1 + 1e-12
    assert stack_gains(widths, rule="harmonic").total_product >= 1 - 1e-12


def test_transposing_a_layer_swaps_forward_and_backward():
    for rule in ("arithmetic", "geometric", "quadratic", "harmonic", "orthogonal", "rms", "minimum"):
        one, two = stack_gains([64, 256], rule=rule), stack_gains([256, 64], rule=rule)
        assert close(one.total_forward, two.total_backward)


def test_geometric_gradients_are_balanced_where_fan_in_is_not():
    widths = [512, 128, 256, 64, 32]
    assert stack_gains(widths, rule="fan_in").gradients.tolist() == pytest.approx([128, 16, 128, 64])
    assert stack_gains(widths, rule="geometric").gradients.tolist() == pytest.approx([128] * 4)
    measured = MEASURED["init_forward_backward_linear"]["512-128-256-64-32 gradient_second_moment_over_weight_variance"]
    for rule in ("fan_in", "arithmetic", "geometric", "quadratic"):
        np.testing.assert_allclose(stack_gains(widths, rule=rule).gradients, measured[f"{rule} measured"], rtol=0.03)


def test_the_moment_recursion_of_a_saturating_stack_is_not_a_product_of_unit_gains():
    gains = stack_gains([64, 64, 64], rule="fan_in", activation="tanh", gain="forward", input_moment=4.0)
    second = find_activation("tanh").second_moment(4.0) / find_activation("tanh").second_moment(1.0)
    assert gains.forward_moments[-1] * 4 == pytest.approx(second)


@pytest.mark.parametrize("row", MEASURED["log_drift_per_layer"], ids=lambda row: str(row["n"]))
def test_the_log_normal_drift_matches_the_oracle(row):
    assert close(log_drift(row["n"]), (row["E_ln_chi2_over_n"], row["Var_ln"]))


def test_the_relu_drift_is_that_of_simulated_layers():
    rng, n = np.random.default_rng(0), 12
    squares = np.square(np.maximum(rng.standard_normal((200_000, n)), 0)).sum(axis=1) * 2 / n
    logs = np.log(squares[squares > 0])
    mean, variance = log_drift(n, activation="relu")
    assert logs.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / len(logs)))
    assert logs.var() == pytest.approx(variance, rel=0.03)
    assert stack_drift([n, n, n], activation="relu")[0] == pytest.approx(mean + log_drift(n)[0])


def test_residual_factors():
    post, pre = residual_factors(6, placement="post"), residual_factors(6, placement="pre")
    assert post.shares.sum() == pytest.approx(1)
    assert pre.shares.sum() == pytest.approx(1)
    assert post.shares[-1] == 0.5
    assert pre.moments.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert pre.branch_inputs[2] == pytest.approx(1 / math.sqrt(3))
    assert residual_factors(5, placement="plain").moments[-1] == 32
    with pytest.raises(ValueError, match="placement must be"):
        residual_factors(3, placement="middle")
    with pytest.raises(ValueError, match="depth must be a whole number"):
        residual_factors(0, placement="post")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fan_variance(0, 3, rule="fan_in"), "whole numbers of at least 1, got 0"),
        (lambda: fan_variance(2.5, 3, rule="fan_in"), "got 2.5"),
        (lambda: stack_gains([768], rule="fan_in"), "at least two widths"),
        (lambda: fan_variance(3, 3, rule="geometrik"), "did you mean 'geometric'"),
        (lambda: fan_variance(3, 3, rule="fan_in", gain=0), "gain must be a finite number"),
        (lambda: stack_gains([3, 3], rule="fan_in", gain="sideways"), "'forward' or 'backward'"),
        (lambda: stack_gains([3, 3], rule="fan_in", activation="rleu"), "did you mean 'relu'"),
        (lambda: log_drift(8, activation="gelu"), "known exactly for"),
        (lambda: find_activation("tanh").mean(-1.0), "must be a finite number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_gain_scales_the_standard_deviation_and_dimension_inverts_the_variance():
    for rule in RULES:
        plain = fan_variance(64, 256, rule=rule)
        assert fan_variance(64, 256, rule=rule, gain=3.0) == pytest.approx(9 * plain)
        assert effective_dimension(64, 256, rule=rule) == pytest.approx(1 / plain)
    assert fan_variance(768, 10, rule="torch") == pytest.approx(1 / (3 * 768))
