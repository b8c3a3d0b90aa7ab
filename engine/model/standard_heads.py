"""The heads that transformers gives a family, on the packed encoder: its folder loads there with the same logits.

| kind | head | class of transformers: family, `For` and |
|---|---|---|
| classification, pair | pooler (BERT, ERNIE) or dense layer (ELECTRA, RoBERTa), classifier | SequenceClassification |
| choice | pooler, classifier (not ELECTRA) | MultipleChoice |
| span | scores of start and end | QuestionAnswering |
| entities | a tag a token: O, B-type, I-type | TokenClassification |

The scores of start and end are trained with a cross-entropy each over the tokens that may be chosen, the tags with the
mean cross-entropy of a row's tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.encoders import BertEncoder, dropout
from engine.model.heads import NO_CELL, Batch, TaskModel, best_cells

POOLER, GELU, TANH = "pooler", "gelu", "tanh"
FIRST_TOKEN = {"bert": POOLER, "ernie": POOLER, "electra": GELU, "roberta": TANH, "xlm-roberta": TANH}
"""what stands between the first token's state and the classifier"""
PREFIXES = {"xlm-roberta": "roberta."}
SUFFIXES = {
    "classification": "ForSequenceClassification",
    "pair": "ForSequenceClassification",
    "choice": "ForMultipleChoice",
    "span": "ForQuestionAnswering",
    "entities": "ForTokenClassification",
}


class FirstTokenHead(nn.Module):
    """Dense layer, activation and classifier on the states of first tokens (rows, hidden)."""

    def __init__(self, hidden_size: int, n_out: int, *, form: str, share: float) -> None:
        super().__init__()
        self.form, self.share = form, share
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, n_out)

    def forward(self, first: Tensor) -> Tensor:
        """Logits (rows, n_out)."""
        if self.form != POOLER:
            first = dropout(first, self.share, training=self.training)
        act: Callable[[Tensor], Tensor] = functional.gelu if self.form == GELU else torch.tanh
        found: Tensor = self.out(dropout(act(self.dense(first)), self.share, training=self.training))
        return found


class StandardModel(TaskModel):
    """A packed encoder with the head that transformers gives its family.

    Raises:
        ValueError: if the family or the kind of task has no such head here.
    """

    def __init__(self, encoder: BertEncoder, *, kind: str, n_labels: int = 0, smoothing: float = 0.0) -> None:
        super().__init__(encoder, kind=kind, n_labels=n_labels, smoothing=smoothing)
        config = encoder.config
        if not isinstance(encoder, BertEncoder) or config.family not in FIRST_TOKEN:
            raise ValueError(f"expected one of {', '.join(FIRST_TOKEN)} on the packed encoder, got {config.family!r}")
        form = FIRST_TOKEN[config.family]
        if kind == "choice" and form == GELU:
            raise ValueError(f"{config.family} has no head for choices here")
        if kind in ("span", "entities"):
            self.head = nn.Linear(config.hidden_size, 2 if kind == "span" else 1 + 2 * n_labels)
        else:
            form = POOLER if kind == "choice" else form
            n_out = 1 if kind == "choice" else n_labels
            self.head = FirstTokenHead(config.hidden_size, n_out, form=form, share=config.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Logits: (rows, classes), (rows,) scores of choices, (rows, 2, longest) or (rows, longest, tags)."""
        if self.kind not in ("span", "entities"):
            return super().forward(batch)
        states = dropout(self.encoder(batch.packed), self._share, training=self.training)
        logits = batch.packed.pad(self.head(states).float())
        if self.kind == "entities":
            return logits
        allowed = allowed_tokens(batch)
        return logits.transpose(1, 2).masked_fill(~allowed[:, None], NO_CELL)

    @property
    def _share(self) -> float:
        return self.encoder.config.dropout if self.kind == "entities" else 0.0

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss per example, or per row for spans and entities."""
        if self.has_distribution or batch.targets is None:
            return super().loss(logits, batch)
        if self.kind == "span":
            ends = [functional.cross_entropy(logits[:, i], batch.targets[:, i], reduction="none") for i in (0, 1)]
            return (ends[0] + ends[1]) / 2
        tags = tags_of(batch.targets, *logits.shape[:2])
        each = functional.cross_entropy(logits.flatten(0, 1), tags.flatten(), reduction="none").view(tags.shape)
        inside = torch.arange(batch.packed.longest, device=logits.device) < batch.packed.lengths[:, None]
        return (each * inside).sum(1) / batch.packed.lengths

    def answers(self, logits: Tensor) -> list[np.ndarray]:
        """What decoding needs of each row, float32; see `engine.model.training.predict`."""
        logits = logits.detach()
        if self.kind == "span":
            start, end = logits.log_softmax(2).unbind(1)
            cells = (start[:, :, None] + end[:, None, :]).masked_fill(~_upper(logits.shape[2], logits.device), NO_CELL)
            return list(best_cells(cells).cpu().numpy())
        if self.kind == "entities":
            return [_entities(row) for row in logits.log_softmax(-1).cpu().numpy()]
        return super().answers(logits)

    def exchange(self, labels: Sequence[str]) -> tuple[str, str, dict[str, Tensor], list[str]]:
        """What transformers needs of the trained model.

        Returns:
            Suffix of the class, prefix of the encoder's tensors, the head's tensors, names of the outputs in order.
        """
        family = self.encoder.config.family
        prefix = PREFIXES.get(family, f"{family}.")
        own = {name: tensor.detach().float().cpu().contiguous() for name, tensor in self.head.state_dict().items()}
        if self.kind == "entities":
            named = {f"classifier.{part}": own[part] for part in ("weight", "bias")}
            return SUFFIXES[self.kind], prefix, named, tag_names(labels)
        if self.kind == "span":
            return SUFFIXES[self.kind], prefix, {f"qa_outputs.{part}": own[part] for part in own}, []
        assert isinstance(self.head, FirstTokenHead)
        dense, out = ("classifier.dense", "classifier.out_proj")
        if self.head.form == POOLER:
            dense, out = f"{prefix}pooler.dense", "classifier"
        named = {f"{dense}.{part}": own[f"dense.{part}"] for part in ("weight", "bias")}
        named |= {f"{out}.{part}": own[f"out.{part}"] for part in ("weight", "bias")}
        return SUFFIXES[self.kind], prefix, named, list(labels) if self.kind != "choice" else []


def allowed_tokens(batch: Batch) -> Tensor:
    """Bool (rows, longest): tokens at which a span may begin or end."""
    if batch.head_mask is not None:
        return batch.head_mask
    packed = batch.packed
    return torch.arange(packed.longest, device=packed.lengths.device) < packed.lengths[:, None]


def _upper(size: int, device: torch.device) -> Tensor:
    return torch.ones(size, size, dtype=torch.bool, device=device).triu()


def tag_names(types: Sequence[str]) -> list[str]:
    """O, then B- and I- of every type."""
    return ["O", *(f"{place}-{name}" for name in types for place in "BI")]


def tags_of(cells: Tensor, rows: int, longest: int) -> Tensor:
    """Tags (rows, longest) of entities (row, type, first, last): 0 outside, 1 + 2 type first, 2 + 2 type after it."""
    tags = torch.zeros(rows, longest, dtype=torch.int64, device=cells.device)
    for row, kind, first, last in cells.tolist():
        tags[row, first] = 1 + 2 * kind
        tags[row, first + 1 : last + 1] = 2 + 2 * kind
    return tags


def _entities(log_probs: np.ndarray) -> np.ndarray:
    """Cells (type, first, last, logit) of the best tags of a row; the logit is that of the least certain tag."""
    best = log_probs.argmax(1)
    sure = log_probs.max(1)
    found: list[tuple[float, float, float, float]] = []
    first = None
    for place in range(len(best) + 1):
        tag = int(best[place]) if place < len(best) else 0
        goes_on = first is not None and tag == 2 * ((int(best[first]) + 1) // 2)
        if first is not None and not goes_on:
            weakest = float(np.exp(sure[first:place].min()))
            logit = float(np.log(weakest) - np.log(max(1.0 - weakest, 1e-12)))
            found.append((float((int(best[first]) - 1) // 2), float(first), float(place - 1), logit))
            first = None
        if tag and first is None:
            first = place
    return np.array(found, dtype=np.float32).reshape(-1, 4)
