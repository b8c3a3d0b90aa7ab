"""Answers of a script of one's own as the two frames that the store keeps: the examples and the predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from store import runs
from store.errors import StoreError
from store.spool.lines import canonical, carried, example_hash


def store_answers(
    run: runs.Run,
    split: str,
    examples: Sequence[Any],
    labels: Sequence[Any] | None,
    predictions: Sequence[Any],
    probabilities: Any,
    *,
    classes: Sequence[str] | None,
    ids: Sequence[Any] | None,
    dataset: str,
) -> None:
    """Store examples and predictions of a split (arguments as in `Session.predictions`).

    Raises:
        StoreError: if the lengths differ or an id stands twice.
    """
    import numpy as np
    import polars as pl

    n = len(examples)
    gold = [None] * n if labels is None else list(labels)
    names = [str(index) for index in range(n)] if ids is None else carried([str(name) for name in ids])
    for what, rows in (("labels", gold), ("predictions", predictions), ("ids", names)):
        if len(rows) != n:
            raise StoreError(f"{split}: {n} examples need {n} {what}, got {len(rows)}")
    if len(set(names)) != n:
        raise StoreError(f"{split}: every example needs an id of its own, {n - len(set(names))} stand twice")
    probs = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    if probs is not None and (probs.ndim != 2 or len(probs) != n):
        raise StoreError(f"{split}: probabilities must have shape ({n}, c), got {probs.shape}")
    fields = [dict(item) if isinstance(item, Mapping) else {"text": str(item)} for item in examples]
    text = [canonical(item) for item in carried(fields)]
    hashes = [example_hash(item) for item in fields]
    keys = {"example_id": names, "hash": hashes}
    run.examples(dataset, split, pl.DataFrame({**keys, "text": text}))
    answers = {
        **keys,
        "label": carried([None if label is None else str(label) for label in gold]),
        "prediction": carried([str(answer) for answer in predictions]),
        "confidence": [None] * n if probs is None else probs.max(1).tolist(),
    }
    schema = {"label": pl.String, "prediction": pl.String, "confidence": pl.Float64}
    run.predictions(split, pl.DataFrame(answers, schema_overrides=schema), probabilities=probs, labels=classes)
    run.describe(dataset=dataset)
