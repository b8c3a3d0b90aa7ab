"""A sentence embedding without a model: counts of hashed byte trigrams.

A sentence is lower-cased and written as UTF-8 bytes between a `^` and a `$`; every window of three bytes is hashed
with 32-bit FNV-1a, and the vector counts the hashes by their remainder. Deterministic, language-free, and already a
useful baseline for short texts: it measures overlap of spelling (a Chinese character is one such window).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.arrays import whole_number

FNV_OFFSET = np.uint32(2166136261)
FNV_PRIME = np.uint32(16777619)
WINDOW = 3


def hashed_trigrams(sentences: Sequence[str], *, width: int = 128, batch: int = 8192) -> np.ndarray:
    """Embed sentences as counts of hashed byte trigrams: (n,) strings -> (n, width) float32.

    >>> hashed_trigrams(["ab"], width=4)  # windows ^ab and ab$, which share a bucket here
    array([[0., 0., 2., 0.]], dtype=float32)

    Args:
        sentences: texts, none empty.
        width: number of buckets.
        batch: sentences hashed at a time; bounds the memory.

    Raises:
        ValueError: if width is not positive or a sentence is empty.
    """
    width = whole_number(width, name="width", low=1)
    batch = whole_number(batch, name="batch", low=1)
    empty = next((index for index, sentence in enumerate(sentences) if not sentence.strip()), None)
    if empty is not None:
        raise ValueError(f"sentence {empty + 1} is empty")
    vectors = np.zeros((len(sentences), width), np.float32)
    for start in range(0, len(sentences), batch):
        part = sentences[start : start + batch]
        vectors[start : start + len(part)] = _counts([_bytes(sentence) for sentence in part], width)
    return vectors


def _bytes(sentence: str) -> bytes:
    return b"^" + sentence.lower().encode("utf-8", "surrogatepass") + b"$"


def _counts(sentences: list[bytes], width: int) -> np.ndarray:
    """(n, width) counts; windows that would cross into the next sentence are left out."""
    data = np.frombuffer(b"".join(sentences), np.uint8).astype(np.uint32)
    lengths = np.array([len(sentence) for sentence in sentences])
    rows = np.repeat(np.arange(len(sentences)), lengths)
    windows = len(data) - WINDOW + 1
    hashes = np.full(windows, FNV_OFFSET, np.uint32)
    for position in range(WINDOW):
        hashes = (hashes ^ data[position : position + windows]) * FNV_PRIME
    inside = rows[:windows] == rows[WINDOW - 1 :]
    cells = rows[:windows][inside] * width + (hashes % np.uint32(width)).astype(np.int64)[inside]
    return np.bincount(cells, minlength=len(sentences) * width).reshape(len(sentences), width)
