"""Initialization rules for the tiny encoder from scratch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from engine.model.encoders import BertEncoder


def redraw(encoder: BertEncoder, rule: str, *, generator: torch.Generator) -> None:
    """Draw the matrices of the linear layers anew, normal with the variance that `rule` gives their shape.

    Query, key and value are three matrices of their own. Embeddings are no sums of inputs; they stay as they are.

    Raises:
        ValueError: if there is no such rule; the nearest is named.
    """
    import torch
    from torch import nn

    from engine.initialization.rules import fan_variance

    with torch.no_grad():
        for name, module in encoder.named_modules():
            if isinstance(module, nn.Linear):
                parts = 3 if name.endswith("qkv") else 1
                std = math.sqrt(fan_variance(module.in_features, module.out_features // parts, rule=rule))
                module.weight.normal_(0.0, std, generator=generator)
