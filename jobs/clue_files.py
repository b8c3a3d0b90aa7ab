r"""Read one file of a CLUE or FewCLUE task and check every row; what is wrong is refused with file and line.

Lines end at `\n` only: the texts contain other Unicode line separators. A byte order mark and `\r\n` are fine.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.inputs.choice import BLANK
from engine.tasks import Example, TaskSpec
from jobs.cli import InputError


@dataclass(slots=True)
class FileRows:
    """Examples of one file and what there is to say about them."""

    examples: list[Example]
    rows: int = 0
    """rows of the file as the official counts count them (ChID: input lines), dropped ones included"""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A row's file and line, for messages."""

    path: Path
    line: int

    def refuse(self, problem: str) -> InputError:
        """The error that names the place."""
        return InputError(f"{self.path}:{self.line}: {problem}")


def read_file(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """Read a file in the official format of a task.

    Args:
        spec: the task.
        path: a file of CLUE or FewCLUE (or one of the same format).
        labelled: True: every row needs a label, rows labelled "-" are dropped. False: labels are read where they are,
            and no row is dropped, because the order of a test file matters.

    Raises:
        InputError: naming file and line, if the file cannot be read or a row is not as the task's rows are.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    readers = {"cmrc2018": _read_cmrc, "c3": _read_c3, "chid": _read_chid}
    found = readers.get(spec.name, _read_lines)(spec, path, labelled=labelled)
    if not found.examples:
        raise InputError(f"{path}: no {'labelled ' if labelled else ''}rows of {spec.name}")
    _unique_ids(found, path, keep=not labelled)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise Place(path, line).refuse(f"not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _json_lines(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = Place(path, number)
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise place.refuse(f"not a line of JSON ({error.msg} at column {error.colno})") from error
        if not isinstance(row, dict):
            raise place.refuse(f"expected a JSON object, got {type(row).__name__}")
        yield place, row


def _json_document(path: Path, kind: type) -> tuple[str, Any]:
    text = _text(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Place(path, error.lineno).refuse(f"not JSON ({error.msg} at column {error.colno})") from error
    if not isinstance(document, kind):
        raise InputError(f"{path}: expected a JSON {kind.__name__}, got {type(document).__name__}")
    return text, document


def _place_of(path: Path, text: str, needle: str) -> Place:
    """Line of the first occurrence of a JSON string in a document that is not line by line."""
    position = text.find(json.dumps(needle, ensure_ascii=False))
    return Place(path, text.count("\n", 0, max(position, 0)) + 1)


def _unique_ids(found: FileRows, path: Path, *, keep: bool) -> None:
    """Replace the ids by row numbers where they are not unique; refuse where the ids must be kept."""
    counts = Counter(example.example_id for example in found.examples)
    doubled = [name for name, count in counts.items() if count > 1]
    if not doubled:
        return
    if keep:
        raise InputError(f"{path}: id {doubled[0]!r} occurs {counts[doubled[0]]} times, the ids of a test file differ")
    found.notes.append(f"{path.name}: {len(doubled)} ids occur more than once, row numbers are used instead")
    found.examples = [
        Example(str(i), example.fields, example.label, example.group) for i, example in enumerate(found.examples)
    ]


# --- one object a line: classification, pairs, entities ---------------------------------------------------------------


def _read_lines(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    examples: list[Example] = []
    dropped: Counter[str] = Counter()
    overlapping = rows = 0
    has_ids: bool | None = None
    for place, row in _json_lines(path):
        fields = _fields(spec, row, place)
        if spec.kind == "entities":
            label: Any = _entities(spec, row, place, labelled=labelled)
            overlapping += _overlap(label)
        else:
            label = _class(spec, row, place, labelled=labelled)
        rows += 1
        if label in spec.dropped_labels:
            if labelled:
                dropped[str(label)] += 1
                continue
            label = None
        has_ids = "id" in row if has_ids is None else has_ids and "id" in row
        name = str(row["id"]) if has_ids else str(rows - 1)
        examples.append(Example(name, fields, label, name))
    if has_ids is False and any(example.example_id != str(i) for i, example in enumerate(examples)):
        examples = [Example(str(i), e.fields, e.label, str(i)) for i, e in enumerate(examples)]
    notes = [f"{path.name}: {count} rows labelled {name!r} dropped" for name, count in dropped.items()]
    if overlapping:
        notes.append(f"{path.name}: {overlapping} rows with overlapping entities (kept)")
    return FileRows(examples, rows, notes)


def _fields(spec: TaskSpec, row: Mapping[str, Any], place: Place) -> dict[str, Any]:
    missing = [name for name in spec.fields if name not in row]
    if missing:
        raise place.refuse(f"field {missing[0]!r} is missing (fields here: {', '.join(row) or 'none'})")
    fields = {name: row[name] for name in spec.fields}
    for name, value in fields.items():
        if name == "target":
            fields[name] = _wsc_target(row["text"], value, place)
        elif name == "keyword":
            _strings(value, place, name)
        else:
            _string(value, place, name)
    return fields


def _string(value: Any, place: Place, name: str) -> str:
    if not isinstance(value, str):
        raise place.refuse(f"{name!r} must be a text, got {type(value).__name__}")
    if not value.strip():
        raise place.refuse(f"{name!r} is empty")
    return value


def _strings(value: Any, place: Place, name: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise place.refuse(f"{name!r} must be a list of texts, got {value!r:.40}")
    for item in value:
        _string(item, place, name)
    return value


def _wsc_target(text: str, target: Any, place: Place) -> dict[str, Any]:
    """The marked noun and pronoun, checked against the text."""
    if not isinstance(target, dict):
        raise place.refuse(f"'target' must be an object, got {type(target).__name__}")
    checked: dict[str, Any] = {}
    for number in (1, 2):
        try:
            surface, index = str(target[f"span{number}_text"]), int(target[f"span{number}_index"])
        except (KeyError, TypeError, ValueError) as error:
            raise place.refuse(f"'target' needs span{number}_text and span{number}_index") from error
        if index < 0 or index + len(surface) > len(text):
            raise place.refuse(f"span{number} {surface!r} at {index} lies outside the text of {len(text)} characters")
        if text[index : index + len(surface)] != surface:
            raise place.refuse(
                f"span{number} is {surface!r} but the text at {index} reads {text[index : index + len(surface)]!r}"
            )
        checked |= {f"span{number}_text": surface, f"span{number}_index": index}
    return checked


def _class(spec: TaskSpec, row: Mapping[str, Any], place: Place, *, labelled: bool) -> int | str | None:
    """Class index, a label that means none, or None where there is no label and none is needed."""
    if row.get("label") is None:
        if labelled:
            raise place.refuse(f"no label (expected one of {_some(spec.labels)})")
        return None
    value = row["label"]
    spelled = str(value).lower() if isinstance(value, bool) else str(value)
    if spelled in spec.dropped_labels:
        return spelled
    try:
        return spec.labels.index(spelled)
    except ValueError:
        raise place.refuse(f"label {value!r} is not one of {_some(spec.labels)}") from None


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) < 20 else f"{labels[0]}, {labels[1]}, ..., {labels[-1]}"


def _entities(
    spec: TaskSpec, row: Mapping[str, Any], place: Place, *, labelled: bool
) -> list[tuple[str, int, int]] | None:
    """Entities as (type, start, inclusive end), by place in the text."""
    nested, text = row.get("label"), row["text"]
    if nested is None:
        if labelled:
            raise place.refuse("no label (expected {type: {surface: [[start, end], ...]}})")
        return None
    found = []
    try:
        for kind, surfaces in nested.items():
            if kind not in spec.labels:
                raise place.refuse(f"entity type {kind!r} is not one of {_some(spec.labels)}")
            for surface, spans in surfaces.items():
                for start, end in spans:
                    if not 0 <= start <= end < len(text):
                        raise place.refuse(
                            f"entity {surface!r} at [{start}, {end}] lies outside the text of {len(text)} characters"
                        )
                    if text[start : end + 1] != surface:
                        raise place.refuse(
                            f"entity {surface!r} but the text at [{start}, {end}] reads {text[start : end + 1]!r}"
                        )
                    found.append((kind, start, end))
    except (AttributeError, TypeError, ValueError) as error:
        raise place.refuse("the label must read {type: {surface: [[start, end], ...]}}") from error
    return sorted(found, key=lambda item: (item[1], item[2], item[0]))


def _overlap(entities: Any) -> bool:
    pairs = zip(entities or (), (entities or ())[1:], strict=False)
    return any(first[2] >= second[1] for first, second in pairs)


# --- CMRC2018, C3, ChID -----------------------------------------------------------------------------------------------


def _read_cmrc(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    text, document = _json_document(path, dict)
    examples: list[Example] = []
    misplaced = placeholders = 0
    try:
        for paragraph in (p for entry in document["data"] for p in entry["paragraphs"]):
            for item in paragraph["qas"]:
                place = _place_of(path, text, str(item["id"])) if _odd(paragraph, item) else Place(path, 1)
                fields = {"context": paragraph["context"], "question": item["question"]}
                for name, value in fields.items():
                    _string(value, place, name)
                answers = [(answer["text"], int(answer["answer_start"])) for answer in item.get("answers", ())]
                if labelled and not answers:
                    raise place.refuse(f"question {item['id']} has no answer")
                for answer, start in answers:
                    if start >= len(fields["context"]):
                        raise place.refuse(
                            f"answer {answer!r} at {start} lies beyond the context of "
                            f"{len(fields['context'])} characters"
                        )
                    placeholders += start < 0
                    misplaced += start >= 0 and not fields["context"].startswith(answer, start)
                known = answers if any(start >= 0 for _, start in answers) else None
                if labelled and known is None:
                    raise place.refuse(f"question {item['id']} has placeholder answers only")
                name = str(item["id"])
                examples.append(Example(name, fields, known, name))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not in the format of CMRC2018 (data, paragraphs, qas, answers): {error!r}"
        ) from error
    notes = []
    if misplaced:
        notes.append(f"{path.name}: {misplaced} answers are not at their answer_start (kept as they are)")
    if placeholders and labelled:
        notes.append(f"{path.name}: {placeholders} placeholder answers at -1")
    return FileRows(examples, len(examples), notes)


def _odd(paragraph: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """True where a row may be refused; only then the line is looked up."""
    size = len(paragraph["context"])
    answers = item.get("answers", ())
    return (
        not str(item["question"]).strip()
        or not str(paragraph["context"]).strip()
        or not answers
        or all(int(a["answer_start"]) < 0 for a in answers)
        or any(int(a["answer_start"]) >= size for a in answers)
    )


def _read_c3(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    text, document = _json_document(path, list)
    examples: list[Example] = []
    surplus = 0  # the second test file has a few questions with up to ten choices
    try:
        for position, (passage, questions, *rest) in enumerate(document):
            document_id = rest[0] if rest else position  # the first test file has no ids
            for number, item in enumerate(questions):
                choices, answer = item["choice"], item.get("answer")

                def refuse(problem: str, needle: str = str(item["question"])) -> InputError:
                    return _place_of(path, text, needle).refuse(problem)

                surplus += len(choices) > spec.n_choices
                if len(choices) < 2 or (labelled and len(choices) > spec.n_choices):
                    raise refuse(f"{len(choices)} choices, expected 2 to {spec.n_choices}")
                if not str(item["question"]).strip() or not all(str(line).strip() for line in choices):
                    raise refuse("a question or a choice is empty", str(document_id))
                if labelled and answer not in choices:
                    raise refuse(f"answer {answer!r} is not among the choices {choices}")
                name = str(item.get("id", f"{document_id}-{number}"))
                fields = {"passage": list(passage), "question": item["question"], "choice": list(choices)}
                examples.append(Example(name, fields, choices.index(answer) if answer in choices else None, name))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not in the format of C3 (passage, questions, id): {error!r}") from error
    notes = [f"{path.name}: {surplus} questions with more than {spec.n_choices} choices (kept)"] if surplus else []
    return FileRows(examples, len(examples), notes)


def _read_chid(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    answers_path = path.with_name(f"{path.stem}_answer.json")
    answers: dict[str, Any] = {}
    if answers_path.is_file():
        answers = _json_document(answers_path, dict)[1]
    examples: list[Example] = []
    n_candidates = 0
    rows = 0
    for place, row in _json_lines(path):
        missing = [name for name in ("content", "candidates") if name not in row]
        if missing:
            raise place.refuse(f"field {missing[0]!r} is missing (fields here: {', '.join(row)})")
        candidates = _strings(row["candidates"], place, "candidates")
        n_candidates = n_candidates or len(candidates)
        if len(candidates) != n_candidates or n_candidates < 2:
            raise place.refuse(f"{len(candidates)} candidates, the first row has {n_candidates}")
        contents = row["content"]
        if isinstance(contents, str):  # FewCLUE: one passage, one nameless blank, the answer in the row
            blank = f"#idiom{rows:06d}#"
            contents = [contents.replace("#idiom#", blank)]
            if row.get("answer") is not None:
                answers[blank] = row["answer"]
        for content in _strings(contents, place, "content"):
            for blank in BLANK.findall(content):
                label = _chid_answer(answers, blank, n_candidates, place, labelled=labelled)
                fields = {"content": content, "blank": blank, "candidates": candidates}
                examples.append(Example(blank, fields, label, f"{path.stem}:{place.line}"))
        if not any(re.search(BLANK, content) for content in contents):
            raise place.refuse("no blank of the form #idiom000000# in the passages")
        rows += 1
    return FileRows(examples, rows, [f"{path.name}: {n_candidates} candidates a blank"] if rows else [])


def _chid_answer(
    answers: Mapping[str, Any], blank: str, n_candidates: int, place: Place, *, labelled: bool
) -> int | None:
    if blank not in answers:
        if labelled:
            raise place.refuse(f"blank {blank} has no answer (looked in {place.path.stem}_answer.json)")
        return None
    answer = answers[blank]
    if not isinstance(answer, int) or not 0 <= answer < n_candidates:
        raise place.refuse(f"answer {answer!r} of blank {blank} is not an index below {n_candidates}")
    return answer
