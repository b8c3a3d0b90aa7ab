"""A file of predictions as rows, each paired with the example that it answers.

Rows pair by the task's own fields where the file has all of them (equal texts in their order, spaces around them
aside), else by `id`, else, where there are exactly as many rows as examples, by order. What has no partner is counted.
Where the file also has the labels, they must be those of the examples.
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

IDS = ("id", "example_id", "idx", "guid", "custom_id")
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
PROBABILITY_COLUMNS = ("probabilities", "probs", "logits")
"""columns that hold a number for each class"""


@dataclass(frozen=True, slots=True)
class Paired:
    """Examples with the row that answers each."""

    examples: list[Example]
    rows: list[dict[str, Any]]
    numbers: list[int]
    """number of each of these rows in the file"""
    column: str
    """column of the answers; empty where the file has only probabilities"""
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
    column = column or _answers_in(spec, [name for name in columns if name not in taken], path)
    if column and column not in columns:
        raise InputError(f"{path}: no column {column!r}{cli.suggest(column, columns)} (it has {', '.join(columns)})")
    if texts:
        found = _by_text(spec, examples, rows, column)
    elif ids:
        found = _by_id(examples, rows, column, ids, path)
    else:
        found = _by_order(spec, examples, rows, column, path)
    _check_labels(spec, found, path)
    return found


def _answers_in(spec: TaskSpec, columns: Sequence[str], path: Path) -> str:
    """The column of the answers; empty if there are only probabilities."""
    found = [name for name in ANSWERS if name in columns]
    if found[:2] == ["text", "label"]:
        raise InputError(f"{path}: 'text' or 'label' may hold the answers; --answer names the column")
    if found:
        return found[0]
    shares = any(name in columns for name in PROBABILITY_COLUMNS) or set(spec.labels) <= set(columns)
    if shares and spec.kind in ("classification", "pair"):
        return ""
    hint = "; its first row must name the columns" if set(columns) & set(spec.labels) else "; --answer names it"
    raise InputError(f"{path}: no column of answers (it has {', '.join(columns)}){hint}")


def _check_labels(spec: TaskSpec, found: Paired, path: Path) -> None:
    """Refuse rows that say another label than their example: they are answers to other rows."""
    if found.column == spec.label_column or spec.kind not in ("classification", "pair"):
        return
    for example, row, number in zip(found.examples, found.rows, found.numbers, strict=True):
        said = row.get(spec.label_column)
        if said is None or example.label is None or str(said).strip() not in spec.labels:
            continue
        if spec.labels[example.label] != str(said).strip():
            raise InputError(
                f"{path}: row {number} says {spec.label_column} {str(said).strip()!r}, but the example that it was "
                f"paired with by {found.by} has {spec.labels[example.label]!r}; give each row its id or its texts"
            )


def _by_order(
    spec: TaskSpec, examples: Sequence[Example], rows: Sequence[dict[str, Any]], column: str, path: Path
) -> Paired:
    if len(rows) != len(examples):
        raise InputError(
            f"{path}: {len(rows):,} rows without ids or texts, but {len(examples):,} examples; give each row the id "
            f"or the fields ({', '.join(spec.fields)}) of its example"
        )
    return Paired(list(examples), list(rows), list(range(1, len(rows) + 1)), column, "order", 0, 0)


def _by_text(spec: TaskSpec, examples: Sequence[Example], rows: Sequence[dict[str, Any]], column: str) -> Paired:
    waiting: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
    for row in rows:
        fields = {}
        for name in spec.fields:
            parts = columns_of(spec, name)
            fields[name] = row.get(parts[0]) if len(parts) == 1 else [row[part] for part in parts if row.get(part)]
        waiting[example_hash(_stripped(fields))].append(row)
    found = [
        (example, queue.popleft())
        for example in examples
        if (queue := waiting.get(example_hash(_stripped(example.fields))))
    ]
    return _paired(examples, rows, found, column, "text")


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_stripped(item) for item in value]
    return value.strip() if isinstance(value, str) else value


def _by_id(examples: Sequence[Example], rows: Sequence[dict[str, Any]], column: str, ids: str, path: Path) -> Paired:
    """Pair by id; where no id is an example's as it is spelled, 1.0 and 001 are 1."""
    spelled = {_id(row.get(ids)): None for row in rows}
    exact = any(example.example_id in spelled for example in examples)
    by_id: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = _id(row.get(ids)) if exact else _number(row.get(ids))
        if not name:
            continue
        if name in by_id:
            raise InputError(f"{path}: {ids} {name!r} occurs twice; every example has one answer")
        by_id[name] = row
    names = [example.example_id if exact else _number(example.example_id) for example in examples]
    found = [(example, by_id[name]) for example, name in zip(examples, names, strict=True) if name in by_id]
    known = f"those are {examples[0].example_id} to {examples[-1].example_id}"
    if not found:
        raise InputError(f"{path}: none of its ids ({', '.join(list(spelled)[:3])}, ...) is an example's ({known})")
    if set(by_id) == {str(number + 1) for number in range(len(examples))} and "0" in names and len(found) < len(names):
        raise InputError(f"{path}: its ids count from 1, the examples' from 0 ({known}); subtract 1, or give the texts")
    return _paired(examples, rows, found, column, ids)


def _id(value: Any) -> str:
    """An id as the examples spell it, where a table has made 7.0 of 7 or put spaces around; empty for none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _number(value: Any) -> str:
    """An id without what a table may have added to a whole number."""
    whole = _id(value).removesuffix(".0")
    return str(int(whole)) if whole.isascii() and whole.isdecimal() else _id(value)


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
    place = {id(row): number for number, row in enumerate(rows, start=1)}
    numbers = [place[id(row)] for row in answered]
    return Paired(kept, answered, numbers, column, by, len(examples) - len(found), len(rows) - len(found))
