"""The order of names with numbers in them: `layer_2` before `layer_10`, `topk_5` before `topk_10`."""

import re
from collections.abc import Iterable

import polars as pl

Key = list[tuple[str, int, str]]


def key(name: str) -> Key:
    """Key of an order in which numbers within names count as numbers, of any length."""
    pairs = ((text, digits.lstrip("0")) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", name))
    return [(text, len(number), number) for text, number in pairs]


def ordered(names: Iterable[str]) -> list[str]:
    """The names in that order."""
    return sorted(names, key=key)


def places(names: pl.Series) -> pl.Series:
    """The place of each name of a column in that order, to sort a frame by."""
    kept = ordered(names.unique().to_list())
    return names.replace_strict(kept, list(range(len(kept))), return_dtype=pl.Int64)
