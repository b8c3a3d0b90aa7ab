"""What the Home page says: the best configuration of every task with its interval, and what changed since a moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from engine.evidence.joint import LEAST_SEEDS

ENDINGS = ("finished", "failed", "interrupted", "lost")


def best_per_task(board: pl.DataFrame, metrics: Mapping[str, str]) -> pl.DataFrame:
    """The best configuration of every task on dev, real data and the sample apart, with the interval over its seeds.

    Args:
        board: the view `leaderboard`.
        metrics: task -> the metric that it is judged by.

    Returns:
        Rows of the leaderboard and `half`, the half-width of Student's 95 % interval: null below three seeds.
    """
    wanted = pl.DataFrame({"task": list(metrics), "metric": list(metrics.values())})
    rows = board.filter(split="dev").join(wanted, on=["task", "metric"], how="semi")
    best = rows.sort("mean", descending=True, nulls_last=True)
    best = best.unique(["task", "data_source"], keep="first", maintain_order=True)
    order = {task: number for number, task in enumerate(metrics)}
    halves = [_half(row["sd"], row["n"]) for row in best.iter_rows(named=True)]
    best = best.with_columns(half=pl.Series(halves, dtype=pl.Float64))
    return best.sort(pl.col("data_source") == "sample", pl.col("task").replace_strict(order, default=99))


def since(runs: pl.DataFrame, moment: datetime) -> dict[str, int]:
    """How many runs ended since a moment, by how: `{"finished": 3, "failed": 1}`; and `started`, those that began."""
    ended = runs.filter(pl.col("finished_at") > moment)
    counts = dict(ended.group_by("status").len().iter_rows())
    found = {status: int(counts[status]) for status in ENDINGS if counts.get(status)}
    started = runs.filter((pl.col("started_at") > moment) & (pl.col("status") == "running")).height
    return found | ({"started": started} if started else {})


def telling(names: Sequence[str], score: str, most: int = 3) -> list[str]:
    """The curves of a running job to read: its score, and before it the losses, that of training first."""
    losses = [name for name in names if name.rpartition("/")[2] == "loss"]
    ordered = [*sorted(losses, key=lambda name: not name.startswith("train/")), *names]
    scored = [score] if score in names else []
    return [*[name for name in dict.fromkeys(ordered) if name != score][: most - len(scored)], *scored]


def curve_of(frame: pl.DataFrame, names: Sequence[str], points: int = 60) -> list[float]:
    """The last points of the first of these curves that a run has."""
    for name in names:
        values = frame.filter(pl.col("name") == name).sort("x")["value"]
        values = values.filter(values.is_finite())
        if len(values) > 1:
            return [float(value) for value in values.tail(points)]
    return []


def last_and_best(frame: pl.DataFrame, metric: str, *, higher_is_better: bool) -> tuple[float, float] | None:
    """The last value of a metric's curve, and the best one so far."""
    values: list[Any] = frame.filter(pl.col("name") == metric).sort("x")["value"].drop_nulls().drop_nans().to_list()
    return (values[-1], max(values) if higher_is_better else min(values)) if values else None


def _half(sd: float | None, n: int) -> float | None:
    if sd is None or n < LEAST_SEEDS or not np.isfinite(sd):
        return None
    return float(stdtrit(n - 1, 0.975) * sd / np.sqrt(n))
