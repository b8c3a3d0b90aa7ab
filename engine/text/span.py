"""CMRC2018: a question is asked of every window of the passage, the best span of all windows is the answer.

Windows, answers and positions are counted in characters of the passage as it came; what folds case or combining marks
is the tokenizer alone. The head may choose among the window's tokens and [CLS], which means "not here".
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engine.text.rows import Rows
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer, Tokens


def locate_answer(context: str, answer: str, start: int) -> int | None:
    """Where the answer stands: at `start` if it does, else at the nearest place that reads like it, None if none does.

    Example:
        >>> locate_answer("首尔是首都，首尔在韩国。", "首尔", 5)
        6
    """
    if context.startswith(answer, start):
        return start
    places, at = [], context.find(answer)
    while at >= 0:
        places.append(at)
        at = context.find(answer, at + 1)
    return min(places, key=lambda place: abs(place - start), default=None)


def long_questions(
    spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int
) -> list[Example]:
    """Questions that leave too little room for the passage, so that `encode_span` cuts them."""
    most = max_length - 3 - _least_width(max_length, spec.stride)
    questions = [example.fields["question"] for example in examples]
    return [
        example for example, tokens in zip(examples, tokenizer.encode(questions), strict=True) if len(tokens.ids) > most
    ]


def _least_width(max_length: int, stride: int) -> int:
    """Tokens that a question always leaves to the passage."""
    return min(stride, (max_length - 3) // 2)


_Columns = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids, first characters, characters after the last


@dataclass(slots=True)
class _Passage:
    """A passage and its tokens."""

    text: str
    ids: np.ndarray
    starts: list[int]
    start_array: np.ndarray
    end_array: np.ndarray


@dataclass(frozen=True, slots=True)
class _Question:
    """The tokens before the passage, and the room they leave."""

    head: np.ndarray
    width: int  # characters of a window
    room: int  # tokens of a window


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

    A question too long for the row is cut (`long_questions` names them). An answer that does not stand where its
    label says is not taught: in training it gives no row, and it is counted as unaligned.

    Args:
        spec: the task.
        examples: questions; their labels are lists of (answer text, first character), -1 for a placeholder.
        tokenizer: a tokenizer with character spans.
        max_length: tokens of a row.
        training: True gives one set of windows per answer, tokenised so that token borders fall on the answer's (an
            answer at -1 ends a question's list); False one set per question that knows nothing of the answer.
    """
    contexts = list(dict.fromkeys(example.fields["context"] for example in examples))
    passages = dict(zip(contexts, map(_passage, contexts, tokenizer.encode(contexts)), strict=True))
    questions = [example.fields["question"] for example in examples]
    builder = _Builder()
    cut = 0
    for i, (example, text, tokens) in enumerate(zip(examples, questions, tokenizer.encode(questions), strict=True)):
        passage = passages[example.fields["context"]]
        question = _question(text, tokens, tokenizer, max_length=max_length, stride=spec.stride)
        windows = _windows(passage, question, spec.stride)
        cut += len(windows) > 1
        for answer, start in _answers(example, training=training):
            if start >= 0 and not passage.text.startswith(answer, start):
                builder.unaligned += 1
                if training:
                    continue
            for window in windows:
                _add_window(builder, i, question, passage, window, answer, start, tokenizer, split=training)
            if start < 0:
                break
    return _finish(builder, len(examples), has_labels=all(e.label is not None for e in examples), cut=cut)


def _passage(text: str, tokens: Tokens) -> _Passage:
    ids, starts, ends = (np.array(column, dtype=np.int32) for column in (tokens.ids, tokens.starts, tokens.ends))
    return _Passage(text, ids, tokens.starts, starts, ends)


def _question(text: str, tokens: Tokens, tokenizer: Tokenizer, *, max_length: int, stride: int) -> _Question:
    least = _least_width(max_length, stride)
    ids = tokens.ids[: max_length - 3 - least]
    head = np.array([tokenizer.cls_id, *ids, tokenizer.sep_id], dtype=np.int32)
    return _Question(head, max(least, max_length - len(text) - 3), max_length - len(head) - 1)


def _windows(passage: _Passage, question: _Question, stride: int) -> list[tuple[int, int]]:
    """Windows (first character, character after the last): at 0, stride, ... until one reaches the end of the text.

    A window is as wide as the question lets it be, less where its characters become more tokens than there is room
    for (a Korean syllable can be three); then the next one starts where it ends, so that no character is left out.
    """
    left, n_characters, found = 0, len(passage.text), []
    while True:
        right = min(left + question.width, n_characters)
        over = bisect_left(passage.starts, left) + question.room
        if over < len(passage.starts):
            right = max(left + 1, min(right, passage.starts[over]))
        found.append((left, right))
        if right >= n_characters:
            return found
        left = min(left + stride, right)


def _answers(example: Example, *, training: bool) -> list[tuple[str, int]]:
    """Answers whose windows are encoded."""
    if not example.label:
        return [("", -1)]
    return list(example.label if training else example.label[:1])


def _add_window(
    builder: _Builder,
    example: int,
    question: _Question,
    passage: _Passage,
    window: tuple[int, int],
    answer: str,
    start: int,
    tokenizer: Tokenizer,
    *,
    split: bool,
) -> None:
    """Append the row of a window; split cuts the text at the answer's borders before tokenising.

    A window that holds the answer but cannot teach it gives no row where answers are taught (split).
    """
    (left, right), end = window, start + len(answer)
    inside = bool(answer) and start >= left and end <= right and passage.text.startswith(answer, start)
    borders = (left, start, end, right) if inside and split else (left, right)
    pieces = [piece for a, b in pairwise(borders) for piece in _tokens_between(passage, a, b, tokenizer)]
    ids, starts, ends = (np.concatenate(column) for column in zip(*pieces, strict=True))
    target = (0, 0)
    if inside:
        cells = _cells(starts, ends, start, end)
        if cells is not None and cells[1] < question.room:
            target = (len(question.head) + cells[0], len(question.head) + cells[1])
        else:
            builder.unaligned += 1
            if split:
                return
    ids, starts, ends = ids[: question.room], starts[: question.room], ends[: question.room]
    builder.ids += [question.head, ids, np.array([tokenizer.sep_id], dtype=np.int32)]
    builder.starts.append(starts)
    builder.ends.append(ends)
    builder.questions.append(len(question.head))
    builder.targets.append(target)
    builder.example.append(example)


def _cells(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """First and last token of text[start:end]; None if it has none, or a token also holds characters outside.

    Characters at its edges that no token holds (white space) are left out.
    """
    first, last = int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(starts, end)) - 1
    return (first, last) if first <= last and starts[first] >= start and ends[last] <= end else None


def _tokens_between(passage: _Passage, left: int, right: int, tokenizer: Tokenizer) -> list[_Columns]:
    """Tokens of passage.text[left:right]: those of the passage, but for words that a border cuts."""
    first, last = left, right
    while first < right and tokenizer.inside_word(passage.text, first):
        first += 1
    while last > first and tokenizer.inside_word(passage.text, last):
        last -= 1
    begin, stop = bisect_left(passage.starts, first), bisect_left(passage.starts, last)
    ends = np.minimum(passage.end_array[begin:stop], right)
    found = [_columns(tokenizer, passage.text, left, first)] if left < first else []
    found.append((passage.ids[begin:stop], passage.start_array[begin:stop], ends))
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
