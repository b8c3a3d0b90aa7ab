"""Runs and groups of runs as rows of a list: which columns there are, and what stands in each cell."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from dashboard.figures import run_grid, style, words
from dashboard.figures.tables import MAIN
from engine.evidence.intervals import mean_half_width
from engine.evidence.joint import LEAST_SEEDS
from engine.evidence.metrics import METRICS

GROUPS = {"config": "config_hash", "task": "task", "model": "model", "recipe": "recipe", "seed": "seed", "tag": "tags"}
"""What runs can be grouped by -> its column; every parameter that differs besides."""
USUAL = ("status", "score", "started_at", "duration_s", "tags")
"""Columns of a list where the reader chose none, besides the parameters that differ."""
MOST_DIFFERING = 3
_NEVER = {"seed", "seeds", "tags", "note", "name", "db", "output", "data_dir", "device", "processes", "resume", "list",
          "dry_run", "skip_if_done", "task", "model", "recipe", "threads"}  # fmt: skip


def differing(params: pl.DataFrame) -> list[str]:
    """Parameters in which the shown runs differ, numbers and those that all of them have first.

    Args:
        params: typed, one column each, a row a run.
    """
    names = [name for name in params.columns if name != "run_id" and name not in _NEVER]
    kinds = {name: params[name].drop_nulls().n_unique() for name in names}
    found = [name for name in names if kinds[name] > 1]
    return sorted(found, key=lambda name: (not params[name].dtype.is_numeric(), params[name].null_count(), kinds[name]))


def cells(row: Mapping[str, Any], columns: Sequence[str], now: datetime) -> tuple[object, ...]:
    """What a list shows of a run: percent, `6 min 41 s`, `yesterday 09:10`; signs and tags stay what they are.

    Args:
        row: of the run; where score is among the columns, with metric (its name) and mean_of (of how many runs).
        columns: of the list.
        now: the reader's time.
    """
    return tuple(_cell(column, row, now) for column in columns)


def _cell(column: str, row: Mapping[str, Any], now: datetime) -> object:
    value = row[column]
    if column == "status":
        return value
    if column == "tags":
        return list(value) if isinstance(value, list | pl.Series) else []
    if column == "score":
        return ("mean " if row.get("mean_of") else "") + words.value(row.get("metric") or "accuracy", _float(value))
    if column == "duration_s":
        return words.duration(_float(value))
    if isinstance(value, datetime):
        return words.moment(value, now)
    if "/" in column or isinstance(value, float):
        return words.value(column, _float(value))
    return words.setting_of(value)


def kind(column: str, dtype: pl.DataType) -> str:
    """How a list draws a column: status, tags, number or text."""
    if column in ("status", "tags"):
        return column
    return "number" if dtype.is_numeric() else "text"


def groups(
    frame: pl.DataFrame,
    by: str,
    metrics: Sequence[str],
    names: Mapping[str, str],
    colors: Mapping[str, str],
    diverged: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """One row a group, best first: key, name, color, run_ids, n; of each metric mean, half-width, how many diverged.

    Args:
        frame: runs with their metrics, `config_hash`, `seed`, and the column of the groups.
        by: column whose equal values make a group; a run with several tags is in several groups.
        metrics: columns of fractions or other numbers; the first decides the order.
        names: of the runs.
        colors: of the configurations.
        diverged: (run_id, metric) of values that are not finite; in the frame they are null.
    """
    whole = frame.explode("tags") if by == "tags" else frame
    rows = []
    for number, part in enumerate(whole.partition_by(by, maintain_order=True)):
        key, first = part[by][0], part.row(0, named=True)
        config = by == "config_hash"
        row: dict[str, Any] = {
            "key": words.setting_of(key),
            "name": run_grid.group_name(names[first["run_id"]], part) if config else words.setting_of(key),
            "color": colors[key] if config else style.SEQUENCE[number % len(style.SEQUENCE)],
            "run_ids": part["run_id"].to_list(),
            "n": part.height,
        }
        for metric in metrics:
            known = part[metric].drop_nulls()
            values = known.filter(known.is_finite()).to_numpy().astype(float)
            row[metric] = float(values.mean()) if len(values) else None
            half = float(mean_half_width(values)) if len(values) >= LEAST_SEEDS else np.nan
            row[f"{metric} ±"] = half if np.isfinite(half) else None
            row[f"{metric} diverged"] = sum((run_id, metric) in diverged for run_id in row["run_ids"])
            row[f"{metric} n"] = len(values)
        rows.append(row)
    found = pl.DataFrame(rows, infer_schema_length=None)
    if not metrics:
        return found
    return found.sort(metrics[0], descending=not lower_is_better(metrics[0]), nulls_last=True, maintain_order=True)


def lower_is_better(metric: str) -> bool:
    """Whether smaller values of a metric are better."""
    spec = METRICS.get(metric.rpartition("/")[2])
    return spec is not None and not spec.higher_is_better


def main_metrics(frame: pl.DataFrame, most: int = 3) -> list[str]:
    """Metrics that speak for the runs of a frame: the main ones that any of them has."""
    return [name for name in MAIN if name in frame.columns and frame[name].is_not_null().any()][:most]


def spread(metric: str, mean: float | None, half: float | None, diverged: str = "") -> str:
    """`55.16 ± 0.42 %`; the mean alone where one run says nothing of the spread; then how many seeds diverged."""
    if diverged:
        return f"{spread(metric, mean, half)} ({diverged})"
    if mean is None:
        return words.UNSET
    if half is None:
        return words.value(metric, mean)
    if words.is_fraction(metric):
        return f"{words.minus(f'{100 * mean:.2f}')} ± {100 * half:.2f} %"
    return f"{words.number(mean)} ± {words.number(half)}"


def _float(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
