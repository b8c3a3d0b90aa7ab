"""Heads on top of an encoder: classes, choices and spans.

A head gets the packed hidden states (total, hidden) and returns logits; its loss is one number per example, so that
gradients can be averaged over examples whatever the batches are. GlobalPointer (Su, 2021,
https://kexue.fm/archives/8373) scores the span from token i to token j as

    s_a(i, j) = <R_i q_a(i), R_j k_a(j)> / sqrt(d)

for each head a, where R_n is the rotation of position n (RoPE). Cells with i > j or with a masked end do not exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.encoders import Encoder, Packed

Pooling = Literal["first", "mean", "max", "last"]
POOLINGS: tuple[Pooling, ...] = ("first", "mean", "max", "last")
NO_CELL = -math.inf


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of some examples, with what the loss and the head need besides tokens."""

    packed: Packed
    n_examples: int
    targets: Tensor | None = None
    """classes, choices: int64 (examples,); span: int64 (rows, 2); entities: int64 (k, 4) of row, type, start, end"""
    head_mask: Tensor | None = None
    """bool (rows, longest): tokens a span may start or end at"""


def pool(hidden: Tensor, packed: Packed, *, pooling: Pooling) -> Tensor:
    """Sentence vectors (rows, hidden) of packed states (total, hidden): first or last token, mean or maximum of all."""
    if pooling == "first":
        return hidden.index_select(0, packed.starts)
    if pooling == "last":
        return hidden.index_select(0, packed.starts + packed.lengths - 1)
    if pooling in ("mean", "max"):
        pooled: Tensor = torch.segment_reduce(hidden.float(), pooling, lengths=packed.lengths, axis=0)
        return pooled
    raise ValueError(f"pooling must be one of {POOLINGS}, got {pooling!r}")


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """RoPE: turn the pair (2i, 2i + 1) of x (..., length, d) by position * 10000^(-2i / d); positions (length,)."""
    half = x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions.float()[:, None] * rates
    sin, cos = angles.sin().to(x.dtype), angles.cos().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class GlobalPointer(nn.Module):
    """Scores of all spans, (rows, heads, longest, longest), float32, -inf where there is no cell.

    The columns of its kernel lie head by head, each as [q | k].
    """

    def __init__(self, hidden_size: int, *, heads: int, head_size: int = 64, rope: bool = True) -> None:
        super().__init__()
        if head_size % 2:
            raise ValueError(f"head_size must be even, got {head_size}")
        self.heads, self.head_size, self.rope = heads, head_size, rope
        self.project = nn.Linear(hidden_size, heads * 2 * head_size, bias=False)

    def forward(self, hidden: Tensor, packed: Packed, head_mask: Tensor | None = None) -> Tensor:
        """Logits of packed states (total, hidden); `head_mask` (rows, longest) restricts where spans begin and end."""
        rows, longest = len(packed.lengths), packed.longest
        projected = packed.pad(self.project(hidden)).view(rows, longest, self.heads, 2, self.head_size)
        query, key = projected.permute(3, 0, 2, 1, 4).float()  # each (rows, heads, longest, head_size)
        if self.rope:
            positions = torch.arange(longest, device=hidden.device)
            query, key = rotate(query, positions), rotate(key, positions)
        with torch.autocast(hidden.device.type, enabled=False):
            logits: Tensor = query @ key.transpose(-1, -2) / math.sqrt(self.head_size)
        return logits.masked_fill(~valid_cells(packed, head_mask)[:, None], NO_CELL)


def valid_cells(packed: Packed, head_mask: Tensor | None = None) -> Tensor:
    """Bool (rows, longest, longest): both ends are allowed tokens and the start is not after the end."""
    inside = head_mask
    if inside is None:
        inside = torch.arange(packed.longest, device=packed.lengths.device) < packed.lengths[:, None]
    return (inside[:, :, None] & inside[:, None, :]).triu()


def class_loss(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy per example of logits (n, c) at targets (n,); `smoothing` moves that share to the uniform law."""
    return functional.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=smoothing)


def span_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax over all cells of logits (rows, longest, longest) at targets (rows, 2); (rows,).

    Raises:
        ValueError: if a target is a cell that does not exist, which would be an infinite loss.
    """
    longest = logits.shape[-1]
    flat = logits.float().flatten(1)
    loss = functional.cross_entropy(flat, targets[:, 0] * longest + targets[:, 1], reduction="none")
    if bool(torch.isposinf(loss).any()):
        row = int(torch.isposinf(loss).nonzero()[0])
        raise ValueError(f"the target span {targets[row].tolist()} of a row is masked or ends before it starts")
    return loss


def multilabel_loss(logits: Tensor, positives: Tensor) -> Tensor:
    """Multi-label loss log(1 + sum_neg e^s) + log(1 + sum_pos e^-s) per row and head.

    Args:
        logits: (rows, heads, longest, longest), -inf where there is no cell.
        positives: int64 (k, 4), cells (row, head, start, end) that are true.

    Returns:
        (rows, heads).
    """
    logits = logits.float()
    true = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
    true[tuple(positives.T)] = True
    zero = logits.new_zeros((*logits.shape[:2], 1))
    negative = logits.masked_fill(true, NO_CELL).flatten(2)
    positive = (-logits).masked_fill(~true, NO_CELL).flatten(2)
    return torch.cat([zero, negative], 2).logsumexp(2) + torch.cat([zero, positive], 2).logsumexp(2)


def best_cells(logits: Tensor) -> Tensor:
    """Best span of each row, without the null row and column.

    Args:
        logits: (rows, longest, longest).

    Returns:
        float32 (rows, 4): logit, start, end, log-probability among all cells; logit -inf where a row has no span.
    """
    logits = logits.float()
    inner = logits[:, 1:, 1:]
    if inner.shape[1] == 0:
        return logits.new_tensor([[NO_CELL, 0, 0, NO_CELL]]).expand(len(logits), 4)
    score, cell = inner.flatten(1).max(1)
    start = torch.div(cell, inner.shape[2], rounding_mode="floor") + 1
    end = cell % inner.shape[2] + 1
    found = torch.isfinite(score)
    log_prob = score - logits.flatten(1).logsumexp(1)
    return torch.stack([score, start * found, end * found, log_prob], dim=1)


class TaskModel(nn.Module):
    """An encoder and the head of a task.

    Args:
        encoder: gives packed hidden states.
        kind: classification, pair, choice, span or entities, as in the task's specification.
        n_labels: classes or entity types.
        pooling: how rows become vectors (classification, pair, choice).
        smoothing: label smoothing (classification, pair, choice).
    """

    def __init__(
        self, encoder: Encoder, *, kind: str, n_labels: int = 0, pooling: Pooling = "first", smoothing: float = 0.0
    ) -> None:
        super().__init__()
        if kind not in ("classification", "pair", "choice", "span", "entities"):
            raise ValueError(f"unknown kind of task: {kind!r}")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, got {pooling!r}")
        if encoder.config.causal and pooling == "first" and kind in ("classification", "pair", "choice"):
            raise ValueError(
                f"expected last or mean with a {encoder.config.family} encoder, got 'first': "
                "its first token sees no other"
            )
        self.encoder, self.kind, self.pooling, self.smoothing = encoder, kind, pooling, smoothing
        hidden = encoder.config.hidden_size
        self.head: nn.Module
        if kind in ("span", "entities"):
            self.head = GlobalPointer(hidden, heads=1 if kind == "span" else n_labels)
        else:
            self.head = nn.Linear(hidden, 1 if kind == "choice" else n_labels)

    def initialize_head(self, generator: torch.Generator) -> None:
        """Draw the head as the encoder is drawn: truncated normal matrices, zero biases."""
        std = self.encoder.config.initializer_range
        for module in self.head.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @property
    def has_distribution(self) -> bool:
        """Whether an example has one distribution over classes or choices."""
        return self.kind in ("classification", "pair", "choice")

    def forward(self, batch: Batch) -> Tensor:
        """Logits: (rows, classes), (rows,) scores of choices, or (rows, heads, longest, longest)."""
        if isinstance(self.head, GlobalPointer):
            return self.head(self.encoder(batch.packed), batch.packed, batch.head_mask)  # type: ignore[no-any-return]
        logits: Tensor = self.head(self._vectors(batch.packed)).float()
        return logits[:, 0] if self.kind == "choice" else logits

    def _vectors(self, packed: Packed) -> Tensor:
        if self.pooling == "first":
            return self.encoder(packed, first_only=True)  # type: ignore[no-any-return]
        return pool(self.encoder(packed), packed, pooling=self.pooling)

    def by_example(self, logits: Tensor, batch: Batch) -> Tensor:
        """The logits as (examples, classes or choices); the examples of a training batch have equally many choices."""
        return logits.view(batch.n_examples, -1) if self.kind == "choice" else logits

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss per example, or per row for spans and entities."""
        if batch.targets is None:
            raise ValueError("the batch has no targets")
        if self.kind == "span":
            return span_loss(logits[:, 0], batch.targets)
        if self.kind == "entities":
            return multilabel_loss(logits, batch.targets).mean(1)
        return class_loss(self.by_example(logits, batch), batch.targets, smoothing=self.smoothing)

    def answers(self, logits: Tensor) -> list[np.ndarray]:
        """What decoding needs of each row, float32; see `engine.model.training.predict`."""
        logits = logits.detach()
        if self.kind == "span":
            return list(best_cells(logits[:, 0]).cpu().numpy())
        if self.kind != "entities":
            return list(logits.cpu().numpy())
        row, kind, start, end = (logits > 0).nonzero(as_tuple=True)
        cells = torch.stack([kind.float(), start.float(), end.float(), logits[row, kind, start, end]], dim=1)
        counts = torch.bincount(row, minlength=len(logits))
        return np.split(cells.cpu().numpy(), counts.cumsum(0).cpu().numpy()[:-1])
