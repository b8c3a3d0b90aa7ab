"""Initial matrices of the tiny encoder by one of the rules of `engine.initialization`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.initialization import RULES
from engine.initialization_torch import initialize_module
from engine.names import look_up

if TYPE_CHECKING:
    import torch
    from torch import nn

NAMES: dict[str, tuple[str, float]] = {
    **{rule: (rule, 1.0) for rule in RULES},
    "lecun": ("fan_in", 1.0),
    "xavier": ("arithmetic", 1.0),
    "glorot": ("arithmetic", 1.0),
    "he": ("fan_in", math.sqrt(2)),
}
"""What may stand after --init: the rule and the factor on its standard deviation."""


def redraw(encoder: nn.Module, init: str, *, generator: torch.Generator) -> list[str]:
    """Draw every linear weight of an encoder anew, normal with the rule's variance; embeddings and norms stay.

    Returns:
        Names of the weights.

    Raises:
        ValueError: if there is no such rule; the message holds the nearest name.
    """
    rule, gain = look_up(NAMES, init, what="rule")
    return initialize_module(encoder, rule=rule, gain=gain, generator=generator)
