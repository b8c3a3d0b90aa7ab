"""Inputs of the single-text and pair tasks: `[CLS] text [SEP]` and `[CLS] first [SEP] second [SEP]`."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from engine.text.rows import Rows, kept_lengths, pack
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer


def texts_of(spec: TaskSpec, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The one or two texts that the model reads for an example."""
    return spec.texts(fields) if spec.texts else tuple(fields[name] for name in spec.fields)


def encode_texts(spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int) -> Rows:
    """Encode one row per example, cut to max_length tokens; of a pair the longer text is cut, on a tie the first."""
    n_texts = 2 if spec.kind == "pair" else 1
    texts = list(chain.from_iterable(texts_of(spec, example.fields) for example in examples))
    tokens = [entry.ids for entry in tokenizer.encode(texts)]
    budget = max_length - len(tokenizer.begin) - (n_texts - 1) * len(tokenizer.between) - len(tokenizer.end)
    rows, truncated = [], 0
    for i in range(0, len(tokens), n_texts):
        parts = tokens[i : i + n_texts]
        if sum(map(len, parts)) > budget:
            kept = kept_lengths([len(part) for part in parts], budget)
            parts = [part[:length] for part, length in zip(parts, kept, strict=True)]
            truncated += 1
        row = [*tokenizer.begin, *parts[0]]
        for part in parts[1:]:
            row += [*tokenizer.between, *part]
        rows.append([*row, *tokenizer.end])
    flat, offsets = pack(rows)
    return Rows(
        tokens=flat,
        offsets=offsets,
        example=np.arange(len(examples), dtype=np.int64),
        n_examples=len(examples),
        targets=class_targets(examples),
        truncated=truncated,
    )


def class_targets(examples: Sequence[Example]) -> np.ndarray | None:
    """Class or choice indices, int64 (examples,); None unless every example has one."""
    if any(example.label is None for example in examples):
        return None
    return np.array([example.label for example in examples], dtype=np.int64)
