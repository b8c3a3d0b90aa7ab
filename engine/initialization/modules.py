"""Torch samplers of initial weights by the rules of `engine.initialization.rules`.

torch.nn.init has no geometric rule and its `trunc_normal_` loses a fifth of the variance asked for; here every law gets
exactly the variance of the rule. Torch stores weights as (out, in); convolution fans include the receptive field;
embeddings are look-ups, so their fan is not the vocabulary, and `initialize_module` leaves them alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.initialization.rules import fan_variance
from engine.initialization.samplers import LAWS, TRUNCATED_VARIANCE, TRUNCATION
from engine.names import look_up

if TYPE_CHECKING:
    import torch


def tensor_fans(weight: torch.Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a torch weight of shape (out, in, ...).

    Raises:
        ValueError: if the tensor has fewer than two dimensions.
    """
    if weight.ndim < 2:
        raise ValueError(f"a weight needs at least two dimensions (out, in), got shape {tuple(weight.shape)}")
    field = math.prod(weight.shape[2:])
    return weight.shape[1] * field, weight.shape[0] * field


def initialize_(
    weight: torch.Tensor,
    *,
    rule: str,
    law: str = "normal",
    gain: float = 1.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Fill a weight of shape (out, in, ...) in place and return it.

    Args:
        weight: at least two-dimensional; gradients are not recorded.
        rule: a name in `engine.initialization.rules.RULES`.
        law: normal, uniform, truncated or orthogonal.
        gain: factor on the standard deviation.
        generator: source of randomness; None uses torch's global one.

    Raises:
        ValueError: on a tensor without two dimensions, an unknown rule or law, or a gain that is not positive.
    """
    import torch

    fan_in, fan_out = tensor_fans(weight)
    std = math.sqrt(fan_variance(fan_in, fan_out, rule=rule, gain=gain))
    look_up(LAWS, law, what="law")
    with torch.no_grad():
        if law == "normal":
            return weight.normal_(0.0, std, generator=generator)
        if law == "uniform":
            bound = std * math.sqrt(3)
            return weight.uniform_(-bound, bound, generator=generator)
        if law == "truncated":
            wide = std / math.sqrt(TRUNCATED_VARIANCE)
            cut = TRUNCATION * wide
            return torch.nn.init.trunc_normal_(weight, 0.0, wide, -cut, cut, generator=generator)
        rows = weight.shape[0]
        entry = math.sqrt(max(rows, weight.numel() // rows))  # orthogonal_ works on the flattened (out, rest) matrix
        return torch.nn.init.orthogonal_(weight, gain=std * entry, generator=generator)


def initialize_module(
    module: torch.nn.Module,
    *,
    rule: str,
    law: str = "normal",
    gain: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[str]:
    """Re-initialise every linear and convolution weight of a module in place and set their biases to 0.

    Embeddings and norms stay as they are.

    Args:
        module: any module.
        rule: a name in `engine.initialization.rules.RULES`.
        law: normal, uniform, truncated or orthogonal.
        gain: factor on every standard deviation.
        generator: source of randomness; None uses torch's global one.

    Returns:
        Names of the weights that were changed.

    Raises:
        ValueError: if the module has no matrix to initialise, or a name is unknown.
    """
    import torch

    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    changed = []
    for name, part in module.named_modules():
        if isinstance(part, kinds):
            initialize_(part.weight, rule=rule, law=law, gain=gain, generator=generator)
            if part.bias is not None:
                torch.nn.init.zeros_(part.bias)
            changed.append(f"{name}.weight".lstrip("."))
    if not changed:
        raise ValueError(f"{type(module).__name__} has no linear or convolution weight to initialise")
    return changed
