"""JSON of a data file, every value with its file and line for messages; halves of surrogate pairs are replaced."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.text.tasks import Example
from jobs.cli import InputError
from jobs.text_lines import lines_of, read_text

NESTED = "JSON nested too deeply"
LOST = "\ufffd"
"""stands for what could not be read"""
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn"})
"""Unicode categories without a sign of their own"""
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class FileRows:
    """Examples of one file and what there is to say about them."""

    examples: list[Example]
    rows: int = 0
    """rows of the file as the official counts count them (ChID: input lines), dropped ones included"""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A row's file and line, for messages."""

    path: Path
    line: int

    def refuse(self, problem: str) -> InputError:
        """The error that names the place."""
        return InputError(f"{self.path}:{self.line}: {problem}")


def json_lines(path: Path, notes: list[str] | None = None) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The JSON objects of a file that has one a line, or is one array of them, each with its place.

    Args:
        path: the file; blank lines are skipped.
        notes: gets, after the last row, how many rows held half a surrogate pair.
    """
    text, halves = read_text(path), 0
    for place, row in _array(path, text) if text.lstrip().startswith("[") else _objects(path, text):
        if not isinstance(row, dict):
            raise place.refuse(f"expected a JSON object, got {type(row).__name__}")
        whole = mended(row)
        halves += whole is not row
        yield place, whole
    _note_halves(path, halves, notes)


def _objects(path: Path, text: str) -> Iterator[tuple[Place, Any]]:
    for number, line in enumerate(lines_of(text), start=1):
        if not line.strip():
            continue
        place = Place(path, number)
        try:
            yield place, json.loads(line)
        except RecursionError as error:
            raise place.refuse(NESTED) from error
        except json.JSONDecodeError as error:
            raise place.refuse(f"not a line of JSON ({error.msg} at column {error.colno}){_hint(text)}") from error


def _array(path: Path, text: str) -> Iterator[tuple[Place, Any]]:
    decoder, at, line, counted = json.JSONDecoder(), text.index("[") + 1, 1, 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        try:
            row, at = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise Place(path, line).refuse(NESTED) from error
        except json.JSONDecodeError as error:
            raise Place(path, error.lineno).refuse(f"not JSON ({error.msg} at column {error.colno})") from error
        yield Place(path, line), row


def _hint(text: str) -> str:
    """What a file without JSON seems to be."""
    first = text.lstrip().partition("\n")[0]
    if first.startswith("{"):
        return ""
    for name, mark in (("TSV", "\t"), ("CSV", ",")):
        if mark in first:
            return f"; this looks like {name}: give it as a task of your own (python -m jobs.clue --new-task FILE)"
    return ""


def json_document(path: Path, kind: type | tuple[type, ...], notes: list[str] | None = None) -> tuple[str, Any]:
    """Text and value of a file that is one JSON document of the given kind or kinds."""
    text = read_text(path)
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise InputError(f"{path}: {NESTED}") from error
    except json.JSONDecodeError as error:
        problem = f"not JSON ({error.msg} at column {error.colno}){_hint(text)}"
        raise Place(path, error.lineno).refuse(problem) from error
    if not isinstance(document, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(one.__name__ for one in kinds)
        raise InputError(f"{path}: expected a JSON {expected}, got {type(document).__name__}")
    whole = mended(document)
    _note_halves(path, _count_halves(document) if whole is not document else 0, notes)
    return text, whole


def mended(value: Any) -> Any:
    """The value with U+FFFD for every half of a surrogate pair, which no encoder can write; itself if there is none."""
    if isinstance(value, str):
        return _HALF.sub(LOST, value) if _HALF.search(value) else value
    if isinstance(value, list):
        items = [mended(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        if all(type(item) is str for item in value.values()) and not _HALF.search("".join((*value, *value.values()))):
            return value  # most rows, at once
        pairs = {mended(name): mended(item) for name, item in value.items()}
        same = all(pairs.get(name) is item for name, item in value.items())
        return value if same else pairs
    return value


def _count_halves(value: Any) -> int:
    if isinstance(value, str):
        return bool(_HALF.search(value))
    return sum(
        map(_count_halves, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    )


def _note_halves(path: Path, count: int, notes: list[str] | None) -> None:
    if count and notes is not None:
        notes.append(f"{path.name}: {count:,} rows or texts hold half a surrogate pair, written as U+FFFD")


def place_of(path: Path, text: str, needle: str) -> Place:
    """Line of the first occurrence of a JSON string in a document that is not line by line."""
    position = text.find(json.dumps(needle, ensure_ascii=False))
    return Place(path, text.count("\n", 0, max(position, 0)) + 1)


def text_of(value: Any, place: Place, name: str) -> str:
    """The value, if it is a text; none at all is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise place.refuse(f"{name!r} must be a text, got {type(value).__name__}")
    return value


def is_blank(value: Any) -> bool:
    """Whether a text, or any text of a list, holds nothing that a reader sees; so does a list without texts."""
    if isinstance(value, list):
        return not value or any(map(is_blank, value))
    return isinstance(value, str) and not any(map(_is_seen, value))


def _is_seen(character: str) -> bool:
    """Whether a character is more than a space, a control, a format mark or an accent alone, and not lost."""
    return not character.isspace() and character != LOST and unicodedata.category(character) not in UNSEEN


def note_blank(path: Path, count: int, *, labelled: bool) -> list[str]:
    """What there is to say about rows with a blank text: dropped where they would teach, answered where asked."""
    if not count:
        return []
    return [f"{path.name}: {count:,} rows with a blank text {'dropped' if labelled else '(answered like any other)'}"]


def texts_in(value: Any, place: Place, name: str) -> list[str]:
    """The value, if it is a list of texts; none at all is an empty list."""
    if value is not None and not isinstance(value, list):
        raise place.refuse(f"{name!r} must be a list of texts, got {value!r:.40}")
    return [text_of(item, place, name) for item in value or ()]
