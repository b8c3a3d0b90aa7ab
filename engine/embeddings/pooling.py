"""From the hidden states of a BERT-type encoder to one vector a sentence.

Hidden states are numbered as everywhere: 0 is the embedding output, 1 the output of the first transformer layer, L that
of the last. A pooling averages one or two *views*, and a view is one hidden state reduced over the tokens of a row:

| name | vector |
|---|---|
| `first-last-avg` (`P4`) | token mean of state 1 and of state L, averaged; "first" is layer 1, not the embeddings |
| `last-avg` (`P3`) | token mean of state L |
| `cls` (`P1`) | state L at `[CLS]` |
| `pooler` (`P2`) | the checkpoint's pooler on `cls`, its dense layer alone, without tanh |
| `last2avg` | BERT-flow's name; its code averages the first and the last layer, so the same as `first-last-avg` |
| `last-two-avg` | what the name above says: states L - 1 and L |
| `last-max` | largest value over the tokens of state L |
| `A+B` | token means of states A and B, averaged: `1+12`, `0+12`, `7+7` |

Token means leave out padding and include `[CLS]` and `[SEP]`. They are linear, so a sentence is encoded once and every
pooling is made from the stored views.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.arrays import numbers, whole

ALIASES = {"P1": "cls", "P2": "pooler", "P3": "last-avg", "P4": "first-last-avg"}
POOLINGS = ("first-last-avg", "last-avg", "last2avg", "last-two-avg", "cls", "pooler", "last-max")
STUDIED = ("first-last-avg", "last-avg", "cls", "pooler")
"""The four of the published Chinese table."""


class View(NamedTuple):
    """One hidden state reduced over the tokens: `kind` is mean, cls or max."""

    kind: str
    layer: int


@dataclass(frozen=True, slots=True)
class Pooling:
    """The views whose average is the sentence vector, and whether the pooler's dense layer follows."""

    name: str
    views: tuple[View, ...]
    pooler: bool = False


def parse_pooling(name: str, *, layers: int, pooler: bool = True) -> Pooling:
    """The pooling of a name for an encoder.

    Args:
        name: one of `POOLINGS`, an alias `P1`..`P4`, or `A+B` for two hidden states.
        layers: L, transformer layers of the encoder.
        pooler: whether the encoder has pooler weights.

    Raises:
        ValueError: if there is no such pooling, or the encoder lacks the layer or the pooler.
    """
    name = ALIASES.get(name, name)
    pair = re.fullmatch(r"(\d+)\+(\d+)", name)
    if pair:
        first, second = int(pair[1]), int(pair[2])
        if max(first, second) > layers:
            raise ValueError(f"pooling {name} needs hidden state {max(first, second)}, the encoder has 0..{layers}")
        return Pooling(name, tuple(View("mean", layer) for layer in dict.fromkeys((first, second))))
    if name not in POOLINGS:
        raise ValueError(f"unknown pooling {name!r}: expected {', '.join(POOLINGS)} or two hidden states such as 1+12")
    if name == "pooler" and not pooler:
        raise ValueError("the encoder has no pooler weights, so pooling 'pooler' cannot be had: use 'cls'")
    first_last = (View("mean", 1), View("mean", layers))
    views: dict[str, tuple[View, ...]] = {
        "first-last-avg": first_last,
        "last2avg": first_last,
        "last-two-avg": (View("mean", layers - 1), View("mean", layers)),
        "last-avg": (View("mean", layers),),
        "last-max": (View("max", layers),),
        "cls": (View("cls", layers),),
        "pooler": (View("cls", layers),),
    }
    return Pooling(name, tuple(dict.fromkeys(views[name])), name == "pooler")


def reduce_tokens(states: np.ndarray, lengths: np.ndarray, *, kind: str) -> np.ndarray:
    """Reduce the tokens of packed rows to one vector a row.

    Args:
        states: (total, d) hidden states of rows that lie one after the other, without padding.
        lengths: (rows,) tokens of each row, all positive.
        kind: mean, sqrt (the sum over the root of the length), weighted (a mean with weights 1, 2, 3, ...), cls (the
            first token), last or max.

    Returns:
        (rows, d).
    """
    states = numbers(states, name="states", shape=("total", "d"))
    lengths = whole(lengths, name="lengths", shape=("rows",))
    if len(lengths) == 0 or lengths.min() < 1 or lengths.sum() != len(states):
        raise ValueError(f"expected positive lengths that add up to {len(states)} tokens, got {lengths}")
    starts = np.cumsum(lengths) - lengths
    if kind == "cls":
        return np.asarray(states[starts])
    if kind == "last":
        return np.asarray(states[starts + lengths - 1])
    if kind == "max":
        return np.asarray(np.maximum.reduceat(states, starts, axis=0))
    if kind not in ("mean", "sqrt", "weighted"):
        raise ValueError(f"kind must be mean, sqrt, weighted, cls, last or max, got {kind!r}")
    counts = lengths.astype(states.dtype)
    places = (np.arange(len(states)) - np.repeat(starts, lengths) + 1).astype(states.dtype)
    share = {
        "mean": np.repeat(1 / counts, lengths),
        "sqrt": np.repeat(1 / np.sqrt(counts), lengths),
        "weighted": places / np.repeat(counts * (counts + 1) / 2, lengths),
    }[kind]
    if kind == "mean" and not _may_overflow(states):
        return np.asarray(np.add.reduceat(states, starts, axis=0) / counts[:, None])
    return np.asarray(np.add.reduceat(states * share[:, None], starts, axis=0))


def _may_overflow(states: np.ndarray) -> bool:
    """Whether a sum of rows may leave the float type."""
    return bool(states.size and np.abs(states).max() > np.finfo(states.dtype).max / len(states))


def pool(
    pooling: Pooling, views: Mapping[View, np.ndarray], *, dense: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """Sentence vectors (n, d) of a pooling from the stored views, each (n, d).

    Args:
        pooling: what to average.
        views: at least the pooling's views.
        dense: weight (d_out, d) and bias (d_out,) of the pooler, needed where the pooling has one.
    """
    first, *others = (
        numbers(views[view], name=f"view {view.kind} {view.layer}", shape=("n", "d")) for view in pooling.views
    )
    scale = np.asarray(len(pooling.views), first.dtype)
    vectors = first / scale if others else first
    for other in others:
        if other.shape != first.shape:
            raise ValueError(f"all views must have one shape (n, d), got {first.shape} and {other.shape}")
        vectors = vectors + other / scale
    if not pooling.pooler:
        return vectors
    if dense is None:
        raise ValueError("pooling 'pooler' needs the weights of the pooler")
    weight = numbers(dense[0], name="weight", shape=("d_out", vectors.shape[1]))
    bias = numbers(dense[1], name="bias", shape=(len(weight),))
    return np.asarray(vectors @ weight.T + bias)
