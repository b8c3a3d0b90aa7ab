"""Rows of a JSON file: one object a line, or one array of objects; both are read as a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jobs.cli import InputError
from jobs.clue.data.own import encodings
from jobs.clue.data.parsing import Place

BLOCK = 200_000
LONGEST = 50_000_000
"""characters of one object of an array, at most"""
_WHITE = re.compile(r"[\s\ufeff]*")

Row = dict[str, Any]


def rows(path: Path, encoding: str) -> Iterator[tuple[Place, Row]]:
    """One object a line, or one array of objects."""
    with encodings.open_text(path, encoding) as file:
        first = next((line for line in file if line.strip()), "")
        _check_json(path, first.strip("\ufeff \t\r\n"))
        file.seek(0)
        if first.lstrip("\ufeff \t\r\n").startswith("["):
            yield from _array_rows(path, file)
            return
        for number, line in enumerate(file, start=1):
            if line.strip():
                place = Place(path, number)
                yield place, _object(_loads(line, place), place)


def _check_json(path: Path, first: str) -> None:
    """Refuse what is no JSON, and one object over several lines, by the first line."""
    if first[:1] not in ("[", "{"):
        mark = next((name for name, mark in (("tsv", "\t"), ("csv", ",")) if mark in first), "")
        hint = f"; if it is a table, call it .{mark}" if mark else ""
        raise Place(path, 1).refuse(f"expected JSON objects, one a line, or an array of them, got {first[:40]!r}{hint}")
    if first == "{":
        raise Place(path, 1).refuse("one JSON object over several lines is no table; write an array of objects")


def _array_rows(path: Path, file: IO[str]) -> Iterator[tuple[Place, Row]]:
    """The objects of one array, read as a stream."""
    text = _Window(path, file)
    text.skip(opening="[")
    number = 0
    while text.skip() != "]" or number == 0:
        if number and text.take() != ",":
            raise text.refuse("expected a comma between two objects")
        if not number and text.skip() == "]":
            break
        text.skip()
        number += 1
        place = Place(path, number)
        yield place, _object(text.value(), place)
    text.take()
    if text.skip():
        raise text.refuse("more text after the end of the array")


class _Window:
    """The part of a long JSON text that is being read."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path, self.file, self.text, self.at, self.line = path, file, "", 0, 1
        self.decoder = json.JSONDecoder()

    def skip(self, opening: str = "") -> str:
        """Go on to the next character that is no white space, and beyond `opening`; empty at the end."""
        while True:
            self.at = _WHITE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it always matches
            if self.at < len(self.text):
                break
            if not self._more():
                return ""
        if opening:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        """The character here, and go beyond it."""
        self.at += 1
        return self.text[self.at - 1 : self.at]

    def value(self) -> Any:
        """The JSON value here, and go beyond it."""
        while True:
            try:
                value, self.at = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if len(self.text) - self.at < LONGEST and self._more():
                    continue
                raise self.refuse(f"not JSON ({error.msg})", error.pos) from error
            except ValueError as error:  # a number of thousands of digits
                raise self.refuse(f"not read ({str(error).partition(';')[0]})") from error
            except RecursionError:
                raise self.refuse("JSON nested too deeply") from None
            return value

    def refuse(self, problem: str, at: int | None = None) -> InputError:
        """The error with its line."""
        return Place(self.path, self.line + self.text.count("\n", 0, self.at if at is None else at)).refuse(problem)

    def _more(self) -> bool:
        self.line += self.text.count("\n", 0, self.at)
        rest = self.text[self.at :]
        block = self.file.read(max(BLOCK, len(rest)))
        self.text, self.at = rest + block, 0
        return bool(block)


def _loads(text: str, place: Place) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        raise place.refuse(f"not JSON ({error.msg} at column {error.colno})") from error
    except ValueError as error:  # a number of thousands of digits
        raise place.refuse(f"not read ({str(error).partition(';')[0]})") from error
    except RecursionError:
        raise place.refuse("JSON nested too deeply") from None


def _object(item: Any, place: Place) -> Row:
    if not isinstance(item, dict):
        raise place.refuse(f"expected a JSON object with a value for each column, got {type(item).__name__}")
    return item
