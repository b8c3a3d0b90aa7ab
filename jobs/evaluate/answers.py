"""A file of predictions as rows, each paired with the example that it answers.

Rows pair by the task's own fields where the file has all of them (equal texts in their order), else by `id`, else,
where there are exactly as many rows as examples, by order. What has no partner is counted.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.text.tasks import Example, TaskSpec
from jobs import cli
from jobs.cli import InputError
from jobs.clue.data.own import encodings, tables
from jobs.clue.data.own.examples import columns_of
from store.runs import example_hash

IDS = ("id", "example_id", "idx", "guid")
ANSWERS = (
    "prediction",
    "predicted",
    "pred",
    "answer",
    "response",
    "output",
    "completion",
    "generation",
    "text",
    "label",
)
"""columns that hold the answers, the first that is there"""


@dataclass(frozen=True, slots=True)
class Paired:
    """Examples with the row that answers each."""

    examples: list[Example]
    rows: list[dict[str, Any]]
    column: str
    """column of the answers"""
    by: str
    unanswered: int
    """examples without a row"""
    without_example: int
    """rows without an example"""


def read(path: Path, *, encoding: str = "") -> list[dict[str, Any]]:
    """Rows of a file of predictions; one JSON object of id -> answer (CMRC2018, ChID) becomes rows.

    Raises:
        InputError: naming file and row, if it cannot be read.
    """
    if path.is_file() and tables.format_of(path) in ("json", "jsonl"):
        whole = _one_object(path, encoding)
        if whole is not None:
            return [{"id": key, "prediction": value} for key, value in whole.items()]
    rows = [row for _, row in tables.rows(path, encoding=encoding)]
    if not rows:
        raise InputError(f"{path}: no predictions")
    return rows


def _one_object(path: Path, encoding: str) -> dict[str, Any] | None:
    """The object of a file that is one JSON object of answers by id, else None."""
    if not path.stat().st_size:
        return None
    name = encodings.check_name(encoding) if encoding else encodings.detect(path)[0]
    try:
        with encodings.open_text(path, name) as file:
            found = json.load(file)
    except (ValueError, RecursionError):
        return None
    is_row = isinstance(found, dict) and any(column in found for column in (*IDS, *ANSWERS))
    return found if isinstance(found, dict) and not is_row else None


def pair(
    spec: TaskSpec, examples: Sequence[Example], rows: Sequence[dict[str, Any]], path: Path, column: str = ""
) -> Paired:
    """Bring every row to the example that it answers.

    Raises:
        InputError: if there is no column of answers, rows cannot be paired, or an id occurs twice.
    """
    columns = list(dict.fromkeys(name for row in rows[:100] for name in row))
    texts = all(part in columns for name in spec.fields for part in columns_of(spec, name))
    ids = next((name for name in IDS if any(row.get(name) is not None for row in rows)), "")
    taken = {part for name in spec.fields for part in columns_of(spec, name)} if texts else set()
    column = column or next((name for name in ANSWERS if name in columns and name not in taken), "")
    if column not in columns:
        what = f"no column {column!r}{cli.suggest(column, columns)}" if column else "no column of answers"
        raise InputError(f"{path}: {what} (the columns are {', '.join(columns)}); --answer names it")
    if texts:
        return _by_text(spec, examples, rows, column)
    if ids:
        return _by_id(examples, rows, column, ids, path)
    if len(rows) != len(examples):
        raise InputError(
            f"{path}: {len(rows):,} rows without ids or texts, but {len(examples):,} examples; give each row the id "
            f"or the fields ({', '.join(spec.fields)}) of its example"
        )
    return Paired(list(examples), list(rows), column, "order", 0, 0)


def _by_text(spec: TaskSpec, examples: Sequence[Example], rows: Sequence[dict[str, Any]], column: str) -> Paired:
    waiting: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
    for row in rows:
        fields = {}
        for name in spec.fields:
            parts = columns_of(spec, name)
            fields[name] = row.get(parts[0]) if len(parts) == 1 else [row[part] for part in parts if row.get(part)]
        waiting[example_hash(fields)].append(row)
    found = [(example, queue.popleft()) for example in examples if (queue := waiting.get(example_hash(example.fields)))]
    return _paired(examples, rows, found, column, "text")


def _by_id(examples: Sequence[Example], rows: Sequence[dict[str, Any]], column: str, ids: str, path: Path) -> Paired:
    by_id: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = _id(row.get(ids))
        if not name:
            continue
        if name in by_id:
            raise InputError(f"{path}: {ids} {name!r} occurs twice; every example has one answer")
        by_id[name] = row
    found = [(example, by_id[example.example_id]) for example in examples if example.example_id in by_id]
    if not found:
        few = ", ".join(list(by_id)[:3])
        raise InputError(
            f"{path}: none of its ids ({few}, ...) is an example's (those are {examples[0].example_id} to "
            f"{examples[-1].example_id})"
        )
    return _paired(examples, rows, found, column, ids)


def _id(value: Any) -> str:
    """An id as the examples spell it, where a table has made 7.0 of 7 or put spaces around; empty for none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _paired(
    examples: Sequence[Example],
    rows: Sequence[dict[str, Any]],
    found: list[tuple[Example, dict[str, Any]]],
    column: str,
    by: str,
) -> Paired:
    if not found:
        raise InputError("none of the rows has the text of an example; is this the right task and split?")
    kept, answered = [example for example, _ in found], [row for _, row in found]
    return Paired(kept, answered, column, by, len(examples) - len(found), len(rows) - len(found))
