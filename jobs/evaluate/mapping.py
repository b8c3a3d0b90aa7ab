"""From what somebody answered to an answer of the task, by stated rules; what fits none of them is wrong, and counted.

Objects and lists are opened first: the value of `label`, `answer`, `content` and the like, the last message, the
likeliest or the first of several; thoughts in <think> are left out. Classes, in this order: the label or its title as
it is spelled; the same without case, spaces and punctuation; a value of `label`, `answer`, `类别` or the like in
JSON; what follows "answer is", "it is", "答案是" or "选"; the only label or title that is mentioned (one after "not"
or "不是" does not count). Choices may also be a letter, also one at the start ("B. ..."), or a number from 0 (from 1
where no answer of the file is 0 and one is the last). Spans are the text itself, or what is stated where that stands
in the context. Entities are the nested object of CLUENER2020, lists of [start, exclusive end, type], or a tag a
character.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.text.tasks import Example, TaskSpec
from engine.text.tokenizer import find_folded
from jobs.cli import InputError
from jobs.clue.data.files import check_entities
from jobs.clue.data.own import tags
from jobs.clue.data.own.classes import first_number
from jobs.clue.data.own.examples import nested
from jobs.clue.data.parsing import Place

RULES = (
    "as spelled",
    "case, spaces and punctuation aside",
    "a value in JSON",
    "after 'answer is' or the like",
    "the only one mentioned",
)
LETTERS = "abcdefghij"
_AROUND = " \t\"'“”‘’「」《》*_`（()）【】[]{}。.,，;；!！"
_NOISE = re.compile(r"[\s\W_]+")
_THOUGHT = re.compile(r"<think>.*?(</think>|$)", re.DOTALL)
_STATED = re.compile(
    r"(?:(?:answer|label|category|prediction|option|choice|答案|标签|类别|结论|预测|选项)\s*(?:is|are|为|是|应为|应该是)?"
    r"|\bit(?:'s| is)|\bchoose|选择?|\\boxed\{)\s*[:：]?\s*(.+)",
    re.I,
)
_LEADING = re.compile(r"[(（\[【*\"']*([A-Ja-j])[)）\]】*\"']*\s*(?:[.\uff0e、:：,，。)）\n]|$)")
"""a letter of a choice at the start of an answer"""
_NEGATION = re.compile(
    r"(?:不是|并非|不属于|不算|而非|\bnot\b|\bisn't\b|\bno\b)\s*(?:an?\b|the\b)?\s*[\"'“‘「]?$", re.I
)
KEYS = ("label", "answer", "prediction", "category", "class", "标签", "答案", "类别", "分类", "预测", "结果")
"""names of an answer in an object"""
_WRAPS = (*KEYS, "content", "text", "message", "choices", "body", "output", "response", "result", "messages")
_JSON = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Names:
    """What an answer may be called."""

    spelled: Mapping[str, int]
    folded: Mapping[str, int]

    @classmethod
    def of(cls, names: list[tuple[str, int]]) -> Names:
        """From (name, index); names that fold to the same are told apart only as they are spelled."""
        folds = Counter(fold(name) for name in dict(names))
        return cls(dict(names), {fold(name): index for name, index in names if fold(name) and folds[fold(name)] == 1})


def fold(text: str) -> str:
    """Lower case, full-width signs as plain ones, without spaces and punctuation."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).lower()


def class_names(spec: TaskSpec) -> Names:
    """Labels and their titles."""
    titles = spec.label_titles or spec.labels
    return Names.of(
        [*zip(titles, range(len(titles)), strict=True), *zip(spec.labels, range(spec.n_classes), strict=True)]
    )


def choice_names(example: Example, spec: TaskSpec, first: int = 0) -> Names:
    """Texts of the choices, their numbers, counted from `first`, their letters."""
    options = [str(option) for option in example.fields[spec.options]]
    names = [(str(first + number), number) for number in range(len(options))]
    names += [(letter, number) for number, letter in enumerate(LETTERS[: len(options)])]
    return Names.of([*names, *((text, number) for number, text in enumerate(options))])


def pick(names: Names, raw: Any) -> tuple[int, str]:
    """Index of what was answered and the rule that told it; (-1, "") where none does."""
    if raw is None:
        return -1, ""
    text = _spelled(raw)
    if text in names.spelled:
        return names.spelled[text], RULES[0]
    if fold(text) in names.folded:
        return names.folded[fold(text)], RULES[1]
    for found in _JSON.findall(text):
        value = _json_value(found)
        if value is not None and fold(value) in names.folded:
            return names.folded[fold(value)], RULES[2]
    for stated in reversed(_STATED.findall(text)):
        index = _first(names, stated)
        if index >= 0:
            return index, RULES[3]
    leading = _LEADING.match(text)
    if leading and leading[1].lower() in names.spelled:
        return names.spelled[leading[1].lower()], RULES[3]
    mentioned = _mentioned(names, text)
    return (mentioned.pop(), RULES[4]) if len(mentioned) == 1 else (-1, "")


def unwrap(raw: Any) -> Any:
    """What an object or a list of answers says: one of several by its score, of messages the last, else the first.

    Example:
        >>> unwrap({"body": {"choices": [{"message": {"role": "assistant", "content": "体育"}}]}})
        '体育'
        >>> unwrap([{"label": "财经", "score": 0.1}, {"label": "体育", "score": 0.9}])
        '体育'
    """
    if isinstance(raw, list) and raw:
        scored = [item for item in raw if isinstance(item, dict) and isinstance(item.get("score"), int | float)]
        if len(scored) == len(raw):
            return unwrap(max(scored, key=lambda item: item["score"]))
        return unwrap(raw[-1 if isinstance(raw[-1], dict) and "role" in raw[-1] else 0])
    if isinstance(raw, dict):
        key = next((key for key in _WRAPS if key in raw), None)
        return raw if key is None else unwrap(raw[key])
    return raw


def _spelled(raw: Any) -> str:
    """An answer as text, without thoughts before it."""
    text = str(raw).lower() if isinstance(raw, bool) else str(int(raw)) if _whole(raw) else str(raw)
    return _THOUGHT.sub("", text).strip()


def _whole(raw: Any) -> bool:
    return isinstance(raw, float) and raw.is_integer()


def _json_value(found: str) -> str | None:
    try:
        values = json.loads(found)
    except ValueError:
        return None
    return next((str(values[key]) for key in KEYS if key in values), None)


def _first(names: Names, stated: str) -> int:
    """The name with which a statement begins, the longest if there are several; -1 if it begins with none."""
    text = stated.strip(_AROUND)
    starts = [name for name in names.spelled if re.match(_pattern(name), text, re.I)]
    return names.spelled[max(starts, key=len)] if starts else -1


def _mentioned(names: Names, text: str) -> set[int]:
    """What a text names: outside longer words and names, not after a negation, no single letter."""
    found = [
        (match.start(), match.end(), index)
        for name, index in names.spelled.items()
        if not (len(name) == 1 and name.isascii() and name.isalpha())  # a letter alone is a word of every English text
        for match in re.finditer(_pattern(name), text, re.I)
    ]
    outside = [
        item
        for item in found
        if not any(a <= item[0] and item[1] <= b and b - a > item[1] - item[0] for a, b, _ in found)
    ]
    return {index for start, _, index in outside if not _NEGATION.search(text[:start])}


def _pattern(name: str) -> str:
    """A name as a whole word; Chinese has no borders of words."""
    return rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" if name.isascii() else re.escape(name)


def counted_from(spec: TaskSpec, examples: Sequence[Example], answers: Sequence[Any]) -> int:
    """What the numbers of a file of answers count from, if they are numbers of choices: 1 where only that fits."""
    numbers = [
        (int(text), len(example.fields[spec.options]))
        for example, raw in zip(examples, answers, strict=True)
        if (text := _spelled(unwrap(raw))).isascii() and text.isdecimal()
    ]
    return first_number(numbers)


def answer(spec: TaskSpec, example: Example, raw: Any, names: Names | None, first: int = 0) -> tuple[Any, str]:
    """The answer of an example and the rule that told it; (None, "") where it is none.

    Args:
        spec: the task.
        example: what was asked.
        raw: what was answered.
        names: of classes and pairs, what an answer may be called.
        first: what numbers of choices count from.
    """
    raw = raw if spec.kind == "entities" else unwrap(raw)
    match spec.kind:
        case "classification" | "pair":
            assert names is not None
            index, rule = pick(names, raw)
            return (None if index < 0 else index), rule
        case "choice":
            index, rule = pick(choice_names(example, spec, first), raw)
            return (None if index < 0 else index), rule
        case "span":
            return _span(example, raw)
        case "entities":
            return _entities(spec, example, raw)


def _span(example: Example, raw: Any) -> tuple[Any, str]:
    if not isinstance(raw, str) or not raw.strip():
        return None, ""
    text, context = _THOUGHT.sub("", raw).strip(), example.fields["context"]
    place = find_folded(context, text)
    if not place:
        for said, rule in ((_JSON.findall(text), RULES[2]), (_STATED.findall(text), RULES[3])):
            for part in reversed(said):
                inner = str(_json_value(part) or "") if rule == RULES[2] else part.strip(_AROUND)
                found = find_folded(context, inner) if inner else None
                if found:
                    return (inner, found[0]), rule
    return (text, place[0] if place else -1), RULES[0]


def _entities(spec: TaskSpec, example: Example, raw: Any) -> tuple[Any, str]:
    try:
        value, text = json.loads(raw) if isinstance(raw, str) else raw, example.fields["text"]
        if tags.are_tags(value):
            value = tags.entities(list(text), value, Place(Path(), 0))
        return check_entities(spec.labels, nested(text, value, Place(Path(), 0)), text, Place(Path(), 0)), RULES[0]
    except (ValueError, InputError):
        return None, ""
