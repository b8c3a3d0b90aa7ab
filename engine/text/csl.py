"""CSL: the keywords become the first text of a pair, the abstract is the second."""

from collections.abc import Mapping, Sequence
from typing import Any

SEPARATOR = "；"


def join_keywords(keywords: Sequence[str]) -> str:
    """Keywords joined with the full-width semicolon."""
    return SEPARATOR.join(keywords)


def keywords_and_abstract(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The two texts of an example: its keywords, and its abstract."""
    return join_keywords(fields["keyword"]), fields["abst"]
