"""Looking up a name among a few, with a helpful error where there is none such."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest of the names, or nothing."""
    found = difflib.get_close_matches(str(name), [str(known) for known in names], n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def look_up(table: Mapping[str, T], name: str, *, what: str) -> T:
    """Return table[name].

    Args:
        table: the known names.
        name: the one asked for.
        what: what the names stand for, such as "rule"; begins the error message.

    Raises:
        ValueError: if there is no such name; the message holds the nearest name and all of them.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    raise ValueError(f"unknown {what} {name!r}{nearest(name, table)} (expected one of {', '.join(table)})")
