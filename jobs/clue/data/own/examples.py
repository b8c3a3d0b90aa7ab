"""Rows of a table as examples of a task's kind, checked; labels stay as spelled until all of them are known."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.text.tasks import Example, TaskSpec
from jobs import cli
from jobs.cli import InputError
from jobs.clue.data.files import check_entities
from jobs.clue.data.own import tags
from jobs.clue.data.parsing import Place, is_blank, mended, text_of, texts_in

Row = Mapping[str, Any]
LETTERS = "ABCDEFGHIJ"
ID_COLUMNS = ("id", "example_id")


@dataclass(slots=True)
class Found:
    """Examples of one file or split."""

    examples: list[Example] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    empty: int = 0
    """rows left out, because their text or their label is empty"""
    blank: int = 0
    """rows without text that are answered like any other"""
    halves: int = 0
    """rows that hold half a surrogate pair"""
    label_types: dict[str, Place] = field(default_factory=dict)
    """types of the labels, each with the first row that has it"""


def columns_of(spec: TaskSpec, name: str) -> tuple[str, ...]:
    """The columns that hold a field."""
    columns = spec.columns.get(name, name)
    return (columns,) if isinstance(columns, str) else tuple(columns)


def check_columns(spec: TaskSpec, row: Row, place: Place, *, labelled: bool) -> None:
    """Refuse a table without the columns of the task, with the nearest name."""
    wanted = [column for name in spec.fields for column in columns_of(spec, name)]
    for column in [*wanted, *([spec.label_column] if labelled else [])]:
        if column not in row:
            what = "no label column" if column == spec.label_column else "no column"
            raise InputError(
                f"{place.path}: {what} {column!r}{cli.suggest(column, row)} (it has {', '.join(map(str, row))})"
            )


def add(spec: TaskSpec, found: Found, place: Place, row: Row, *, labelled: bool) -> None:
    """Append the example of a row.

    Args:
        spec: the task.
        found: where it goes.
        place: of the row.
        row: column -> value.
        labelled: the row is to teach or to score: without text or answer it is left out; else no row is, because
            answer i belongs to row i.
    """
    if not found.places:
        check_columns(spec, row, place, labelled=labelled)
    if spec.kind == "entities":
        row = _untagged(spec, row, place)
    given = {name: _field(spec, name, row, place) for name in spec.fields}
    fields = mended(given)
    found.halves += fields is not given
    blank = any(value is None or is_blank(value) for value in _to_read(spec, fields))
    raw = mended(row.get(spec.label_column))
    unlabelled = (
        raw is None or (isinstance(raw, str) and not raw.strip()) or (isinstance(raw, float) and math.isnan(raw))
    )
    if labelled and (blank or unlabelled):
        found.empty += 1
        return
    if blank:
        found.blank += 1
        fields = {name: _nothing(spec, name) if value is None else value for name, value in fields.items()}
    label = None if unlabelled or blank else _answer(spec, fields, raw, row, place, found)
    name = next((str(row[column]) for column in ID_COLUMNS if row.get(column) not in (None, "")), "")
    name = name or str(len(found.examples) + found.empty)
    found.examples.append(Example(name, fields, label, name))
    found.places.append(place)


def _to_read(spec: TaskSpec, fields: Mapping[str, Any]) -> Iterator[Any]:
    """The fields that hold something if a row is not blank: of a passage one line is enough, of choices every one."""
    for name, value in fields.items():
        lines = value is not None and spec.field_kind(name) == "texts" and name != spec.options
        yield "".join(value) if lines else value


def _nothing(spec: TaskSpec, name: str) -> str | list[str]:
    """What stands for an empty field in a row that is answered all the same."""
    return "" if spec.field_kind(name) == "text" else [""] * (2 if name == spec.options else 1)


def _untagged(spec: TaskSpec, row: Row, place: Place) -> Row:
    """Tokens with a tag each as a text with its entities; other rows as they are."""
    (column,) = columns_of(spec, spec.fields[0])
    tokens, raw = tags.texts_of(row.get(column)), row.get(spec.label_column)
    tagged = tags.texts_of(raw)
    if tokens is None or not (tagged or raw in (None, "")):
        return row
    found = tags.entities(tokens, tagged, place) if tagged else raw
    return {**row, column: tags.join(tokens)[0], spec.label_column: found}


def _field(spec: TaskSpec, name: str, row: Row, place: Place) -> Any:
    """Value of a field, None if it is empty."""
    columns = columns_of(spec, name)
    values = [row.get(column) for column in columns]
    if spec.field_kind(name) == "texts":
        if len(columns) == 1:
            return _texts(values[0], place, columns[0], listed=name == spec.options)
        kept = [value for value in values if value not in (None, "")]
        return [text_of(value, place, column) for value, column in zip(kept, columns, strict=False)] or None
    text = text_of(values[0], place, columns[0])
    return text if text.strip() else None


def _texts(value: Any, place: Place, name: str, *, listed: bool) -> list[str] | None:
    """A list of texts, also as {letter: text} or {text: [...]}; in a table it may be written as JSON.

    Args:
        value: of the column.
        place: of the row.
        name: of the column.
        listed: one text alone is refused; else it is a list of one, also where it only begins like JSON.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip()[:1] in ("[", "{") else [value]
        except ValueError as error:
            if listed:
                raise place.refuse(f"{name!r} is no JSON list ({error})") from error
            value = [value]
    if listed and (not isinstance(value, list | tuple | Mapping) or len(value) < 2):
        raise place.refuse(f"{name!r} must be a list of at least two choices, got {value!r:.60}")
    if isinstance(value, Mapping):
        value = value["text"] if isinstance(value.get("text"), list) else [value[key] for key in sorted(value)]
    return texts_in(list(value) if isinstance(value, tuple) else value, place, name)


def _answer(spec: TaskSpec, fields: dict[str, Any], raw: Any, row: Row, place: Place, found: Found) -> Any:
    match spec.kind:
        case "classification" | "pair":
            found.label_types.setdefault(type(raw).__name__, place)
            return spelled(raw, place)
        case "choice":
            found.label_types.setdefault("number" if str(raw).isdecimal() else "text", place)
            return _choice(fields[spec.options], raw, place)
        case "span":
            return _spans(fields["context"], raw, row.get("answer_start"), place)
        case "entities":
            return check_entities(spec.labels or None, nested(fields["text"], raw, place), fields["text"], place)


def spelled(raw: Any, place: Place) -> str:
    """A label as text: 1 and 1.0 are "1", truth values "true" and "false"."""
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, Decimal):
        raw = float(raw)
    if isinstance(raw, float):
        if not raw.is_integer():
            raise place.refuse(f"label {raw!r} is a number with decimals, not a class")
        return str(int(raw))
    if not isinstance(raw, str | int):
        several = " (several labels a row are not supported)" if isinstance(raw, list | tuple) else ""
        raise place.refuse(f"a label must be a text or a whole number, got {type(raw).__name__}{several}")
    return str(raw).strip()


def _choice(options: Sequence[str], raw: Any, place: Place) -> int | str:
    """Index of the right choice: its text, its letter, or its number; a number is settled when all are known."""
    answer = str(raw).strip()
    if answer in options:
        return list(options).index(answer)
    if answer.isdecimal():
        return answer
    if len(answer) == 1 and answer.upper() in LETTERS[: len(options)]:
        return LETTERS.index(answer.upper())
    raise place.refuse(f"answer {answer!r} is none of the choices {list(options)}, no letter and no number")


def _spans(context: str, raw: Any, start: Any, place: Place) -> list[tuple[str, int]]:
    """Answers with their places: texts (found in the context), or {text: [...], answer_start: [...]}."""
    if isinstance(raw, str) and raw.lstrip()[:1] in ("[", "{"):
        with contextlib.suppress(ValueError):  # a text that begins with a bracket
            raw = json.loads(raw)
    if isinstance(raw, Mapping):
        texts, starts = raw.get("text"), raw.get("answer_start")
    else:
        texts, starts = raw, start
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise place.refuse(f"the answer must be a text, a list of texts or {{text, answer_start}}, got {raw!r:.60}")
    starts = starts if isinstance(starts, list) else [starts] * len(texts)
    if len(starts) != len(texts):
        raise place.refuse(f"{len(texts)} answers, but {len(starts)} places")
    return [(text, _place_in(context, text, at, place)) for text, at in zip(texts, starts, strict=True)]


def _place_in(context: str, text: str, start: Any, place: Place) -> int:
    at = context.find(text) if start in (None, "") else int(start) if str(start).isdecimal() else -1
    if at < 0 or not context.startswith(text, at):
        where = "" if start in (None, "") else f" at {start}"
        raise place.refuse(f"answer {text!r} does not stand in the context{where}")
    return at


def nested(text: str, raw: Any, place: Place) -> Any:
    """Entities as {type: {surface: [[start, end]]}}; lists of [start, end (exclusive), type] become it.

    Parquet gives every row all the types and surfaces of the file, most of them empty.
    """
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            raise place.refuse(f"the entities are not JSON ({error})") from error
    if isinstance(raw, Mapping):
        return {
            kind: {surface: spans for surface, spans in surfaces.items() if spans is not None}
            if isinstance(surfaces, Mapping)
            else surfaces
            for kind, surfaces in raw.items()
            if surfaces is not None
        }
    if not isinstance(raw, list):
        return raw
    found: dict[str, dict[str, list[list[int]]]] = {}
    for item in raw:
        if isinstance(item, Mapping):
            item = [item.get("start"), item.get("end"), item.get("label", item.get("type"))]
        if not (isinstance(item, list) and len(item) == 3 and all(type(number) is int for number in item[:2])):
            raise place.refuse(f"an entity must read [start, end, type] with an exclusive end, got {item!r:.60}")
        start, end, kind = item
        found.setdefault(str(kind), {}).setdefault(text[start:end], []).append([start, end - 1])
    return found
