"""C3 and ChID: every candidate answer becomes a row of its own, and the rows of a question compete.

C3 rows read `[CLS] passage [SEP] question [SEP] choice [SEP]`, without `passage [SEP]` where a task has no passages.
ChID rows read `[CLS] candidate [SEP] left [unused1] right [SEP]`, with other blanks as four [MASK]; the text around the
blank is cut by characters first. Passages are tokenised once per question, not once per choice.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from engine.text.classification import class_targets
from engine.text.rows import Rows, kept_lengths, pack
from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import Tokenizer

DUMMY_CHOICE = "无效答案"
"""stands for a missing fourth choice in C3"""
BLANK = re.compile(r"#idiom\d+#")
MASKS = 4
"""[MASK] tokens of a blank that is not asked for"""


def c3_texts(fields: Mapping[str, Any], *, n_choices: int = 4) -> tuple[str, str, list[str]]:
    """Passage (empty where a task has none), question and the choices, padded to n_choices with a dummy."""
    choices = list(fields["choice"])
    return (
        "||".join(fields.get("passage", ())),
        fields["question"],
        choices + [DUMMY_CHOICE] * (n_choices - len(choices)),
    )


def encode_c3(spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int) -> Rows:
    """Encode n_choices rows per question; more where a question has more."""
    texts: dict[str, int] = {}  # distinct texts, tokenised once
    parts = []
    for example in examples:
        passage, question, choices = c3_texts(example.fields, n_choices=spec.n_choices)
        parts.append([texts.setdefault(text, len(texts)) for text in (passage, question, *choices)])
    tokens = [entry.ids for entry in tokenizer.encode(list(texts))]
    cls_id, sep = tokenizer.cls_id, [tokenizer.sep_id]
    rows, truncated = [], 0
    for passage_at, question_at, *choices_at in parts:
        passage_ids, question_ids = tokens[passage_at], tokens[question_at]
        cut = False
        for choice_ids in (tokens[at] for at in choices_at):
            # choice, question, passage as in the original code: ties cost the first of them; special tokens count
            kept = kept_lengths((len(choice_ids) + 1, len(question_ids) + 1, len(passage_ids) + 2), max_length)
            cut |= kept[2] < len(passage_ids) + 2
            passage_kept = [*passage_ids[: kept[2] - 2], *sep] if "passage" in spec.fields else []
            rows.append([cls_id, *passage_kept, *question_ids[: kept[1] - 1], *sep, *choice_ids[: kept[0] - 1], *sep])
        truncated += cut
    return _choice_rows(rows, examples, [len(ids) - 2 for ids in parts], truncated)


def split_blank(content: str, blank: str, *, max_length: int = 64) -> tuple[list[str], list[str]]:
    """Text pieces left and right of one blank of a passage, cut to the character budget.

    The budget is max_length less three special tokens, the candidate, the blank and four for each other blank. While
    the pieces exceed it, one character goes from the far left if the left side is strictly longer, else from the far
    right; an outermost piece with one character or none goes whole, and with it one masked blank.

    Args:
        content: passage with blanks written `#idiom000001#`.
        blank: the blank asked for.
        max_length: tokens of a row.
    """
    before, _, after = content.partition(blank)
    left, right = BLANK.split(before), BLANK.split(after)
    n_left, n_right = sum(map(len, left)), sum(map(len, right))
    budget = max_length - (3 + 4 + 1 + MASKS * (len(left) + len(right) - 2))
    while n_left + n_right > budget:
        excess = n_left + n_right - budget
        both = min(len(left[0]) - 1, len(right[-1]) - 1, excess // 2) if n_left == n_right else 0
        if both > 0:  # the sides lose a character in turn
            left[0], right[-1] = left[0][both:], right[-1][:-both]
            n_left, n_right = n_left - both, n_right - both
            continue
        side, end = (left, 0) if n_left > n_right else (right, -1)
        removed = 1
        if len(side[end]) > 1:
            removed = min(len(side[end]) - 1, excess, max(1, abs(n_left - n_right)))
            side[end] = side[end][removed:] if end == 0 else side[end][:-removed]
        else:
            removed = len(side[end])
            if len(side) > 1:
                del side[end]
                budget += MASKS
            else:
                side[end] = ""
        if side is left:
            n_left -= removed
        else:
            n_right -= removed
        if n_left + n_right == 0:
            break
    return left, right


def encode_chid(spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int) -> Rows:
    """Encode one row per blank and candidate."""
    texts: dict[str, int] = {}
    plans = []
    truncated = 0
    for example in examples:
        content, blank, candidates = (example.fields[name] for name in spec.fields)
        left, right = split_blank(content, blank, max_length=max_length)
        n_characters = len(BLANK.sub("", content))
        truncated += sum(map(len, chain(left, right))) < n_characters
        ids = [texts.setdefault(text, len(texts)) for text in (*left, *right, *candidates)]
        plans.append((len(left), len(right), ids))
    tokens = [entry.ids for entry in tokenizer.encode(list(texts))]
    masks = [tokenizer.mask_id] * MASKS
    rows, n_rows = [], []
    for n_left, n_right, ids in plans:
        pieces = [tokens[at] for at in ids]
        passage = list(pieces[0])
        for i in range(1, n_left + n_right):
            passage += [tokenizer.unused_id] if i == n_left else masks
            passage += pieces[i]
        passage.append(tokenizer.sep_id)
        candidates = pieces[n_left + n_right :]
        rows += [[tokenizer.cls_id, *candidate, tokenizer.sep_id, *passage] for candidate in candidates]
        n_rows.append(len(candidates))
    return _choice_rows(rows, examples, n_rows, truncated)


def _choice_rows(rows: list[list[int]], examples: Sequence[Example], n_rows: Sequence[int], truncated: int) -> Rows:
    flat, offsets = pack(rows)
    return Rows(
        tokens=flat,
        offsets=offsets,
        example=np.repeat(np.arange(len(examples), dtype=np.int64), n_rows),
        n_examples=len(examples),
        grouped=True,
        targets=class_targets(examples),
        truncated=truncated,
    )
