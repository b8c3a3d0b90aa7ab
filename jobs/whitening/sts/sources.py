"""Find and read the sentence-pair sets that whitening is evaluated on.

Under `--data-dir` or `CLUE_DATA_DIR` the Chinese sets lie as `senteval_cn/<NAME>/<NAME>.<split>.data` and the English
ones as in SentEval below `sts_en/`; the two folders may also be named themselves, and so may a folder of
WhiteningBERT's files (`<task>[.<subset>]-test.csv`). Without a folder the hub is asked, and without the hub a
built-in sample of graded pairs stands in, marked as such.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs.cli import InputError, suggest
from jobs.clue.data.hub import reachable
from jobs.clue.data.sources import named_folder
from jobs.whitening.sts.files import expected_files, find, make_pairs, numbered_lines, read_table
from jobs.whitening.sts.hub import fetch
from jobs.whitening.sts.sample import pairs
from jobs.whitening.sts.sets import CHINESE, SAMPLE, STS_SETS, StsData, StsSpec


def load(names: Sequence[str] = (), *, data_dir: Path | None = None, limit: int | None = None) -> list[StsData]:
    """Read sets of sentence pairs.

    Args:
        names: names of `STS_SETS`, `sample`, or paths of tab-separated files; () takes all sets the folder has.
        data_dir: folder with the files; None takes CLUE_DATA_DIR, else the hub, else the sample.
        limit: only the first pairs of every subset.

    Raises:
        InputError: if a name is unknown, a named folder lacks the set, or a line is not as it must be.
    """
    folder = named_folder(data_dir)
    wanted = [name if _is_path(name) else _known(name) for name in names] or _default(folder)
    sets = [_load_one(name, folder) for name in wanted]
    if limit is not None:
        sets = [_limited(one, limit) for one in sets]
    return list({one.spec.name: one for one in sets}.values())


def nli(spec: StsSpec, *, data_dir: Path | None = None) -> list[str]:
    """Sentences of inference sets in the language of `spec`, duplicates kept: text that is not the target's.

    SNLI (dev and test, all that is laid out below `sts_en/SNLI`) for English, OCNLI and CMNLI train for Chinese.

    Raises:
        InputError: if the data folder has none of them.
    """
    folder = named_folder(data_dir)
    found = [] if folder is None else _nli_files(spec, folder)
    if not found:
        wanted = "sts_en/SNLI/s1.*" if spec.language == "en" else "ocnli/train*.json or cmnli/train.json"
        raise InputError(f"--statistics nli: {folder or 'no data folder was named, it'} lacks {wanted}")
    if spec.language == "en":
        return [line for path in found for line in read_sentences(path)]
    rows = [json.loads(line) for path in found for line in read_sentences(path)]
    return [row[side] for row in rows for side in ("sentence1", "sentence2") if row[side].strip()]


def read_sentences(path: Path) -> list[str]:
    """Lines of a text file that are not empty."""
    lines = [line for _, line in numbered_lines(path)]
    if not lines:
        raise InputError(f"{path} has no sentences")
    return lines


def _nli_files(spec: StsSpec, folder: Path) -> list[Path]:
    if spec.language == "en":
        return sorted(path for base in ("sts_en/SNLI", "SNLI") for path in (folder / base).glob("s[12].*"))
    largest = sorted((folder / "ocnli").glob("train*.json"), key=lambda path: path.stat().st_size)[-1:]
    cmnli = folder / "cmnli" / "train.json"
    return largest + ([cmnli] if cmnli.is_file() else [])


def _is_path(name: str) -> bool:
    return name.endswith((".tsv", ".csv", ".txt", ".data")) or "/" in name


def _known(name: str) -> str:
    if name not in STS_SETS and name != SAMPLE.name:
        names = (*STS_SETS, SAMPLE.name)
        raise InputError(
            f"unknown data set {name!r}{suggest(name, names)} (expected {', '.join(names)} or a .tsv file)"
        )
    return name


def _default(folder: Path | None) -> list[str]:
    if folder is None:
        return list(CHINESE) if reachable() else [SAMPLE.name]
    found = [name for name, spec in STS_SETS.items() if find(spec, folder)]
    if not found:
        raise InputError(
            f"{folder} has none of the sets {', '.join(STS_SETS)} (expected senteval_cn/ or sts_en/ in it)"
        )
    return found


def _load_one(name: str, folder: Path | None) -> StsData:
    if _is_path(name):
        return _from_file(Path(name))
    if name == SAMPLE.name:
        return _sample()
    spec = STS_SETS[name]
    if folder is not None:
        readers = find(spec, folder)
        if not readers:
            raise InputError(f"{folder} lacks the set {name} (expected {expected_files(spec)})")
        return _checked_set(StsData(spec=spec, source="files", parts=tuple(read() for read in readers)))
    parts = fetch(spec)
    return StsData(spec=spec, source="hub", parts=parts) if parts else _sample()


def _sample() -> StsData:
    return StsData(spec=SAMPLE, source="sample", parts=pairs())


def _checked_set(data: StsData) -> StsData:
    if not data.split("test"):
        raise InputError(f"{data.spec.name} has no test pairs (found {', '.join(data.splits) or 'nothing'})")
    for part in data.split("test"):
        if part.gold.min() == part.gold.max():
            raise InputError(
                f"the gold scores of {data.spec.name} {part.subset or 'test'} are all equal ({part.gold[0]:g}): "
                "there is no ranking to correlate with"
            )
    return data


def _limited(data: StsData, limit: int) -> StsData:
    cut = slice(limit)
    parts = [replace(p, first=p.first[cut], second=p.second[cut], gold=p.gold[cut]) for p in data.parts]
    return _checked_set(StsData(spec=data.spec, source=data.source, parts=tuple(parts)))


def _from_file(path: Path) -> StsData:
    rows = read_table(path, columns=(0, 1, 2), expected=3)
    spec = StsSpec(name=path.stem, title=path.stem, language="zh", similar=_upper_half(rows), hub="")
    return _checked_set(StsData(spec=spec, source="files", parts=(make_pairs("test", "", rows),)))


def _upper_half(rows: Sequence[tuple[str, str, float]]) -> float:
    scores = [score for _, _, score in rows]
    return (min(scores) + max(scores)) / 2
