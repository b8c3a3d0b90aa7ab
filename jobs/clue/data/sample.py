"""The built-in sample: small sets of all eleven tasks in the official formats, written by a generator.

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
from jobs.clue.data.samples import classification, entities, pairs, reading

VERSION = 3
"""raised when the generated files change"""
_LINES: dict[str, tuple[Callable[[Random], dict[str, Any]], int, int, int]] = {
    "iflytek": (classification.iflytek, 2400, 500, 200),
    "tnews": (classification.tnews, 4000, 800, 200),
    "cluewsc2020": (classification.cluewsc2020, 1200, 400, 200),
    "afqmc": (pairs.afqmc, 4000, 800, 200),
    "cmnli": (pairs.cmnli, 3000, 800, 200),
    "ocnli": (pairs.ocnli, 3000, 800, 200),
    "csl": (pairs.csl, 2400, 600, 200),
    "cluener": (entities.cluener, 1600, 500, 200),
}
"""generator and rows of train, dev and test"""
_TWO_TESTS = ("tnews", "cluewsc2020")


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
    if task == "cmrc2018":
        _write_cmrc(target)
    elif task == "c3":
        _write_c3(target)
    elif task == "chid":
        _write_chid(target)
    else:
        _write_rows(task, target)


def _write_rows(task: str, target: Path) -> None:
    make, *counts = _LINES[task]
    names = {"train": "train.50k" if task == "ocnli" else "train", "dev": "dev", "test": "test"}
    for split, count in zip(names, counts, strict=True):
        rows = _rows(make, Random(f"{task}-{split}"), count)
        if split == "test":
            rows = [
                {"id": i, **{k: v for k, v in row.items() if not k.startswith("label")}} for i, row in enumerate(rows)
            ]
            if task in _TWO_TESTS:
                _lines(target / "test1.0.json", rows[: count // 2])
        elif task == "csl":
            rows = [{"id": i, **row} for i, row in enumerate(rows)]
        _lines(target / f"{names[split]}.json", rows)


def _unlabelled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("label")}


def _rows(make: Callable[[Random], dict[str, Any]], rng: Random, count: int) -> list[dict[str, Any]]:
    return [make(rng) for _ in range(count)]


def _write_cmrc(target: Path) -> None:
    for split, count in (("train", 380), ("dev", 130), ("test", 40)):
        rng = Random(f"cmrc2018-{split}")
        data = [{"paragraphs": [reading.cmrc_paragraph(rng, i, split=split)]} for i in range(count)]
        _json(target / f"{split}.json", {"version": "v1.0", "data": data})


def _write_c3(target: Path) -> None:
    for split, count in (("train", 300), ("dev", 130)):
        for part in "md":
            rng = Random(f"c3-{part}-{split}")
            rows = [reading.c3_document(rng, i, split=split, dialogue=part == "d") for i in range(count)]
            _json(target / f"{part}-{split}.json", rows)
    for version, count in (("1.0", 60), ("1.1", 40)):
        rng = Random(f"c3-test{version}")
        documents = [reading.c3_document(rng, i, split="test", dialogue=i % 2 == 0) for i in range(count)]
        _json(target / f"test{version}.json", documents)


def _write_chid(target: Path) -> None:
    blank = 0
    for split, count in (("train", 650), ("dev", 200), ("test1.0", 40), ("test1.1", 40)):
        rng = Random(f"chid-{split}")
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
