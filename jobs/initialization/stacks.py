"""Many small stacks trained at once: every rule, learning rate and seed is one slice of batched matrices.

All slices of a seed share data and the standard-normal draws behind their weights, so rules are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.initialization.activation_moments import find_activation
from engine.initialization.rules import Gain, layer_variance, resolve_gain

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True, slots=True)
class Slice:
    """One of the stacks trained together."""

    rule: str
    learning_rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What all stacks of a group have in common."""

    widths: tuple[int, ...]
    activation: str
    gain: Gain
    residual: bool
    norm: bool
    batch: int


def draw_weights(shape: Shape, slices: Sequence[Slice], device: str) -> list[Tensor]:
    """Weights (slices, m, n) of every layer, with gradients; the same seed has the same draws under every rule."""
    seeds = sorted({part.seed for part in slices})
    factor = resolve_gain(find_activation(shape.activation), shape.gain)
    weights = []
    generators = {seed: torch.Generator().manual_seed(seed) for seed in seeds}
    for layer, (m, n) in enumerate(zip(shape.widths[:-1], shape.widths[1:], strict=True)):
        standard = {seed: torch.randn(m, n, generator=generators[seed]) for seed in seeds}
        variances = {part.rule: layer_variance(shape.widths, layer, rule=part.rule, gain=factor) for part in slices}
        stacked = torch.stack([standard[part.seed] * variances[part.rule] ** 0.5 for part in slices])
        weights.append(stacked.to(device).requires_grad_())
    return weights


class Teacher:
    """Data of one seed: standard-normal inputs, and targets that depend on four directions of them through tanh.

    Targets have mean 0 and variance 1 in every coordinate.
    """

    def __init__(self, width: int, seed: int, *, directions: int = 4) -> None:
        self.generator = torch.Generator().manual_seed(10_000 + seed)
        self.first = torch.randn(width, directions, generator=self.generator) / width**0.5
        self.second = torch.randn(directions, width, generator=self.generator)
        outputs = self._outputs(torch.randn(4096, width, generator=self.generator))
        self.mean, self.std = outputs.mean(0), outputs.std(0)

    def _outputs(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.first) @ self.second

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (size, width) each."""
        x = torch.randn(size, len(self.first), generator=self.generator)
        return x, (self._outputs(x) - self.mean) / self.std


def forward(weights: list[Tensor], x: Tensor, shape: Shape) -> Tensor:
    """Outputs (slices, batch, width) for inputs (slices, batch, width): blocks of two layers.

    A residual stack adds its branches times 1 / sqrt(blocks): unscaled, they would double the second moment each time.
    """
    activate = FUNCTIONS[shape.activation]
    branch = (len(weights) // 2) ** -0.5
    for block in range(len(weights) // 2):
        hidden = activate(torch.bmm(x, weights[2 * block]))
        update = torch.bmm(hidden, weights[2 * block + 1])
        x = x + update * branch if shape.residual else update
        last = block == len(weights) // 2 - 1
        if shape.norm and not last:
            x = functional.layer_norm(x, x.shape[-1:])
        if not last and not shape.residual:
            x = activate(x)
    return x


def train_group(
    shape: Shape,
    slices: Sequence[Slice],
    *,
    optimizer: str,
    steps: int,
    record_every: int,
    device: str = "cpu",
    after_step: Callable[[], None] = lambda: None,
) -> tuple[list[int], Tensor]:
    """Train all slices together.

    Returns:
        Recorded steps, and the held-out loss (records, slices) there: mean squared error over the variance of the
        targets, so that 1 means nothing learned; infinite once a slice diverged.
    """
    weights = draw_weights(shape, slices, device)
    rates = torch.tensor([part.learning_rate for part in slices], device=device)[:, None, None]
    seeds = sorted({part.seed for part in slices})
    order = torch.tensor([seeds.index(part.seed) for part in slices], device=device)
    teachers = [Teacher(shape.widths[0], seed) for seed in seeds]
    held_out = _stack([teacher.batch(256) for teacher in teachers], device)
    state = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights] if optimizer == "adam" else []
    recorded, losses = [], []
    for step in range(steps + 1):
        if step % record_every == 0 or step == steps:
            recorded.append(step)
            losses.append(_evaluate(weights, held_out, order, shape))
        if step == steps:
            break
        inputs, targets = _stack([teacher.batch(shape.batch) for teacher in teachers], device)
        loss = (forward(weights, inputs[order], shape) - targets[order]).square().mean(dim=(1, 2)).sum()
        gradients = torch.autograd.grad(loss, weights)
        _update(weights, gradients, rates, state, step + 1)
        after_step()
    return recorded, torch.stack(losses).cpu()


def _stack(batches: list[tuple[Tensor, Tensor]], device: str) -> tuple[Tensor, Tensor]:
    return torch.stack([x for x, _ in batches]).to(device), torch.stack([y for _, y in batches]).to(device)


def _evaluate(weights: list[Tensor], data: tuple[Tensor, Tensor], order: Tensor, shape: Shape) -> Tensor:
    with torch.no_grad():
        loss = (forward(weights, data[0][order], shape) - data[1][order]).square().mean(dim=(1, 2))
    return torch.where(torch.isfinite(loss), loss, torch.inf)


def _update(
    weights: list[Tensor], gradients: Sequence[Tensor], rates: Tensor, state: list[tuple[Tensor, Tensor]], step: int
) -> None:
    with torch.no_grad():
        for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            if not state:
                weight.sub_(rates * gradient)
                continue
            mean, square = state[index]
            mean.lerp_(gradient, 0.1)
            square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            scale = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
            weight.sub_(rates / (1 - 0.9**step) * mean / scale)
