"""Gaussian moments of activation functions, exact to about 1e-13.

What an activation phi does to a wide layer depends on it only through E[phi(z)^2] (forward) and E[phi'(z)^2]
(backward), z ~ N(0, q) (Su, 2021, https://kexue.fm/archives/8620). The two agree only for functions like ReLU, so no
single gain keeps both passes: gelu has 0.42522148 and 0.45585087. The moments are integrals over Gauss-Legendre panels
that shrink geometrically towards 0, so kinks at 0 and any scale q are resolved; ReLU and leaky ReLU have closed forms.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import erf, expit

from engine.arrays import number
from engine.names import look_up

Function = Callable[[np.ndarray], np.ndarray]

SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543774


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function with its derivative and Gaussian moments."""

    name: str
    function: Function
    derivative: Function
    slope: float | None = None
    """left slope of x -> max(x, slope x); None for functions that are not positively homogeneous"""

    @property
    def homogeneous(self) -> bool:
        """Whether phi(cx) = c phi(x) for c > 0, so that gains do not depend on the scale."""
        return self.slope is not None

    def mean(self, q: float = 1.0) -> float:
        """E[phi(z)], z ~ N(0, q)."""
        q = number(q, name="q", low=0, high=1e100)
        return self._expect(self.function, q)

    def second_moment(self, q: float = 1.0) -> float:
        """E[phi(z)^2], z ~ N(0, q): the forward moment (not the variance: the mean need not be 0)."""
        q = number(q, name="q", low=0, high=1e100)
        if self.slope is not None:
            return q * (1 + self.slope**2) / 2
        return self._expect(lambda z: self.function(z) ** 2, q)

    def derivative_second_moment(self, q: float = 1.0) -> float:
        """E[phi'(z)^2], z ~ N(0, q): the backward moment."""
        q = number(q, name="q", low=0, high=1e100)
        if self.slope is not None:
            return (1 + self.slope**2) / 2
        return self._expect(lambda z: self.derivative(z) ** 2, q)

    def _expect(self, function: Function, q: float) -> float:
        if not (q > 0 and math.isfinite(q)):
            raise ValueError(f"the second moment q must be positive and finite, got {q}")
        nodes, weights = gaussian_nodes()
        return float(weights @ function(math.sqrt(q) * nodes))


@cache
def gaussian_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (k,) of a quadrature for E[h(z)], z ~ N(0, 1), where h may have a kink at 0."""
    edges = np.concatenate([[0.0], 2.0 ** np.arange(-40.0, -1.0), np.arange(0.5, 13.1, 0.5)])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    points = (edges[:-1, None] + half * (nodes + 1)).ravel()
    masses = (half * weights).ravel() * np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-points[::-1], points]), np.concatenate([masses[::-1], masses])


def _gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x * (1 + erf(x / math.sqrt(2))) / 2)


def _gelu_derivative(x: np.ndarray) -> np.ndarray:
    return np.asarray((1 + erf(x / math.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def _gelu_tanh_derivative(x: np.ndarray) -> np.ndarray:
    root = math.sqrt(2 / math.pi)
    tanh = np.tanh(root * (x + 0.044715 * x**3))
    return np.asarray(0.5 * (1 + tanh) + 0.5 * x * (1 - tanh**2) * root * (1 + 3 * 0.044715 * x**2))


def _elu(scale: float, alpha: float) -> tuple[Function, Function]:
    def function(x: np.ndarray) -> np.ndarray:
        return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    def derivative(x: np.ndarray) -> np.ndarray:
        return scale * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0)))

    return function, derivative


def leaky_relu(slope: float) -> Activation:
    """Activation x -> x for x > 0, slope x otherwise; slope 0 is ReLU and slope 1 the identity."""
    slope = number(slope, name="slope", low=-1e6, high=1e6)
    name = {0.0: "relu", 1.0: "linear"}.get(slope, f"leaky_relu_{slope:g}")

    def function(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, slope * x)

    def derivative(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, 1.0, slope)

    return Activation(name, function, derivative, slope)


ACTIVATIONS: dict[str, Activation] = {
    "linear": leaky_relu(1.0),
    "relu": leaky_relu(0.0),
    "leaky_relu": leaky_relu(0.01),
    "sigmoid": Activation("sigmoid", expit, lambda x: expit(x) * expit(-x)),
    "tanh": Activation("tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "softplus": Activation("softplus", lambda x: np.logaddexp(0, x), expit),
    "gelu": Activation("gelu", _gelu, _gelu_derivative),
    "gelu_tanh": Activation("gelu_tanh", _gelu_tanh, _gelu_tanh_derivative),
    "silu": Activation("silu", lambda x: x * expit(x), lambda x: expit(x) * (1 + x * expit(-x))),
    "elu": Activation("elu", *_elu(1.0, 1.0)),
    "selu": Activation("selu", *_elu(SELU_LAMBDA, SELU_ALPHA)),
}
"""Known activations by name; `leaky_relu_0.2` and so on work too."""


def find_activation(activation: str | Activation) -> Activation:
    """The activation of that name; `leaky_relu_<slope>` gives any slope.

    Raises:
        ValueError: if there is none; the message holds the nearest name.
    """
    if isinstance(activation, Activation):
        return activation
    slope = activation.removeprefix("leaky_relu_") if isinstance(activation, str) else ""
    if slope != activation and slope.replace(".", "", 1).isdigit():
        return leaky_relu(float(slope))
    return look_up(ACTIVATIONS, activation, what="activation")
