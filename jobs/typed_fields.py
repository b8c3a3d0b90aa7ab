"""Rows that a person types, a value a field, as examples of a task of any kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.text.choice import BLANK
from engine.text.tasks import Example, TaskSpec
from jobs import cli

_GAP = re.compile(r"#idiom\d*#|_{2,}|＿{2,}")


def examples(spec: TaskSpec, values: Mapping[str, Any]) -> list[Example]:
    """The example that the values make; a passage with several blanks makes one for each blank.

    Args:
        spec: the task.
        values: field -> text, or a list of texts; of marked spans the two marked words, the noun first.

    Raises:
        InputError: if a field is missing, empty or of another kind, or a marked word does not stand in the text.
    """
    asked = [name for name in spec.fields if not (spec.fills_blanks and name == "blank")]
    for name in values:
        if name not in asked:
            raise cli.InputError(
                f"{spec.name} has no field {name!r}{cli.suggest(name, asked)} (it has {', '.join(asked)})"
            )
    fields: dict[str, Any] = {}
    for name in asked:
        if name not in values:
            raise cli.InputError(f"the field {name!r} is missing (a row of {spec.name} has {', '.join(asked)})")
        kind = spec.field_kind(name)
        fields[name] = _text(name, values[name]) if kind == "text" else _texts(name, values[name])
        if kind == "marks":
            fields[name] = _marks(fields["text"], fields[name])
    if spec.kind == "choice" and len(fields[spec.options]) < 2:
        raise cli.InputError(f"{spec.options!r} needs at least two choices, got {len(fields[spec.options])}")
    if not spec.fills_blanks:
        return [Example("0", fields, group="0")]
    return _blanks(fields)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise cli.InputError(f"the field {name!r} needs a text, got {'an empty one' if value == '' else repr(value)}")
    return value


def _texts(name: str, value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        raise cli.InputError(f"the field {name!r} needs a list of texts, got {value!r:.100}")
    return [_text(name, item) for item in items]


def _marks(text: str, words: list[str]) -> dict[str, Any]:
    """The places of a noun and of a pronoun: of each its first, of the pronoun the first that is not in the noun."""
    if len(words) != 2:
        raise cli.InputError(f"two marked words are needed, the noun and the pronoun, got {len(words)}")
    noun, pronoun = words
    at = text.find(noun)
    places = [match.start() for match in re.finditer(re.escape(pronoun), text)]
    free = [place for place in places if place + len(pronoun) <= at or place >= at + len(noun)]
    for word, found in ((noun, at >= 0), (pronoun, bool(free))):
        if not found:
            raise cli.InputError(f"{word!r} does not stand in the text by itself")
    return {"span1_text": noun, "span1_index": at, "span2_text": pronoun, "span2_index": free[0]}


def _blanks(fields: Mapping[str, Any]) -> list[Example]:
    numbered = iter(range(10**6))
    content = _GAP.sub(lambda _: f"#idiom{next(numbered):06d}#", fields["content"])
    blanks = BLANK.findall(content)
    if not blanks:
        raise cli.InputError("no blank in the passage: write each as ____")
    return [
        Example(blank, {"content": content, "blank": blank, "candidates": fields["candidates"]}, group="0")
        for blank in blanks
    ]
