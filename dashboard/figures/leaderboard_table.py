"""The leaderboard as one table: a row a model, a column a task, as CLUE prints it, with average and rank.

Measured rows carry a filled dot, published ones a hollow diamond, baselines a dash. Ranks hold only what the number of
examples supports, `1 + rows whose average is better beyond doubt`: normal tests of all pairs of rows with Holm's
correction at 0.05, the errors of both averages from the examples (binomial) and, of several seeds, from their spread.
Rows that tie share a rank; only rows with the same tasks, the most common full set, are ranked.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtr

from dashboard.figures.leaderboard import gap_text, score_text
from engine.evidence.intervals import proportion_bounds
from engine.evidence.paired import holm

MEASURED, PUBLISHED, BASELINE = "●", "◇", "–"
REPRODUCED = "≈"
LEAST_SEEDS = 3
"""Seeds from which an interval over seeds is shown; with two, t is 12.7."""


def one_table(
    parts: Mapping[str, pl.DataFrame],
    tasks: Sequence[str],
    *,
    examples: Mapping[str, int],
    averaged: Collection[str] | None = None,
    reference: Mapping[str, float] | None = None,
    intervals: bool = False,
    reproduced: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """`form, row, average, rank` and a column of text a task; measured rows first, each form by its average.

    Args:
        parts: form -> long rows (`row, task, value, sd, n`), from the top.
        tasks: columns, in order.
        examples: task -> examples of the split, for intervals and ranks; a task without has neither.
        averaged: tasks that count in averages and ranks; None takes all.
        reference: task -> value: cells show the gap to it instead of the score.
        intervals: show 95 % intervals: over seeds where there are three, else over examples (Wilson).
        reproduced: (row, task) of cells that reproduce the published figure they are held against.
    """
    counting = tasks if averaged is None else [task for task in tasks if task in averaged]
    rows = []
    for form, long in parts.items():
        found = [
            _row(form, str(name[0]), part.iter_rows(named=True), tasks, counting, examples)
            for name, part in long.group_by("row", maintain_order=True)
        ]
        most = max((len(item["counted"]) for item in found), default=0)
        rows += sorted(found, key=lambda item: (2 * len(item["counted"]) < most, -item["mean"], item["row"]))
    whole = max((len(item["counted"]) for item in rows if item["form"] != BASELINE), default=0)
    full = [item for item in rows if item["form"] != BASELINE and len(item["counted"]) == whole]
    sets = Counter(item["counted"] for item in full)
    ranks = _ranks([item for item in full if item["counted"] == sets.most_common(1)[0][0]])
    table = []
    for item in rows:
        some = "" if len(item["counted"]) == whole else f" ({len(item['counted'])} of {whole})"
        cells: dict[str, Mapping[str, Any]] = item["cells"]
        if reference is not None:
            told = [gap_text(cell["value"], reference.get(task)) for task, cell in cells.items()]
        elif intervals:
            told = interval_texts(list(cells.values()), [examples.get(task, 0) for task in cells])
        else:
            told = [score_text(cell["value"], cell["sd"], int(cell["n"] or 1)) for cell in cells.values()]
        texts = dict.fromkeys(tasks, "") | {
            task: text + (f" {REPRODUCED}" if (item["row"], task) in reproduced else "")
            for task, text in zip(cells, told, strict=True)
        }
        average = f"{100 * item['mean']:.2f}{some}" if whole > 1 and item["counted"] else ""
        rank = ranks.get((item["form"], item["row"]), "") if whole > 1 else ""
        table.append({"form": item["form"], "row": item["row"], "average": average, "rank": rank, **texts})
    schema = dict.fromkeys(("form", "row", "average", "rank", *tasks), pl.String)
    return pl.DataFrame(table, schema=schema)


def same_model(measured: str, published: str) -> bool:
    """Whether a folder or hub name (`hfl/chinese-bert-wwm-ext`) is what a paper calls `BERT-wwm-ext`."""
    return _plain(measured) == _plain(published)


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    words = name.rsplit("/", 1)[-1].lower().replace("chinese", "")
    return "".join(letter for letter in words if letter.isalnum())


def _row(
    form: str,
    name: str,
    found: Iterable[Mapping[str, Any]],
    tasks: Sequence[str],
    counting: Sequence[str],
    examples: Mapping[str, int],
) -> dict[str, Any]:
    """A row with its cells, the tasks that count, their mean and its standard error."""
    cells = {cell["task"]: cell for cell in found}
    counted = tuple(task for task in counting if task in cells)
    values = np.array([cells[task]["value"] for task in counted])
    errors = [_square_error(cells[task], examples.get(task, 0)) for task in counted]
    return {
        "form": form,
        "row": name,
        "cells": {task: cells[task] for task in tasks if task in cells},
        "counted": counted,
        "mean": float(values.mean()) if len(values) else 0.0,
        "error": float(np.sqrt(np.sum(errors))) / max(len(errors), 1),
    }


def _square_error(cell: Mapping[str, Any], n: int) -> float:
    """Variance of a score from its examples and, of several seeds, from their spread; infinite where n is unknown."""
    value, seeds, sd = cell["value"], cell["n"] or 1, cell["sd"]
    among = value * (1 - value) / n if n else float("inf")
    return among + (sd**2 / seeds if sd is not None and seeds > 1 else 0.0)


def _ranks(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[object, object], str]:
    """(form, row) -> rank; ties share one. The tests of all pairs of rows are corrected together (Holm)."""
    means = np.array([item["mean"] for item in rows], dtype=float)
    squares = np.array([item["error"] for item in rows], dtype=float) ** 2
    beyond = np.zeros((len(rows), len(rows)), dtype=bool)
    i, j = np.triu_indices(len(rows), 1)
    if len(i):
        errors = np.sqrt(squares[i] + squares[j])
        apart = np.divide(means[j] - means[i], errors, out=np.zeros(len(i)), where=errors > 0)
        shown = holm(2 * ndtr(-np.abs(apart))) < 0.05
        beyond[i, j], beyond[j, i] = shown & (apart > 0), shown & (apart < 0)
    return {
        (item["form"], item["row"]): str(1 + int(better)) for item, better in zip(rows, beyond.sum(axis=1), strict=True)
    }


def interval_texts(cells: Sequence[Mapping[str, Any]], examples: Sequence[int]) -> list[str]:
    """`73.61 [73.0, 74.2]`: scores with their 95 % intervals, over seeds where there are three, else over examples.

    Args:
        cells: value, n (seeds), and low and high where they are known.
        examples: of each; a score without has no interval but that over its seeds.
    """
    bounds = [_over_seeds(cell) for cell in cells]
    left = [place for place, n in enumerate(examples) if bounds[place] is None and n]
    n = np.array([examples[place] for place in left], dtype=np.int64)
    low, high = proportion_bounds(np.array([cells[place]["value"] for place in left], dtype=np.float64) * n, n)
    for place, *ends in zip(left, low.tolist(), high.tolist(), strict=True):
        bounds[place] = (ends[0], ends[1])
    return [
        f"{100 * cell['value']:.2f} [{100 * max(ends[0], 0.0):.1f}, {100 * min(ends[1], 1.0):.1f}]"
        if ends
        else score_text(cell["value"])
        for cell, ends in zip(cells, bounds, strict=True)
    ]


def _over_seeds(cell: Mapping[str, Any]) -> tuple[float, float] | None:
    low, high = cell.get("low"), cell.get("high")
    return None if int(cell["n"] or 1) < LEAST_SEEDS or low is None or high is None else (low, high)
