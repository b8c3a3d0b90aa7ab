"""Tokens with a tag each (BIO, BIOES, BMES) as a text with its entities."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jobs.clue.data.parsing import Place

_TAG = re.compile(r"([BIESMLU])[-_](.+)")
"""begin, inside, end, single, middle, last, unit"""
_STARTS = "BSU"
_WORD = re.compile(r"[A-Za-z0-9]{2}")


def texts_of(value: Any) -> list[str] | None:
    """A list of texts, also one written as JSON; None if it is none."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    is_list = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    return list(value) if is_list else None


def are_tags(value: Any) -> bool:
    """Whether a value is a list of tags."""
    found = texts_of(value)
    return bool(found) and all(tag == "O" or _TAG.fullmatch(tag) for tag in found or ())


def join(tokens: Sequence[str]) -> tuple[str, list[int]]:
    """The text of tokens, with a space between two English words (not between single characters), and their places.

    Example:
        >>> join(["用", "Face", "ID", "付", "钱"])
        ('用Face ID付钱', [0, 1, 6, 8, 9])
    """
    text, starts = "", []
    for before, token in zip(["", *tokens], tokens, strict=False):
        words = max(len(before), len(token)) > 1 and _WORD.fullmatch(text[-1:] + token[:1])
        text += " " if words else ""
        starts.append(len(text))
        text += token
    return text, starts


def entities(tokens: Sequence[str], tags: Sequence[str], place: Place) -> list[list[Any]]:
    """Entities of tagged tokens as [start, exclusive end, type], places in the joined text.

    A tag goes on with the entity before it where the type is the same and it is no first tag.

    Raises:
        InputError: if there is not one tag a token, or one is no tag.
    """
    if len(tokens) != len(tags):
        raise place.refuse(f"{len(tokens)} tokens, but {len(tags)} tags")
    found: list[list[Any]] = []
    before = ""
    for token, start, tag in zip(tokens, join(tokens)[1], tags, strict=True):
        parts = _TAG.fullmatch(tag)
        if not parts and tag != "O":
            raise place.refuse(f"tag {tag!r} is none of O, B-TYPE, I-TYPE (also M, E, S)")
        kind = parts[2] if parts else ""
        if parts and kind == before and parts[1] not in _STARTS:
            found[-1][1] = start + len(token)
        elif parts:
            found.append([start, start + len(token), kind])
        before = kind
    return found
