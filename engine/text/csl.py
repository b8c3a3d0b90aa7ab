"""CSL: the keywords become the first text of a pair, the abstract is the second."""

from collections.abc import Sequence

SEPARATOR = "；"


def join_keywords(keywords: Sequence[str]) -> str:
    """Keywords joined with the full-width semicolon."""
    return SEPARATOR.join(keywords)
