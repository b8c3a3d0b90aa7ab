"""Read one file of a CLUE or FewCLUE task and check every row; what is wrong is refused with file and line."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.text.tasks import Example, Layout, TaskSpec
from jobs.cli import InputError
from jobs.clue.data.documents import read_c3, read_chid, read_cmrc
from jobs.clue.data.parsing import FileRows, Place, is_blank, json_lines, note_blank, text_of, texts_in

PUBLIC = "public"
"""`test_public.json` is FewCLUE's labelled test file, whose answers nobody submits"""


def read_file(spec: TaskSpec, path: Path, *, labelled: bool, submitted: bool = True) -> FileRows:
    """Read a file in the official format of a task.

    Args:
        spec: the task.
        path: a file of CLUE or FewCLUE (or one of the same format).
        labelled: True: every row needs a label, rows labelled "-" are dropped. False: labels are read where they are,
            and no row is dropped, because the order of a test file matters.
        submitted: answers to an unlabelled file may be submitted by its ids, so they must differ.

    Raises:
        InputError: naming file and line, if the file cannot be read or a row is not as the task's rows are.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    found = _READERS[spec.layout](spec, path, labelled=labelled)
    if not found.examples:
        raise InputError(f"{path}: no {'labelled ' if labelled else ''}rows of {spec.name}")
    if labelled or submitted:
        _unique_ids(found, path, keep=not labelled and path.stem != f"test_{PUBLIC}")
    return found


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


def _read_lines(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    examples: list[Example] = []
    dropped: Counter[str] = Counter()
    strange: Counter[str] = Counter()  # labels of a test file that are none of the task
    notes: list[str] = []
    overlapping = rows = blank = 0
    has_ids: bool | None = None
    for place, row in json_lines(path, notes):
        fields = _fields(spec, row, place)
        rows += 1
        if any(map(is_blank, texts_of(fields))):
            blank += 1
            if labelled:
                continue
        if spec.kind == "entities":
            label: Any = _entities(spec, row.get("label"), fields["text"], place, labelled=labelled)
            overlapping += _overlap(label)
        else:
            label = _class(spec, row, place, strange, labelled=labelled)
        if label in spec.dropped_labels:
            if labelled:
                dropped[str(label)] += 1
                continue
            label = None
        has_ids = row.get("id") is not None and has_ids is not False
        name = str(row["id"]) if has_ids else str(rows - 1)
        examples.append(Example(name, fields, label, name))
    if has_ids is False and any(example.example_id != str(i) for i, example in enumerate(examples)):
        examples = [Example(str(i), e.fields, e.label, str(i)) for i, e in enumerate(examples)]
    notes += [f"{path.name}: {count} rows labelled {name!r} dropped" for name, count in dropped.items()]
    notes += note_blank(path, blank, labelled=labelled)
    if strange:
        spelled = ", ".join(f"{count} of {name}" for name, count in strange.most_common(5))
        notes.append(f"{path.name}: labels that are none of {spec.name} count as missing ({spelled})")
    if overlapping:
        notes.append(f"{path.name}: {overlapping} rows with overlapping entities (kept)")
    return FileRows(examples, rows, notes)


def _fields(spec: TaskSpec, row: Mapping[str, Any], place: Place) -> dict[str, Any]:
    missing = [name for name in spec.fields if name not in row]
    if missing:
        raise place.refuse(f"field {missing[0]!r} is missing (fields here: {', '.join(row) or 'none'})")
    fields: dict[str, Any] = {}
    for name in spec.fields:
        match spec.field_kind(name):
            case "marks":
                fields[name] = _marks(fields["text"], row[name], place, name)
            case "texts":
                fields[name] = texts_in(row[name], place, name)
            case "text":
                fields[name] = text_of(row[name], place, name)
    return fields


def texts_of(fields: Mapping[str, Any]) -> Iterator[Any]:
    """The texts and lists of texts of an example, those of marked spans too."""
    for value in fields.values():
        if isinstance(value, dict):
            yield from (part for part in value.values() if isinstance(part, str))
        else:
            yield value


def _marks(text: str, target: Any, place: Place, name: str) -> dict[str, Any]:
    """The marked noun and pronoun, checked against the text."""
    if target is None or is_blank(text):
        return {"span1_text": "", "span1_index": 0, "span2_text": "", "span2_index": 0}
    if not isinstance(target, dict):
        raise place.refuse(f"{name!r} must be an object, got {type(target).__name__}")
    checked: dict[str, Any] = {}
    for number in (1, 2):
        try:
            surface, index = str(target[f"span{number}_text"]), int(target[f"span{number}_index"])
        except (KeyError, TypeError, ValueError) as error:
            raise place.refuse(f"{name!r} needs span{number}_text and span{number}_index") from error
        if index < 0 or index + len(surface) > len(text):
            raise place.refuse(f"span{number} {surface!r} at {index} lies outside the text of {len(text)} characters")
        if text[index : index + len(surface)] != surface:
            raise place.refuse(
                f"span{number} is {surface!r} but the text at {index} reads {text[index : index + len(surface)]!r}"
            )
        checked |= {f"span{number}_text": surface, f"span{number}_index": index}
    return checked


def _class(
    spec: TaskSpec, row: Mapping[str, Any], place: Place, strange: Counter[str], *, labelled: bool
) -> int | str | None:
    """Class index, a label that means none, or None where there is no label and none is needed.

    A test file may have fillers (-1, "", "-"), which are counted in `strange`.
    """
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
        if not labelled:
            strange[repr(value)] += 1
            return None
        raise place.refuse(f"label {value!r} is not one of {_some(spec.labels)}") from None


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) < 20 else f"{labels[0]}, {labels[1]}, ..., {labels[-1]}"


def _entities(
    spec: TaskSpec, nested: Any, text: str, place: Place, *, labelled: bool
) -> list[tuple[str, int, int]] | None:
    """Entities as (type, start, inclusive end), by place in the text."""
    if nested is None:
        if labelled:
            raise place.refuse("no label (expected {type: {surface: [[start, end], ...]}})")
        return None
    return check_entities(spec.labels, nested, text, place)


def check_entities(labels: tuple[str, ...] | None, nested: Any, text: str, place: Place) -> list[tuple[str, int, int]]:
    """Entities of {type: {surface: [[start, end], ...]}}, checked against the text; labels None takes any type."""
    found = []
    try:
        for kind, surfaces in nested.items():
            if labels is not None and kind not in labels:
                raise place.refuse(f"entity type {kind!r} is not one of {_some(labels)}")
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


_READERS: dict[Layout, Callable[..., FileRows]] = {
    "rows": _read_lines,
    "squad": read_cmrc,
    "documents": read_c3,
    "blanks": read_chid,
    "table": _read_lines,  # of one's own: jobs.clue.data.own reads it, this only rows in the official form
}
"""layout -> the reader of its files"""
