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
    """Re-initialise every matrix of a module in place and set the biases beside it to 0.

    Matrices are the weights of linear layers, convolutions and transposed convolutions, recurrent layers and attention.
    Where one tensor holds several matrices (the gates of an LSTM, query, key and value, the groups of a convolution)
    each is drawn with its own fans. Embeddings and norms stay as they are, and so does a weight that is tied to an
    embedding; a weight that two layers share is drawn once.

    Args:
        module: any module.
        rule: a name in `engine.initialization.rules.RULES`.
        law: normal, uniform, truncated or orthogonal.
        gain: factor on every standard deviation.
        generator: source of randomness; None uses torch's global one.

    Returns:
        Names of the weights that were changed.

    Raises:
        ValueError: if the module has no matrix to initialise, a name is unknown, or a layer computes its weight from
            others (weight norm, pruning), has no shape yet (lazy) or no numbers (meta device).
    """
    import torch

    embeddings = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    done = {id(part.weight) for part in module.modules() if isinstance(part, embeddings)}
    changed = []
    for name, part in module.named_modules():
        _check_own(part, name or type(part).__name__)
        for own, matrices in _matrices(part):
            weight = getattr(part, own)
            if id(weight) in done:
                continue
            done.add(id(weight))
            with torch.no_grad():
                for matrix in matrices:
                    initialize_(matrix, rule=rule, law=law, gain=gain, generator=generator)
            changed.append(f"{name}.{own}".lstrip("."))
        for own, bias in part.named_parameters(recurse=False):
            if (
                own.startswith(("bias", "in_proj_bias"))
                and not own.startswith(("bias_k", "bias_v"))
                and _matrices(part)
            ):
                torch.nn.init.zeros_(bias)
    if not changed:
        raise ValueError(
            f"{type(module).__name__} has no linear, convolution, recurrent or attention weight of its own"
        )
    return changed


def _check_own(part: torch.nn.Module, name: str) -> None:
    """Refuse a layer whose weight is no tensor of its own, in which a drawn number would be lost."""
    import torch
    from torch.nn.utils import parametrize

    nn = torch.nn
    own = dict(part.named_parameters(recurse=False))
    for key, value in own.items():
        if nn.parameter.is_lazy(value):
            raise ValueError(f"{name}.{key} has no shape yet: send a batch through the module first")
        if value.is_meta:
            raise ValueError(f"{name}.{key} holds no numbers, it is on the device meta: move the module first")
    layers = (nn.Linear, nn.modules.conv._ConvNd)
    others = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)
    if (isinstance(part, layers) and "weight" not in own) or (
        isinstance(part, others) and parametrize.is_parametrized(part)
    ):
        raise ValueError(f"{name} computes its weight from other tensors: initialise it before it is parametrized")


def _matrices(part: torch.nn.Module) -> list[tuple[str, list[torch.Tensor]]]:
    """The weights of one layer by name, each as the (out, in, ...) matrices that it consists of, views of it."""
    import torch

    nn = torch.nn
    if isinstance(part, nn.Linear):
        return [("weight", [part.weight])]
    if isinstance(part, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):  # (in, out / groups, ...)
        return [("weight", [block.transpose(0, 1) for block in part.weight.chunk(part.groups)])]
    if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return [("weight", list(part.weight.chunk(part.groups)))]
    if isinstance(part, nn.RNNBase | nn.RNNCellBase):
        gates = {"LSTM": 4, "GRU": 3}.get(part.mode if isinstance(part, nn.RNNBase) else type(part).__name__[:-4], 1)
        weights = [(name, value) for name, value in part.named_parameters(recurse=False) if name.startswith("weight")]
        return [(name, list(value.chunk(1 if name.startswith("weight_hr") else gates))) for name, value in weights]
    if isinstance(part, nn.MultiheadAttention):
        if part.in_proj_weight is not None:
            return [("in_proj_weight", list(part.in_proj_weight.chunk(3)))]
        return [(name, [getattr(part, name)]) for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight")]
    return []
