"""CLUENER2020: one row per sentence; a target is a cell (type, first token, last token)."""

from collections.abc import Sequence

import numpy as np

from engine.text.rows import Rows, pack
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer


def encode_entities(spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int) -> Rows:
    """Encode sentences; entities whose ends are no token borders, or were cut off, are no targets but counted."""
    rows, starts, ends, targets = [], [], [], []
    truncated = unaligned = 0
    types = {name: i for i, name in enumerate(spec.labels)}
    for example, tokens in zip(
        examples, tokenizer.encode([example.fields["text"] for example in examples]), strict=True
    ):
        keep = max_length - 2
        truncated += len(tokens.ids) > keep
        rows.append([tokenizer.cls_id, *tokens.ids[:keep], tokenizer.sep_id])
        starts.append([-1, *tokens.starts[:keep], -1])
        ends.append([-1, *tokens.ends[:keep], -1])
        first = {start: i for i, start in reversed(list(enumerate(tokens.starts[:keep], start=1)))}
        last = {end: i for i, end in enumerate(tokens.ends[:keep], start=1)}
        cells = []
        for name, start, end in example.label or ():
            if start in first and end + 1 in last:
                cells.append((types[name], first[start], last[end + 1]))
            else:
                unaligned += 1
        targets.append(cells)
    flat, offsets = pack(rows)
    return Rows(
        tokens=flat,
        offsets=offsets,
        example=np.arange(len(examples), dtype=np.int64),
        n_examples=len(examples),
        targets=None if any(example.label is None for example in examples) else targets,
        starts=pack(starts)[0],
        ends=pack(ends)[0],
        truncated=truncated,
        unaligned=unaligned,
    )
