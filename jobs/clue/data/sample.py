"""The built-in sample: small sets of the tasks in the official formats, written by a generator.

The texts are made up, so their scores say that the machinery works and nothing about the tasks. They are learnable (a
small model from scratch comes clearly above chance) and noisy (no model reaches 100%).
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from jobs.caches import cache_folder
from jobs.clue.data import training_sets
from jobs.clue.data.samples import classification, entities, few_shot, pairs, reading

VERSION = 3
"""raised when the generated files change"""


def _rows(
    make: Callable[[Random], dict[str, Any]],
    counts: tuple[int, int, int],
    *,
    train: str = "train",
    ids: bool = False,
    two_tests: bool = False,
) -> Callable[[str, Path], None]:
    """A writer of one row a line.

    Args:
        make: generator of one row.
        counts: rows of train, dev and test.
        train: name of the training file.
        ids: labelled rows have an id too.
        two_tests: the first half of the test rows is also a second test file.
    """

    def write_rows(task: str, target: Path) -> None:
        for split, file, count in zip(("train", "dev", "test"), (train, "dev", "test"), counts, strict=True):
            rng = Random(f"{task}-{split}")
            rows = [make(rng) for _ in range(count)]
            if split == "test":
                rows = [_unlabelled(row) for row in rows]
                if two_tests:
                    _lines(target / "test1.0.json", _numbered(rows[: count // 2]))
            _lines(target / f"{file}.json", _numbered(rows) if ids or split == "test" else rows)

    return write_rows


def _few_shot(
    make: Callable[..., dict[str, Any]], classes: int, each: int, *, tested: int
) -> Callable[[str, Path], None]:
    """A writer of FewCLUE's files: five training sets with their dev sets, all together, and two test files.

    Args:
        make: generator of one row of a class.
        classes: number of classes.
        each: rows of a class in one training set.
        tested: rows of the public test file; the other, without labels, has half as many.
    """

    def write_rows(task: str, target: Path) -> None:
        for part in ("train", "dev"):
            rng = Random(f"{task}-{part}")
            joined: dict[str, dict[str, Any]] = {}
            for number in training_sets.NUMBERED:
                rows = _numbered(make(rng, label) for label in range(classes) for _ in range(each))
                rng.shuffle(rows)
                _lines(target / f"{part}_{number}.json", rows)
                joined |= {json.dumps({**row, "id": 0}): row for row in rows}
            _lines(target / f"{part}_{training_sets.JOINED}.json", joined.values())
        rng = Random(f"{task}-test")
        rows = _numbered(make(rng, rng.randrange(classes)) for _ in range(tested + tested // 2))
        _lines(target / "test_public.json", rows[:tested])
        _lines(target / "test.json", map(_unlabelled, rows[tested:]))

    return write_rows


def _unlabelled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("label")}


def _numbered(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": i, **row} for i, row in enumerate(rows)]


def _squad(task: str, target: Path) -> None:
    for split, count in (("train", 380), ("dev", 130), ("test", 40)):
        rng = Random(f"{task}-{split}")
        data = [{"paragraphs": [reading.cmrc_paragraph(rng, i, split=split)]} for i in range(count)]
        _json(target / f"{split}.json", {"version": "v1.0", "data": data})


def _documents(task: str, target: Path) -> None:
    for split, count in (("train", 300), ("dev", 130)):
        for part in "md":
            rng = Random(f"{task}-{part}-{split}")
            rows = [reading.c3_document(rng, i, split=split, dialogue=part == "d") for i in range(count)]
            _json(target / f"{part}-{split}.json", rows)
    for version, count in (("1.0", 60), ("1.1", 40)):
        rng = Random(f"{task}-test{version}")
        documents = [reading.c3_document(rng, i, split="test", dialogue=i % 2 == 0) for i in range(count)]
        _json(target / f"test{version}.json", documents)


def _blanks(task: str, target: Path) -> None:
    blank = 0
    for split, count in (("train", 650), ("dev", 200), ("test1.0", 40), ("test1.1", 40)):
        rng = Random(f"{task}-{split}")
        rows: list[dict[str, Any]] = []
        answers: dict[str, int] = {}
        for _ in range(count):
            row, found = reading.chid_line(rng, blank)
            blank += len(found)
            rows.append(row)
            answers |= found
        _lines(target / f"{split}.json", rows)
        if not split.startswith("test"):
            _json(target / f"{split}_answer.json", answers)


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


_WRITERS: dict[str, Callable[[str, Path], None]] = {
    "iflytek": _rows(classification.iflytek, (2400, 500, 200)),
    "tnews": _rows(classification.tnews, (4000, 800, 200), two_tests=True),
    "cluewsc2020": _rows(classification.cluewsc2020, (1200, 400, 200), two_tests=True),
    "afqmc": _rows(pairs.afqmc, (4000, 800, 200)),
    "cmnli": _rows(pairs.cmnli, (3000, 800, 200)),
    "ocnli": _rows(pairs.ocnli, (3000, 800, 200), train="train.50k"),
    "csl": _rows(pairs.csl, (2400, 600, 200), ids=True),
    "cmrc2018": _squad,
    "c3": _documents,
    "chid": _blanks,
    "cluener": _rows(entities.cluener, (1600, 500, 200)),
    "eprstmt": _few_shot(few_shot.eprstmt, 2, 16, tested=600),
    "csldcp": _few_shot(few_shot.csldcp, 67, 8, tested=900),
    "bustm": _few_shot(few_shot.bustm, 2, 16, tested=600),
}
"""task -> what writes its sample into a folder"""


def exists(task: str) -> bool:
    """Whether a task has a sample."""
    return task in _WRITERS


def folder(task: str) -> Path:
    """A data folder that has the sample of a task, written on first use."""
    root = cache_folder() / f"sample-{VERSION}"
    if not (root / task).is_dir():
        part = root / f".{task}.{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        write(task, part)
        try:
            part.rename(root / task)
        except OSError:  # another process was faster
            shutil.rmtree(part)
    return root


def write(task: str, target: Path) -> None:
    """Write the sample of a task into a folder; the same on every machine."""
    _WRITERS[task](task, target)
