"""The smooth activations forward and backward beside torch's own, and how quick stacks are measured.

Where torch has the same function the bar is 1.3 times its time; the other members of the family have none and are shown
beside GELU. Times are wall clock of alternating calls in one process, the best of several; ratios are what counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.initialization.signal_propagation import propagate_matrices, propagate_vectors
from engine.smoothing.activations import smooth_gate, smooth_relu
from jobs.initialization.config import Measure
from jobs.initialization.measure import draw

ELEMENTS = 10_000_000
BAR = "<= 1.3 x"
WIDTHS = [*(768, 3072) * 12, 768]
SAME: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], str]] = {
    "gelu": (smooth_gate, functional.gelu, "torch GELU"),
    "silu": (lambda x: smooth_gate(x, kernel="logistic"), functional.silu, "torch SiLU"),
    "softplus": (lambda x: smooth_relu(x, kernel="logistic"), functional.softplus, "torch Softplus"),
    "softplus, width 0.5": (
        lambda x: smooth_relu(x, kernel="logistic", width=0.5),
        lambda x: functional.softplus(x, beta=2.0),
        "torch Softplus",
    ),
}
KERNELS = ("gaussian", "sech", "student", "laplace", "uniform")


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Measure and yield one row after the other.

    Args:
        full: ten million elements and a hundred stacks instead of a tenth of that.
    """
    x = torch.randn(ELEMENTS if full else ELEMENTS // 10, generator=torch.Generator().manual_seed(0))
    for name, (same, theirs, peer) in SAME.items():
        yield _row(name, same, theirs, x, peer=peer, bar=BAR)
    for kernel in KERNELS:
        ours = partial(smooth_relu, kernel=kernel)
        yield _row(f"{kernel} relu", ours, functional.gelu, x, peer="torch GELU")
    yield from _stacks(full=full)


def _row(
    name: str,
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    peer: str,
    bar: str | None = None,
) -> dict[str, Any]:
    """Alternate the two, so that a busy moment of the machine meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    ones = torch.ones_like(x)
    for _ in range(7):
        for function, found in zip((ours, theirs), times, strict=True):
            leaf = x.clone().requires_grad_()
            started = time.perf_counter()
            torch.autograd.grad(function(leaf), leaf, ones)
            found.append(time.perf_counter() - started)
    best = [min(found) for found in times]
    label = f"{name}, forward and backward, {len(x) // 1_000_000} M elements"
    return {"name": label, "value": best[0], "unit": "s", "bar": bar, "peer": peer, "ratio": best[0] / best[1]}


def _stacks(*, full: bool) -> Iterator[dict[str, Any]]:
    """Seconds for random stacks of 24 layers 768-3072 under one rule; the bar is a minute for a hundred."""
    count = 100 if full else 4
    config = Measure(widths=tuple(WIDTHS), rules=("geometric",), seeds=count)
    started = time.perf_counter()
    for _ in draw(config, WIDTHS, "relu"):
        pass
    seconds = time.perf_counter() - started
    label = f"{count} stacks of 24 layers 768-3072, every matrix drawn"
    yield {
        "name": label,
        "value": seconds,
        "unit": "s",
        "bar": f"<= {60 * count / 100:g} s",
        "peer": None,
        "ratio": None,
    }
    started = time.perf_counter()
    propagate_vectors(WIDTHS, rule="geometric", rng=np.random.default_rng(0), activation="relu", stacks=count)
    quick = time.perf_counter() - started
    one = _one_stack()
    label = f"{count} stacks without forming a matrix"
    yield {
        "name": label,
        "value": quick,
        "unit": "s",
        "bar": None,
        "peer": "numpy matrices",
        "ratio": quick / (one * count),
    }


def _one_stack() -> float:
    started = time.perf_counter()
    propagate_matrices(WIDTHS, rules=["geometric"], rng=np.random.default_rng(0), activation="relu")
    return time.perf_counter() - started
