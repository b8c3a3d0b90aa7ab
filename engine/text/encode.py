"""From examples to rows of token ids, whatever the task."""

from collections.abc import Sequence

from engine.text.choice import encode_c3, encode_chid
from engine.text.classification import encode_texts
from engine.text.entities import encode_entities
from engine.text.rows import Rows
from engine.text.span import encode_span
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer


def encode(
    spec: TaskSpec,
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    *,
    max_length: int | None = None,
    training: bool = False,
) -> Rows:
    """Encode a split.

    Args:
        spec: the task.
        examples: its examples, with or without labels.
        tokenizer: splits text into token ids with character spans.
        max_length: most tokens of a row, special tokens included; None takes the task's.
        training: True shows the span task where its answers begin and end (see `encode_span`); no effect elsewhere.

    Raises:
        ValueError: if max_length leaves no room for text.
    """
    max_length = max_length or spec.max_length
    if max_length < 8:
        raise ValueError(f"max_length must be at least 8, got {max_length}")
    match spec.kind:
        case "classification" | "pair":
            return encode_texts(spec, examples, tokenizer, max_length=max_length)
        case "choice":
            build = encode_chid if spec.fills_blanks else encode_c3
            return build(spec, examples, tokenizer, max_length=max_length)
        case "span":
            return encode_span(spec, examples, tokenizer, max_length=max_length, training=training)
        case "entities":
            return encode_entities(spec, examples, tokenizer, max_length=max_length)
