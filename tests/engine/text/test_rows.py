"""Ragged rows of token ids: what a split looks like to the training loop."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.text.rows import kept_lengths, pack

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))


def _pop_one_by_one(lengths, budget):
    lengths = list(lengths)
    while sum(lengths) > budget:
        lengths[int(np.argmax(lengths))] -= 1
    return lengths


def test_three_parts_are_cut_as_in_the_reference():
    case = ORACLE["tokenizer"]["truncate_example"]
    kept = kept_lengths([len(case[name]) for name in case["order_given"]], case["maxlen"])
    assert kept == [len(case["after"][name]) for name in case["order_given"]]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(0, 120))
def test_cutting_in_steps_is_cutting_one_by_one(lengths, budget):
    assert kept_lengths(lengths, budget) == _pop_one_by_one(lengths, budget)


@given(st.lists(st.lists(st.integers(0, 1000), max_size=9), max_size=9))
def test_packed_rows_come_out_again(rows):
    flat, offsets = pack(rows)
    assert [flat[a:b].tolist() for a, b in pairwise(offsets)] == rows
