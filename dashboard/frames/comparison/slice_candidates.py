"""Slices of the examples in which two configurations may differ: class, length, and words that occur often enough."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dashboard.figures.tables import readable_texts
from engine.evidence.slices import LEAST_ROWS

MOST_CLASSES = 120
MOST_WORDS = 200
LEAST_SHARE = 0.02
"""Share of the examples that must contain a word, so that two halves have rows enough of it."""
_FIRST, _LAST = "\u4e00", "\u9fff"
"""Chinese characters."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Which examples are inside, and the filter of the Examples page that shows them."""

    rows: np.ndarray
    """(n,) booleans"""
    query: Mapping[str, str | list[str]]


def candidates(examples: pl.DataFrame, *, has_classes: bool) -> dict[str, Candidate]:
    """Name -> slice.

    Args:
        examples: label and text (json of the fields) of each of n examples.
        has_classes: whether labels are classes; spans and entities are not.
    """
    texts = readable_texts(examples["text"])
    found: dict[str, Candidate] = {}
    if has_classes:
        labels = examples["label"]
        for label in labels.value_counts(sort=True).head(MOST_CLASSES)["label"]:
            found[f"label {label}"] = Candidate((labels == label).to_numpy(), {"examples_label": [str(label)]})
    lengths = examples["text"].str.len_chars().fill_null(0).to_numpy()
    shown = texts.str.len_chars().to_numpy()
    short, long = (int(np.quantile(lengths, share)) for share in (0.25, 0.75)) if len(lengths) else (0, 0)
    if short < long:
        for name, rows, bounds in (
            ("the shortest quarter", lengths <= short, (int(lengths.min()), short)),
            ("the longest quarter", lengths >= long, (long, int(lengths.max()))),
        ):
            typical = int(np.median(shown[rows]))
            query = {"examples_length": [str(bound) for bound in bounds]}
            found[f"{name} (about {typical} characters)"] = Candidate(rows, query)
    return found | _words(texts)


def _words(texts: pl.Series) -> dict[str, Candidate]:
    """Pairs of Chinese characters and Latin words that are neither rare nor everywhere, the most frequent first."""
    found = {piece: rows for piece, rows in _rows_of_pieces(texts).items() if len(rows) <= 0.5 * len(texts)}
    usual = sorted(found, key=lambda piece: (-len(found[piece]), piece))[:MOST_WORDS]
    return {f"with {piece}": Candidate(_marked(found[piece], len(texts)), {"examples_word": piece}) for piece in usual}


def _rows_of_pieces(texts: pl.Series) -> dict[str, np.ndarray]:
    """Piece -> the numbers of the texts that contain it, for the pieces that are not rare.

    All texts are searched at once, as one line each: one by one takes ten times as long.
    """
    least = max(4 * LEAST_ROWS, LEAST_SHARE * len(texts))
    lines = str(texts.str.replace_all("\n", " ", literal=True).str.join("\n")[0])
    letters = np.frombuffer(lines.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    line = np.cumsum(letters == ord("\n"))
    chinese = (letters >= ord(_FIRST)) & (letters <= ord(_LAST))
    at = np.flatnonzero(chinese[:-1] & chinese[1:])
    pairs = np.sort((letters[at] - ord(_FIRST)) << 48 | letters[at + 1] << 32 | line[at])
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]  # a text counts once
    starts = np.flatnonzero(np.diff(pairs >> 32, prepend=-1))
    counts = np.diff(starts, append=len(pairs))
    found = {}
    for start, count in zip(starts[counts >= least], counts[counts >= least], strict=True):
        first, second = int(pairs[start]) >> 48, int(pairs[start]) >> 32 & 0xFFFF
        found[chr(first + ord(_FIRST)) + chr(second)] = pairs[start : start + count] & 0xFFFFFFFF
    latin: dict[str, list[int]] = {}
    starts, ends = _latin_words(letters)
    for start, end, text in zip(starts.tolist(), ends.tolist(), line[starts].tolist(), strict=True):
        latin.setdefault(lines[start:end], []).append(text)
    often = ((word, np.unique(rows)) for word, rows in latin.items() if len(rows) >= least)
    return found | {word: rows for word, rows in often if len(rows) >= least}


def _latin_words(letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words of at least two Latin letters start and end among code points."""
    small = letters | 32
    edges = np.flatnonzero(np.diff((small >= ord("a")) & (small <= ord("z")), prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    words = ends - starts > 1
    return starts[words], ends[words]


def _marked(rows: np.ndarray, n: int) -> np.ndarray:
    """(n,) booleans that are true at these rows."""
    marked = np.zeros(n, dtype=bool)
    marked[rows] = True
    return marked
