"""CMRC2018: a question is asked of every window of the passage, the best span of all windows is the answer.

Windows are counted in characters of the normalised passage (lower case, NFD, no combining marks). The head may choose
among the window's tokens and [CLS], which means "not here".
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engine.text.rows import Rows
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer, Tokens, normalise


def window_starts(n_characters: int, width: int, stride: int) -> list[int]:
    """First characters of the windows: 0, stride, ... until one reaches the end of the text."""
    starts = [0]
    while starts[-1] + width < n_characters:
        starts.append(starts[-1] + stride)
    return starts


def windows(
    question: str, context: str, answer: str, answer_start: int, *, max_length: int, stride: int
) -> list[tuple[str, str, int, int]]:
    """Windows of one question and answer as (text, answer, start, end), the answer's place relative to the window.

    A window that does not hold the whole answer gives ("", -1, -1) for it. All texts are normalised; answer_start is
    taken as it is.
    """
    question, context, answer = normalise(question), normalise(context), normalise(answer)
    width = _width(question, max_length)
    found = []
    for start in window_starts(len(context), width, stride):
        text = context[start : start + width]
        first, last = answer_start - start, answer_start - start + len(answer)
        inside = answer_start >= 0 and first >= 0 and last <= len(text)
        found.append((text, answer, first, last) if inside else (text, "", -1, -1))
    return found


def _width(question: str, max_length: int) -> int:
    width = max_length - len(question) - 3
    if width < 1:
        raise ValueError(f"max_length={max_length} leaves no room for a passage after a question of {len(question)}")
    return width


_Columns = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids, first characters, characters after the last


@dataclass(slots=True)
class _Passage:
    """A normalised passage and its tokens."""

    text: str
    ids: np.ndarray
    starts: list[int]
    ends: list[int]
    start_array: np.ndarray
    end_array: np.ndarray


@dataclass(slots=True)
class _Builder:
    """Collects rows."""

    ids: list[np.ndarray] = field(default_factory=list)
    starts: list[np.ndarray] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)  # tokens before the window
    targets: list[tuple[int, int]] = field(default_factory=list)
    example: list[int] = field(default_factory=list)
    unaligned: int = 0


def encode_span(
    spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int, training: bool
) -> Rows:
    """Encode one row per window.

    Args:
        spec: the task.
        examples: questions; their labels are lists of (answer text, first character), -1 for a placeholder.
        tokenizer: a tokenizer with character spans.
        max_length: tokens of a row.
        training: True gives one set of windows per answer, tokenised so that token borders fall on the answer's (an
            answer at -1 ends a question's list); False one set per question that knows nothing of the answer.
    """
    contexts = list(dict.fromkeys(example.fields["context"] for example in examples))
    normal = [normalise(context) for context in contexts]
    passages = dict(zip(contexts, map(_passage, normal, tokenizer.encode(normal)), strict=True))
    questions = [normalise(example.fields["question"]) for example in examples]
    builder = _Builder()
    cut = 0
    for i, (example, question, tokens) in enumerate(zip(examples, questions, tokenizer.encode(questions), strict=True)):
        passage = passages[example.fields["context"]]
        head = np.array([tokenizer.cls_id, *tokens.ids, tokenizer.sep_id], dtype=np.int32)
        width = _width(question, max_length)
        cut += width < len(passage.text)
        for answer, start in _answers(example, training=training):
            for left in window_starts(len(passage.text), width, spec.stride):
                right = min(left + width, len(passage.text))
                _add_window(builder, i, head, passage, left, right, answer, start, tokenizer, split=training)
            if start < 0:
                break
    return _finish(builder, len(examples), has_labels=all(e.label is not None for e in examples), cut=cut)


def _passage(text: str, tokens: Tokens) -> _Passage:
    ids, starts, ends = (np.array(column, dtype=np.int32) for column in (tokens.ids, tokens.starts, tokens.ends))
    return _Passage(text, ids, tokens.starts, tokens.ends, starts, ends)


def _answers(example: Example, *, training: bool) -> list[tuple[str, int]]:
    """Normalised answers whose windows are encoded."""
    if not example.label:
        return [("", -1)]
    answers = example.label if training else example.label[:1]
    return [(normalise(text), start) for text, start in answers]


def _add_window(
    builder: _Builder,
    example: int,
    head: np.ndarray,
    passage: _Passage,
    left: int,
    right: int,
    answer: str,
    start: int,
    tokenizer: Tokenizer,
    *,
    split: bool,
) -> None:
    """Append the row of passage[left:right]; split cuts the text at the answer's borders before tokenising."""
    end = start + len(answer)
    inside = bool(answer) and start >= left and end <= right
    borders = (left, start, end, right) if inside and split else (left, right)
    pieces = [piece for a, b in pairwise(borders) for piece in _tokens_between(passage, a, b, tokenizer)]
    ids, starts, ends = (np.concatenate(column) for column in zip(*pieces, strict=True))
    target = (0, 0)
    if inside:
        first, last = int(np.searchsorted(starts, start)), int(np.searchsorted(ends, end))
        if last < len(ends) and first <= last and starts[first] == start and ends[last] == end:
            target = (len(head) + first, len(head) + last)
        else:
            builder.unaligned += 1
    builder.ids += [head, ids, np.array([tokenizer.sep_id], dtype=np.int32)]
    builder.starts.append(starts)
    builder.ends.append(ends)
    builder.questions.append(len(head))
    builder.targets.append(target)
    builder.example.append(example)


def _tokens_between(passage: _Passage, left: int, right: int, tokenizer: Tokenizer) -> list[_Columns]:
    """Tokens of passage.text[left:right]: those of the passage, but for words that a border cuts."""
    first, last = left, right
    while first < right and tokenizer.inside_word(passage.text, first):
        first += 1
    while last > first and tokenizer.inside_word(passage.text, last):
        last -= 1
    begin, stop = bisect_left(passage.starts, first), bisect_right(passage.ends, last)
    found = [_columns(tokenizer, passage.text, left, first)] if left < first else []
    found.append((passage.ids[begin:stop], passage.start_array[begin:stop], passage.end_array[begin:stop]))
    return [*found, _columns(tokenizer, passage.text, last, right)] if last < right else found


def _columns(tokenizer: Tokenizer, text: str, left: int, right: int) -> _Columns:
    """Ids, starts and ends of the tokens of text[left:right], by place in the whole text."""
    (tokens,) = tokenizer.encode([text[left:right]])
    ids, starts, ends = (np.array(column, dtype=np.int32) for column in (tokens.ids, tokens.starts, tokens.ends))
    return ids, starts + left, ends + left


def _finish(builder: _Builder, n_examples: int, *, has_labels: bool, cut: int) -> Rows:
    lengths = np.array(
        [n + len(starts) + 1 for n, starts in zip(builder.questions, builder.starts, strict=True)], np.int64
    )
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tokens = np.concatenate(builder.ids) if builder.ids else np.zeros(0, np.int32)
    mask = np.zeros(len(tokens), dtype=np.uint8)
    all_starts, all_ends = np.full((2, len(tokens)), -1, dtype=np.int32)
    mask[offsets[:-1]] = 1  # [CLS]: the place of "not here"
    for i, offset in enumerate(offsets[:-1]):
        window = slice(offset + builder.questions[i], offsets[i + 1] - 1)
        mask[window] = 1
        all_starts[window] = builder.starts[i]
        all_ends[window] = builder.ends[i]
    return Rows(
        tokens=tokens,
        offsets=offsets,
        example=np.array(builder.example, dtype=np.int64),
        n_examples=n_examples,
        targets=np.array(builder.targets, dtype=np.int64).reshape(-1, 2) if has_labels else None,
        head_mask=mask,
        starts=all_starts,
        ends=all_ends,
        truncated=cut,
        unaligned=builder.unaligned,
    )
