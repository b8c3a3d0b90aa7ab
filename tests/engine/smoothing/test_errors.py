import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, lambertw, ndtr

from engine.smoothing.convolution import gate, smooth
from engine.smoothing.errors import (
    area_error,
    gate_supremum_error,
    largest_difference,
    matching_width,
    minmax_width,
    predicted_order,
    supremum_error,
)
from engine.smoothing.families import (
    gelu_sigmoid,
    gelu_tanh,
)
from engine.smoothing.kernels import KERNELS

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "smoothing.json").read_text())
SUPREMA = ORACLE["sup_error_vs_relu"]
AREAS = ORACLE["L1_error_vs_relu (area between curves) = kernel variance/2"]
FUNCTIONS = ("relu", "leaky_relu", "abs", "clip", "relu6", "step", "sign", "indicator", "floor", "sawtooth", "round")


def unit(kernel):
    return smooth("relu", kernel=kernel, width=1.0)


def test_suprema_and_areas_match_the_oracle():
    for kernel, key in (
        ("logistic", "softplus: ln2/t at x=0"),
        ("gaussian", "gaussian relu: s/sqrt(2pi) at x=0"),
        ("laplace", "laplace relu: b/2 at 0"),
        ("uniform", "uniform relu: w/4 at 0"),
        ("student", "squareplus: sqrt(b)/2 at 0"),
        ("sech", "sech relu: 2*Catalan/(pi t) at 0"),
    ):
        assert supremum_error(unit(kernel)) == pytest.approx(SUPREMA[key], rel=1e-9)
    for key, value in AREAS.items():
        kernel = key.removeprefix("check ").split()[0]
        assert area_error(unit(kernel)) == pytest.approx(value, rel=1e-9)


def test_gates_match_the_oracle():
    swish, gelu = (gate_supremum_error(kernel, width=1.0) for kernel in ("logistic", "gaussian"))
    assert swish[0] == pytest.approx(SUPREMA["swish: W(1/e)/t"], rel=1e-9)
    assert swish[1] == pytest.approx(-SUPREMA["swish argmin x*t = -(1+W(1/e))"], rel=1e-9)
    assert swish[0] == pytest.approx(float(lambertw(1 / math.e).real), rel=1e-12)
    assert gelu == pytest.approx((SUPREMA["gelu sup (sigma=1)"], -SUPREMA["gelu argmin"]), rel=1e-9)
    x = np.linspace(-20, 20, 400_001)
    for kernel in KERNELS:
        found = np.abs(gate(kernel=kernel, width=0.5)(x) - np.maximum(x, 0)).max()
        assert gate_supremum_error(kernel, width=0.5)[0] == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_errors_have_the_predicted_order(kernel, f):
    widths = np.geomspace(1e-4, 1e-3, 4)
    try:
        curves = [smooth(f, kernel=kernel, width=width) for width in widths]
    except ValueError:
        assert kernel == "cauchy"
        return
    heavy = not math.isfinite(KERNELS[kernel].variance)  # a logarithm bends the line a little
    for measure, error in (("supremum", supremum_error), ("area", area_error)):
        order = predicted_order(curves[0], measure=measure)
        errors = [error(curve) for curve in curves]
        if order is None:
            assert errors == [math.inf] * 4
        else:
            slope, _ = np.polyfit(np.log(widths), np.log(errors), 1)
            assert slope == pytest.approx(order, abs=0.16 if heavy else 1e-6)


@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "uniform", "student", "cauchy"])
def test_errors_are_those_of_a_fine_grid(kernel):
    x = np.unique(np.concatenate([np.linspace(-6, 8, 200_001), [0.0, 1.0, 6.0, -1.0]]))
    for f in ("clip", "relu6", "indicator"):
        g = smooth(f, kernel=kernel, width=0.3)
        difference = np.abs(g(x) - g.f(x))
        assert supremum_error(g) == pytest.approx(difference.max(), abs=2e-3 if f == "indicator" else 1e-6)
        if kernel not in ("student", "cauchy"):
            assert area_error(g) == pytest.approx(np.trapezoid(difference, x), abs=1e-4)


def test_convergence_at_a_jump_is_pointwise_only():
    for kernel in KERNELS:
        for width in (1e-1, 1e-3):
            assert supremum_error(smooth("step", kernel=kernel, width=width)) == 0.5
    widths = np.geomspace(1e-4, 1e-2, 5)
    for kernel, order in (("student", 2), ("cauchy", 1)):  # off the jump the order is that of the tail
        errors = [1 - float(smooth("step", kernel=kernel, width=width)(0.5)) for width in widths]
        assert np.polyfit(np.log(widths), np.log(errors), 1)[0] == pytest.approx(order, abs=1e-3)


def test_minmax_fits_match_the_oracle():
    """The oracle's numbers are those of 30 digits, by solving the three equations of equioscillation."""
    width, error = minmax_width("logistic", "gaussian", of="step")
    expected = ORACLE["gelu_approximations"]
    assert 1 / width == pytest.approx(expected["minimax k for Phi(x)~sigmoid(kx)"], rel=1e-11)
    assert error == pytest.approx(expected["minimax error"], rel=1e-11)
    assert (1 / width, error) == pytest.approx((1.70174492533800331, 0.00945730917637108), rel=1e-11)
    width, error = minmax_width("student", "logistic", of="relu")
    expected = ORACLE["squareplus_vs_softplus"]
    assert width**2 == pytest.approx(expected["b_minimax"], rel=1e-12)
    assert error == pytest.approx(expected["max_error"], rel=1e-12)
    assert (width**2, error) == pytest.approx((1.52382103251875066, 0.0759314499359699891), rel=1e-12)


def test_minmax_fits_scale_and_beat_their_neighbours():
    x = np.linspace(0, 60, 60_001)
    width, error = minmax_width("logistic", "gaussian", target_width=2.0, of="gate")
    target = gate(kernel="gaussian", width=2.0)(x)
    for factor in (0.97, 1.0, 1.03):
        found = np.abs(gate(kernel="logistic", width=width * factor)(x) - target).max()
        assert found == pytest.approx(error, rel=1e-4) if factor == 1.0 else found > error * 1.01
    assert minmax_width("laplace", "laplace", of="step")[0] == pytest.approx(1)


def test_gelu_approximations_match_the_oracle():
    gelu, expected = gate(kernel="gaussian", width=1.0), ORACLE["gelu_approximations"]
    assert largest_difference(gelu, gelu_tanh) == pytest.approx(expected["max|gelu - tanh form 0.044715|"], rel=1e-9)
    assert largest_difference(gelu, gelu_sigmoid) == pytest.approx(expected["max|gelu - x*sigmoid(1.702x)|"], rel=1e-9)
    steps = largest_difference(ndtr, lambda x: expit(1.702 * x))
    assert steps == pytest.approx(expected["max|Phi - sigmoid(1.702x)|"], rel=1e-9)


def test_matching_widths():
    assert matching_width("logistic", "gaussian", by="variance") == pytest.approx(math.pi / math.sqrt(3))
    assert matching_width("gaussian", "laplace", by="peak") == pytest.approx(math.sqrt(math.pi / 2))
    for target in ("gaussian", "uniform", "student"):
        width = matching_width("logistic", target, width=0.4)
        error = supremum_error(smooth("relu", kernel=target, width=width))
        assert error == pytest.approx(supremum_error(smooth("relu", kernel="logistic", width=0.4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: supremum_error(smooth(np.sin, kernel="gaussian", width=1)), "exact errors need a named function"),
        (lambda: predicted_order(unit("gaussian"), measure="l2"), "'supremum' or 'area'"),
        (lambda: matching_width("cauchy", "gaussian"), "the cauchy kernel has no first moment"),
        (lambda: matching_width("student", "gaussian", by="variance"), "the student kernel has no variance"),
        (lambda: matching_width("student", "gaussian", by="eye"), "by must be"),
        (lambda: minmax_width("student", "gaussian", of="sign"), "of must be"),
        (lambda: minmax_width("cauchy", "gaussian", of="relu"), "cauchy kernel has no relu"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
