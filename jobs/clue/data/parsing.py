r"""Text and JSON of a data file, every value with its file and line for messages.

Lines end at `\n` only: the texts contain other Unicode line separators. A byte order mark and `\r\n` are fine.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.text.tasks import Example
from jobs.cli import InputError


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


def read_text(path: Path) -> str:
    """Content of a UTF-8 file, a byte order mark removed."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise Place(path, line).refuse(f"not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def json_lines(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The JSON objects of a file that has one a line, each with its place; blank lines are skipped."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = Place(path, number)
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise place.refuse(f"not a line of JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(row, dict):
            raise place.refuse(f"expected a JSON object, got {type(row).__name__}")
        yield place, row


def json_document(path: Path, kind: type) -> tuple[str, Any]:
    """Text and value of a file that is one JSON document of the given kind."""
    text = read_text(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Place(path, error.lineno).refuse(f"not JSON ({error.msg} at column {error.colno})") from error
    if not isinstance(document, kind):
        raise InputError(f"{path}: expected a JSON {kind.__name__}, got {type(document).__name__}")
    return text, document


def place_of(path: Path, text: str, needle: str) -> Place:
    """Line of the first occurrence of a JSON string in a document that is not line by line."""
    position = text.find(json.dumps(needle, ensure_ascii=False))
    return Place(path, text.count("\n", 0, max(position, 0)) + 1)


def text_of(value: Any, place: Place, name: str) -> str:
    """The value, if it is a text that is not empty."""
    if not isinstance(value, str):
        raise place.refuse(f"{name!r} must be a text, got {type(value).__name__}")
    if not value.strip():
        raise place.refuse(f"{name!r} is empty")
    return value


def texts_in(value: Any, place: Place, name: str) -> list[str]:
    """The value, if it is a list of texts and not empty."""
    if not isinstance(value, list) or not value:
        raise place.refuse(f"{name!r} must be a list of texts, got {value!r:.40}")
    for item in value:
        text_of(item, place, name)
    return value
