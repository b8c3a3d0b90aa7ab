"""Numbers in a sentence that a reader drags: another handle of a slider, moved by mouse, finger or arrow keys.

The number moves in the browser at once; the page follows a few times a second while it is dragged. What it moves is an
ordinary widget, so the link keeps the value and the slider shows it too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.figures import words

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_mount = st.components.v2.component("dragged_numbers", js=_SCRIPT, isolate_styles=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a sentence and the widget whose value it is."""

    widget: str
    """key of the widget"""
    values: Sequence[Any]
    """all that the widget can take, in order"""
    name: str
    """what a screen reader calls it"""
    form: str = "{:,.4g}"


def spaced(low: float, high: float, step: float) -> list[float]:
    """The values of a slider of decimals, spelled as the slider spells them."""
    digits = max(0, len(f"{step:.10f}".rstrip("0").partition(".")[2]))
    return [round(low + place * step, digits) for place in range(round((high - low) / step) + 1)]


def sentence(text: str, numbers: Mapping[str, Number], *, key: str) -> None:
    """Write a sentence (Markdown: bold and italic) in which `{name}` is a number that can be dragged."""
    if not numbers:
        st.markdown(text)
        return
    pieces = re.split(r"(\{\w+\})", words.typeset(text))
    data = [_number(numbers[piece[1:-1]], piece[1:-1]) if piece[:1] == "{" else {"text": piece} for piece in pieces]
    _mount(key=key, data={"pieces": data}, on_moved_change=lambda: _move(numbers, key))


def _number(number: Number, name: str) -> dict[str, Any]:
    """A number as the browser needs it: all its spellings and which of them is now."""
    value = st.session_state[number.widget]
    place = min(range(len(number.values)), key=lambda at: abs(number.values[at] - value))
    spellings = [words.typeset(number.form.format(one)) for one in number.values]
    return {"name": name, "label": number.name, "values": spellings, "place": place}


def _move(numbers: Mapping[str, Number], key: str) -> None:
    """Give the widget the value that its number was dragged to."""
    moved = st.session_state[key].get("moved")
    if moved is not None and moved["name"] in numbers:
        number = numbers[moved["name"]]
        place = min(max(int(moved["place"]), 0), len(number.values) - 1)
        st.session_state[number.widget] = number.values[place]
