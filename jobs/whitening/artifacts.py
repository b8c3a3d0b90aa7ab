"""What an evaluation keeps for the dashboard's sliders: vectors of some test pairs, and the statistics as sums.

`embeddings-<set>-<pooling>.npz` (kind `embeddings`) has `first` and `second` (m, d), and for every kind of statistics
the state of its accumulator as `<statistics>/<name>`: a whitening fitted from it is the evaluation's own, whatever
beta, gamma and number of components. `pairs-<set>.parquet` (kind `pairs`) has the texts and gold scores of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.embeddings.whitening import WhiteningAccumulator
from jobs.whitening.sentence_vectors import Index
from jobs.whitening.sts.sets import StsData

if TYPE_CHECKING:
    from jobs.whitening.config import Evaluate
    from store.runs import Run


def keep_vectors(
    run: Run,
    data: StsData,
    index: Index,
    pooling: str,
    table: np.ndarray,
    statistics: dict[str, WhiteningAccumulator],
    config: Evaluate,
) -> None:
    """Write the vectors of the chosen pairs and the statistics of one pooling."""
    chosen = _chosen(data, config)
    first, second = (
        np.concatenate([rows[side] for part, rows in zip(data.parts, index.rows, strict=True) if part.split == "test"])
        for side in (0, 1)
    )
    arrays = {"first": table[first[chosen]], "second": table[second[chosen]]}
    for name, accumulator in statistics.items():
        arrays |= {f"{name}/{key}": value for key, value in accumulator.state().items()}
    path = run.folder / f"embeddings-{data.spec.name}-{pooling}.npz"
    np.savez(path, **arrays)
    run.artifact(path.name, "embeddings", path)


def keep_pairs(run: Run, data: StsData, config: Evaluate) -> None:
    """Write the texts and gold scores of the chosen pairs."""
    import polars as pl

    parts = data.split("test")
    frame = pl.DataFrame(
        {
            "subset": [part.subset for part in parts for _ in part.first],
            "sentence1": [sentence for part in parts for sentence in part.first],
            "sentence2": [sentence for part in parts for sentence in part.second],
            "gold": np.concatenate([part.gold for part in parts]),
        }
    )
    path = run.folder / f"pairs-{data.spec.name}.parquet"
    frame[_chosen(data, config)].write_parquet(path)
    run.artifact(path.name, "pairs", path)


def _chosen(data: StsData, config: Evaluate) -> np.ndarray:
    """Rows of the kept pairs among the test pairs, the same ones for every pooling."""
    total = sum(len(part.gold) for part in data.split("test"))
    rng = np.random.default_rng(config.seed)
    return np.sort(rng.permutation(total)[: config.keep_pairs])
