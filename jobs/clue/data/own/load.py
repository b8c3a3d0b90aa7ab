"""The data of a task file: read, split where there is no dev file, labels settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from engine.text.tasks import Example, TaskSpec
from jobs import cli
from jobs.cli import InputError
from jobs.clue.data import hub
from jobs.clue.data.own import classes, examples, memory, split, tables
from jobs.clue.data.own.examples import Found
from jobs.clue.data.parsing import Place

DATASET_SPLITS = {"dev": ("validation", "dev", "valid"), "train": ("train",), "test": ("test",)}

HELD_OUT = " (held out)"
"""behind the file whose rows were held out as dev"""

Rows = Iterator[tuple[Place, dict[str, Any]]]


@dataclass(slots=True)
class Splits:
    """What was read, with the task as its data settle it."""

    spec: TaskSpec
    train: list[Example]
    dev: list[Example]
    test: list[Example]
    files: dict[str, str]
    notes: list[str] = field(default_factory=list)


def load(spec: TaskSpec, *, limit: int | None = None, instead: dict[str, Path | None] | None = None) -> Splits:
    """Read every split of a task of one's own.

    Args:
        spec: from a task file.
        limit: only the first rows of every split.
        instead: split -> file to read instead of the task file's.
    """
    notes: list[str] = []
    files = dict(spec.files) | {name: str(path) for name, path in (instead or {}).items() if path}
    if limit is None:
        notes += filter(None, (memory.note(Path(path)) for name, path in files.items() if name != "data"))
    sources = _sources(spec, files, notes)
    if "train" not in sources:
        raise InputError(f"{spec.name}: the task file names no training data")
    found = {
        name: read(
            spec,
            islice(rows, limit),
            labelled=name != "test",
            where=files.get(name, files.get("data", "")),
            notes=notes,
        )
        for name, rows in sources.items()
    }
    train, dev, test = found["train"], found.get("dev"), found.get("test")
    spec = classes.settle(spec, train, dev, notes)
    if test:
        _number(spec, test, test.places[0].path, notes)
    if dev:
        dev_examples = dev.examples
        train_examples = train.examples
    else:
        kept, held_out = split.split(spec, train.examples, spec.dev_share)
        train_examples, dev_examples = ([train.examples[i] for i in side] for side in (kept, held_out))
        notes.append(
            f"no dev file: {len(held_out):,} of {len(train.examples):,} rows are held out, an equal share of each "
            "class, equal texts on one side, the same rows every time"
        )
        files["dev"] = f"{files.get('train', files.get('data', ''))}{HELD_OUT}"
    counts = {"train": train_examples, "dev": dev_examples, "test": test.examples if test else []}
    spec = replace(spec, sizes={name: len(rows) for name, rows in counts.items() if rows})
    where = {name: files.get(name, files.get("data", "")) for name in ("train", "dev", "test")}
    return Splits(spec, _unique(train_examples), _unique(dev_examples), test.examples if test else [], where, notes)


def read_file(spec: TaskSpec, path: Path, notes: list[str] | None = None) -> list[Example]:
    """Rows to predict of a task whose labels are settled; none is left out, and labels are optional."""
    notes = [] if notes is None else notes
    rows = tables.rows(path, encoding=spec.encoding, notes=notes)
    found = read(spec, rows, labelled=False, where=str(path), notes=notes)
    _number(spec, found, path, notes)
    return found.examples


def read(
    spec: TaskSpec,
    rows: Rows,
    *,
    labelled: bool,
    where: str,
    notes: list[str] | None = None,
) -> Found:
    """Examples of rows.

    Raises:
        InputError: naming file and row.
    """
    found = Found()
    for place, row in rows:
        examples.add(spec, found, place, row, labelled=labelled)
    if not found.examples:
        raise InputError(f"{where}: no {'labelled ' if labelled else ''}rows with text")
    name = where.rsplit("/", 1)[-1]
    said = {
        f"{name}: {found.empty:,} rows with an empty text or label are left out": found.empty,
        f"{name}: {found.blank:,} rows with an empty text (answered like any other)": found.blank,
        f"{name}: {found.halves:,} rows hold half a surrogate pair, written as U+FFFD": found.halves,
    }
    if notes is not None:
        notes += [note for note, count in said.items() if count]
    return found


def _sources(spec: TaskSpec, files: dict[str, str], notes: list[str]) -> dict[str, Rows]:
    sources = dataset(files["data"]) if "data" in files else {}
    for name in ("train", "dev", "test"):
        if name in files:
            sources[name] = tables.rows(Path(files[name]), encoding=spec.encoding, notes=notes)
    return sources


def dataset(name: str) -> dict[str, Rows]:
    """Splits of a data set of the hub (`owner/name`, `owner/name:config`) or of a folder that `datasets` saved."""
    import datasets  # heavy: only for its data sets

    path = Path(name)
    if path.is_file():
        raise InputError(
            f"data = {name!r} is a file: name it by train = ... (data is a data set of the hub or a folder)"
        )
    away = not path.exists() and not hub.reachable()
    known = datasets.config.HF_HUB_OFFLINE
    try:
        datasets.config.HF_HUB_OFFLINE = known or away  # then only what was downloaded before is looked for
        saved = any((path / mark).is_file() for mark in ("dataset_dict.json", "state.json"))
        title, _, config = (name, "", "") if path.exists() else name.partition(":")
        loaded = datasets.load_from_disk(name) if saved else datasets.load_dataset(title, config or None)
    except Exception as error:  # whatever goes wrong in a download or a folder
        reason = (str(error).splitlines() or [""])[0]
        if away:
            reason = "the hub cannot be reached, and no earlier download lies on this machine"
        elif "Config name is missing" in reason:
            choices = str(error).partition("among the available configs:")[2].partition("\n")[0].strip()
            reason = f'it has several parts {choices:.200}; name one as data = "{name}:PART"'
        raise InputError(f"data set {name!r} cannot be loaded: {reason} ({type(error).__name__})") from error
    finally:
        datasets.config.HF_HUB_OFFLINE = known
    splits = loaded if isinstance(loaded, dict) else {"train": loaded}
    chosen = {ours: next((s for s in theirs if s in splits), None) for ours, theirs in DATASET_SPLITS.items()}
    if chosen["train"] is None:
        raise InputError(
            f"data set {name!r} has no split 'train'{cli.suggest('train', splits)} (it has {', '.join(splits)})"
        )
    return {ours: _dataset_rows(name, splits[theirs]) for ours, theirs in chosen.items() if theirs}


def _dataset_rows(name: str, rows: Any) -> Rows:
    """Rows with the names of their classes, also of lists of them (tags)."""
    kinds = {column: getattr(kind, "feature", kind) for column, kind in rows.features.items()}
    names = {column: kind.names for column, kind in kinds.items() if hasattr(kind, "names")}
    for number, row in enumerate(rows, start=1):
        yield Place(Path(name), number), {**row, **{c: _named(row[c], titles) for c, titles in names.items()}}


def _named(value: Any, titles: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(item, titles) for item in value]
    return titles[value] if isinstance(value, int) and 0 <= value < len(titles) else None


def _number(spec: TaskSpec, found: Found, path: Path, notes: list[str]) -> None:
    """Labels of rows to predict as indices; those that are no class (-1, ?) count as missing, and this is said."""
    if spec.kind == "choice":
        classes.number_choices(spec, found)
    elif spec.kind in ("classification", "pair"):
        strange = classes.forget_strange(spec, found)
        classes.number_labels(spec, found)
        if strange:
            few = ", ".join(f"{count:,} of {label!r}" for label, count in strange.most_common(5))
            notes.append(f"{path.name}: labels that are no class of {spec.name} count as missing ({few})")


def _unique(rows: list[Example]) -> list[Example]:
    """Row numbers for ids where the ids are not unique; each row a group of its own."""
    if len({row.example_id for row in rows}) == len(rows):
        return rows
    return [replace(row, example_id=str(number), group=str(number)) for number, row in enumerate(rows)]
