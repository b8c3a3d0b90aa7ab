"""Which rows of a split stand in the training data, so that a score on the others says what a model has learned.

A row counts as seen if training holds all its texts, or one that a model could recognise: a sentence of a pair, the
passage of a question. Exact means character by character; near means after normalising: NFKC, case folded, and only
letters, digits and symbols kept, so that spaces and punctuation make no difference.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.text.choice import BLANK
from engine.text.classification import texts_of
from engine.text.tasks import Example, TaskSpec


@dataclass(frozen=True, slots=True)
class Overlap:
    """Rows of a split that also stand in training."""

    exact: np.ndarray
    """(n,) booleans: all texts of the row, character by character"""
    near: np.ndarray
    """(n,) booleans: all texts of the row after normalising"""
    parts: dict[str, np.ndarray]
    """part -> (n,) booleans: that text alone after normalising"""

    @property
    def seen(self) -> np.ndarray:
        """(n,) booleans: the row or a part of it stands in training."""
        return np.asarray(np.any([self.exact, self.near, *self.parts.values()], axis=0))

    def counts(self) -> dict[str, int]:
        """Rows by kind of match; `seen` counts each row once."""
        found = {"exact": self.exact, "near": self.near, **self.parts, "seen": self.seen}
        return {name: int(rows.sum()) for name, rows in found.items()}


def overlap(spec: TaskSpec, train: Sequence[Example], rows: Sequence[Example]) -> Overlap:
    """Find the rows of a split in the training data.

    Args:
        spec: the task; its kind decides which texts count alone.
        train: training examples.
        rows: examples of the split.
    """
    trained, texts = ([_texts(spec, example) for example in examples] for examples in (train, rows))
    near_trained, near = ([tuple(map(normalised, row)) for row in part] for part in (trained, texts))
    columns = {"pair": ("first", "second"), "span": ("passage",), "choice": ("passage",)}.get(spec.kind, ())
    if spec.kind == "choice" and spec.fields[0] == "question":
        columns = ()  # no passage that two questions could share
    sides = slice(None) if spec.kind == "pair" else slice(1)  # a sentence counts on whichever side it stood
    alone = {text for row in near_trained for text in row[sides]}
    parts = {name: [row[number] in alone for row in near] for number, name in enumerate(columns)}
    return Overlap(
        _among(texts, trained), _among(near, near_trained), {name: np.array(found) for name, found in parts.items()}
    )


def _among(rows: list[tuple[str, ...]], known: list[tuple[str, ...]]) -> np.ndarray:
    among = set(known)
    return np.array([row in among for row in rows], dtype=bool)


class _Kept(dict[int, int | None]):
    """Translation table that keeps letters, marks, digits and symbols; it remembers every character it has seen."""

    def __missing__(self, code: int) -> int | None:
        kept = code if unicodedata.category(chr(code))[0] in "LNMS" else None
        self[code] = kept
        return kept


_KEPT = _Kept()


def normalised(text: str) -> str:
    """A text without what two copies of it may differ in: form, case, spaces and punctuation.

    Example:
        >>> normalised("iPhone 12，好 ！")
        'iphone12好'
    """
    return unicodedata.normalize("NFKC", text).casefold().translate(_KEPT) or text.strip()


def _texts(spec: TaskSpec, example: Example) -> tuple[str, ...]:
    """The texts of a row, the passage first."""
    if spec.kind in ("classification", "pair"):
        return texts_of(spec, example.fields)
    if spec.fills_blanks:
        return (BLANK.sub("", example.fields["content"]),)
    values = (example.fields[name] for name in spec.fields[:2])  # passage and question, or the one text
    return tuple(value if isinstance(value, str) else "\n".join(map(str, value)) for value in values)
