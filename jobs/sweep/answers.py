"""What the candidates got right, example by example, for the comparison of `engine.evidence.stopping`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from jobs.sweep.children import Outcome
from store import queries
from store.ingest import ingest

KEYS = ["example_id", "hash"]


def scores(
    finished: Mapping[int, Sequence[Outcome]], *, metric: str, lower_is_better: bool, db: Path
) -> tuple[dict[int, np.ndarray], str]:
    """Candidate -> (n, s) right or wrong where every run stored its answers, else (s,) scores; and which it was.

    Args:
        finished: candidate -> one outcome a seed, the same seeds in the same order.
        metric: the score that decides; answers explain accuracy alone.
        lower_is_better: turns the scores round, so that higher is better.
        db: the store.
    """
    if metric.endswith("/accuracy") and not lower_is_better:
        ingest(db, wait=60.0, force=True)
        found = {number: [_right(outcome, metric, db) for outcome in row] for number, row in finished.items()}
        columns = [column for row in found.values() for column in row]
        if all(column is not None for column in columns):
            first = columns[0]
            assert first is not None
            if all(column is not None and column.select(KEYS).equals(first.select(KEYS)) for column in columns):
                table = {
                    number: np.column_stack([column["right"].to_numpy() for column in row if column is not None])
                    for number, row in found.items()
                }
                return {number: values.astype(np.float64) for number, values in table.items()}, "seeds and examples"
    sign = -1.0 if lower_is_better else 1.0
    return {number: sign * np.array([outcome.score for outcome in row]) for number, row in finished.items()}, "seeds"


def _right(outcome: Outcome, metric: str, db: Path) -> pl.DataFrame | None:
    """Keys and whether the answer is right, in the order of the keys; None where they do not make up the score."""
    assert outcome.run_id is not None
    assert outcome.score is not None
    rows = queries.predictions(outcome.run_id, metric.partition("/")[0], db=db, texts=False).drop_nulls("label")
    rows = rows.select(*KEYS, (pl.col("label") == pl.col("prediction")).alias("right")).sort(KEYS)
    if rows.is_empty() or abs(float(rows["right"].to_numpy().mean()) - outcome.score) > 1e-6:
        return None
    return rows
