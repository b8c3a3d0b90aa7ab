"""Smooth activations in torch: ReLU and its kin convolved with a kernel, and the gates x Phi(x/w).

The counterpart of `convolution` for training. Everything is built from three functions of (x, w): the smoothed
ReLU, the smoothed step and the kernel, each the derivative of the one before, so gradients of any order exist, also
with respect to a trainable width. Where torch has the same function (GELU, SiLU, Softplus) its fused one is used;
Softplus with a threshold of 40, because the default 20 jumps by 2e-9. Nothing overflows: large arguments meet decaying
tails.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.names import look_up
from engine.smoothing.kernels import check_width, find_kernel, inverse_tangent_integral
from engine.smoothing.piecewise_linear import PiecewiseLinear, Staircase, named

Unit = Callable[[Tensor], Tensor]

SOFTPLUS_THRESHOLD = 40.0
FAR = 1e18  # u = x/w is cut here, where every tail has vanished, so that u Q(u) is no infinity times 0


@cache
def _sech_coefficients() -> tuple[float, ...]:
    """Ti2(y)/y as a polynomial in y^2 on [0, 1], highest power first; error 1e-15."""
    nodes = (1 + np.cos(np.pi * (np.arange(64) + 0.5) / 64)) / 2
    values = inverse_tangent_integral(np.sqrt(nodes)) / np.sqrt(nodes)
    fit = np.polynomial.Chebyshev.fit(nodes, values, 21, domain=[0, 1])
    return tuple(fit.convert(kind=np.polynomial.Polynomial).coef[::-1].tolist())


def _sech_excess(u: Tensor) -> Tensor:
    y = torch.exp(-u)
    square, total = y * y, torch.zeros_like(y)
    for coefficient in _sech_coefficients():
        total = total * square + coefficient
    return (2 / math.pi) * y * total


def _gaussian_density(u: Tensor) -> Tensor:
    return torch.exp(-0.5 * u * u) * (1 / math.sqrt(2 * math.pi))


def _gaussian_tail(u: Tensor) -> Tensor:
    return 0.5 * torch.erfc(u * math.sqrt(0.5))


def _gaussian_excess(u: Tensor) -> Tensor:
    near = u.clamp(max=40.0)
    return (_gaussian_density(near) - near * _gaussian_tail(near)).clamp_min(0)


def _root(u: Tensor) -> Tensor:
    return torch.hypot(torch.ones_like(u), u)


def _logistic_density(u: Tensor) -> Tensor:
    return torch.sigmoid(u) * torch.sigmoid(-u)


def _sech_density(u: Tensor) -> Tensor:
    decay = torch.exp(-u)
    return (2 / math.pi) * decay / (1 + decay * decay)


def _student_tail(u: Tensor) -> Tensor:
    root = _root(u)
    return 0.5 / root / (root + u)


# excess T(u), tail Q(u) and density p(u) for u >= 0, as in engine.smoothing.kernels
UNITS: dict[str, tuple[Unit, Unit, Unit]] = {
    "gaussian": (_gaussian_excess, _gaussian_tail, _gaussian_density),
    "logistic": (lambda u: torch.log1p(torch.exp(-u)), lambda u: torch.sigmoid(-u), _logistic_density),
    "sech": (_sech_excess, lambda u: (2 / math.pi) * torch.atan(torch.exp(-u)), _sech_density),
    "student": (lambda u: 0.5 / (_root(u) + u), _student_tail, lambda u: 0.5 / _root(u) ** 3),
    "laplace": ((lambda u: 0.5 * torch.exp(-u)),) * 3,
    "uniform": (
        lambda u: 0.25 * (1 - u).clamp_min(0) ** 2,
        lambda u: 0.5 * (1 - u).clamp_min(0),
        lambda u: torch.where(u < 1, 0.5, torch.where(u == 1, 0.25, 0.0)).to(u.dtype),
    ),
    "cauchy": (
        lambda u: -u * torch.atan2(torch.ones_like(u), u) / math.pi - torch.log(_root(u)) / math.pi,
        lambda u: torch.atan2(torch.ones_like(u), u) / math.pi,
        lambda u: 1 / (math.pi * _root(u) ** 2),
    ),
}


def _sum_to(gradient: Tensor, width: Tensor) -> Tensor:
    return gradient.sum_to_size(width.shape) if width.shape != gradient.shape else gradient


class _Step(torch.autograd.Function):
    """Phi(x/w); its gradient is the kernel, in plain torch operations."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: Tensor, kernel: str) -> Tensor:
        ctx.kernel = kernel
        ctx.save_for_backward(x, width)
        tail = UNITS[kernel][1]((x / width).abs())
        return torch.where(x < 0, tail, 1 - tail)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, width = ctx.saved_tensors
        u = (x / width).clamp(-FAR, FAR)
        slope = gradients[0] * UNITS[ctx.kernel][2](u.abs()) / width
        return slope, _sum_to(-slope * u, width) if ctx.needs_input_grad[1] else None, None


class _Ramp(torch.autograd.Function):
    """max(x, 0) + w T(|x|/w); its gradients are Phi by x and T + |u| Q by w."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: Tensor, kernel: str) -> Tensor:
        ctx.kernel = kernel
        ctx.save_for_backward(x, width)
        return torch.addcmul(x.clamp_min(0), width, UNITS[kernel][0]((x / width).abs()))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, width = ctx.saved_tensors
        by_x = gradients[0] * _Step.apply(x, width, ctx.kernel)  # type: ignore[no-untyped-call]
        if not ctx.needs_input_grad[1]:
            return by_x, None, None
        excess, tail, _ = UNITS[ctx.kernel]
        u = (x / width).abs().clamp(max=FAR)
        return by_x, _sum_to(gradients[0] * (excess(u) + u * tail(u)), width), None


def smooth_relu(x: Tensor, *, kernel: str = "gaussian", width: float | Tensor = 1.0) -> Tensor:
    """ReLU convolved with a kernel: SoftPlus (logistic), SquarePlus (student), ...

    Args:
        x: any shape.
        kernel: any but cauchy, which has no first moment.
        width: a number, or a positive tensor that broadcasts against x and gets gradients.

    Raises:
        ValueError: on an unknown kernel, cauchy, or a width that is not positive.
    """
    if kernel == "cauchy":
        raise ValueError(
            "relu * cauchy diverges (no first moment): use smooth_gate(kernel='cauchy'), or kernel='student'"
        )
    if kernel == "logistic" and not isinstance(width, Tensor):
        return functional.softplus(x, beta=1 / check_width(width), threshold=SOFTPLUS_THRESHOLD)
    return _Ramp.apply(x, _as_width(width, x, kernel), kernel)  # type: ignore[no-any-return, no-untyped-call]


def smooth_step(x: Tensor, *, kernel: str = "gaussian", width: float | Tensor = 1.0) -> Tensor:
    """The kernel's distribution function Phi(x/w): a smoothed step."""
    return _Step.apply(x, _as_width(width, x, kernel), kernel)  # type: ignore[no-any-return, no-untyped-call]


def smooth_gate(x: Tensor, *, kernel: str = "gaussian", width: float | Tensor = 1.0) -> Tensor:
    """X Phi(x/w): GELU (gaussian), SiLU (logistic); any kernel, also cauchy."""
    if isinstance(width, Tensor) or kernel not in ("gaussian", "logistic"):
        return x * smooth_step(x, kernel=kernel, width=width)
    fused = functional.gelu if kernel == "gaussian" else functional.silu
    w = check_width(width)
    return fused(x) if w == 1.0 else w * fused(x / w)


def smooth_piecewise(
    x: Tensor, f: str | PiecewiseLinear | Staircase, *, kernel: str = "gaussian", width: float | Tensor = 1.0
) -> Tensor:
    """Any piecewise-linear function convolved with a kernel, see `engine.smoothing.convolution.smooth`.

    Args:
        x: any shape.
        f: a name or a function of `engine.smoothing.piecewise_linear`.
        kernel: any that can carry the growth of f.
        width: a number or a tensor.

    Raises:
        ValueError: on an unknown name, a bad width, or an f that grows faster than the kernel can carry.
    """
    function = named(f) if isinstance(f, str) else f
    w = _as_width(width, x, kernel)
    if isinstance(function, Staircase):
        steps = smooth_floor(x + function.shift, kernel=kernel, width=w)
        return function.value + function.slope * x + function.height * steps
    if kernel == "cauchy" and not math.isclose(function.slope, function.right_slope, abs_tol=1e-12):
        raise ValueError(f"{function.name} grows linearly and cauchy has no first moment: use student or a gate")
    result = function.value + function.slope * x
    for knot, jump, kink in zip(function.knots, function.jumps, function.kinks, strict=True):
        if jump:
            result = result + jump * smooth_step(x - knot, kernel=kernel, width=w)
        if kink:
            result = result + kink * _Ramp.apply(x - knot, w, kernel)  # type: ignore[no-untyped-call]
    return result


def smooth_floor(
    x: Tensor, *, kernel: str = "gaussian", width: float | Tensor = 1.0, reach: int | None = None
) -> Tensor:
    """Floor convolved with a kernel: the steps within `reach` of each x, and for heavy tails what lies beyond.

    Args:
        x: any shape.
        kernel: any.
        width: a number or a tensor.
        reach: steps summed on each side; None takes enough for an error of 1e-7.
    """
    w = _as_width(width, x, kernel)
    whole = torch.floor(x.detach())
    if reach is None:
        limit = find_kernel(kernel).reach
        widest = float(w.detach().max())
        reach = math.ceil(16 + 12 * widest if math.isinf(limit) else 0.65 * limit * widest) + 1
    rest = x - whole
    if kernel == "cauchy":
        return x - 0.5 + _cauchy_wave(rest, w)
    total = whole + torch.zeros_like(rest)
    for k in range(reach):
        above = _Step.apply(rest - (k + 1), w, kernel)  # type: ignore[no-untyped-call]
        below = _Step.apply(-(rest + k), w, kernel)  # type: ignore[no-untyped-call]
        total = total + above - below
    if kernel != "student":
        return total
    far_above, far_below = (reach + 0.5 - rest) / w, (reach - 0.5 + rest) / w  # Euler-Maclaurin for the heavy tail
    excess = UNITS[kernel][0]
    return total + w * (excess(far_above) - excess(far_below))


def _cauchy_wave(rest: Tensor, width: Tensor) -> Tensor:
    decay, angle = torch.exp(-2 * math.pi * width), 2 * math.pi * rest
    return torch.atan2(decay * torch.sin(angle), 1 - decay * torch.cos(angle)) / math.pi


def _as_width(width: float | Tensor, x: Tensor, kernel: str) -> Tensor:
    look_up(UNITS, kernel, what="kernel")
    if isinstance(width, Tensor):
        return width
    return torch.tensor(check_width(width), dtype=x.dtype, device=x.device)


class _Widthed(nn.Module):
    """A module with a kernel and a width, which is trained through its logarithm if `trainable`."""

    def __init__(self, *, kernel: str = "gaussian", width: float = 1.0, trainable: bool = False) -> None:
        super().__init__()
        look_up(UNITS, kernel, what="kernel")
        self.kernel, self.fixed = kernel, check_width(width)
        self.log_width = nn.Parameter(torch.tensor(math.log(self.fixed))) if trainable else None

    @property
    def width(self) -> float | Tensor:
        """The width now: a number, or a positive tensor if it is trained."""
        return self.fixed if self.log_width is None else self.log_width.exp()

    def extra_repr(self) -> str:
        """Kernel and width for the module's repr."""
        width = self.fixed if self.log_width is None else float(self.log_width.detach().exp())
        return f"kernel={self.kernel}, width={width:g}, trainable={self.log_width is not None}"


class SmoothReLU(_Widthed):
    """ReLU convolved with a kernel."""

    def __init__(self, *, kernel: str = "gaussian", width: float = 1.0, trainable: bool = False) -> None:
        super().__init__(kernel=kernel, width=width, trainable=trainable)
        smooth_relu(torch.zeros(1), kernel=kernel, width=width)  # refuses cauchy here, not in the middle of training

    def forward(self, x: Tensor) -> Tensor:
        """Apply to x, any shape."""
        return smooth_relu(x, kernel=self.kernel, width=self.width)


class SmoothGate(_Widthed):
    """x Phi(x/w)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to x, any shape."""
        return smooth_gate(x, kernel=self.kernel, width=self.width)


class SmoothLeakyReLU(_Widthed):
    """a x + (1 - a) times the smoothed ReLU: SAU for the Gaussian kernel, with the right factor on its bump.

    The slope a is trained if `trainable_slope`.
    """

    def __init__(
        self,
        *,
        slope: float = 0.15,
        kernel: str = "gaussian",
        width: float = 1.0,
        trainable: bool = False,
        trainable_slope: bool = False,
    ) -> None:
        super().__init__(kernel=kernel, width=width, trainable=trainable)
        start = torch.tensor(float(slope))
        self.slope: Tensor = nn.Parameter(start) if trainable_slope else start

    def forward(self, x: Tensor) -> Tensor:
        """Apply to x, any shape."""
        return torch.lerp(smooth_relu(x, kernel=self.kernel, width=self.width), x, self.slope.to(x))


class SmoothPiecewise(_Widthed):
    """Any named piecewise-linear function convolved with a kernel."""

    def __init__(
        self,
        f: str | PiecewiseLinear | Staircase,
        *,
        kernel: str = "gaussian",
        width: float = 1.0,
        trainable: bool = False,
    ) -> None:
        super().__init__(kernel=kernel, width=width, trainable=trainable)
        self.function = named(f) if isinstance(f, str) else f
        smooth_piecewise(torch.zeros(1), self.function, kernel=kernel, width=width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to x, any shape."""
        return smooth_piecewise(x, self.function, kernel=self.kernel, width=self.width)


MODULES: dict[str, Callable[..., nn.Module]] = {
    "relu": lambda **_: nn.ReLU(),
    "gelu": lambda **options: SmoothGate(kernel="gaussian", **options),
    "silu": lambda **options: SmoothGate(kernel="logistic", **options),
    "softplus": lambda **options: SmoothReLU(kernel="logistic", **options),
    "squareplus": lambda **options: SmoothReLU(kernel="student", **options),
    "sau": lambda **options: SmoothLeakyReLU(kernel="gaussian", **options),
    **{f"{k}_relu": lambda k=k, **options: SmoothReLU(kernel=k, **options) for k in UNITS if k != "cauchy"},
    **{f"{k}_gate": lambda k=k, **options: SmoothGate(kernel=k, **options) for k in UNITS},
}
"""Makers of activation modules by name; width and trainable are their keywords."""


def activation_from_text(text: str) -> nn.Module:
    """A fresh activation module from `name`, `name:width` or `name:width:trainable`, such as `gaussian_relu:0.5`.

    Raises:
        ValueError: if the text has another form, or the name or the width cannot be used.
    """
    name, _, rest = text.partition(":")
    width, _, word = rest.partition(":")
    try:
        number = float(width) if width else 1.0
    except ValueError:
        number = math.nan
    if math.isnan(number) or word not in ("", "trainable"):
        raise ValueError(f"expected an activation like gelu, squareplus:0.5 or sau:1:trainable, got {text!r}")
    return activation_module(name, width=number, trainable=bool(word))


def activation_module(name: str, *, width: float = 1.0, trainable: bool = False) -> nn.Module:
    """A fresh activation module of that name.

    Raises:
        ValueError: if there is none; the message holds the nearest name.
    """
    return look_up(MODULES, name, what="activation")(width=width, trainable=trainable)
