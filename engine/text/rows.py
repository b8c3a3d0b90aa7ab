"""Ragged rows of token ids: what a split looks like to the training loop."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows of a split, one after the other in flat arrays.

    A row is one sequence the encoder sees. An example has one row (classification, pair, entities), one per choice
    (choice) or one per window (span); the rows of an example are adjacent.
    """

    tokens: np.ndarray
    """int32 (total,), every row with its [CLS] and [SEP]"""
    offsets: np.ndarray
    """int64 (rows + 1,): row i is tokens[offsets[i]:offsets[i + 1]]"""
    example: np.ndarray
    """int64 (rows,): index of the example each row belongs to, never decreasing"""
    n_examples: int
    """number of examples encoded"""
    grouped: bool = False
    """True if the rows of one example must stay in one batch (choice)"""
    targets: Any = None
    """classification, pair, choice: int64 (examples,); span: int64 (rows, 2) token (start, end), (0, 0) = none here;
    entities: list per row of (type, start, end) token cells, ends inclusive; None without labels"""
    head_mask: np.ndarray | None = None
    """uint8 (total,): tokens the span head may choose; None for the other kinds"""
    starts: np.ndarray | None = None
    """int32 (total,): first character of each token in the text the answer is cut from; -1 for other tokens"""
    ends: np.ndarray | None = None
    """int32 (total,): character after the last one of each token; -1 for other tokens"""
    truncated: int = 0
    """examples whose text was cut"""
    unaligned: int = 0
    """gold spans that do not fall on token borders and are no targets"""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 (rows,)."""
        return np.diff(self.offsets)

    def row(self, index: int) -> np.ndarray:
        """Token ids of row `index`, int32 (length,)."""
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    def fingerprint(self) -> str:
        """16 hex digits of the sha256 over the tokens of all rows, in order."""
        return hashlib.sha256(self.offsets.tobytes() + self.tokens.tobytes()).hexdigest()[:16]


def pack(rows: Sequence[Sequence[int]], *, dtype: type = np.int32) -> tuple[np.ndarray, np.ndarray]:
    """Concatenate sequences into one flat array and the offsets (rows + 1,) that separate them."""
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    flat: np.ndarray = np.fromiter(chain.from_iterable(rows), dtype=dtype, count=int(offsets[-1]))
    return flat, offsets


def kept_lengths(lengths: Sequence[int], budget: int) -> list[int]:
    """Lengths left after removing one token at a time from the longest sequence until all fit in `budget`.

    On a tie the first of the longest sequences loses the token.
    """
    kept = list(lengths)
    excess = sum(kept) - budget
    while excess > 0:
        longest = max(range(len(kept)), key=kept.__getitem__)
        others = max((length for i, length in enumerate(kept) if i != longest), default=0)
        step = min(excess, max(kept[longest] - others, 1))
        kept[longest] -= step
        excess -= step
    return kept
