"""Slices of the examples in which two configurations may differ: class, length, and words that occur often enough."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dashboard.figures.tables import readable_text
from engine.evidence.slices import LEAST_ROWS

MOST_CLASSES = 120
MOST_WORDS = 200
LEAST_SHARE = 0.02
"""Share of the examples that must contain a word, so that two halves have rows enough of it."""
_WORD = re.compile(r"[a-zA-Z]{2,}|[\u4e00-\u9fff]+")


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
    texts = [readable_text(text) for text in examples["text"]]
    found: dict[str, Candidate] = {}
    if has_classes:
        labels = examples["label"]
        for label in labels.value_counts(sort=True).head(MOST_CLASSES)["label"]:
            found[f"label {label}"] = Candidate((labels == label).to_numpy(), {"examples_label": [str(label)]})
    lengths = examples["text"].str.len_chars().fill_null(0).to_numpy()
    shown = np.array([len(text) for text in texts])
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


def _words(texts: list[str]) -> dict[str, Candidate]:
    """Pairs of Chinese characters and Latin words that are neither rare nor everywhere."""
    sets = [set(_pieces(text)) for text in texts]
    counts = Counter(piece for pieces in sets for piece in pieces)
    least, most = max(4 * LEAST_ROWS, LEAST_SHARE * len(texts)), 0.5 * len(texts)
    usual = [piece for piece, n in counts.most_common() if least <= n <= most][:MOST_WORDS]
    rows = {piece: np.zeros(len(texts), dtype=bool) for piece in usual}
    for number, pieces in enumerate(sets):
        for piece in pieces & rows.keys():
            rows[piece][number] = True
    return {f"with {piece}": Candidate(rows[piece], {"examples_word": piece}) for piece in usual}


def _pieces(text: str) -> Iterable[str]:
    for run in _WORD.findall(text):
        yield from [run] if run.isascii() else (run[i : i + 2] for i in range(len(run) - 1))
