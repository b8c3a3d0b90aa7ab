"""A task of one's own: a TOML file of at most ten lines, read into a `TaskSpec`, and a first version of it.

    name = "complaints"
    kind = "classification"        # classification, pair, choice, span or entities
    fields = ["text"]              # columns that the model reads
    label = "category"             # column of the answers
    train = "complaints.csv"       # .csv .tsv .json .jsonl .parquet, also .gz; beside this file
    dev = "dev.csv"                # without it a tenth of train is held out

Further keys: test, data (a data set of the hub or a saved one), encoding, labels, metric, max_length, dev_share,
title, description, epochs, batch_size, stride. The fields of a pair are two columns; those of choice, span and entities
are named: `fields = {context = "材料", question = "问题"}`, `fields = {question = "问题", choice = ["A", "B"]}`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.evidence.metrics import metrics_of
from engine.text.tasks import TASKS, Kind, TaskSpec, get_task
from jobs import cli
from jobs.cli import InputError
from jobs.text_lines import read_text

KINDS: dict[Kind, tuple[str, ...]] = {
    "classification": (),
    "pair": (),
    "choice": ("passage", "question", "choice"),  # the passage may be missing
    "span": ("context", "question"),
    "entities": ("text",),
}
"""the fields of each kind; those of classification and pair keep the names of their columns"""
NOT_A_NAME = ("all", "fewclue")
"""names that `--task` takes for several tasks"""
_FILES = ("train", "dev", "test", "data")
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "name": str, "kind": str, "fields": (list, dict, str), "label": str, "labels": list, "metric": str, "encoding": str,
    "title": str, "description": str, "max_length": int, "epochs": int, "batch_size": int, "stride": int,
    "dev_share": float, **dict.fromkeys(_FILES, str),
}  # fmt: skip
_LEAST = {"max_length": 8}
_WHAT = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


def is_file(name: str) -> bool:
    """Whether a task is named by its file."""
    return name.endswith(".toml")


def absolute(name: str) -> str:
    """The name of a task, or the absolute path of a task file, which works from any folder."""
    return str(Path(name).expanduser().resolve()) if is_file(name) else name


def find(name: str) -> TaskSpec:
    """The task that `name` names: one of CLUE's, or the one of a task file.

    Raises:
        InputError: if there is none such, or the file is not as it must be.
    """
    if is_file(name):
        return read(Path(name))
    with cli.input_errors("--task"):
        return get_task(name)


def read(path: Path) -> TaskSpec:
    """The task of a file.

    Raises:
        InputError: naming the file and the key that is wrong.
    """
    try:
        values = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a TOML file ({error})") from error
    _check(path, values)
    kind: Kind = values["kind"]
    columns = _columns(path, kind, values["fields"])
    _check_roles(path, columns, values.get("label", "label"))
    names = tuple(columns)
    files = {name: _resolved(path, name, values[name]) for name in _FILES if name in values}
    defaults = {
        "span": {"max_length": 512, "batch_size": 16, "stride": 128},
        "choice": {"max_length": 256, "batch_size": 8},
    }
    settings: dict[str, Any] = dict(defaults.get(kind, {}))
    settings |= {name: values[name] for name in ("max_length", "epochs", "batch_size", "stride") if name in values}
    return TaskSpec(
        name=values["name"],
        title=values.get("title", values["name"]),
        chinese="",
        description=values.get("description", f"A task of one's own, from {path.name}."),
        kind=kind,
        layout="table",
        fields=names,
        field_kinds={name: "texts" for name in names if name in ("passage", "choice")} if kind == "choice" else {},
        columns={name: column for name, column in columns.items() if column != name},
        label_column=values.get("label", "label"),
        labels=_labels(path, kind, values.get("labels", ())),
        metric=values.get("metric", metrics_of(kind)[0].name),
        files=files,
        encoding=values.get("encoding", ""),
        dev_share=float(values.get("dev_share", 0.1)),
        source=str(path.resolve()),
        **settings,
    )


def _check(path: Path, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in _PLAIN:
            raise InputError(f"{path}: unknown key {name!r}{cli.suggest(name, _PLAIN)} (expected {', '.join(_PLAIN)})")
        wanted = _PLAIN[name]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        good = isinstance(value, kinds) or (wanted is float and isinstance(value, int))
        if not good or isinstance(value, bool):
            raise InputError(f"{path}: {name} must be {' or '.join(_WHAT[kind] for kind in kinds)}, got {value!r}")
        if wanted is str and name in ("label", *_FILES) and not value.strip():
            raise InputError(f"{path}: {name} is empty")
        least = _LEAST.get(name, 1)
        if wanted is int and value < least:
            raise InputError(f"{path}: {name} must be {least} or more, got {value}")
    for name in ("name", "kind", "fields"):
        if not values.get(name):
            raise InputError(
                f"{path}: the key {name!r} is missing (python -m jobs.clue --new-task DATAFILE writes a first one)"
            )
    if values["kind"] not in KINDS:
        near = cli.suggest(values["kind"], KINDS)
        raise InputError(f"{path}: kind {values['kind']!r} is none of {', '.join(KINDS)}{near}")
    if values["name"] in (*TASKS, *NOT_A_NAME):
        raise InputError(f"{path}: {values['name']} is the name of a task here; give yours another one")
    if not values["name"].replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{path}: a name consists of letters, digits, - and _, got {values['name']!r}")
    if "train" not in values and "data" not in values:
        raise InputError(f'{path}: it names no data (train = "FILE", or data = "a data set")')
    known = [metric.name for metric in metrics_of(values["kind"])]
    if values.get("metric", known[0]) not in known:
        near = cli.suggest(values["metric"], known)
        raise InputError(f"{path}: metric {values['metric']!r} is none of {', '.join(known)}{near}")


def _columns(path: Path, kind: Kind, fields: Any) -> dict[str, str | tuple[str, ...]]:
    """Field -> its column or columns."""
    expected = KINDS[kind]
    if isinstance(fields, str):
        fields = [fields]
    if isinstance(fields, list):
        count = {"classification": 1, "pair": 2}.get(kind, len(expected))
        if len(fields) != count or not all(isinstance(name, str) and name for name in fields):
            what = f" ({', '.join(expected)})" if expected else ""
            raise InputError(
                f"{path}: a {kind} task reads {count} column{'s' if count > 1 else ''}{what}, got {fields}"
            )
        if len(set(fields)) < len(fields):
            raise InputError(f"{path}: fields names the column {fields[0]!r} twice")
        return dict(zip(expected or fields, fields, strict=True))
    if kind == "choice" and "passage" not in fields:
        expected = expected[1:]
    if not expected or set(fields) != set(expected):
        named = (
            f"fields = {{{', '.join(f'{name} = COLUMN' for name in expected)}}}" if expected else "fields = [COLUMN]"
        )
        raise InputError(f"{path}: the fields of a {kind} task are written {named}, got {fields}")
    return {name: _column(path, kind, name, fields[name]) for name in expected}


def _column(path: Path, kind: Kind, name: str, value: Any) -> str | tuple[str, ...]:
    """The column of a field; passages and choices may lie in several."""
    several = isinstance(value, list) and kind == "choice" and name != "question"
    names = value if several else [value]
    if not names or not all(isinstance(item, str) and item for item in names):
        what = "a column or a list of columns" if kind == "choice" and name != "question" else "a column"
        raise InputError(f"{path}: {name} of the fields must be {what}, got {value!r}")
    return tuple(names) if several else str(value)


def _check_roles(path: Path, columns: Mapping[str, str | tuple[str, ...]], label: str) -> None:
    """Refuse a column that is read twice, or whose answers the model would read."""
    read = [name for column in columns.values() for name in ((column,) if isinstance(column, str) else column)]
    doubled = next((name for name in read if read.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"{path}: fields names the column {doubled!r} twice")
    if label in read:
        raise InputError(f"{path}: column {label!r} is the label, so the model must not read it; take it out of fields")


def _labels(path: Path, kind: Kind, values: Sequence[Any]) -> tuple[str, ...]:
    """The named classes as the data spell them."""
    wrong = next((value for value in values if not isinstance(value, str | int) or str(value).strip() == ""), None)
    if wrong is not None:
        raise InputError(f"{path}: labels must be texts or whole numbers, got {wrong!r}")
    found = tuple(str(value).lower() if isinstance(value, bool) else str(value).strip() for value in values)
    doubled = next((label for label in found if found.count(label) > 1), None)
    if doubled is not None:
        raise InputError(f"{path}: labels names {doubled!r} twice")
    if len(found) == 1 and kind != "entities":
        raise InputError(f"{path}: labels names only one class, {found[0]!r}; there is nothing to learn")
    return found


def _resolved(path: Path, name: str, value: str) -> str:
    """A file beside the task file, absolute; a data set of the hub keeps its name."""
    beside = (path.parent / Path(value).expanduser()).resolve()
    if name == "data" and not beside.exists():
        return value
    if not beside.exists():
        near = cli.suggest(
            Path(value).name, [item.name for item in beside.parent.glob("*")] if beside.parent.is_dir() else []
        )
        raise InputError(f"{path}: {name} = {value!r}: no such file in {beside.parent}{near}")
    return str(beside)


def describe(spec: TaskSpec) -> str:
    """What makes a task of one's own an experiment: its fields without paths, words and what follows from the data."""
    beside = {"files", "source", "description", "title", "sizes", "first_choice"}
    values = {name: value for name, value in spec.to_dict().items() if name not in beside}
    return json.dumps(values, sort_keys=True, ensure_ascii=False)
