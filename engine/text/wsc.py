"""CLUEWSC2020: the noun is wrapped in underscores, the pronoun in square brackets."""

from collections.abc import Mapping
from typing import Any


def mark_spans(text: str, target: Mapping[str, Any]) -> str:
    """Mark span 1 as `_..._` and span 2 as `[...]`, whichever comes first.

    Args:
        text: the sentence.
        target: `span1_text`, `span1_index`, `span2_text` and `span2_index` (character offsets).
    """
    spans = [
        (target["span1_index"], len(target["span1_text"]), "_", "_"),
        (target["span2_index"], len(target["span2_text"]), "[", "]"),
    ]
    for start, length, left, right in sorted(spans, reverse=True):  # the later span first: offsets stay valid
        text = f"{text[:start]}{left}{text[start : start + length]}{right}{text[start + length :]}"
    return text


def marked_text(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The one text of an example, its noun and pronoun marked."""
    return (mark_spans(fields["text"], fields["target"]),)
