"""Looking up a name among a few, with a helpful error where there is none such."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


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
    nearest = difflib.get_close_matches(str(name), list(table), n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"unknown {what} {name!r}{hint} (expected one of {', '.join(table)})")
