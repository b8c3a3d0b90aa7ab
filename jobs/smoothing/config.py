"""The flags of `python -m jobs.smoothing`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from jobs import cli

FUNCTIONS = ("relu", "leaky_relu", "abs", "clip", "relu6", "step", "sign", "indicator", "round", "floor", "sawtooth")
KERNELS = ("gaussian", "logistic", "sech", "student", "laplace", "uniform", "cauchy")
ACTIVATIONS = (
    "relu",
    "gelu",
    "silu",
    "gaussian_relu:0.5",
    "logistic_relu:0.5",
    "sech_relu:0.5",
    "squareplus:0.5",
    "laplace_relu:0.5",
    "uniform_relu:1",
    "cauchy_gate:0.5",
    "sau:0.5",
    "gaussian_relu:0.5:trainable",
    "squareplus:0.5:trainable",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Errors(cli.Options):
    """Error against width for every function and kernel, by numerical convolution, beside the exact values."""

    functions: tuple[str, ...] = FUNCTIONS
    """functions smoothed"""
    kernels: tuple[str, ...] = KERNELS
    """kernels"""
    widths: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    """widths, at least two for a slope"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Train(cli.Options):
    """Train with smooth activations: a small regression, a staircase loss, a tiny CLUE encoder."""

    parts: tuple[str, ...] = ("regression", "staircase")
    """regression, staircase, encoder"""
    activations: tuple[str, ...] = ACTIVATIONS
    """name, name:width or name:width:trainable"""
    seeds: int = 5
    """seeds; data and first weights are the same for every activation"""
    steps: int = 1500
    """updates of the regression"""
    hidden: int = 64
    """width of the regression's two hidden layers"""
    learning_rate: float = 0.003
    """of Adam in the regression"""
    kernel: str = "gaussian"
    """of the smoothed floor in the staircase"""
    problems: int = 40
    """staircase problems"""
    task: str = "tnews"
    """CLUE task of the encoder"""
    data_dir: Path | None = None
    """folder of the CLUE data (see jobs.clue)"""
    limit: int | None = 2000
    """rows of every split for the encoder"""
    epochs: int | None = None
    """passes of the encoder over its data"""
