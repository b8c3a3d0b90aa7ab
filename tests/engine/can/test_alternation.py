"""The exact algebra behind classification with alternating normalization (CAN)."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.can.alternation import correct_rows, correct_together, half_steps

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "can_examples.json").read_text(encoding="utf-8"))


FOUR = np.array(
    [[0.90, 0.05, 0.03, 0.02], [0.85, 0.05, 0.05, 0.05], [0.04, 0.90, 0.03, 0.03], [0.10, 0.08, 0.80, 0.02]]
)


UNSURE = np.array([[0.34, 0.30, 0.06, 0.30]])


UNIFORM = np.full(4, 0.25)


def one_row_at_a_time(rows, reference, prior, *, alpha, iterations):
    """The definition, literally: a matrix of its own for every uncertain row."""
    corrected = []
    for row in rows:
        matrix = np.vstack([reference, row])
        for _ in range(iterations):
            matrix = matrix**alpha
            matrix = matrix / matrix.mean(axis=0) * prior
            matrix = matrix / matrix.sum(axis=1, keepdims=True)
        corrected.append(matrix[-1])
    return np.array(corrected)


def problem(seed, *, n=60, u=7, m=6):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(m, 2.0), u), rng.dirichlet(np.full(m, 0.3), n), rng.dirichlet(np.full(m, 3.0))


def in_long_doubles(rows, reference, prior, *, alpha, iterations):
    """The definition row by row in logarithms of 80-bit numbers, which no power of the published grid can underflow."""

    def log_sum(logs, axis):
        largest = logs.max(axis=axis, keepdims=True)
        return largest + np.log(np.exp(logs - largest).sum(axis=axis, keepdims=True))

    log_prior, corrected = np.log(prior.astype(np.longdouble)), []
    for row in rows:
        logs = np.log(np.vstack([reference, row]).astype(np.longdouble))
        for _ in range(iterations):
            logs = np.longdouble(alpha) * logs
            logs = logs - log_sum(logs, 0) + log_prior
            logs = logs - log_sum(logs, 1)
        corrected.append(np.exp(logs[-1]))
    return np.array(corrected, dtype=np.float64)


def like_a_classifier(seed, *, n, u, m):
    """Softmax rows as networks give them: confident ones with one large logit, tails down to 1e-12."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n + u, m))
    logits[np.arange(n), rng.integers(0, m, n)] += 8
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probs[n:], probs[:n], rng.dirichlet(np.full(m, 3.0))


@pytest.mark.parametrize("case", ORACLE["examples"], ids=lambda case: f"{case['name']} d={case['iters']}")
def test_worked_examples(case):
    settings_ = {"alpha": case["alpha"], "iterations": case["iters"]}
    arrays = [np.array(part) for part in ([case["b"]], case["A"], case["prior"])]
    for correct in (correct_rows, correct_together):  # with one uncertain row both variants are the same
        assert correct(*arrays, **settings_)[0] == pytest.approx(case["corrected"], abs=1e-8)
    assert correct_rows(*arrays, **settings_)[0].argmax() == case["argmax_after"]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_closed_form_equals_the_literal_loop(alpha, iterations):
    rows, reference, prior = problem(1, n=200, u=12, m=23)
    expected = one_row_at_a_time(rows, reference, prior, alpha=alpha, iterations=iterations)
    assert correct_rows(rows, reference, prior, alpha=alpha, iterations=iterations) == pytest.approx(
        expected, abs=1e-10
    )
    assert np.abs(expected - rows).max() > 0.01  # there was something to compute


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 6), st.integers(2, 9), st.integers(1, 4),
    st.sampled_from([0.3, 1.0, 1.7, 3.0]),
)  # fmt: skip
def test_closed_form_equals_the_literal_loop_for_any_shape(seed, n, u, m, iterations, alpha):
    rows, reference, prior = problem(seed, n=n, u=u, m=m)
    expected = one_row_at_a_time(rows, reference, prior, alpha=alpha, iterations=iterations)
    if np.isfinite(expected).all():  # the loop itself may underflow to 0 / 0
        assert correct_rows(rows, reference, prior, alpha=alpha, iterations=iterations) == pytest.approx(
            expected, abs=1e-10
        )


def test_blocks_of_rows_do_not_change_the_result(monkeypatch):
    rows, reference, prior = problem(2, n=50, u=40)
    whole = correct_rows(rows, reference, prior, iterations=3)
    monkeypatch.setattr("engine.can.alternation.BLOCK_CELLS", 1)
    assert correct_rows(rows, reference, prior, iterations=3) == pytest.approx(whole, abs=1e-15)


def test_high_powers_do_not_underflow():
    rows, reference, prior = problem(3)
    tiny = np.full_like(reference, 1e-200)
    tiny[np.arange(len(tiny)), reference.argmax(axis=1)] = 1.0
    for alpha, iterations in ((19.0, 5), (0.01, 5), (1.0, 60)):
        result = correct_rows(rows, tiny, prior, alpha=alpha, iterations=iterations)
        assert np.isfinite(result).all()
        assert result.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("m", [3, 119])
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9, 1.0, 2.0, 6.0, 9.0, 19.0, 30.0])  # KMnP's grids end at 9, 19 and 30
def test_the_whole_published_grid_is_exact(alpha, m):
    rows, reference, prior = like_a_classifier(m, n=60, u=4, m=m)
    for iterations in (1, 2, 3, 5):
        expected = in_long_doubles(rows, reference, prior, alpha=alpha, iterations=iterations)
        found = correct_rows(rows, reference, prior, alpha=alpha, iterations=iterations)
        # a power of 30^5 = 24 million multiplies the rounding of the logarithms by as much
        assert found == pytest.approx(expected, abs=1e-12 if alpha <= 2 else 1e-7)
        assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
        together = correct_together(rows[:1], reference, prior, alpha=alpha, iterations=iterations)
        assert together[0] == pytest.approx(expected[0], abs=1e-12 if alpha <= 2 else 1e-7)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 5), st.integers(2, 30), st.integers(1, 5),
       st.floats(0.05, 30.0))  # fmt: skip
def test_any_shape_and_setting_is_exact(seed, n, u, m, iterations, alpha):
    rows, reference, prior = like_a_classifier(seed, n=n, u=u, m=m)
    expected = in_long_doubles(rows, reference, prior, alpha=alpha, iterations=iterations)
    assert correct_rows(rows, reference, prior, alpha=alpha, iterations=iterations) == pytest.approx(expected, abs=1e-6)


def test_half_steps_survive_strong_powers():
    rows, reference, prior = like_a_classifier(0, n=5, u=1, m=4)
    last = half_steps(np.vstack([reference, rows]), prior, alpha=30.0, iterations=5)[-1].matrix[-1]
    expected = in_long_doubles(rows, reference, prior, alpha=30.0, iterations=5)[0]
    assert last == pytest.approx(expected, abs=1e-7)


def test_many_iterations_bring_the_mean_prediction_to_the_prior():
    rows, reference, prior = problem(4, u=1)
    before = np.vstack([reference, rows]).mean(axis=0)
    together = correct_together(reference, rows, prior, iterations=400)  # all rows but one are returned
    alone = correct_together(rows, reference, prior, iterations=400)
    assert np.abs(before - prior).max() > 0.02
    assert np.vstack([together, alone]).mean(axis=0) == pytest.approx(prior, abs=1e-6)
    assert correct_rows(rows, reference, prior, iterations=400) == pytest.approx(alone, abs=1e-9)


def test_alpha_to_zero_forgets_everything_but_the_prior():
    rows, reference, prior = problem(5)
    assert correct_rows(rows, reference, prior, alpha=1e-9)[0] == pytest.approx(prior, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.permutations(range(6)))
def test_classes_and_reference_rows_may_come_in_any_order(seed, order):
    rows, reference, prior = problem(seed)
    plain = correct_rows(rows, reference, prior, iterations=2)
    assert correct_rows(rows[:, order], reference[::-1, order], prior[order], iterations=2) == pytest.approx(
        plain[:, order], abs=1e-12
    )


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_a_class_without_mass_anywhere_stays_without(iterations, alpha):
    rows, reference = np.array([[0.4, 0.35, 0.25, 0.0]]), np.array([[0.9, 0.1, 0.0, 0.0], [0.2, 0.8, 0.0, 0.0]])
    result = correct_rows(rows, reference, UNIFORM, alpha=alpha, iterations=iterations)
    assert result[0, 3] == 0
    assert np.isfinite(result).all()
    assert result[0].argmax() == 2  # nobody else has a share of class 2
    literal = half_steps(np.vstack([reference, rows]), UNIFORM, alpha=alpha, iterations=iterations)  # 0 / 0 = 0 there
    assert result[0] == pytest.approx(literal[-1].matrix[-1], abs=1e-10)


def test_half_steps_end_where_the_closed_form_does():
    matrix = np.vstack([FOUR, UNSURE])
    steps = half_steps(matrix, UNIFORM, alpha=2.0, iterations=2)
    assert [(step.iteration, step.name) for step in steps] == [
        (i, name) for i in (1, 2) for name in ("power", "between rows", "within row")
    ]
    assert steps[1].matrix.mean(axis=0) == pytest.approx(UNIFORM)
    assert steps[-1].matrix[-1] == pytest.approx(correct_rows(UNSURE, FOUR, UNIFORM, alpha=2.0, iterations=2)[0])
