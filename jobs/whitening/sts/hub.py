"""Sentence-pair sets from the hub, asked only if it answers within seconds; `CLUEBOARD_HUB=off` never asks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jobs.clue.data.hub import reachable
from jobs.whitening.sts.sets import Pairs, StsSpec

COLUMNS = ("sentence1", "sentence2", "score")
SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def fetch(spec: StsSpec) -> tuple[Pairs, ...]:
    """The splits of a set on the hub, () if it has none or cannot be reached.

    A year of STS has no subsets there: its three averages agree.
    """
    if not spec.hub or os.environ.get("CLUEBOARD_HUB") == "off" or not reachable():
        return ()
    try:
        import datasets

        loaded = datasets.load_dataset(spec.hub)
        parts = [_pairs(SPLITS[split], rows) for split, rows in loaded.items() if split in SPLITS]
    except Exception as error:  # whatever goes wrong in a download, the sample is there
        print(f"the hub's {spec.hub} could not be loaded ({type(error).__name__}), going on without", file=sys.stderr)
        return ()
    order = list(SPLITS.values())
    return tuple(sorted(parts, key=lambda part: order.index(part.split)))


def _pairs(split: str, rows: Iterable[Mapping[str, Any]]) -> Pairs:
    """Rows of the hub; those with an empty sentence are left out."""
    columns = [[row[name] for row in rows] for name in COLUMNS]
    kept = [row for row in zip(*columns, strict=True) if row[0].strip() and row[1].strip()]
    first, second, gold = (list(column) for column in zip(*kept, strict=True))
    return Pairs(split=split, subset="", first=first, second=second, gold=np.array(gold, float))
