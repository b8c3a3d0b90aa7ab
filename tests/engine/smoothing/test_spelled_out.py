import math

import numpy as np
import pytest
import torch

from engine.smoothing.convolution import smooth
from engine.smoothing.kernels import KERNELS
from engine.smoothing.piecewise_linear import FUNCTIONS, parse_knots
from engine.smoothing.spelled_out import latex, torch_code

X = np.linspace(-5, 5, 101) + 0.01


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_code_on_the_page_runs_and_gives_the_function(kernel):
    for f in (*FUNCTIONS, parse_knots("-1:0, 0:0/1, 2:3; slopes 0 0")):
        try:
            g = smooth(f, kernel=kernel, width=0.4)
        except ValueError:
            assert kernel == "cauchy"
            continue
        scope = {}
        exec(torch_code(g.f, kernel=kernel, width=0.4), scope)
        heavy = (kernel in ("student", "cauchy") and not g.closed) or f in ("floor", "ceil", "round", "sawtooth")
        accuracy = {"student": 1e-5, "cauchy": 1e-3}.get(kernel, 1e-12) if heavy else 1e-12
        np.testing.assert_allclose(scope["g"](torch.tensor(X)).numpy(), g(X), atol=accuracy)


def test_latex_spells_the_terms():
    g = smooth("leaky_relu", kernel="gaussian", width=0.5)
    text = latex(g.f, kernel="gaussian", width=0.5)
    assert text.startswith(r"g(x)=0.01\,x+0.99\,w\,R\left(\tfrac{x}{w}\right)")
    assert r"\operatorname{erf}" in text
    assert text.endswith("w=0.5")
    for kernel in KERNELS:
        for f in ("clip", "round"):
            text = latex(smooth(f, kernel=kernel, width=1).f, kernel=kernel, width=1)
            assert text.count("{") == text.count("}")
            assert text.count(r"\left") == text.count(r"\right")


def test_the_code_differentiates():
    g = smooth("relu", kernel="sech", width=0.5)
    scope = {}
    exec(torch_code(g.f, kernel="sech", width=0.5), scope)
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    scope["g"](x).backward()
    assert math.isclose(float(x.grad), float(g.derivative(0.3)), rel_tol=1e-9)
