"""What a parameter may be: several values, or a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jobs import cli

Value = int | float | str
Kind = Literal["int", "float", "text", "open"]
"""what a parameter's values are; open: as they look"""


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from low to high, both included."""

    low: float
    high: float
    log: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """Values to be tried one by one."""

    values: tuple[Value, ...]


def parse(name: str, words: Sequence[str], kind: Kind = "open") -> Range | Choices:
    """What the words after a flag stand for.

    Raises:
        InputError: if a range is empty or no range of numbers, or a value is not of the kind.
    """
    if len(words) == 1 and (found := _range(name, words[0], kind)):
        return found
    if not words:
        raise cli.InputError(f"{_flag(name)} needs at least one value")
    if any(_range(name, word, kind) for word in words):
        raise cli.InputError(f"{_flag(name)}: a range stands alone, got {' '.join(words)}")
    return Choices(tuple(dict.fromkeys(_value(name, word, kind) for word in words)))


def _range(name: str, word: str, kind: Kind) -> Range | None:
    ends, colon, scale = word.partition(":")
    low_text, dots, high_text = ends.partition("..")
    if not dots or kind == "text":
        return None
    low, high = _number(low_text), _number(high_text)
    if low is None or high is None:
        if kind == "open" and low is None and high is None:  # a path like ../data
            return None
        raise cli.InputError(f"{_flag(name)}: a range has a number at both ends like 1e-5..1e-3, got {word}")
    if colon and scale != "log":
        raise cli.InputError(f"{_flag(name)}: a range may end in :log, got {word}")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise cli.InputError(f"{_flag(name)}: a range has finite ends, got {word}")
    if low >= high:
        raise cli.InputError(f"{_flag(name)}: the range {word} is empty, its low end must lie below its high end")
    if colon and low <= 0:
        raise cli.InputError(f"{_flag(name)}: a logarithmic range starts above 0, got {word}")
    whole = _is_int(low_text) and _is_int(high_text)
    if kind == "int" and not whole:
        raise cli.InputError(f"{_flag(name)}: expected a range of whole numbers, got {word}")
    return Range(low, high, bool(colon), whole and kind != "float")


def _value(name: str, word: str, kind: Kind) -> Value:
    if kind == "text":
        return word
    if _is_int(word) and kind != "float":
        return int(word)
    number = _number(word)
    if kind == "open":
        return word if number is None or not math.isfinite(number) else number
    if number is None or kind == "int":
        raise cli.InputError(f"{_flag(name)}: expected {kind}, got {word}")
    return number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_int(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
