"""Submission files as the site of CLUE and FewCLUE wants them, and the check of a file against its test set.

Most tasks: one JSON object a line, `{"id": ..., "label": ...}`, in the order of the test file, because the site reads
only the label, line by line. CMRC2018 and ChID: one JSON object. CLUENER2020: the input lines with a `label` field.
FewCLUE: ids as numbers, and a file for each training set (`bustm_predict_0.json`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.text.decode import nest_entities
from engine.text.tasks import FEWCLUE, Example, TaskSpec
from jobs.cli import InputError
from jobs.files import aside


def file_name(spec: TaskSpec, version: str, *, few_shot_split: str = "") -> str:
    """Name of the submission file of a test version, with the training set of FewCLUE where there is one.

    Raises:
        InputError: if the version has no submission (FewCLUE's public test).
    """
    for test in spec.tests:
        if test.version == version:
            if not few_shot_split:
                return test.submission
            return test.submission.replace(".json", f"_{few_shot_split.removeprefix('few_')}.json")
    known = ", ".join(test.version for test in spec.tests)
    raise InputError(f"{spec.name} has no submission for test {version!r} (it has {known})")


def has_submission(spec: TaskSpec, version: str) -> bool:
    """True if CLUE takes a file for this test version."""
    return any(test.version == version for test in spec.tests)


def write(
    spec: TaskSpec,
    version: str,
    examples: Sequence[Example],
    predictions: Sequence[Any],
    folder: Path,
    *,
    few_shot_split: str = "",
) -> Path:
    """Check the predictions against the test examples, write the submission file into a folder, return its path.

    Args:
        spec: the task.
        version: test version, such as "1.1".
        examples: the whole test set, in file order.
        predictions: one answer per example, as `decode` gives them.
        folder: where to write; the file's name is the benchmark's.
        few_shot_split: training set of FewCLUE that the model saw.

    Raises:
        InputError: if there is not one valid answer for every test row.
    """
    name = file_name(spec, version, few_shot_split=few_shot_split)
    if len(predictions) != len(examples):
        raise InputError(f"{name}: {len(predictions)} answers for {len(examples)} test rows")
    text = render(spec, examples, predictions)
    check(spec, examples, text, name=name)
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    with aside(path) as side:
        side.write_text(text, encoding="utf-8")
    return path


def render(spec: TaskSpec, examples: Sequence[Example], predictions: Sequence[Any]) -> str:
    """Content of the submission file."""
    pairs = list(zip(examples, predictions, strict=True))
    if spec.submission == "object":
        answers = {e.example_id: answer[0] if spec.kind == "span" else int(answer) for e, answer in pairs}
        return json.dumps(answers, ensure_ascii=False, indent=1)
    if spec.kind == "entities":
        rows = [
            {"id": _plain_id(example), **example.fields, "label": nest_entities(example.fields["text"], found)}
            for example, found in pairs
        ]
    else:
        labels = spec.labels or [str(i) for i in range(16)]
        id_of = _plain_id if spec.benchmark == FEWCLUE else _text_id
        rows = [{"id": id_of(example), "label": labels[int(index)]} for example, index in pairs]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _text_id(example: Example) -> str:
    return example.example_id


def _plain_id(example: Example) -> int | str:
    return int(example.example_id) if example.example_id.isdecimal() else example.example_id


def check(spec: TaskSpec, examples: Sequence[Example], text: str, *, name: str) -> None:
    """Check a submission file against its test set: number, order, identifiers and labels.

    Args:
        spec: the task.
        examples: the test set in file order.
        text: content of the submission file.
        name: how messages call it.

    Raises:
        InputError: naming the file and the first line that is wrong.
    """
    if spec.submission == "object":
        _check_object(spec, examples, text, name=name)
        return
    lines = [line for line in text.split("\n") if line]
    if len(lines) != len(examples):
        raise InputError(f"{name}: {len(lines)} lines for {len(examples)} test rows")
    for number, (line, example) in enumerate(zip(lines, examples, strict=True), start=1):
        try:
            row = json.loads(line)
            row_id, label = row["id"], row["label"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f'{name}:{number}: expected {{"id": ..., "label": ...}}, got {line[:60]}') from error
        if str(row_id) != example.example_id:
            raise InputError(f"{name}:{number}: id {row_id!r}, but the test file has {example.example_id!r} there")
        problem = (
            _entities_problem(spec, example, row) if spec.kind == "entities" else _label_problem(spec, example, label)
        )
        if problem:
            raise InputError(f"{name}:{number}: {problem}")


def _label_problem(spec: TaskSpec, example: Example, label: Any) -> str:
    if spec.kind == "choice":
        n_choices = max(len(example.fields[spec.options]), spec.n_choices)
        good = isinstance(label, str) and label.isdecimal() and int(label) < n_choices
        return "" if good else f'label {label!r} is not one of "0" to "{n_choices - 1}"'
    return "" if label in spec.labels else f"label {label!r} is not a label of {spec.name}"


def _entities_problem(spec: TaskSpec, example: Example, row: dict[str, Any]) -> str:
    text = example.fields["text"]
    if row.get("text") != text:
        return "the text is not that of the test file"
    try:
        for kind, surfaces in row["label"].items():
            if kind not in spec.labels:
                return f"entity type {kind!r} is not one of {', '.join(spec.labels)}"
            for surface, spans in surfaces.items():
                for start, end in spans:
                    if text[start : end + 1] != surface:
                        return f"entity {surface!r} but the text at [{start}, {end}] reads {text[start : end + 1]!r}"
    except (AttributeError, TypeError, ValueError):
        return "the label must read {type: {surface: [[start, end], ...]}}"
    return ""


def _check_object(spec: TaskSpec, examples: Sequence[Example], text: str, *, name: str) -> None:
    try:
        answers = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}: not JSON ({error.msg})") from error
    if not isinstance(answers, dict):
        raise InputError(f"{name}: expected one JSON object, got {type(answers).__name__}")
    expected = [example.example_id for example in examples]
    missing = [key for key in expected if key not in answers]
    if missing or len(answers) != len(expected):
        detail = f", {missing[0]} is missing" if missing else ""
        raise InputError(f"{name}: {len(answers)} answers for {len(expected)} test rows{detail}")
    for example in examples:
        answer = answers[example.example_id]
        if spec.kind == "span" and not isinstance(answer, str):
            raise InputError(f"{name}: the answer of {example.example_id} must be a text, got {answer!r}")
        if spec.kind == "choice":
            n_candidates = len(example.fields[spec.options])
            if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < n_candidates:
                raise InputError(
                    f"{name}: the answer of {example.example_id} is {answer!r}, not an index below {n_candidates}"
                )
