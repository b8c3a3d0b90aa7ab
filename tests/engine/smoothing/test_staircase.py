import numpy as np
import pytest

from engine.smoothing.staircase import anneal, descend, make_problem


def test_the_gradient_of_the_smoothed_loss_leads_downhill():
    problem = make_problem(np.random.default_rng(0), rows=30, size=3)
    start = np.ones(3)
    for width in (0.2, 1.0):
        path = descend(problem, start, widths=[width] * 5, rate=1e-3)
        losses = problem.smoothed(path.thetas, kernel="gaussian", width=width)
        assert (np.diff(losses) < 0).all()
        h = 1e-6 * np.eye(3)
        slope = [
            (
                problem.smoothed(start + e, kernel="gaussian", width=width)
                - problem.smoothed(start - e, kernel="gaussian", width=width)
            )
            / 2e-6
            for e in h
        ]
        step = (path.thetas[0] - path.thetas[1]) / 1e-3
        expected = np.array(slope) / max(1.0, float(np.linalg.norm(slope)))
        np.testing.assert_allclose(step, expected, rtol=1e-5)


def test_annealing_solves_what_fixed_widths_do_not():
    final = {"annealed": [], "wide": [], "narrow": []}
    for seed in range(6):
        problem = make_problem(np.random.default_rng(seed))
        start = np.random.default_rng([seed, 1]).standard_normal(8)
        assert problem.loss(start) > 1
        assert problem.loss(problem.solution) == 0
        for name, widths in (("annealed", anneal(1, 0.02, 300)), ("wide", [1.0] * 300), ("narrow", [0.02] * 300)):
            final[name].append(descend(problem, start, widths=widths).losses[-1])
    assert np.mean(final["annealed"]) < 0.5 * np.mean(final["wide"])
    assert np.mean(final["annealed"]) < 0.1 * np.mean(final["narrow"])


def test_straight_through_ignores_the_kernel():
    problem = make_problem(np.random.default_rng(1))
    one, two = (
        descend(problem, np.zeros(8), widths=[width] * 20, straight_through=True).thetas for width in (0.1, 1.0)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: anneal(1, 0, 5), "width must be positive"),
        (lambda p: anneal(1, 0.1, 0), "steps must be a whole number"),
        (lambda p: descend(p, np.zeros(3), widths=[1.0]), r"start must have shape \(8,\)"),
        (lambda p: make_problem(np.random.default_rng(0), rows=0), "rows must be a whole number, 1 or more, got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_problem(np.random.default_rng(0)))
