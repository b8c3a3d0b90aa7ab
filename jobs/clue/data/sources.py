"""Find and read the data of a task: official files, else the hub, else the built-in sample.

Files lie under `<data_dir>/<task>/` with their official names; `--data-dir` or `CLUE_DATA_DIR` names the folder, and a
folder that was named but lacks the task is an error. Which of several test files is which version is told by the
number of rows, not by the name.
"""

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from engine.text.tasks import TASKS, Example, TaskSpec
from jobs.cli import InputError
from jobs.clue.data import hub, sample
from jobs.clue.data.files import PUBLIC, read_file
from jobs.clue.data.own import load as own
from jobs.clue.data.training_sets import of_split, refuse_missing

Source = Literal["files", "hub", "sample"]
PUBLIC_TEST = PUBLIC
"""version of FewCLUE's labelled test file, which has no submission"""
OWN_TEST = "own"
"""version of the test file of a task of one's own, which has no submission"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Everything read for one task."""

    spec: TaskSpec
    source: Source
    train: list[Example]
    dev: list[Example]
    tests: dict[str, list[Example]]
    """by version; the keys are those of spec.tests, or "public" """
    files: dict[str, str]
    """split -> file or files, joined by +"""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """sha256 of the train and dev examples"""
    official: tuple[str, ...] = ()
    """test versions whose file is the official one, whose labels are hidden"""
    notes: list[str] = field(default_factory=list)
    """what was dropped, chosen or replaced while reading, and differences to the official sizes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Files of a task in a folder."""

    folder: Path
    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    tests: tuple[Path, ...]


def load(
    spec: TaskSpec,
    *,
    data_dir: Path | None = None,
    limit: int | None = None,
    train_file: Path | None = None,
    dev_file: Path | None = None,
    test_file: Path | None = None,
    few_shot_split: str = "",
) -> Data:
    """Read a task's data.

    Args:
        spec: the task.
        data_dir: folder with a folder per task; None takes CLUE_DATA_DIR, else the hub, else the sample.
        limit: only the first rows of every split.
        train_file: read instead of the folder's train file.
        dev_file: read instead of the folder's dev file.
        test_file: read instead of the folder's test files.
        few_shot_split: which of FewCLUE's training sets: 0 to 4, or few_all; empty takes the task's usual files.

    Raises:
        InputError: if a named folder lacks the task, or a row is not as it must be (file and line are named).
    """
    if spec.own:
        return _load_own(spec, limit=limit, instead={"train": train_file, "dev": dev_file, "test": test_file})
    if few_shot_split:
        spec = of_split(spec, few_shot_split)
    source, found = _locate(spec, data_dir, overridden=bool(train_file and dev_file))
    if few_shot_split:
        refuse_missing(spec, found.folder)
    train_paths = (train_file,) if train_file else found.train
    dev_paths = (dev_file,) if dev_file else found.dev
    for split, paths, names in (("train", train_paths, spec.train_files), ("dev", dev_paths, spec.dev_files)):
        if not paths:
            raise InputError(f"{found.folder}: no {split} file of {spec.name} (expected {' or '.join(names)})")
    notes: list[str] = []
    (train, train_rows), (dev, dev_rows) = (_read_parts(spec, paths, notes) for paths in (train_paths, dev_paths))
    tests, test_files, test_rows = _read_tests(spec, (test_file,) if test_file else found.tests, source, notes)
    if not tests:
        notes.append("no test file, so no submission")
    for split, examples, rows, paths in (("train", train, train_rows, train_paths), ("dev", dev, dev_rows, dev_paths)):
        count = len(examples) if spec.sizes_count == "examples" else rows
        _compare_size(spec, split, count, paths, source, notes)
    cut = slice(None, limit)
    train, dev = train[cut], dev[cut]
    return Data(
        spec=spec,
        source=source,
        train=train,
        dev=dev,
        tests={version: examples[cut] for version, examples in tests.items()},
        files={"train": _join(train_paths), "dev": _join(dev_paths), **test_files},
        fingerprints={"train": fingerprint(train), "dev": fingerprint(dev)},
        official=() if source == "sample" else tuple(v for v in tests if is_official(spec, v, tests[v], test_rows[v])),
        notes=notes,
    )


def _load_own(spec: TaskSpec, *, limit: int | None, instead: dict[str, Path | None]) -> Data:
    found = own.load(spec, limit=limit, instead=instead)
    return Data(
        spec=found.spec,
        source="files",
        train=found.train,
        dev=found.dev,
        tests={OWN_TEST: found.test} if found.test else {},
        files=found.files,
        fingerprints={"train": fingerprint(found.train), "dev": fingerprint(found.dev)},
        notes=found.notes,
    )


def load_tests(
    spec: TaskSpec, *, data_dir: Path | None = None, test_file: Path | None = None
) -> dict[str, list[Example]]:
    """Read only the test files of a task, by version, from where `load` would take them."""
    if test_file:
        return _read_tests(spec, (test_file,), "files", [])[0]
    source, found = _locate(spec, data_dir, overridden=False)
    return _read_tests(spec, found.tests, source, [])[0]


def why_not_scored(data: Data, version: str) -> str:
    """Why the labels of a test file are not believed; empty if they are.

    The official test files have hidden labels, so what stands in one is a filler; one label in every row is one too.
    """
    if version in data.official:
        return "it is the official file, whose labels are hidden"
    if len({repr(example.label) for example in data.tests[version] if example.label is not None}) == 1:
        return "all its labels are the same"
    return ""


def is_official(spec: TaskSpec, version: str, examples: Sequence[Example], rows: int) -> bool:
    """Whether a test file is the official one: by its number of rows, and by its texts where those are known."""
    known = next((test for test in spec.tests if test.version == version), None)
    if known is None or rows != known.rows:
        return False
    return not known.fingerprint or known.fingerprint == text_fingerprint(examples)


def text_fingerprint(examples: Sequence[Example]) -> str:
    """16 hex digits of the sha256 over the input fields of the examples, in order, labels excluded."""
    return fingerprint([replace(example, label=None) for example in examples])[:16]


def read_rows(spec: TaskSpec, path: Path, notes: list[str] | None = None) -> list[Example]:
    """Read new rows in the task's format; labels are optional, and `notes` gets what there is to say about the file."""
    if spec.own:
        return own.read_file(spec, path, notes)
    found = read_file(spec, path, labelled=False, submitted=False)
    if notes is not None:
        notes += found.notes
    return found.examples


def fingerprint(examples: Sequence[Example]) -> str:
    """Sha256 over the input fields and labels of the examples, in order."""
    digest, spell = hashlib.sha256(), json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
    for example in examples:
        digest.update(spell([example.fields, example.label]).encode())
    return digest.hexdigest()


def find(spec: TaskSpec, data_dir: Path) -> Found | None:
    """Files of a task below a data folder; None if there is no folder of the task."""
    folders = [data_dir / name for name in (spec.name, *spec.folders)]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        return None
    tests = sorted(path for path in folder.glob("test*.json") if not path.stem.endswith("_answer"))
    return Found(
        folder=folder,
        train=_first_set(folder, spec.train_files),
        dev=_first_set(folder, spec.dev_files),
        tests=tuple(tests),
    )


def named_folder(data_dir: Path | None) -> Path | None:
    """The data folder that was named by the flag or by CLUE_DATA_DIR.

    Raises:
        InputError: if it is not a folder, or an empty one.
    """
    from_environment = os.environ.get("CLUE_DATA_DIR", "")
    folder = data_dir or (Path(from_environment) if from_environment else None)
    if folder is None:
        return None
    name = "--data-dir" if data_dir else "CLUE_DATA_DIR"
    if not folder.is_dir():
        raise InputError(f"{name}: {folder} is not a folder")
    if not any(folder.iterdir()):
        raise InputError(
            f"{name}: {folder} is empty (expected a folder per task, such as {folder / next(iter(TASKS))})"
        )
    return folder.expanduser()


def _locate(spec: TaskSpec, data_dir: Path | None, *, overridden: bool) -> tuple[Source, Found]:
    folder = named_folder(data_dir)
    if folder is not None:
        found = find(spec, folder)
        if found is None and not overridden:
            raise InputError(
                f"{folder} has no folder {' or '.join((spec.name, *spec.folders))} (it has {_listing(folder)})"
            )
        return "files", found or Found(folder=folder, train=(), dev=(), tests=())
    if overridden:
        return "files", Found(folder=Path(), train=(), dev=(), tests=())
    downloaded = hub.fetch(spec)
    if not downloaded and not sample.exists(spec.name):
        raise InputError(f"{spec.name} has no built-in sample: it needs --data-dir or CLUE_DATA_DIR")
    root = downloaded or sample.folder(spec.name)
    found = find(spec, root)
    if found is None:
        raise InputError(f"{root} has no folder {spec.name}")
    return ("hub" if downloaded else "sample"), found


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _first_set(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    for name in names:
        paths = tuple(folder / part for part in name.split("+"))
        if all(path.is_file() for path in paths):
            return paths
    return ()


def _join(paths: Sequence[Path]) -> str:
    return "+".join(str(path) for path in paths)


def _read_parts(spec: TaskSpec, paths: Sequence[Path], notes: list[str]) -> tuple[list[Example], int]:
    """Examples of the parts of one split, and the rows of their files."""
    parts = [read_file(spec, path, labelled=True) for path in paths]
    for part in parts:
        notes += part.notes
    examples = [example for part in parts for example in part.examples]
    if len({example.example_id for example in examples}) < len(examples):
        examples = [replace(example, example_id=str(i)) for i, example in enumerate(examples)]
    return examples, sum(part.rows for part in parts)


def _read_tests(
    spec: TaskSpec, paths: Sequence[Path], source: Source, notes: list[str]
) -> tuple[dict[str, list[Example]], dict[str, str], dict[str, int]]:
    """Examples, file and number of rows of each test version."""
    tests: dict[str, list[Example]] = {}
    files: dict[str, str] = {}
    rows: dict[str, int] = {}
    official = {test.version: test.rows for test in spec.tests}
    parts = [(path, read_file(spec, path, labelled=False)) for path in paths]
    parts.sort(key=lambda item: item[1].rows not in official.values())  # files of a known size choose first
    for path, part in parts:
        notes += part.notes
        version = version_of_test(spec, path, part.rows, taken=tests)
        if version is None:
            notes.append(f"{path.name}: a further test file of {part.rows:,} rows, not used")
            continue
        if source != "sample" and part.rows != official.get(version, part.rows):
            notes.append(f"{path.name}: {part.rows:,} rows, the official test {version} has {official[version]:,}")
        tests[version], files[f"test {version}"], rows[version] = part.examples, str(path), part.rows
    return tests, files, rows


def version_of_test(spec: TaskSpec, path: Path, n_rows: int, *, taken: Collection[str]) -> str | None:
    """Version of a test file by its number of rows, and by its name only where that leaves a choice.

    None if the version is taken by another file.
    """
    if path.stem == f"test_{PUBLIC}":
        return PUBLIC_TEST
    by_rows = [test for test in spec.tests if test.rows == n_rows and test.version not in taken]
    if not by_rows:
        by_rows = [test for test in spec.tests if test.version not in taken]
    by_name = [test for test in by_rows if test.file == path.name]
    return next((test.version for test in (*by_name, *by_rows)), None)


def _compare_size(
    spec: TaskSpec, split: str, count: int, paths: Sequence[Path], source: Source, notes: list[str]
) -> None:
    official = spec.sizes.get(split)
    names = "+".join(path.name for path in paths)
    if source == "sample":
        return
    if official and count != official:
        notes.append(f"{split}: {count:,} rows of {names}, the official file has {official:,}")
    elif len(spec.train_files) > 3 and split == "train":
        notes.append(f"train: {names}")
