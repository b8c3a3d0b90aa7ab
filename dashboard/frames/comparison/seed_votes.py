"""The answers of several seeds of one configuration as one answer an example: what most say, and how many agree."""

from collections.abc import Sequence

import numpy as np
import polars as pl


def votes(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row an example: the first frame with prediction, confidence, seeds, agree, rights.

    `prediction` is what most seeds answer (the surest seed's among equals), `agree` how many answer it, `confidence`
    their mean confidence in it, and `rights` how many answer the label.

    Args:
        frames: one a seed, the same examples in the same order.
    """
    first = frames[0]
    if len(frames) == 1:
        right = (first["label"] == first["prediction"]).cast(pl.Int64)
        return first.with_columns(seeds=pl.lit(1), agree=pl.lit(1), rights=right)
    names = pl.concat([frame["prediction"].fill_null("") for frame in frames])
    codes, texts = _coded(names, len(frames), first.height)
    same = (codes[:, :, None] == codes[:, None, :]).sum(axis=2)  # (n, seeds): how many share each seed's answer
    sure = np.column_stack([frame["confidence"].cast(pl.Float64).to_numpy() for frame in frames])
    chosen = (same + 0.5 * np.nan_to_num(sure)).argmax(axis=1)
    winner = codes[np.arange(first.height), chosen]
    agree = codes == winner[:, None]
    mean = np.where(agree, sure, 0.0).sum(axis=1) / agree.sum(axis=1)
    rights = sum((frame["label"] == frame["prediction"]).cast(pl.Int64) for frame in frames)
    return first.with_columns(
        prediction=texts.gather(winner),
        confidence=pl.Series(mean).fill_nan(None),
        seeds=pl.lit(len(frames)),
        agree=pl.Series(agree.sum(axis=1), dtype=pl.Int64),
        rights=rights,
    )


def _coded(answers: pl.Series, seeds: int, n: int) -> tuple[np.ndarray, pl.Series]:
    """Answers as numbers (n, seeds), and what each number stands for."""
    texts = answers.unique(maintain_order=True)
    index = {text: number for number, text in enumerate(texts)}
    return np.array([index[text] for text in answers]).reshape(seeds, n).T, texts
