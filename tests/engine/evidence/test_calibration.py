"""Calibration error, temperature and the prior corrections against closed forms, scipy and known shifts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from engine.evidence.calibration import (
    apply_temperature,
    calibration_interval,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    logit_adjustment,
    reliability,
    saerens_em,
    sinkhorn,
)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def bayes(probs, ratio):
    """Probabilities under another class prior: times the ratio of the priors, rescaled."""
    return probs * ratio / (probs * ratio).sum(axis=1, keepdims=True)


def calibrated(rng, n, m, *, prior=None, noise=1.0):
    """Labels and the exact posterior of a Gaussian problem with unit noise along m directions."""
    prior = np.full(m, 1 / m) if prior is None else prior
    labels = rng.choice(m, size=n, p=prior)
    features = np.eye(m)[labels] * 2 + rng.normal(0, noise, (n, m))
    return softmax(2 * features / noise**2), labels  # posterior under a uniform training prior


def test_calibration_error_by_hand():
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    right = [1, 0, 1, 1]
    error = reliability(probs.max(axis=1), right, bins=10).error
    assert error == pytest.approx((2 * abs(0.5 - 0.9) + 2 * abs(1.0 - 0.6)) / 4)
    signed = [-0.1, -0.9, 0.4, 0.4]  # each residual with the sign of the other one of its bin
    assert expected_calibration_error(probs, [0, 1, 0, 0], bins=10) == pytest.approx(sum(signed) / 4)


@pytest.mark.parametrize("n", [50, 200, 5000])
def test_a_calibrated_model_has_no_calibration_error(n):
    rng, plain, without_bias, inside = np.random.default_rng(n), [], [], 0
    for _ in range(200):
        sure = rng.uniform(0.1, 1, n)
        right = rng.random(n) < sure
        found = calibration_interval(sure, right)
        plain.append(reliability(sure, right).error)
        without_bias.append(expected_calibration_error(np.column_stack([sure, 1 - sure]), np.where(right, 0, 1)))
        inside += found.low == 0
    assert np.mean(plain) > 0.14 * np.sqrt(50 / n)
    assert np.mean(without_bias) == pytest.approx(0, abs=4 * np.std(without_bias) / 200**0.5)
    assert inside >= 0.94 * 200


@pytest.mark.parametrize(
    ("n", "gap"),
    [
        (50, 0.1),
        (1000, 0.03),
        (1000, 0.3),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((50, 0.03), (50, 0.3), (1000, 0.1))),
    ],
)
def test_the_interval_covers_the_error_of_a_model_that_is_too_sure(n, gap):
    rng, inside, values = np.random.default_rng(7), 0, []
    for _ in range(400):
        sure = rng.uniform(0.4, 1, n)
        found = calibration_interval(sure, rng.random(n) < sure - gap)
        inside += found.low <= gap <= found.high
        values.append(found.value)
    assert inside >= 0.94 * 400
    assert gap < 0.3 or n < 1000 or np.mean(values) == pytest.approx(gap, abs=0.02)


def test_bins_are_closed_on_the_right_and_empty_ones_unknown():
    bins = reliability([0.5, 0.51, 1.0], [1, 0, 1], bins=2)
    assert bins.count.tolist() == [1, 2]
    assert bins.accuracy == pytest.approx([1.0, 0.5])
    assert np.isnan(reliability([1.0], [1], bins=2).accuracy[0])
    assert reliability([], [], bins=2).error == 0


def test_a_true_posterior_has_a_small_error_and_a_sharpened_one_a_large():
    probs, labels = calibrated(np.random.default_rng(0), 20_000, 5)
    assert expected_calibration_error(probs, labels) < 0.015
    assert expected_calibration_error(apply_temperature(probs, 0.3), labels) > 0.05


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_is_recovered(temperature):
    probs, labels = calibrated(np.random.default_rng(1), 20_000, 4)
    distorted = apply_temperature(probs, 1 / temperature)
    assert fit_temperature(distorted, labels) == pytest.approx(temperature, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_temperature_is_scipys_minimum(seed):
    rng = np.random.default_rng(seed)
    probs, labels = softmax(rng.normal(0, 2, (80, 4))), rng.integers(0, 4, 80)
    labels[:50] = probs[:50].argmax(axis=1)
    best = minimize_scalar(
        lambda t: log_loss(apply_temperature(probs, np.exp(t)), labels), bounds=(-3, 4), method="bounded"
    )
    ours = log_loss(apply_temperature(probs, fit_temperature(probs, labels)), labels)
    assert ours <= best.fun + 1e-9


def test_temperature_changes_no_decision():
    probs, _ = calibrated(np.random.default_rng(2), 500, 6)
    assert (apply_temperature(probs, 3.7).argmax(axis=1) == probs.argmax(axis=1)).all()


def test_em_finds_a_shifted_prior_and_gains_from_it():
    target = np.array([0.7, 0.2, 0.1])
    probs, labels = calibrated(np.random.default_rng(3), 20_000, 3, prior=target)
    result = saerens_em(probs, np.full(3, 1 / 3))
    assert np.abs(probs.mean(axis=0) - target).max() > 0.05  # the raw mix is off
    assert result.prior == pytest.approx(target, abs=0.015)
    assert (result.probs.argmax(axis=1) == labels).mean() > (probs.argmax(axis=1) == labels).mean() + 0.01
    assert result.probs == pytest.approx(bayes(probs, result.prior / np.full(3, 1 / 3)))


def test_em_never_lowers_the_likelihood():
    rng = np.random.default_rng(4)
    probs, pi = softmax(rng.normal(0, 1, (200, 5))), rng.dirichlet(np.ones(5) * 4)
    values = [
        np.log((probs / pi) @ saerens_em(probs, pi, max_iterations=i, tolerance=0).prior).sum() for i in range(1, 12)
    ]
    assert (np.diff(values) >= -1e-9).all()


def test_sinkhorn_meets_the_prior_and_keeps_rows():
    rng = np.random.default_rng(5)
    probs, prior = softmax(rng.normal(0, 1, (300, 6))), rng.dirichlet(np.ones(6) * 5)
    result = sinkhorn(probs, prior)
    assert np.abs(probs.mean(axis=0) - prior).max() > 0.02
    assert result.mean(axis=0) == pytest.approx(prior, abs=1e-5)
    assert result.sum(axis=1) == pytest.approx(1)


def test_a_class_that_nobody_predicts_stays_empty():
    result = sinkhorn(np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]]), [0.3, 0.3, 0.4], max_iterations=50)
    assert (result[:, 2] == 0).all()
    assert result.sum(axis=1) == pytest.approx(1)


def test_logit_adjustment_is_bayes_rule_to_a_uniform_prior():
    rng = np.random.default_rng(6)
    probs, pi = softmax(rng.normal(0, 1, (30, 4))), rng.dirichlet(np.ones(4) * 4)
    assert logit_adjustment(probs, pi) == pytest.approx(bayes(probs, np.full(4, 0.25) / pi))
    assert logit_adjustment(probs, pi, tau=0) == pytest.approx(probs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: expected_calibration_error(p, [0]), r"shape \(2,\) like the rows of probs, got \(1,\)"),
        (lambda p: log_loss(p, [0, 2]), r"labels must lie in 0..1, got 0..2"),
        (lambda p: apply_temperature(p, 0), "above 0, got 0"),
        (lambda p: fit_temperature(p[:0], []), "labels are empty"),
        (lambda p: saerens_em(p[:0], [0.5, 0.5]), "probs are empty"),
        (lambda p: reliability([0.2], [1, 0]), r"one shape \(n,\), got \(1,\) and \(2,\)"),
        (lambda p: reliability([2.0], [1]), r"confidence must lie in \[0, 1\], got 2..2"),
        (lambda p: reliability([0.2], [1], bins=0), "1 or more, got 0"),
        (lambda p: sinkhorn(p, [1.0, 0.0]), "positive, got 0 for class 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.array([[0.5, 0.5], [0.2, 0.8]]))
