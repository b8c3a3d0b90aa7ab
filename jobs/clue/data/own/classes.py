"""The classes of a task: named in its file, or those of its data; labels become their indices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.text.tasks import Example, TaskSpec
from jobs import cli
from jobs.cli import InputError
from jobs.clue.data.own.examples import Found
from jobs.clue.data.parsing import Place

MOST_CLASSES = 2000
_WHOLE = re.compile(r"-?\d+(\.0+)?")
SHOWN = 12
"""classes named in the note about the balance"""


def settle(spec: TaskSpec, train: Found, dev: Found | None, notes: list[str]) -> TaskSpec:
    """The task with its classes; the labels of the examples become indices.

    Raises:
        InputError: if the labels are no classes: mixed types, one class only, classes that train lacks, far too many.
    """
    parts = [train, *([dev] if dev else [])]
    if spec.kind == "span":
        return spec
    if spec.kind == "choice":
        found = [numbers for part in parts for _, numbers in _numbers(spec, part)]
        spec = replace(spec, first_choice=first_number((answer, count) for _, answer, count in found))
        for part in parts:
            number_choices(spec, part)
        longest = max(len(example.fields[spec.options]) for part in parts for example in part.examples)
        return replace(spec, n_choices=max(spec.n_choices, longest))
    for part in parts:
        _one_type(part)
    if spec.kind != "entities":
        _whole_numbers(parts)
    counts = [Counter(_labels(spec, part.examples)) for part in parts]
    named = bool(spec.labels)
    labels = spec.labels or tuple(sorted(counts[0], key=_in_order))
    if not named:
        _refuse_what_is_no_class(spec, counts[0], len(train.examples), str(train.places[0].path))
    only_in_dev = sorted(set(counts[1]) - set(labels)) if dev else []
    if only_in_dev and spec.kind != "entities":
        rows = sum(counts[1][label] for label in only_in_dev)
        raise InputError(
            f"classes only in dev, not in train: {', '.join(only_in_dev[:SHOWN])} ({rows} rows); a model cannot learn "
            "them: add training rows or take these out"
        )
    if only_in_dev:
        labels = (*labels, *only_in_dev)
    notes.append(f"{'entity types' if spec.kind == 'entities' else 'classes'}: {_balance(counts[0])}")
    spec = replace(spec, labels=labels)
    if spec.kind != "entities":
        for part in parts:
            number_labels(spec, part)
    return spec


def number_labels(spec: TaskSpec, part: Found) -> None:
    """Labels as class indices.

    Raises:
        InputError: if one is not a class of the task; the nearest is named.
    """
    index = {label: number for number, label in enumerate(spec.labels)}
    for number, example in enumerate(part.examples):
        if isinstance(example.label, str):
            label = example.label if example.label in index else _whole(example.label)
            if label not in index:
                near = cli.suggest(label, spec.labels)
                few = ", ".join(spec.labels[:SHOWN])
                raise part.places[number].refuse(f"label {label!r} is not a class of {spec.name}{near} ({few})")
            part.examples[number] = replace(example, label=index[label])


def forget_strange(spec: TaskSpec, part: Found) -> Counter[str]:
    """Take labels that are no class of the task out; how many there were of each."""
    strange: Counter[str] = Counter()
    for number, example in enumerate(part.examples):
        label = example.label
        if isinstance(label, str) and label not in spec.labels and _whole(label) not in spec.labels:
            strange[label] += 1
            part.examples[number] = replace(example, label=None)
    return strange


def first_number(answers: Iterable[tuple[int, int]]) -> int:
    """What numbers of choices count from, given pairs (number, how many choices there are).

    1 where none is 0 and one is the number of choices, else 0.
    """
    pairs = set(answers)
    return int(all(number > 0 for number, _ in pairs) and any(number == count for number, count in pairs))


def number_choices(spec: TaskSpec, part: Found) -> None:
    """Numbers of choices as indices.

    Raises:
        InputError: if there is no such choice.
    """
    for place, (number, answer, count) in _numbers(spec, part):
        if not 0 <= answer - spec.first_choice < count:
            raise place.refuse(f"answer {answer} is none of the {count} choices, counted from {spec.first_choice}")
        part.examples[number] = replace(part.examples[number], label=answer - spec.first_choice)


def _numbers(spec: TaskSpec, part: Found) -> list[tuple[Place, tuple[int, int, int]]]:
    """Place, row, answer and number of choices of every row that is answered by a number."""
    return [
        (part.places[row], (row, int(example.label), len(example.fields[spec.options])))
        for row, example in enumerate(part.examples)
        if isinstance(example.label, str)
    ]


def _whole_numbers(parts: Sequence[Found]) -> None:
    """Write 1.0 as 1 where all labels are whole numbers: tables with empty cells spell them so."""
    labels = {example.label for part in parts for example in part.examples if isinstance(example.label, str)}
    if not all(_WHOLE.fullmatch(label) for label in labels) or not any("." in label for label in labels):
        return
    for part in parts:
        for number, example in enumerate(part.examples):
            if isinstance(example.label, str):
                part.examples[number] = replace(example, label=_whole(example.label))


def _whole(label: str) -> str:
    """1 for 1.0; any other label as it is."""
    return label.partition(".")[0] if _WHOLE.fullmatch(label) else label


def _labels(spec: TaskSpec, examples: Iterable[Example]) -> list[str]:
    if spec.kind == "entities":
        return [kind for example in examples for kind, *_ in example.label or ()]
    return [example.label for example in examples if example.label is not None]


def _one_type(part: Found) -> None:
    kinds = {"int": "number", "float": "number"}
    types = {kinds.get(name, name): place for name, place in part.label_types.items()}
    if len(types) > 1:
        (first, place), (second, other) = list(types.items())[:2]
        raise InputError(
            f"{place.path}: labels of mixed types: {first} in row {place.line}, {second} in row {other.line}; write "
            "all of them the same way"
        )


def _refuse_what_is_no_class(spec: TaskSpec, counts: Counter[str], rows: int, file: str) -> None:
    what = "entity types" if spec.kind == "entities" else "classes"
    if len(counts) < (1 if spec.kind == "entities" else 2):
        only = f"only one class, {next(iter(counts))!r}" if counts else f"no {what}"
        raise InputError(f"{file}: column {spec.label_column!r} has {only}; there is nothing to learn")
    if len(counts) > MOST_CLASSES and len(counts) <= rows / 2:
        raise InputError(
            f"{file}: column {spec.label_column!r} has {len(counts):,} classes in {rows:,} rows; at most "
            f"{MOST_CLASSES:,} are trained: name another label column, or keep the frequent ones"
        )
    if len(counts) > MOST_CLASSES or (rows >= 50 and len(counts) > rows / 2 and spec.kind != "entities"):
        raise InputError(
            f"{file}: column {spec.label_column!r} has {len(counts):,} values in {rows:,} rows: they are no "
            "classes; name another label column"
        )


def _in_order(label: str) -> tuple[bool, int, str]:
    number = label.lstrip("-").isdecimal()
    return not number, int(label) if number else 0, label


def _balance(counts: Counter[str]) -> str:
    shown = ", ".join(f"{label} {count:,}" for label, count in counts.most_common(SHOWN))
    return shown + (f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else "")
