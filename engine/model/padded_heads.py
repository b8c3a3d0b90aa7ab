"""The head that transformers gives a family, on an encoder that transformers computes: trained, saved and loaded whole.

The whole model of transformers (`AutoModelForSequenceClassification` and the like) keeps its head; in place of its
encoder stands what hands over the states that our encoder has computed. So the head is transformers' own code, for
every family that has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from engine.model.encoders import initialize_module
from engine.model.heads import NO_CELL, Batch, TaskModel
from engine.model.padded import PaddedEncoder, padded
from engine.model.standard_heads import SUFFIXES, StandardModel, allowed_tokens, tag_names


class HandedOver(nn.Module):
    """Stands where a model of transformers has its encoder, and gives the output that was computed before."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.output: Any = None

    def forward(self, *_: Any, **__: Any) -> Any:
        """The output of the encoder."""
        return self.output


class PaddedStandardModel(StandardModel):
    """An encoder of transformers with the head that transformers gives its family.

    Args:
        encoder: of transformers.
        whole: the model with the head, of the same family; its encoder is put aside.
        kind: classification, pair, choice, span or entities.
        n_labels: classes or entity types.
        smoothing: label smoothing.
    """

    def __init__(
        self, encoder: PaddedEncoder, whole: Any, *, kind: str, n_labels: int = 0, smoothing: float = 0.0
    ) -> None:
        TaskModel.__init__(self, encoder, kind=kind, n_labels=n_labels, smoothing=smoothing, pooling="last")
        self.pooling = "first"
        base = whole.base_model_prefix
        own = getattr(whole, base)
        self.fresh: list[nn.Module] = []  # what is trained besides the encoder as it was loaded, the head aside
        if getattr(own, "pooler", None) is not None and getattr(encoder.model, "pooler", None) is None:
            encoder.model.pooler = own.pooler
            self.fresh = [own.pooler]
        setattr(whole, base, HandedOver(own.config))
        self.head, self.base = whole, base

    def initialize_head(self, generator: torch.Generator) -> None:
        """Draw the head, and a pooler before it, as the encoder is drawn."""
        for part in (self.head, *self.fresh):
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    initialize_module(module, std=self.encoder.config.initializer_range, generator=generator)

    def forward(self, batch: Batch) -> Tensor:
        """Logits: (rows, classes), (rows,) scores of choices, (rows, 2, longest) or (rows, longest, tags)."""
        ids, mask = padded(batch.packed, self.encoder.config.pad_id)  # type: ignore[attr-defined]
        output = self.encoder.model(input_ids=ids, attention_mask=mask)  # type: ignore[operator]
        getattr(self.head, self.base).output = output
        if self.kind == "choice":
            ids, mask = ids[:, None], mask[:, None]
        found = self.head(input_ids=ids, attention_mask=mask)
        getattr(self.head, self.base).output = None
        if self.kind == "span":
            logits = torch.stack([found.start_logits, found.end_logits], 1).float()
            return logits.masked_fill(~allowed_tokens(batch)[:, None], NO_CELL)
        scores: Tensor = found.logits.float()
        return scores[:, 0] if self.kind == "choice" else scores

    def exchange(self, labels: Sequence[str]) -> tuple[str, str, dict[str, Tensor], list[str]]:
        """What transformers needs of the trained model, as in `StandardModel.exchange`."""
        own = {name: tensor.detach().float().cpu().contiguous() for name, tensor in self.head.state_dict().items()}
        names = tag_names(labels) if self.kind == "entities" else [] if self.kind in ("span", "choice") else labels
        return SUFFIXES[self.kind], f"{self.base}.", own, list(names)
