"""A list of runs as a real table: named links with their colour, signs of status, rows to choose, hide and pin.

Streamlit's own table is a picture of a table: its cells are no links, and a screen reader cannot read them. This one is
HTML in the page (`run_list.js`), so links open with Enter, in a new tab, and have names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_mount = st.components.v2.component("run_list", js=_SCRIPT, isolate_styles=False)


@dataclass(frozen=True, slots=True)
class Column:
    """A column beside the names."""

    title: str
    kind: str = "text"
    """text, number (aligned to the right), status, tags, progress or spark (a list of numbers as a small curve)"""
    sort: str | None = None
    """what a click on its head sorts by"""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that says more when it is pointed at, and can be opened."""

    text: str
    title: str = ""
    open: str = ""
    """what `cell` is called with; nothing where it cannot be opened"""
    label: str = ""
    """what a screen reader says before the text"""


@dataclass(frozen=True, slots=True)
class Row:
    """A run, or a group of runs."""

    id: str
    name: str
    color: str
    cells: tuple[Any, ...]
    """one a column: text, number as text, list of tags or numbers, or `Cell`s"""
    title: str = ""
    chosen: bool = False
    hidden: bool = False
    pinned: bool = False
    href: str = ""
    sign: str = ""
    """drawn in the colour instead of a dot"""


def show(
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    key: str,
    label: str,
    heading: str = "Run",
    sort: tuple[str, bool] | None = None,
    compact: bool = False,
    plain: bool = False,
    tall: bool = False,
    on: Mapping[str, Callable[[Any], None]] | None = None,
) -> None:
    """Draw the list.

    Args:
        rows: from the top.
        columns: beside the names.
        key: of the widget.
        label: what the table is called for screen readers.
        heading: head of the column of names.
        sort: column and whether ascending, where heads sort.
        compact: in a narrow place: long names take up to three lines.
        plain: names are no links.
        tall: at most as high as the window, with heads and names that stay in sight.
        on: what a reader does -> what is called with it: `open` (id; its address where left out), `choose` (ids and
            among: those offered), `hide`, `pin`, `stop` (id), `rename` (id and name), `sort` (column), `cell` (what the
            cell names).
    """
    acts = on or {}
    data = {
        "label": label,
        "heading": heading,
        "compact": compact,
        "plain": plain,
        "tall": tall,
        "rows": [_row(row) for row in rows],
        "columns": [{"id": n, **_values(column)} for n, column in enumerate(columns)],
        "open": "open" in acts,
        "choose": "choose" in acts,
        "hide": "hide" in acts,
        "stop": "stop" in acts,
        "rename": "rename" in acts,
        "sortable": "sort" in acts,
        "sort": {"column": sort[0], "ascending": sort[1]} if sort else None,
    }

    def answer(name: str) -> Callable[[], None]:
        def act() -> None:
            value = st.session_state[key].get(name)
            if value is not None:
                acts[name](value)

        return act

    answers: dict[str, Any] = {f"on_{name}_change": answer(name) for name in acts}
    _mount(key=key, data=data, **answers)


def _row(row: Row) -> dict[str, Any]:
    """A row as the browser gets it."""
    cells = [_values(cell) if isinstance(cell, Cell) else cell for cell in row.cells]
    return {**_values(row), "cells": cells, "href": row.href or f"run?run={row.id}"}


def _values(of: Row | Cell | Column) -> dict[str, Any]:
    """Its fields as they are; `dataclasses.asdict` copies each and takes ten times as long."""
    return {field.name: getattr(of, field.name) for field in fields(of)}
