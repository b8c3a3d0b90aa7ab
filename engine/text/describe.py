"""What the model sees of an example, and how long the texts of a task are, for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.text.encode import encode
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer

UNCUT = 1_000_000
"""a max_length that cuts nothing"""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the rows of some examples before they are cut."""

    tokens: np.ndarray
    """int64 (rows,): tokens of each row with special tokens; span: of question and whole passage"""
    max_length: int

    @property
    def cut(self) -> float:
        """Share of rows longer than max_length."""
        return float((self.tokens > self.max_length).mean()) if len(self.tokens) else 0.0

    def histogram(self, *, bins: int = 40) -> tuple[np.ndarray, np.ndarray]:
        """Counts (bins,) and borders (bins + 1,) of the lengths, the upper 1% in the last bin."""
        top = max(float(np.quantile(self.tokens, 0.99)), float(self.max_length)) if len(self.tokens) else 1.0
        return np.histogram(np.minimum(self.tokens, top), bins=bins, range=(0, top))


def lengths(
    spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int | None = None
) -> Lengths:
    """Lengths of the rows before cutting, beside the length they are cut to."""
    rows = encode(spec, examples, tokenizer, max_length=UNCUT)
    return Lengths(rows.lengths, max_length or spec.max_length)


def class_balance(spec: TaskSpec, examples: Sequence[Example]) -> dict[str, int]:
    """Examples per class, per position of the right choice, or entities per type; empty for spans."""
    if spec.kind == "span":
        return {}
    if spec.kind == "entities":
        found = [kind for example in examples for kind, _, _ in example.label or ()]
        return {name: found.count(name) for name in spec.labels}
    gold = [example.label for example in examples if example.label is not None]
    names = spec.labels or tuple(str(i) for i in range(max(gold, default=0) + 1))
    counts = np.bincount(np.array(gold, dtype=np.int64), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))
