"""Initial variances of non-square weight matrices, and what each rule does to signals and gradients.

A layer y = x W maps m = fan_in inputs to n = fan_out outputs; the entries of W are independent with mean 0 and variance
s. Second moments then satisfy E[y^2] = m s E[x^2] forward and E[(dl/dx)^2] = n s E[(dl/dy)^2] backward. Both are kept
only if m = n, so every rule is some average of m and n (Su, 2021, https://kexue.fm/archives/8725):

    fan_in      1/m             fan_out     1/n             arithmetic  2/(m+n)      (Xavier; Glorot and Bengio, 2010)
    geometric   1/sqrt(mn)      (the only rule whose forward gain times backward gain is 1; Defazio and Bottou, 2019,
                                 arXiv 1906.04267)
    quadratic   (m+n)/(m^2+n^2) (minimises (ms-1)^2 + (ns-1)^2)
    harmonic    (1/m + 1/n)/2   (mean of the inverses)
    orthogonal  1/max(m,n)      (entry variance of a semi-orthogonal matrix)
    spectral    (n/m)/(sqrt m + sqrt n)^2   (spectral norm sqrt(n/m), as in muP; Yang et al., 2023, arXiv 2310.17813)
    torch       1/(3m)          (default of torch.nn.Linear)
    rms         sqrt(2/(m^2+n^2))           minimum     1/min(m,n)

Activations enter through their Gaussian moments (`activation_moments`). With E[phi(z)^2] = v(q) and
E[phi'(z)^2] = d(q) for z ~ N(0, q), layer l multiplies the second moment of a signal by m s v(q)/q and that of a
gradient by n s d(q). These are exact for identity and for wide layers, and forward exact for ReLU at every width.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import gammaln, polygamma, psi

from engine.arrays import number, whole_number
from engine.initialization.activation_moments import Activation, find_activation
from engine.names import look_up

RULES: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda m, n: 1 / m,
    "fan_out": lambda m, n: 1 / n,
    "arithmetic": lambda m, n: 2 / (m + n),
    "geometric": lambda m, n: 1 / math.sqrt(m * n),
    "quadratic": lambda m, n: (m + n) / (m * m + n * n),
    "harmonic": lambda m, n: (m + n) / (2 * m * n),
    "orthogonal": lambda m, n: 1 / max(m, n),
    "spectral": lambda m, n: (n / m) / (math.sqrt(m) + math.sqrt(n)) ** 2,
    "torch": lambda m, n: 1 / (3 * m),
    "rms": lambda m, n: math.sqrt(2 / (m * m + n * n)),
    "minimum": lambda m, n: 1 / min(m, n),
}
"""Variance of an entry as a function of (fan_in, fan_out)."""

Gain = float | Literal["forward", "backward"]
DriftActivation = Literal["linear", "relu"]


def check_widths(widths: Sequence[float]) -> list[int]:
    """Return the widths of a stack as integers.

    Raises:
        ValueError: if there are fewer than two, or one is not a whole number of at least 1.
    """
    found = list(widths)
    if len(found) < 2:
        raise ValueError(f"a stack needs at least two widths (inputs and outputs of one layer), got {found}")
    sizes = []
    for width in found:
        try:
            sizes.append(whole_number(width, name="widths", low=1))
        except ValueError:
            sizes.append(0)
        if not sizes[-1] or isinstance(width, bool):
            raise ValueError(f"widths must be whole numbers of at least 1, got {width!r} in {found}")
    return sizes


def fan_variance(fan_in: int, fan_out: int, *, rule: str, gain: float = 1.0) -> float:
    """Variance of one entry of a (fan_in, fan_out) weight matrix.

    Args:
        fan_in: m, inputs summed into one output (for convolutions times the receptive field).
        fan_out: n, outputs that one input reaches.
        rule: a name in `RULES`.
        gain: factor on the standard deviation, as in torch.nn.init; the variance gets gain^2. Use sqrt(2) for ReLU.

    Raises:
        ValueError: if a fan is below 1, the rule is unknown or the gain is not positive and finite.

    Example:
        >>> fan_variance(768, 3072, rule="geometric")
        0.0006510416666666666
    """
    gain = number(gain, name="gain", low=1e-100, high=1e100)
    m, n = check_widths([fan_in, fan_out])
    return gain * gain * look_up(RULES, rule, what="rule")(m, n)


def effective_dimension(fan_in: int, fan_out: int, *, rule: str) -> float:
    """1 / variance: the dimension that the rule puts in place of m and n."""
    return 1 / fan_variance(fan_in, fan_out, rule=rule)


def objectives(fan_in: int, fan_out: int, *, variance: float) -> tuple[float, float]:
    """How far a variance s is from keeping both moments, on two scales.

    Returns:
        ((ms-1)^2 + (ns-1)^2, (ln ms)^2 + (ln ns)^2). The quadratic rule minimises the first, where it reaches
        (m-n)^2/(m^2+n^2); the geometric rule minimises the second: the two differ only in how they measure an error.
    """
    variance = number(variance, name="variance", low=1e-100, high=1e100)
    m, n = check_widths([fan_in, fan_out])
    forward, backward = m * variance, n * variance
    return (forward - 1) ** 2 + (backward - 1) ** 2, math.log(forward) ** 2 + math.log(backward) ** 2


def squared_errors(fan_in: int, fan_out: int, *, variance: float) -> dict[str, float]:
    """Squared distance of a variance s from what signals want (1/m) and gradients want (1/n), on four scales.

    Returns:
        For each rule the error that it makes smallest:
        quadratic (ms-1)^2 + (ns-1)^2, of the gains; geometric (ln ms)^2 + (ln ns)^2, of their logarithms;
        arithmetic (1/s-m)^2 + (1/s-n)^2, of the dimension; harmonic (s-1/m)^2 + (s-1/n)^2, of the variance.

    Raises:
        ValueError: if a fan is below 1 or the variance is not positive and finite.
    """
    variance = number(variance, name="variance", low=1e-100, high=1e100)
    m, n = check_widths([fan_in, fan_out])
    quadratic, geometric = objectives(m, n, variance=variance)
    return {
        "quadratic": quadratic,
        "geometric": geometric,
        "arithmetic": (1 / variance - m) ** 2 + (1 / variance - n) ** 2,
        "harmonic": (variance - 1 / m) ** 2 + (variance - 1 / n) ** 2,
    }


@dataclass(frozen=True, slots=True)
class StackGains:
    """Exact gains of a stack with widths d_0, ..., d_L and one activation between the layers.

    Layer l maps width d_(l-1) to d_l. Moments are per coordinate and relative to the stack's input (forward) or to the
    gradient at its output (backward). There is no activation after the last layer.
    """

    widths: tuple[int, ...]
    rule: str
    activation: str
    variances: np.ndarray  # (L,) entry variance of each layer
    forward: np.ndarray  # (L,) gain of layer l: E[y_l^2] / E[y_(l-1)^2], y the pre-activations
    backward: np.ndarray  # (L,) gain of layer l: E[(dl/dy_(l-1))^2] / E[(dl/dy_l)^2]
    forward_moments: np.ndarray  # (L + 1,) E[y_l^2] / E[y_0^2], first 1
    backward_moments: np.ndarray  # (L + 1,) E[(dl/dy_l)^2] / E[(dl/dy_L)^2], last 1
    gradients: np.ndarray  # (L,) E[(dl/dW_l)^2] / s_l per example, in units of E[y_0^2] E[(dl/dy_L)^2]

    @property
    def product(self) -> np.ndarray:
        """(L,) forward times backward gain of each layer: 1 at every layer of a linear stack only under geometric."""
        return np.asarray(self.forward * self.backward)

    @property
    def total_forward(self) -> float:
        """E[y_L^2] / E[y_0^2]."""
        return float(self.forward_moments[-1])

    @property
    def total_backward(self) -> float:
        """E[(dl/dy_0)^2] / E[(dl/dy_L)^2]."""
        return float(self.backward_moments[0])

    @property
    def total_product(self) -> float:
        """Forward times backward gain of the whole stack."""
        return self.total_forward * self.total_backward

    @property
    def gradient_spread(self) -> float:
        """Largest over smallest gradient/variance: 1 means that all layers learn at the same relative speed."""
        return float(self.gradients.max() / self.gradients.min())


def stack_gains(
    widths: Sequence[int],
    *,
    rule: str,
    activation: str | Activation = "linear",
    gain: Gain = 1.0,
    input_moment: float = 1.0,
) -> StackGains:
    """Forward, backward and gradient gains of every layer of a stack, and of the whole stack.

    Args:
        widths: (L + 1,) d_0, ..., d_L.
        rule: a name in `RULES`.
        activation: between the layers; the first layer reads the input as it is.
        gain: factor on every standard deviation but the first layer's (nothing precedes that one), or "forward" /
            "backward" for the activation's own 1/sqrt(E[phi^2]) or 1/sqrt(E[phi'^2]) at unit variance.
        input_moment: E[x^2] of the input. Matters only for activations that are not positively homogeneous.

    Raises:
        ValueError: on bad widths, an unknown rule or activation.

    Example:
        >>> round(stack_gains([768, 3072] * 12 + [768], rule="arithmetic").total_forward, 9)
        0.004722366
    """
    sizes, phi = check_widths(widths), find_activation(activation)
    factor = resolve_gain(phi, gain)
    layers = len(sizes) - 1
    variances = np.array([layer_variance(sizes, layer, rule=rule, gain=factor) for layer in range(layers)])
    forward, backward, moment = np.empty(layers), np.empty(layers), float(input_moment)
    for layer, (m, n) in enumerate(itertools.pairwise(sizes)):
        first = layer == 0
        kept = 1.0 if first else phi.second_moment(moment) / moment
        slope = 1.0 if first else phi.derivative_second_moment(moment)
        forward[layer] = m * variances[layer] * kept
        backward[layer] = n * variances[layer] * slope
        moment *= forward[layer]
    forward_moments = np.concatenate([[1.0], np.cumprod(forward)])
    backward_moments = np.concatenate([np.cumprod(backward[::-1])[::-1], [1.0]])
    inputs = input_moment * forward_moments[:-1]  # second moment before the activation that layer l reads
    read = [inputs[0], *(phi.second_moment(q) for q in inputs[1:])]
    gradients = np.array(read) / input_moment * backward_moments[1:] / variances
    return StackGains(
        tuple(sizes), rule, phi.name, variances, forward, backward, forward_moments, backward_moments, gradients
    )


def resolve_gain(activation: Activation, gain: Gain) -> float:
    """The number behind "forward" (1/sqrt E[phi(z)^2]) or "backward" (1/sqrt E[phi'(z)^2]), z ~ N(0, 1).

    Raises:
        ValueError: if gain is neither of these words nor a positive number.
    """
    if gain == "forward":
        return 1 / math.sqrt(activation.second_moment(1.0))
    if gain == "backward":
        return 1 / math.sqrt(activation.derivative_second_moment(1.0))
    try:
        return number(gain, name="gain", low=1e-100, high=1e100)
    except ValueError:
        raise ValueError(f"gain must be a positive number, 'forward' or 'backward', got {gain!r}") from None


def layer_variance(widths: Sequence[int], layer: int, *, rule: str, gain: float) -> float:
    """Entry variance of one layer of a stack; the first layer has gain 1, as no activation precedes it."""
    layer = whole_number(layer, name="layer", high=len(widths) - 2)
    return fan_variance(widths[layer], widths[layer + 1], rule=rule, gain=gain if layer else 1.0)


def log_drift(width: int, *, activation: DriftActivation = "linear") -> tuple[float, float]:
    """Mean and variance of ln(|y|^2 / E|y|^2) that one Gaussian layer of n outputs adds, exact at finite width.

    E[gain] = 1 hides that a typical draw shrinks: n |y|^2 / E|y|^2 is chi-square with n degrees of freedom, so its
    logarithm has mean psi(n/2) - ln(n/2) ~ -1/n and variance psi_1(n/2) ~ 2/n, which add up over the layers. For ReLU
    the degrees of freedom are the Binomial(n, 1/2) active units (given that one is active): about -5/(2n) and 5/n.

    Raises:
        ValueError: if width is below 1 or the activation is another one.
    """
    check_widths([width, width])
    if activation == "linear":
        return float(psi(width / 2) - math.log(width / 2)), float(polygamma(1, width / 2))
    if activation != "relu":
        raise ValueError(f"the drift is known exactly for 'linear' and 'relu', got {activation!r}")
    active = np.arange(1, width + 1)
    log_weights = gammaln(width + 1) - gammaln(active + 1) - gammaln(width - active + 1) - width * math.log(2)
    weights = np.exp(log_weights)
    weights /= weights.sum()
    means = psi(active / 2) + math.log(4 / width)
    mean = float(weights @ means)
    return mean, float(weights @ (polygamma(1, active / 2) + (means - mean) ** 2))


def stack_drift(widths: Sequence[int], *, activation: DriftActivation = "linear") -> tuple[float, float]:
    """Mean and variance of ln(|y_L|^2 / E|y_L|^2) of a whole stack: the sums over its layers.

    With ReLU the last layer has no activation after it and drifts like a linear one.
    """
    sizes = check_widths(widths)
    parts = [log_drift(n, activation=activation) for n in sizes[1:-1]] + [log_drift(sizes[-1])]
    return sum(mean for mean, _ in parts), sum(variance for _, variance in parts)


@dataclass(frozen=True, slots=True)
class ResidualFactors:
    """What a residual stack with unit branches does at initialization."""

    moments: np.ndarray  # (L + 1,) E[x_l^2] of the stream after l blocks, E[x_0^2] = 1
    shares: np.ndarray  # (L + 1,) share of x_0, F_1, ..., F_L in the second moment of the last x_L
    branch_inputs: np.ndarray  # (L,) factor on x_(l-1) where block l reads it


def residual_factors(depth: int, *, placement: Literal["post", "pre", "plain"]) -> ResidualFactors:
    """Factors of a residual stack whose branches keep the second moment (Su, 2021, https://kexue.fm/archives/8620).

    "post" (Post-Norm): x_l = (x_(l-1) + F_l(x_(l-1))) / sqrt 2, so the share of block l decays like 2^-(L-l+1): the
    residual is forgotten with depth. "pre" (Pre-Norm): x_l = x_(l-1) + F_l(x_(l-1) / sqrt l), second moment l + 1,
    equal shares 1/(L+1). "plain": x_l = x_(l-1) + F_l(x_(l-1)) without any norm, second moment 2^l.

    Raises:
        ValueError: if depth is below 1 or the placement is unknown.
    """
    depth = whole_number(depth, name="depth", low=1, high=1000)
    levels = np.arange(depth + 1, dtype=np.float64)
    if placement == "pre":
        return ResidualFactors(levels + 1, np.full(depth + 1, 1 / (depth + 1)), 1 / np.sqrt(levels[1:]))
    if placement not in ("post", "plain"):
        raise ValueError(f"placement must be 'post', 'pre' or 'plain', got {placement!r}")
    shares = np.concatenate([[2.0**-depth], 2.0 ** (levels[1:] - depth - 1)])
    moments = np.ones(depth + 1) if placement == "post" else 2.0**levels
    return ResidualFactors(moments, shares, np.ones(depth))


def ordering(fan_in: int, fan_out: int) -> dict[str, float]:
    """The post's three effective dimensions, largest first: (m^2+n^2)/(m+n) >= (m+n)/2 >= sqrt(mn)."""
    return {rule: effective_dimension(fan_in, fan_out, rule=rule) for rule in ("quadratic", "arithmetic", "geometric")}
