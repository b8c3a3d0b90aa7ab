"""Optimizers and learning rates of the CLUE recipes.

Two recipes are supported. The *blog* recipe is AdaFactor without factoring, warm-up or decay (Su, 2021,
https://kexue.fm/archives/8739): for a tensor p with gradient g at update t = 1, 2, ...

    v <- b2 v + (1 - b2)(g^2 + eps1),  b2 = 1 - t^-0.8
    u  = g / sqrt(v + eps1),  u <- u / max(1, rms(u) / clip)
    m <- b1 m + (1 - b1) u
    p <- p - lr max(rms(p), eps2) m

The *modern* recipe is AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101) with warm-up and linear
decay, and optionally a learning rate that shrinks from the head down to the embeddings.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from engine.arrays import number, whole_number

Schedule = Literal["linear", "constant"]


class AdaFactor(torch.optim.Optimizer):
    """AdaFactor with full second moments and steps relative to the size of each tensor.

    Args:
        params: tensors or parameter groups.
        lr: relative step; a tensor of rms r moves by about lr * max(r, eps_scale) per update.
        beta1: decay of the first moment.
        beta2: fixed decay of the second moment; None uses the schedule 1 - t^-0.8.
        eps_square: added to squared gradients.
        eps_scale: smallest rms of a tensor in the relative step.
        clip: largest rms of a single update before momentum.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: float = 5e-4,
        beta1: float = 0.9,
        beta2: float | None = None,
        eps_square: float = 1e-30,
        eps_scale: float = 1e-3,
        clip: float = 1.0,
    ) -> None:
        number(lr, name="lr", above=0)
        defaults = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "eps_square": eps_square,
            "eps_scale": eps_scale,
            "clip": clip,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        if closure is not None:
            raise ValueError("AdaFactor takes no closure")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["first"] = torch.zeros_like(parameter)
            state["second"] = torch.zeros_like(parameter)
        state["step"] += 1
        beta1, beta2 = group["beta1"], group["beta2"]
        if beta2 is None:
            beta2 = 1.0 - float(state["step"]) ** -0.8
        gradient = parameter.grad
        assert gradient is not None
        state["second"].mul_(beta2).add_((gradient * gradient).add_(group["eps_square"]), alpha=1.0 - beta2)
        update = gradient / (state["second"] + group["eps_square"]).sqrt_()
        update /= (_rms(update) / group["clip"]).clamp_(min=1.0)
        state["first"].mul_(beta1).add_(update, alpha=1.0 - beta1)
        parameter.sub_(state["first"] * (_rms(parameter).clamp_(min=group["eps_scale"]) * group["lr"]))


def _rms(tensor: Tensor) -> Tensor:
    return tensor.square().mean().sqrt_()


def learning_rate_factor(step: int, *, steps: int, warmup: int, schedule: Schedule = "linear") -> float:
    """Factor on the learning rate of the update number `step` (the first is 0).

    Rises linearly over `warmup` updates, then stays ("constant") or falls linearly to 0 at `steps` ("linear").

    >>> [learning_rate_factor(step, steps=4, warmup=2) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    step, steps, warmup = (
        whole_number(value, name=name) for name, value in (("step", step), ("steps", steps), ("warmup", warmup))
    )
    if steps < 1 or not 0 <= warmup <= steps:
        raise ValueError(f"expected steps >= 1 and 0 <= warmup <= steps, got steps={steps}, warmup={warmup}")
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    return max(0.0, (steps - step) / max(1, steps - warmup))


def parameter_groups(
    model: nn.Module,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    layer_decay: float = 1.0,
    depth_of: Callable[[str], int] | None = None,
    layers: int = 0,
) -> list[dict[str, Any]]:
    """Split parameters by weight decay (matrices only) and by depth.

    Args:
        model: its `named_parameters()` are split; frozen ones are left out.
        learning_rate: of the head, depth `layers + 1`.
        weight_decay: of tensors with two or more dimensions; biases and norms have none.
        layer_decay: factor per layer downwards; depth d gets learning_rate * layer_decay^(layers + 1 - d).
        depth_of: maps a parameter's name to its depth: 0 for embeddings, 1..layers, layers + 1 for the head.
        layers: number of encoder layers.

    Returns:
        Groups for a torch optimizer; `base_lr` keeps what a schedule multiplies.
    """
    number(learning_rate, name="learning_rate", above=0)
    number(weight_decay, name="weight_decay", low=0)
    if not 0.0 < number(layer_decay, name="layer_decay") <= 1.0:
        raise ValueError(f"layer_decay must be in (0, 1], got {layer_decay}")
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        depth = depth_of(name) if depth_of is not None and layer_decay != 1.0 else layers + 1
        decays = parameter.ndim >= 2
        rate = learning_rate * layer_decay ** (layers + 1 - depth)
        empty = {"params": [], "lr": rate, "base_lr": rate, "weight_decay": weight_decay if decays else 0.0}
        groups.setdefault((depth, decays), empty)["params"].append(parameter)
    return [groups[key] for key in sorted(groups)]


def start_without_compiler() -> None:
    """Let optimizers start without torch's compiler: importing it takes seconds, and nothing here is compiled.

    At their first call the methods ask the compiler to leave them out of compiled code; the answer is given beforehand,
    under the name that torch keeps it by. A torch that calls it otherwise only starts later.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        inner = getattr(method, "__wrapped__", None)
        if inner is not None and not hasattr(inner, "__dynamo_disable"):
            inner.__dynamo_disable = inner


class AdamW(torch.optim.AdamW):
    """Torch's AdamW, whose `step` begins by importing the compiler to tell it something: here it is told nothing."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


def adamw(groups: Sequence[dict[str, Any]], *, betas: tuple[float, float] = (0.9, 0.999)) -> AdamW:
    """AdamW in its fused form, which updates all tensors in one pass on CPU and CUDA."""
    start_without_compiler()
    fused = all(parameter.device.type in ("cpu", "cuda") for group in groups for parameter in group["params"])
    return AdamW(list(groups), betas=betas, eps=1e-8, fused=fused)


def adafactor(groups: Sequence[dict[str, Any]]) -> AdaFactor:
    """AdaFactor as configured in the post; weight decay in the groups must be zero."""
    if any(group.get("weight_decay") for group in groups):
        raise ValueError("AdaFactor as configured in the post has no weight decay")
    start_without_compiler()
    return AdaFactor(list(groups))


def warmup_steps(steps: int, share: float) -> int:
    """Updates of warm-up: `share` of all `steps`, rounded up."""
    return math.ceil(whole_number(steps, name="steps") * number(share, name="the share of warm-up", low=0, high=1))
