"""The flags of `python -m jobs.initialization`."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jobs import cli

RULES = ("fan_in", "fan_out", "arithmetic", "geometric", "quadratic", "harmonic")
MORE_RULES = (*RULES, "orthogonal", "spectral", "torch")
VARIANTS = ("plain", "residual", "norm", "residual_norm")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measure(cli.Options):
    """Second moments forward and backward, gradients and singular values of random stacks beside the exact values."""

    widths: tuple[int, ...] = (*(256, 1024) * 6, 256)
    """widths of the stack, inputs first"""
    model: str = ""
    """folder or hub name of an encoder: measure its matrices, and stacks of its widths"""
    rules: tuple[str, ...] = MORE_RULES
    """initialization rules"""
    activations: tuple[str, ...] = ("linear", "relu", "gelu", "tanh")
    """activations between the layers; also leaky_relu_0.2 and the like"""
    gain: Literal["none", "forward", "backward"] = "forward"
    """correct for the activation's forward or backward moment"""
    law: Literal["normal", "uniform", "truncated", "orthogonal"] = "normal"
    """distribution of the entries"""
    seeds: int = 20
    """random stacks"""
    batch: int = 16
    """examples through each stack"""
    method: Literal["matrices", "vectors"] = "matrices"
    """draw whole matrices, or only what the signals see of Gaussian ones (same law, far quicker)"""
    spectrum_draws: int = 2
    """matrices per shape whose singular values are measured; 0: none"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Train(cli.Options):
    """Train deep stacks of alternating width under each rule, with SGD and Adam, with and without residual and norm."""

    narrow: int = 32
    """width of the stream"""
    wide: int = 128
    """width inside each block"""
    blocks: int = 12
    """blocks narrow-wide-narrow; the stack has twice as many layers"""
    rules: tuple[str, ...] = RULES
    """initialization rules"""
    activation: str = "relu"
    """relu, gelu, tanh or linear, after every layer but the last"""
    gain: Literal["none", "forward", "backward"] = "forward"
    """correct for the activation's forward or backward moment"""
    optimizers: tuple[str, ...] = ("sgd", "adam")
    """sgd, adam"""
    variants: tuple[str, ...] = VARIANTS
    """plain, residual, norm, residual_norm"""
    sgd_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    """learning rates tried with SGD"""
    adam_rates: tuple[float, ...] = (0.0003, 0.001, 0.003)
    """learning rates tried with Adam"""
    seeds: int = 5
    """seeds; data and draws are the same for every rule and learning rate"""
    steps: int = 300
    """updates"""
    batch: int = 32
    """examples per update"""
    device: str = "cpu"
    """cpu or cuda"""
