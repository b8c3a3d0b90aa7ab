"""Read sentence pairs from the files of SentEval, of its Chinese counterpart and of WhiteningBERT.

Files are split at line feeds and tabs alone: quotes mean nothing in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from jobs.cli import InputError
from jobs.text_lines import read_lines
from jobs.whitening.sts.sets import Pairs, StsSpec

Reader = Callable[[], Pairs]


def expected_files(spec: StsSpec) -> str:
    """Where the files of a set are looked for, for messages."""
    return f"sts_en/{spec.year}/" if spec.year else spec.files["test"]


def find(spec: StsSpec, folder: Path) -> list[Reader]:
    """What reads the files of a set below a folder, [] where it is not there."""
    if spec.year:
        for base in (folder / "sts_en" / spec.year, folder / spec.year):
            inputs = sorted(base.glob("STS.input.*.txt"))
            if inputs:
                return [partial(_read_subset, path) for path in inputs]
    for split, name in spec.files.items():
        for base in (folder / name, folder / name.partition("/")[2]):
            if split == "test" and base.is_file():
                root = base.parent
                found = [(s, root / Path(n).name) for s, n in spec.files.items() if (root / Path(n).name).is_file()]
                return [partial(_read_split, spec, s, path) for s, path in found]
    return [partial(_read_whitening_bert, spec, path) for path in _whitening_bert_files(spec, folder)]


def read_table(
    path: Path, *, columns: tuple[int, int, int], expected: int, skip: int = 0
) -> list[tuple[str, str, float]]:
    """Pairs and scores of a tab-separated file.

    Args:
        path: UTF-8, one pair a line, no quoting.
        columns: places of the two sentences and the score.
        expected: fewest columns of a line.
        skip: header lines.

    Raises:
        InputError: naming file and line of what is not as expected.
    """
    rows = []
    for number, line in numbered_lines(path):
        if number <= skip:
            continue
        cells = line.split("\t")
        if len(cells) < expected:
            raise InputError(
                f"{path}:{number}: expected at least {expected} tab-separated columns (two sentences and a score), "
                f"got {len(cells)}"
            )
        first, second, score = (cells[column] for column in columns)
        rows.append((*_checked(path, number, first, second), _score(path, number, score)))
    if not rows:
        raise InputError(f"{path} has no pairs")
    return rows


def _read_split(spec: StsSpec, split: str, path: Path) -> Pairs:
    if spec.language == "zh":
        rows = read_table(path, columns=(0, 1, 2), expected=3)
    elif spec.name == "sickr":
        rows = read_table(path, columns=(1, 2, 3), expected=4, skip=1)
    else:
        rows = read_table(path, columns=(5, 6, 4), expected=7)
    return make_pairs(split, "", rows)


def _read_subset(path: Path) -> Pairs:
    """A subset of a year of STS: pairs in one file, scores in another; pairs without a score are left out."""
    scores = dict(numbered_lines(path.with_name(path.name.replace("STS.input", "STS.gs")), empty=True))
    rows = []
    for number, line in numbered_lines(path):
        score = scores.get(number)
        if score is None:
            raise InputError(f"{path}:{number}: its file of scores has no such line")
        if not score.strip():
            continue
        cells = line.split("\t")
        if len(cells) < 2:
            raise InputError(f"{path}:{number}: expected two tab-separated sentences, got {len(cells)} column")
        rows.append((*_checked(path, number, cells[0], cells[1]), _score(path, number, score)))
    if not rows:
        raise InputError(f"{path} has no scored pairs")
    return make_pairs("test", path.name.removeprefix("STS.input.").removesuffix(".txt"), rows)


def _whitening_bert_files(spec: StsSpec, folder: Path) -> list[Path]:
    stem = {"stsb": "sts-b"}.get(spec.name, spec.name)
    if spec.language == "zh":
        return []
    return sorted([*folder.glob(f"{stem}-test.csv"), *folder.glob(f"{stem}.*-test.csv")])


def _read_whitening_bert(spec: StsSpec, path: Path) -> Pairs:
    subset = path.name.removesuffix("-test.csv").partition(".")[2] if spec.year else ""
    return make_pairs("test", subset, read_table(path, columns=(5, 6, 4), expected=7))


def make_pairs(split: str, subset: str, rows: Sequence[tuple[str, str, float]]) -> Pairs:
    """One subset from rows of two sentences and a score."""
    first, second, gold = (list(column) for column in zip(*rows, strict=True))
    return Pairs(split=split, subset=subset, first=first, second=second, gold=np.array(gold, float))


def numbered_lines(path: Path, *, empty: bool = False) -> list[tuple[int, str]]:
    """Numbered lines, split at line feeds alone."""
    numbered = list(enumerate(read_lines(path), start=1))
    return numbered if empty else [(number, line) for number, line in numbered if line.strip()]


def _checked(path: Path, number: int, first: str, second: str) -> tuple[str, str]:
    for name, sentence in (("first", first), ("second", second)):
        if not sentence.strip():
            raise InputError(f"{path}:{number}: the {name} sentence is empty")
    return first, second


def _score(path: Path, number: int, text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise InputError(f"{path}:{number}: expected a number as score, got {text!r}")
    return score
