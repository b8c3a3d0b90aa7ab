"""The model of a task: an encoder with our head, or with the one that transformers gives its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs.models.padded import whole_model

if TYPE_CHECKING:
    from engine.model.heads import TaskModel
    from engine.text.tasks import TaskSpec
    from jobs.models.loading import Pooler


def build(encoder: Any, spec: TaskSpec, *, head: str, pooling: str = "first", smoothing: float = 0.0) -> TaskModel:
    """Put the head of a task on an encoder.

    Raises:
        ValueError: if the encoder cannot have this head.
    """
    from engine.model.heads import TaskModel
    from engine.model.padded_heads import PaddedStandardModel
    from engine.model.standard_heads import StandardModel
    from jobs.models.loading import is_packed

    if head == "standard" and not is_packed(encoder):
        whole = whole_model(encoder, spec.kind, n_labels=len(spec.labels))
        return PaddedStandardModel(encoder, whole, kind=spec.kind, n_labels=len(spec.labels), smoothing=smoothing)
    if head == "standard":
        return StandardModel(encoder, kind=spec.kind, n_labels=len(spec.labels), smoothing=smoothing)
    return TaskModel(
        encoder,
        kind=spec.kind,
        n_labels=len(spec.labels),
        pooling=pooling,  # type: ignore[arg-type]
        smoothing=smoothing,
    )


def take_pooler(model: TaskModel, pooler: Pooler | None) -> None:
    """Start a standard head's pooler from the checkpoint's, where both have one."""
    import torch

    from engine.model.standard_heads import POOLER, FirstTokenHead

    if pooler is None:
        return
    dense = getattr(getattr(getattr(model.encoder, "model", None), "pooler", None), "dense", None)
    if isinstance(model.head, FirstTokenHead) and model.head.form == POOLER:
        dense = model.head.dense
    if dense is None:
        return
    with torch.no_grad():
        dense.weight.copy_(torch.from_numpy(pooler[0]))
        dense.bias.copy_(torch.from_numpy(pooler[1]))
