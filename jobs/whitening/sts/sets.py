"""The sets of sentence pairs that whitening is evaluated on: what they are, where they lie, what is read of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Source = Literal["files", "hub", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StsSpec:
    """What a set of sentence pairs is."""

    name: str
    """as in `--data` and in the store"""
    title: str
    """as in the papers"""
    language: Literal["zh", "en"]
    similar: float
    """gold score from which a pair counts as similar"""
    hub: str
    """data set on the hub with the columns sentence1, sentence2 and score"""
    max_length: int = 64
    """most tokens of a sentence, with [CLS] and [SEP]"""
    files: Mapping[str, str] = field(default_factory=dict)
    """split -> file below the data folder; {} for a year of STS"""
    year: str = ""
    """folder of a year of STS, whose subsets are all test"""


def _chinese(name: str, title: str, *, similar: float = 1, max_length: int = 64, hub: str = "") -> StsSpec:
    files = {
        split: f"senteval_cn/{title}/{title}.{theirs}.data"
        for split, theirs in (("train", "train"), ("dev", "valid"), ("test", "test"))
    }
    hub = hub or f"C-MTEB/{title}"
    return StsSpec(name=name, title=title, language="zh", similar=similar, max_length=max_length, hub=hub, files=files)


def _year(number: int) -> StsSpec:
    name = f"sts{number}"
    return StsSpec(
        name=name, title=name.upper(), language="en", similar=4, hub=f"mteb/{name}-sts", year=f"STS{number}-en-test"
    )


_STSB_EN = {split: f"sts_en/STSBenchmark/sts-{split}.csv" for split in ("train", "dev", "test")}
_SICK = {"train": "SICK_train.txt", "dev": "SICK_trial.txt", "test": "SICK_test_annotated.txt"}
_SPECS = (
    _chinese("atec", "ATEC"),
    _chinese("bq", "BQ"),
    _chinese("lcqmc", "LCQMC"),
    _chinese("pawsx", "PAWSX", max_length=128),
    _chinese("stsb-zh", "STS-B", similar=4, hub="C-MTEB/STSB"),
    *(_year(number) for number in range(12, 17)),
    StsSpec(name="stsb", title="STS-B", language="en", similar=4, hub="mteb/stsbenchmark-sts", files=_STSB_EN),
    StsSpec(
        name="sickr",
        title="SICK-R",
        language="en",
        similar=4.5,
        hub="mteb/sickr-sts",
        files={split: f"sts_en/SICK/{name}" for split, name in _SICK.items()},
    ),
)
STS_SETS: dict[str, StsSpec] = {spec.name: spec for spec in _SPECS}
CHINESE = tuple(spec.name for spec in _SPECS if spec.language == "zh")
ENGLISH = tuple(spec.name for spec in _SPECS if spec.language == "en")
SAMPLE = StsSpec(name="sample", title="built-in sample", language="zh", similar=4, hub="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Scored sentence pairs of one subset of one split."""

    split: str
    subset: str
    first: list[str]
    second: list[str]
    gold: np.ndarray  # (n,)


@dataclass(frozen=True, slots=True, kw_only=True)
class StsData:
    """Everything read of one set."""

    spec: StsSpec
    source: Source
    parts: tuple[Pairs, ...]

    def split(self, name: str) -> list[Pairs]:
        """The subsets of a split."""
        return [part for part in self.parts if part.split == name]

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are there, in the order train, dev, test."""
        return tuple(dict.fromkeys(part.split for part in self.parts))

    @property
    def fingerprint(self) -> str:
        """Sha256 over all texts and scores."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(f"{part.split}\t{part.subset}\n".encode())
            for first, second, gold in zip(part.first, part.second, part.gold, strict=True):
                digest.update(f"{first}\t{second}\t{gold:g}\n".encode())
        return digest.hexdigest()


def sentences(parts: Iterable[Pairs]) -> list[str]:
    """Both sides of all pairs, duplicates kept: all first sentences of a subset, then all second ones."""
    return [sentence for part in parts for side in (part.first, part.second) for sentence in side]
