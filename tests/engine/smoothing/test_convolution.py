import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smoothing.convolution import gate, smooth, smooth_maximum
from engine.smoothing.floor import floor_window
from engine.smoothing.kernels import KERNELS
from engine.smoothing.piecewise_linear import FUNCTIONS, PiecewiseLinear, from_knots, named, parse_knots
from engine.smoothing.quadrature import convolve

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "smoothing.json").read_text())
WIDTHS = {"logistic": lambda t: 1 / t, "sech": lambda t: 1 / t, "student2": math.sqrt}
FINITE = [name for name, kernel in KERNELS.items() if kernel.has_first_moment]
KNOTTED = [name for name in FUNCTIONS if isinstance(named(name), PiecewiseLinear)]
GRID = np.linspace(-4, 7, 201) + 0.0037


def kernel_and_width(row):
    return {
        "kernel": row["kernel"].removesuffix("2"),
        "width": WIDTHS.get(row["kernel"], lambda w: w)(row["width"]),
    }


def close(value, expected):
    return float(value) == pytest.approx(expected, rel=1e-9, abs=1e-16)


@pytest.mark.parametrize("row", ORACLE["relu"], ids=lambda r: f"{r['kernel']}-{r['width']}-{r['x']}")
def test_the_smoothed_relu_matches_the_oracle(row):
    g = smooth("relu", **kernel_and_width(row))
    assert close(g(row["x"]), row["value"])
    assert close(g.derivative(row["x"]), row["derivative_is_kernel_cdf"])


@pytest.mark.parametrize("row", ORACLE["step"], ids=lambda r: f"{r['kernel']}-{r['width']}-{r['x']}")
def test_step_and_sign_match_the_oracle(row):
    assert close(smooth("step", **kernel_and_width(row))(row["x"]), row["step"])
    assert close(smooth("sign", **kernel_and_width(row))(row["x"]), row["sign"])


def test_gates_and_absolute_values_match_the_oracle():
    for row in ORACLE["families_at_unit_width"]:
        x = row["x"]
        assert close(gate(kernel="logistic", width=1)(x), row["swish_t1"])
        assert close(gate(kernel="gaussian", width=1)(x), row["gelu_s1"])
        assert close(gate(kernel="cauchy", width=1)(x), row["cauchy_gate_a1"])
        assert close(gate(kernel="gaussian", width=1).gap(x), row["gauss_relu_minus_gelu_equals_s_phi"])
        assert close(smooth("relu", kernel="logistic", width=1)(x), row["softplus_t1"])
        assert close(smooth("relu", kernel="gaussian", width=1)(x), row["gauss_relu_s1"])
        assert close(smooth("abs", kernel="gaussian", width=1)(x), row["abs_gauss_s1"])
        assert close(smooth("abs", kernel="logistic", width=1)(x), row["abs_logistic_t1"])
        assert close(smooth("abs", kernel="student", width=1)(x), row["abs_student2_b1"])


@pytest.mark.parametrize("width", [0.7, pytest.param(0.05, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("f", KNOTTED)
def test_closed_forms_equal_quadrature(kernel, f, width):
    function = named(f)
    if kernel == "cauchy" and function.slope != function.right_slope:
        pytest.skip("diverges")
    g = smooth(f, kernel=kernel, width=width)
    for order, curve in enumerate((g, g.derivative, g.second_derivative)):
        if (order and kernel == "uniform") or (order == 2 and kernel == "laplace" and function.has_jumps):
            continue  # spikes that quadrature of f does not see
        numeric = convolve(function, GRID, kernel=kernel, width=width, order=order, breaks=function.knots)
        np.testing.assert_allclose(curve(GRID), numeric, atol=1e-11 / width**order)


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "uniform"])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_derivatives_are_slopes(kernel, f):
    if kernel == "cauchy" and isinstance(named(f), PiecewiseLinear) and named(f).slope != named(f).right_slope:
        pytest.skip("diverges")
    g, h = smooth(f, kernel=kernel, width=0.2), 2e-6
    np.testing.assert_allclose((g(GRID + h) - g(GRID - h)) / (2 * h), g.derivative(GRID), atol=2e-8)
    slope = (g.derivative(GRID + h) - g.derivative(GRID - h)) / (2 * h)
    np.testing.assert_allclose(slope, g.second_derivative(GRID), atol=2e-6)


def test_the_uniform_kernel_has_its_own_derivatives():
    g, x = smooth("relu", kernel="uniform", width=0.5), np.array([-0.6, -0.25, 0.0, 0.25, 0.6])
    np.testing.assert_allclose(g(x), [0, 0.03125, 0.125, 0.28125, 0.6])
    np.testing.assert_allclose(g.derivative(x), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(g.second_derivative(x), [0, 1, 1, 1, 0])


@pytest.mark.parametrize("kernel", FINITE)
def test_the_second_derivative_of_the_smoothed_relu_is_the_kernel(kernel):
    x, width = np.linspace(-3, 3, 61) + 0.001, 0.8
    density = KERNELS[kernel].density(np.abs(x / width)) / width
    np.testing.assert_allclose(smooth("relu", kernel=kernel, width=width).second_derivative(x), density, atol=1e-14)


def test_gates_are_no_convolutions():
    for kernel in ("gaussian", "logistic", "student"):
        swish, x = gate(kernel=kernel, width=1.0), np.linspace(-8, 8, 801)
        assert swish.second_derivative(x).min() < -1e-3
        relu = smooth("relu", kernel=kernel, width=1.0)
        assert (swish(x) <= np.maximum(x, 0) + 1e-15).all()
        assert (relu(x) >= np.maximum(x, 0) - 1e-15).all()
        np.testing.assert_allclose(relu(x) - swish(x), swish.gap(x), atol=1e-14)
        h = 1e-5
        np.testing.assert_allclose((swish(x + h) - swish(x - h)) / (2 * h), swish.derivative(x), atol=1e-9)
        slope = (swish.derivative(x + h) - swish.derivative(x - h)) / (2 * h)
        np.testing.assert_allclose(slope, swish.second_derivative(x), atol=1e-9)


@given(
    st.sampled_from(sorted(set(FUNCTIONS) - {"max"})),
    st.sampled_from(FINITE),
    st.floats(1e-3, 10),
    st.floats(-20, 20),
    st.floats(0.1, 8),
)
def test_width_is_a_scale_of_the_line(f, kernel, width, x, factor):
    function = named(f)
    if isinstance(function, PiecewiseLinear):  # stretching f and the kernel alike stretches g
        stretched = PiecewiseLinear(
            "stretched",
            tuple(knot * factor for knot in function.knots),
            function.jumps,
            tuple(kink / factor for kink in function.kinks),
            function.value,
            function.slope / factor,
        )
        one = float(smooth(function, kernel=kernel, width=width)(x))
        two = float(smooth(stretched, kernel=kernel, width=width * factor)(x * factor))
        assert one == pytest.approx(two, rel=1e-9, abs=1e-9)
    else:
        rising = smooth("floor", kernel=kernel, width=width)
        assert float(rising(x + 1)) == pytest.approx(float(rising(x)) + 1, abs=1e-9)


@given(st.sampled_from(FINITE), st.floats(1e-3, 5), st.floats(-5, 5), st.floats(-5, 5))
def test_the_smooth_maximum_is_symmetric_and_above(kernel, width, u, v):
    both = smooth_maximum(kernel=kernel, width=width)
    assert float(both(u, v)) == pytest.approx(float(both(v, u)), abs=1e-12)
    assert float(both(u, v)) >= max(u, v) - 1e-12
    assert sum(map(float, both.derivative(u, v))) == pytest.approx(1)


def test_known_maxima():
    logistic, student = (smooth_maximum(kernel=k, width=0.5) for k in ("logistic", "student"))
    assert float(logistic(1.0, 0.7)) == pytest.approx(0.5 * np.logaddexp(2.0, 1.4))
    assert float(student(1.0, 0.7)) == pytest.approx((1.7 + math.sqrt(0.09 + 0.25)) / 2)
    assert float(student.second_derivative(1.0, 1.0)) == pytest.approx(1.0)


def test_monotone_functions_stay_monotone_and_between_their_limits():
    x = np.linspace(-6, 6, 2001)
    for kernel in KERNELS:
        g = smooth("sign", kernel=kernel, width=0.3)(x)
        assert (np.diff(g) >= 0).all()
        assert np.abs(g).max() <= 1
        assert float(smooth("sign", kernel=kernel, width=0.3)(0.0)) == 0


def test_float32_stays_float32_and_does_not_overflow():
    x = np.array([-3e38, -1e30, -1, 0, 1, 1e30, 3e38], dtype=np.float32)
    for kernel in FINITE:
        g = smooth("relu", kernel=kernel, width=1e-37)
        assert g(x).dtype == np.float32
        np.testing.assert_array_equal(g(x)[[0, 1, 2, 4, 5, 6]], np.maximum(x, 0)[[0, 1, 2, 4, 5, 6]])
        assert np.isfinite(g.derivative(x)).all()
    assert np.exp(np.float64(1000.0), where=False, out=np.zeros(())) == 0  # the naive form would need e^(x/w)
    assert float(smooth("relu", kernel="logistic", width=1e-3)(5.0)) == 5.0


def test_a_users_own_function_goes_by_quadrature():
    g = smooth(np.sin, kernel="gaussian", width=0.5)  # damped by the characteristic function
    x, damping = np.linspace(-3, 3, 13), math.exp(-0.125)
    assert not g.closed
    np.testing.assert_allclose(g(x), damping * np.sin(x), atol=1e-12)
    np.testing.assert_allclose(g.derivative(x), damping * np.cos(x), atol=1e-11)
    np.testing.assert_allclose(g.second_derivative(x), -damping * np.sin(x), atol=1e-10)
    for kernel, transform in (("laplace", 1 / 1.25), ("uniform", math.sin(0.5) / 0.5), ("cauchy", math.exp(-0.5))):
        g = smooth(np.cos, kernel=kernel, width=0.5)
        accuracy = 1e-9 if kernel != "cauchy" else 0.05  # oscillation in a heavy tail
        np.testing.assert_allclose(g(x), transform * np.cos(x), atol=accuracy)
    np.testing.assert_allclose(smooth(np.cos, kernel="laplace", width=0.5).second_derivative(0.0), -0.8, atol=1e-9)
    np.testing.assert_allclose(
        smooth(np.square, kernel="uniform", width=0.5).second_derivative(x), np.full(13, 2.0), atol=1e-4
    )


def test_knots_make_any_piecewise_linear_function():
    f = parse_knots("-1:0, 0:0/1, 2:3; slopes 0 1")
    assert f(np.array([-5, -0.5, 0, 1, 2, 4])).tolist() == [0, 0, 0.5, 2, 3, 5]

    x = np.linspace(-3, 3, 31)
    tanh = smooth([(-1, -1), (1, 1)], kernel="sech", width=0.3)
    np.testing.assert_allclose(tanh(x), smooth("hard_tanh", kernel="sech", width=0.3)(x), atol=1e-15)
    np.testing.assert_allclose(smooth(np.array([[-1, -1], [1, 1]]), kernel="sech", width=0.3)(x), tanh(x))


@pytest.mark.parametrize("f", FUNCTIONS)
def test_narrow_kernels_give_the_function_back_off_its_breaks(f):
    x = np.linspace(-3, 3, 25) + 0.06
    np.testing.assert_allclose(smooth(f, kernel="gaussian", width=1e-3)(x), named(f)(x), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smooth("rleu", kernel="gaussian", width=1), "unknown function 'rleu'; did you mean 'relu'"),
        (lambda: smooth("relu", kernel="gausian", width=1), "unknown kernel 'gausian'; did you mean 'gaussian'"),
        (lambda: smooth("relu", kernel="gaussian", width=0), "width must be positive and finite, got 0"),
        (lambda: smooth("relu", kernel="gaussian", width=-1), "got -1"),
        (lambda: smooth("relu", kernel="gaussian", width=math.nan), "got nan"),
        (lambda: smooth("relu", kernel="gaussian", width=1e-39), "too small for float32"),
        (lambda: smooth("relu", kernel="cauchy", width=1), "no first moment.*use the gate x·Φ"),
        (lambda: smooth(lambda x: 2 * x, kernel="cauchy", width=1), "no first moment"),
        (lambda: smooth(7, kernel="gaussian", width=1), "f must be a name, a list of knots or a callable, got int"),
        (lambda: smooth([(0, 1), (0, 2)], kernel="gaussian", width=1), "increasing x, got 0 after 0"),
        (lambda: smooth([(0, 1, 2, 3)], kernel="gaussian", width=1), "two or three finite numbers"),
        (lambda: smooth([3], kernel="gaussian", width=1), r"a knot is \(x, y\)"),
        (lambda: smooth([], kernel="gaussian", width=1), "at least one knot"),
        (lambda: smooth("relu", kernel="gaussian", width=1, slope=2), "relu does not take slope"),
        (lambda: smooth(np.sin, kernel="gaussian", width=1, slope=2), "only named functions take parameters"),
        (lambda: smooth("clip", kernel="gaussian", width=1, low=2, high=1), "low < high"),
        (lambda: smooth("indicator", kernel="gaussian", width=1, low=2, high=1), "low < high"),
        (lambda: smooth(lambda x: x[:1], kernel="gaussian", width=1)(GRID), "argument's shape"),
        (lambda: smooth(lambda x: x / 0.0 * np.inf, kernel="gaussian", width=1)(0.0), "finite numbers"),
        (lambda: convolve(np.sin, 0.0, kernel="gaussian", width=1, order=3), "order must be"),
        (lambda: parse_knots("hello"), "expected knots like"),
        (lambda: parse_knots("0:1; slopes 1"), "expected knots like"),
        (lambda: from_knots([(0, 1)], left_slope=math.inf), "slope must be a finite number"),
        (lambda: floor_window(0.0, kernel="gaussian", width=1, low=-1, high=3), "M >= 0"),
        (lambda: gate(kernel="cauchy", width=1).gap(0.0), "no first moment"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
