"""From the head's outputs to answers in terms of the text."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import expit, softmax

from engine.arrays import numbers
from engine.text.rows import Rows
from engine.text.tasks import Example, TaskSpec


@dataclass(frozen=True, slots=True)
class Decoded:
    """Answers of a split."""

    predictions: list[Any]
    """class or choice index; span: (text, start); entities: list of (type, start, inclusive end)"""
    confidence: np.ndarray
    """(examples,): probability of the answer; span: within its window; entities: that of the least certain one"""
    probs: np.ndarray | None = None
    """float32 (examples, classes or choices), 0 for choices an example lacks"""
    independent: list[int] | None = None
    """ChID: the answers before those of one group were made to differ"""


def decode(spec: TaskSpec, rows: Rows, examples: Sequence[Example], outputs: Any, *, restrict: bool = True) -> Decoded:
    """Turn outputs into answers.

    Args:
        spec: the task.
        rows: the encoded split.
        examples: the examples it was encoded from.
        outputs: classification and pair: logits (rows, classes); choice: scores (rows,); span: (rows, 4) the best
            cell's logit, first and last token, and its log-probability in the window; entities: per row the cells
            (type, first, last, logit) above 0.
        restrict: choice: never answer with the dummy that pads a short list of choices.
    """
    match spec.kind:
        case "classification" | "pair":
            return _decode_classes(np.asarray(outputs))
        case "choice":
            return _decode_choices(spec, rows, examples, np.asarray(outputs, dtype=np.float64), restrict=restrict)
        case "span":
            return _decode_spans(rows, examples, np.asarray(outputs))
        case "entities":
            return _decode_entities(spec, rows, outputs)


def _decode_classes(logits: np.ndarray) -> Decoded:
    probs = softmax(logits.astype(np.float64), axis=1).astype(np.float32)
    preds = logits.argmax(axis=1)
    return Decoded(preds.tolist(), probs[np.arange(len(preds)), preds].astype(np.float64), probs)


def _decode_choices(
    spec: TaskSpec, rows: Rows, examples: Sequence[Example], scores: np.ndarray, *, restrict: bool
) -> Decoded:
    counts = np.bincount(rows.example, minlength=rows.n_examples)
    column = np.arange(rows.n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((rows.n_examples, int(counts.max(initial=1))), -np.inf)
    table[rows.example, column] = scores
    if restrict and spec.n_choices:
        real = np.array([len(example.fields[spec.options]) for example in examples])
        table[np.arange(table.shape[1])[None, :] >= real[:, None]] = -np.inf
    probs = softmax(table, axis=1).astype(np.float32)
    independent = table.argmax(axis=1)
    preds = independent
    if spec.fills_blanks:
        preds = assign_groups(table, [example.group for example in examples])
    confidence = probs[np.arange(len(preds)), preds].astype(np.float64)
    return Decoded(preds.tolist(), confidence, probs, independent.tolist() if spec.fills_blanks else None)


def assign_groups(scores: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Different candidates for the blanks of a group, with the greatest sum of scores.

    Args:
        scores: (blanks, candidates); -inf where a candidate does not exist.
        groups: (blanks,) name of each blank's group. Blanks beyond the number of candidates take their best one.
    """
    scores = numbers(scores, name="scores", shape=(len(groups), "candidates"), finite=False)
    if np.isnan(scores).any() or np.isposinf(scores).any() or not np.isfinite(scores).any(axis=1).all():
        raise ValueError("scores must be numbers or -inf, with one number or more in every row")
    preds: np.ndarray = scores.argmax(axis=1)
    members: dict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)
    for blanks in members.values():
        if len(blanks) > 1:
            cost = -scores[blanks]
            cost = cost[:, np.isfinite(cost).all(axis=0)]
            chosen_rows, chosen = linear_sum_assignment(cost)
            preds[np.array(blanks)[chosen_rows]] = chosen
    return preds


def _decode_spans(rows: Rows, examples: Sequence[Example], outputs: np.ndarray) -> Decoded:
    if rows.starts is None or rows.ends is None:
        raise ValueError("span rows need the characters of their tokens")
    best = np.full(rows.n_examples, -1, dtype=np.int64)
    logits = np.full(rows.n_examples, -np.inf)
    for row, example in enumerate(rows.example.tolist()):
        if outputs[row, 0] > logits[example]:
            logits[example], best[example] = outputs[row, 0], row
    predictions = []
    for item, row in zip(examples, best.tolist(), strict=True):
        start, end = 0, 0
        if row >= 0:
            first, last = (int(rows.offsets[row] + outputs[row, k]) for k in (1, 2))
            start, end = int(rows.starts[first]), int(rows.ends[last])
        predictions.append((item.fields["context"][max(start, 0) : max(end, 0)], start))
    confidence = np.where(best >= 0, np.exp(outputs[np.maximum(best, 0), 3].astype(np.float64)), 0.0)
    return Decoded(predictions, confidence)


def _decode_entities(spec: TaskSpec, rows: Rows, outputs: Sequence[Iterable[Sequence[float]]]) -> Decoded:
    if rows.starts is None or rows.ends is None:
        raise ValueError("entity rows need the characters of their tokens")
    predictions, weakest = [], []
    for row, cells in enumerate(outputs):
        offset = int(rows.offsets[row])
        found, logits = [], []
        for kind, first, last, logit in cells:
            start, end = int(rows.starts[offset + int(first)]), int(rows.ends[offset + int(last)])
            if start >= 0 and end > start:  # cells at [CLS] and [SEP] have no characters
                found.append((spec.labels[int(kind)], start, end - 1))
                logits.append(float(logit))
        predictions.append(sorted(found, key=lambda item: (item[1], item[2], item[0])))
        weakest.append(min(logits, default=0.0))
    return Decoded(predictions, expit(np.array(weakest)))


def nest_entities(text: str, entities: Iterable[tuple[str, int, int]]) -> dict[str, dict[str, list[list[int]]]]:
    """Entities in the form of the files: {type: {surface: [[start, end], ...]}}, ends inclusive."""
    nested: dict[str, dict[str, list[list[int]]]] = {}
    for kind, start, end in entities:
        nested.setdefault(kind, {}).setdefault(text[start : end + 1], []).append([start, end])
    return nested


def spell(spec: TaskSpec, example: Example, answer: Any) -> str:
    """Spell an answer (prediction or gold) as stored and shown: a label, an index, an idiom's index, a text, json."""
    if answer is None:
        return ""
    match spec.kind:
        case "classification" | "pair":
            return spec.labels[int(answer)]
        case "choice":
            return str(answer)
        case "span":
            return str((answer[0] if isinstance(answer, list) else answer)[0]) if answer else ""
        case "entities":
            return json.dumps(nest_entities(example.fields["text"], answer), ensure_ascii=False)
