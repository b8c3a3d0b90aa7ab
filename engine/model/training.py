"""The training loop, and evaluation.

One update takes `accumulation` batches, adds up the gradients of the mean loss over all their examples, clips them, and
steps. Everything random depends on (seed, epoch) for the order and on (seed, update, process) for dropout; so the state
of a training is its weights, the optimizer's moments and three integers, and a training that goes on from it continues
bitwise on CPU, in the middle of an epoch too. Training may compute in bfloat16; `predict` computes in float32.

The caller passes `on_step` to `Training.run`; it is called between updates, when the state is whole: there one logs,
evaluates, saves `state_dict()`, or stops by returning True or raising.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, distributed

from engine.model.batches import Sampler, Units, make_units, sorted_batches
from engine.model.encoders import Packed
from engine.model.heads import Batch, TaskModel
from engine.model.optimizers import Schedule, learning_rate_factor, warmup_steps
from engine.model.regularizers import WeightAverage, fgm, own_gradient, r_drop
from engine.text.rows import Rows

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a weight is not finite; nothing was updated with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to train; what depends on the model (learning rates, weight decay) is in the optimizer's groups."""

    epochs: int = 3
    batch_size: int = 32
    """units of a batch where there is no token budget"""
    tokens_per_batch: int | None = None
    """rows x longest row of a batch of similar lengths; None draws batches at random"""
    accumulation: int = 1
    clip_norm: float | None = 1.0
    precision: Precision = "fp32"
    warmup: float = 0.1
    """share of all updates"""
    schedule: Schedule = "linear"
    seed: int = 42
    fgm: float = 0.0
    """size of the perturbation of the embeddings; 0 is off"""
    rdrop: float = 0.0
    """weight of the divergence of two passes; 0 is off"""
    ema: float = 0.0
    """decay of the averaged weights; 0 is off"""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.accumulation < 1 or self.batch_size < 1:
            came = f"{self.epochs}, {self.accumulation}, {self.batch_size}"
            raise ValueError(f"epochs, accumulation and batch_size must be at least 1, got {came}")


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """What one update did."""

    step: int
    """updates so far"""
    epoch: float
    """epochs so far"""
    loss: float
    """mean over the examples of this update, all processes"""
    learning_rate: float
    """of the first parameter group's base, after the schedule"""
    tokens: int
    """real tokens of this update, all processes"""
    epoch_end: bool


def collate(rows: Rows, units: Units, chosen: np.ndarray, kind: str, *, device: torch.device | str = "cpu") -> Batch:
    """The batch of the `chosen` units."""
    index = units.expand(chosen)
    lengths = rows.lengths[index]
    starts = rows.offsets[index] - (np.cumsum(lengths) - lengths)
    tokens = np.repeat(starts, lengths) + np.arange(lengths.sum())
    packed = Packed.of(rows.tokens[tokens], lengths, device=device)
    head_mask = None
    if rows.head_mask is not None:
        allowed = torch.from_numpy(rows.head_mask[tokens].astype(np.float32))[:, None].to(device)
        head_mask = packed.pad(allowed)[..., 0] > 0
    targets = _targets(rows, index, chosen, kind)
    return Batch(packed, len(chosen), None if targets is None else torch.from_numpy(targets).to(device), head_mask)


def _targets(rows: Rows, index: np.ndarray, chosen: np.ndarray, kind: str) -> np.ndarray | None:
    if rows.targets is None:
        return None
    if kind == "span":
        return np.asarray(rows.targets[index], dtype=np.int64)
    if kind == "entities":
        cells = [(number, *cell) for number, row in enumerate(index) for cell in rows.targets[row]]
        return np.array(cells, dtype=np.int64).reshape(-1, 4)
    return np.asarray(rows.targets[chosen if rows.grouped else rows.example[index]], dtype=np.int64)


def check_targets(rows: Rows, kind: str, n_labels: int) -> None:
    """Refuse targets outside the classes or choices, before they become a wrong loss.

    Raises:
        ValueError: names the first example with such a target.
    """
    if rows.targets is None:
        raise ValueError("training needs labels; these rows have none")
    if kind in ("span", "entities"):
        return
    limit = n_labels if kind != "choice" else rows.n_rows // rows.n_examples
    wrong = np.flatnonzero((rows.targets < 0) | (rows.targets >= limit))
    if len(wrong):
        raise ValueError(f"example {wrong[0]} has label {rows.targets[wrong[0]]}, expected 0 to {limit - 1}")


class Training:
    """A model, its optimizer and its data; `run` trains until all epochs are done.

    Args:
        model: on its device.
        optimizer: its groups carry `base_lr`.
        rows: training rows with targets.
        settings: how to train.
        world: the process among those that train together; `torch.distributed` must be set up if there are several.
    """

    def __init__(
        self,
        model: TaskModel,
        optimizer: torch.optim.Optimizer,
        rows: Rows,
        settings: Settings,
        *,
        n_labels: int = 0,
        world: World | None = None,
    ) -> None:
        check_targets(rows, model.kind, n_labels)
        if settings.rdrop and not model.has_distribution:
            raise ValueError(f"R-Drop needs one distribution per example; a {model.kind} task has none")
        self.model, self.optimizer, self.rows, self.settings = model, optimizer, rows, settings
        self.world = world or World()
        self.device = next(model.parameters()).device
        self.units = make_units(rows.lengths, rows.example, grouped=rows.grouped)
        self.sampler = Sampler(
            units=self.units,
            seed=settings.seed,
            batch_size=settings.batch_size,
            tokens_per_batch=settings.tokens_per_batch,
        )
        self.average = WeightAverage(model, decay=settings.ema) if settings.ema else None
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "fp16")
        self.step = self.epoch = self.position = 0
        self.batches = lru_cache(maxsize=2)(self.sampler.epoch)
        self.steps = sum(self.steps_of(number) for number in range(settings.epochs))
        self.warmup = warmup_steps(self.steps, settings.warmup)

    def steps_of(self, epoch: int) -> int:
        """Updates of epoch `epoch`."""
        return math.ceil(len(self.batches(epoch)) / self._batches_per_step)

    def run(self, on_step: Callable[[Step], bool | None]) -> None:
        """Train from the present state; stop early where `on_step` returns True."""
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            while self.epoch < self.settings.epochs:
                if on_step(self._advance()):
                    return

    def _advance(self) -> Step:
        """Do the update at the present position and move on."""
        size, steps = self._batches_per_step, self.steps_of(self.epoch)
        batches = self.batches(self.epoch)[self.position * size : (self.position + 1) * size]
        factor = learning_rate_factor(self.step, steps=self.steps, warmup=self.warmup, schedule=self.settings.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        loss = self._update(batches)
        self.step, self.position = self.step + 1, self.position + 1
        epoch = self.epoch + self.position / steps
        epoch_end = self.position == steps
        if epoch_end:
            self.epoch, self.position = self.epoch + 1, 0
        tokens = sum(int(self.rows.lengths[self.units.expand(batch)].sum()) for batch in batches)
        rate = max(group["lr"] for group in self.optimizer.param_groups)
        return Step(self.step, epoch, loss, rate, tokens, epoch_end)

    @property
    def _batches_per_step(self) -> int:
        return self.settings.accumulation * self.world.size

    def _update(self, batches: Sequence[np.ndarray]) -> float:
        """Forward, backward and optimizer step over `batches`; returns the mean loss over their examples."""
        self.model.train()
        torch.manual_seed(_mix(self.settings.seed, self.step, self.world.rank))
        self.optimizer.zero_grad(set_to_none=True)
        total = sum(len(batch) for batch in batches)
        loss = torch.zeros((), device=self.device)
        for chosen in batches[self.world.rank :: self.world.size]:
            batch = collate(self.rows, self.units, chosen, self.model.kind, device=self.device)
            loss += self._backward(batch, total)
        loss = self._reduce(loss)
        self.scaler.unscale_(self.optimizer)
        limit = self.settings.clip_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self._check(float(loss), float(norm))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.model)
        return float(loss)

    def _backward(self, batch: Batch, total: int) -> Tensor:
        """Add the gradients of the batch's summed loss / total; returns that loss without the FGM part."""
        words = self.model.encoder.words.weight
        with own_gradient(words) if self.settings.fgm else nullcontext():
            loss = self._loss(batch) / total
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            if self.settings.fgm:
                with fgm(words, eps=self.settings.fgm):
                    self.scaler.scale(self._loss(batch) / total).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _loss(self, batch: Batch) -> Tensor:
        dtype = DTYPES.get(self.settings.precision)
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            logits = self.model(batch)
            loss = self.model.loss(logits, batch)
            if self.settings.rdrop:
                again = self.model(batch)
                apart = r_drop(self.model.by_example(logits, batch), self.model.by_example(again, batch))
                loss = (loss + self.model.loss(again, batch)) / 2 + self.settings.rdrop * apart
        return loss.sum()

    def _reduce(self, loss: Tensor) -> Tensor:
        """Add up gradients and loss over all processes."""
        if self.world.size == 1:
            return loss
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        flat = [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters]
        everything = torch.cat([*flat, loss.reshape(1)])
        distributed.all_reduce(everything)
        *parts, loss = torch.split(everything, [*(p.numel() for p in parameters), 1])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        return loss[0]

    def _check(self, loss: float, norm: float) -> None:
        overflow = self.scaler.is_enabled() and math.isfinite(loss)  # the scaler skips the step and halves its factor
        if math.isfinite(loss) and (math.isfinite(norm) or overflow):
            return
        what = "gradient" if math.isfinite(loss) else "loss"
        raise NonFiniteError(
            f"the {what} is not finite at update {self.step + 1} of {self.steps} (epoch {self.epoch + 1}); "
            "a smaller learning rate usually helps"
        )

    @contextmanager
    def evaluated_weights(self) -> Iterator[TaskModel]:
        """The model with the weights to evaluate and keep: the averaged ones where there is an average."""
        with self.average.applied(self.model) if self.average is not None else nullcontext():
            yield self.model

    def state_dict(self) -> dict[str, Any]:
        """Everything a training needs to go on: nested dictionaries of tensors and plain values.

        Raises:
            NonFiniteError: if a weight is not finite, so that no such state is ever kept.
        """
        weights = self.model.state_dict()
        for name, tensor in weights.items():
            if not bool(torch.isfinite(tensor).all()):
                raise NonFiniteError(f"the weight {name} is not finite after update {self.step}")
        return {
            "model": weights,
            "optimizer": self.optimizer.state_dict()["state"],
            "average": self.average.state_dict() if self.average is not None else {},
            "scaler": self.scaler.state_dict(),
            "progress": {"step": self.step, "epoch": self.epoch, "position": self.position, "steps": self.steps},
            "random": {"seed": self.settings.seed, "units": len(self.units)},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if the state lacks a part or belongs to other data, settings or another seed.
        """
        missing = {"model", "optimizer", "average", "scaler", "progress", "random"} - set(state)
        if missing:
            raise ValueError(f"the state of the training lacks {', '.join(sorted(missing))}")
        own = {"seed": self.settings.seed, "units": len(self.units), "steps": self.steps}
        came = {**state["random"], "steps": state["progress"]["steps"]}
        if own != came:
            raise ValueError(f"the state belongs to another training: expected {own}, got {came}")
        self.model.load_state_dict(state["model"])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.scaler.load_state_dict(state["scaler"])
        progress = state["progress"]
        self.step, self.epoch, self.position = progress["step"], progress["epoch"], progress["position"]


def _mix(seed: int, step: int, rank: int) -> int:
    """One generator seed for every (seed, step, rank)."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def predict(
    model: TaskModel,
    rows: Rows,
    *,
    tokens_per_batch: int = 8192,
    on_batch: Callable[[int], None] | None = None,
) -> list[np.ndarray]:
    """Answers of the model for every row, in order, computed in float32 without dropout.

    Args:
        model: on its device; its mode is restored.
        rows: rows, with or without targets.
        tokens_per_batch: rows x longest row of a batch.
        on_batch: called with the number of rows done.

    Returns:
        One float32 array per row. Classification and pair: (c,) logits. Choice: () score. Span: (4,) logit, start,
        end and log-probability of the best cell. Entities: (k, 4) type, start, end, logit of the cells above zero.
    """
    units = make_units(rows.lengths, rows.example, grouped=rows.grouped)
    device = next(model.parameters()).device
    answers: list[np.ndarray | None] = [None] * rows.n_rows
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for chosen in sorted_batches(units, tokens_per_batch=tokens_per_batch):
                batch = collate(rows, units, chosen, model.kind, device=device)
                index = units.expand(chosen)
                for row, answer in zip(index.tolist(), model.answers(model(batch)), strict=True):
                    answers[row] = answer
                if on_batch is not None:
                    on_batch(len(index))
    finally:
        model.train(was_training)
    return answers  # type: ignore[return-value]
