import math

import numpy as np
import pytest
import torch

from engine.smoothing import activations
from engine.smoothing.activations import (
    MODULES,
    UNITS,
    activation_module,
    smooth_floor,
    smooth_gate,
    smooth_piecewise,
    smooth_relu,
)
from engine.smoothing.convolution import gate, smooth

X = torch.linspace(-8, 8, 101, dtype=torch.float64) + 0.003
FINITE = [kernel for kernel in UNITS if kernel != "cauchy"]


@pytest.mark.parametrize("kernel", UNITS)
@pytest.mark.parametrize("width", [0.05, 1.0, 3.0])
def test_torch_agrees_with_numpy(kernel, width):
    np.testing.assert_allclose(
        smooth_gate(X, kernel=kernel, width=width).numpy(), gate(kernel=kernel, width=width)(X.numpy()), atol=1e-13
    )
    for f in ("relu", "leaky_relu", "clip", "sign", "sawtooth", "round", "indicator"):
        if kernel == "cauchy" and f in ("relu", "leaky_relu"):
            continue
        expected = smooth(f, kernel=kernel, width=width)(X.numpy())
        accuracy = 1e-6 if f in ("sawtooth", "round") else 1e-13
        found = smooth_piecewise(X, f, kernel=kernel, width=width).numpy()
        np.testing.assert_allclose(found, expected, atol=accuracy)


@pytest.mark.parametrize("kernel", [kernel for kernel in FINITE if kernel not in ("uniform", "laplace")])
def test_gradients_of_every_order(kernel):
    x = torch.randn(12, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    width = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, w: smooth_relu(a, kernel=kernel, width=w), (x, width))
    assert torch.autograd.gradcheck(lambda a, w: smooth_gate(a, kernel=kernel, width=w), (x, width))
    assert torch.autograd.gradcheck(lambda a, w: smooth_floor(a, kernel=kernel, width=w), (x, width))
    assert torch.autograd.gradgradcheck(lambda a: smooth_relu(a, kernel=kernel, width=width.detach()), (x,))


@pytest.mark.parametrize("kernel", FINITE)
def test_derivatives_are_those_of_the_engine(kernel):
    x = X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(
        smooth_relu(x, kernel=kernel, width=torch.tensor(0.6, dtype=torch.float64)).sum(), x, create_graph=True
    )
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    exact = smooth("relu", kernel=kernel, width=0.6)
    np.testing.assert_allclose(slope.detach().numpy(), exact.derivative(X.numpy()), atol=1e-14)
    np.testing.assert_allclose(curvature.numpy(), exact.second_derivative(X.numpy()), atol=1e-13)
    zero = torch.zeros(1, requires_grad=True)
    smooth_relu(zero, kernel=kernel, width=0.5).backward()
    assert zero.grad.item() == 0.5  # not the 0 or 1 of a kink


@pytest.mark.parametrize("kernel", FINITE)
def test_float32_does_not_overflow(kernel):
    x = torch.tensor([-3e38, -1e20, -1.0, 1.0, 1e20, 3e38], requires_grad=True)
    width = torch.tensor(1e-30, requires_grad=True)
    y = smooth_relu(x, kernel=kernel, width=width)
    y.sum().backward()
    assert torch.equal(y.detach(), x.detach().clamp_min(0))
    assert torch.equal(x.grad, (x.detach() > 0).float())
    assert torch.isfinite(width.grad)


def test_softplus_has_no_jump_at_torchs_threshold():
    x = torch.linspace(19.9, 20.1, 4001, dtype=torch.float64)
    assert torch.nn.functional.softplus(x).diff().min() < 5e-5 - 1e-9  # torch's default jumps down at 20
    assert smooth_relu(x, kernel="logistic", width=1.0).diff().min() > 5e-5 - 1e-9


def test_known_names_are_torchs_own():
    x = X.float()
    assert torch.equal(activation_module("gelu")(x), torch.nn.functional.gelu(x))
    assert torch.equal(activation_module("silu")(x), torch.nn.functional.silu(x))
    torch.testing.assert_close(activation_module("squareplus", width=2.0)(x), (x + torch.sqrt(x * x + 4)) / 2)
    assert float(activation_module("sau")(torch.zeros(()))) == pytest.approx(0.85 / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("name", [name for name in MODULES if name != "relu"])
def test_trainable_widths_learn_the_width_of_a_target(name):
    x = torch.linspace(-3, 3, 61)
    target = activation_module(name, width=0.4)(x)
    module = activation_module(name, width=1.0, trainable=True)
    assert "trainable=True" in repr(module)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        (module(x) - target).square().sum().backward()
        optimizer.step()
    assert float(module.log_width.detach().exp()) == pytest.approx(0.4, rel=0.05)


def test_a_trainable_slope_learns():
    module = activations.SmoothLeakyReLU(slope=0.15, trainable_slope=True)
    x = torch.linspace(-3, 3, 61)
    target = activations.SmoothLeakyReLU(slope=0.4)(x)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        (module(x) - target).square().sum().backward()
        optimizer.step()
    assert float(module.slope.detach()) == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smooth_relu(X, kernel="cauchy"), "diverges.*use smooth_gate"),
        (lambda: activations.SmoothReLU(kernel="cauchy"), "diverges"),
        (lambda: smooth_gate(X, kernel="gauss"), "unknown kernel 'gauss'"),
        (lambda: smooth_relu(X, kernel="gaussian", width=0.0), "width must be positive"),
        (lambda: activation_module("gelo"), "did you mean 'gelu'"),
        (lambda: activations.SmoothPiecewise("abs", kernel="cauchy"), "cauchy has no first moment"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
