"""Examples of two settings: what most seeds say, which rows differ, in what order; and slices offered to the test."""

import json
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.frames import example_filters
from dashboard.frames.comparison import paired_predictions, seed_votes, slice_candidates


def frame(answers, confidence, labels=("x", "x", "y")):
    return pl.DataFrame(
        {
            "example_id": [str(i) for i in range(3)],
            "hash": [f"{i:016x}" for i in range(3)],
            "label": list(labels),
            "prediction": list(answers),
            "confidence": list(confidence),
        }
    )


SEEDS = (frame("xxy", (0.9, 0.6, 0.5)), frame("xyx", (0.7, 0.8, 0.9)), frame("xyy", (0.5, 0.4, 0.7)))


def test_an_answer_is_what_most_seeds_say_with_how_many_agree():
    voted = seed_votes.votes(SEEDS)
    assert voted["prediction"].to_list() == ["x", "y", "y"]
    assert voted["agree"].to_list() == [3, 2, 2]
    assert voted["rights"].to_list() == [3, 1, 2]
    assert voted["confidence"].to_list() == pytest.approx([0.7, 0.6, 0.6])


def test_two_seeds_that_disagree_are_settled_by_the_surer_one_in_any_order():
    for order in ((0, 1), (1, 0)):
        voted = seed_votes.votes([SEEDS[i] for i in order])
        assert voted["prediction"].to_list() == ["x", "y", "x"]


def test_flips_are_gained_and_lost_rows_and_the_ones_most_seeds_differ_on_come_first():
    other = tuple(frame("yxx", (0.9, 0.9, 0.2)) for _ in range(3))
    pairing = paired_predictions.pair(SEEDS, other)
    rows = example_filters.with_outcome(SEEDS[0].with_columns(text=pl.lit("{}")), pairing)
    flips = example_filters.matching(rows, show="flips").sort("telling", descending=True)
    assert flips["example_id"].to_list() == ["0", "1", "2"]
    parts = [set(example_filters.matching(rows, show=name)["example_id"]) for name in ("gained", "lost")]
    assert parts == [{"1"}, {"0", "2"}]


def test_runs_fall_into_sides_by_their_settings():
    runs = [{"config_hash": digest, "seed": seed} for seed in (1, 2) for digest in "ab"]
    sides, told = example_filters.sides(runs)
    assert [[run["config_hash"] for run in side] for side in sides] == [["a", "a"], ["b", "b"]]
    assert not told
    assert example_filters.common_seeds(sides) == [1, 2]
    assert example_filters.pairs_said(sides) == "An answer is what most seeds say: 1, 2 of A, 1, 2 of B."
    assert example_filters.pairs_said([side[:1] for side in sides]) == "Pairs seed 1 of A with seed 1 of B."
    three = [*runs, {"config_hash": "c", "seed": 1}]
    assert "these runs have 3" in example_filters.sides(three)[1]


def test_classes_lengths_and_words_are_offered_as_slices():
    rng = np.random.default_rng(0)
    texts = [("花呗还款" if i % 4 == 0 else "借呗利息") + "天" * int(rng.integers(1, 40)) for i in range(400)]
    rows = pl.DataFrame(
        {
            "label": [str(i % 2) for i in range(400)],
            "text": [json.dumps({"sentence": text}, ensure_ascii=False) for text in texts],
        }
    )
    found = slice_candidates.candidates(rows, has_classes=True)
    assert found["with 花呗"].rows.sum() == 100
    assert found["with 花呗"].query == {"examples_word": "花呗"}
    assert found["label 1"].rows.sum() == 200
    short = next(item for name, item in found.items() if name.startswith("the shortest quarter"))
    low, high = map(int, short.query["examples_length"])
    lengths = rows["text"].str.len_chars()
    assert lengths.is_between(low, high).to_list() == short.rows.tolist()
    assert not any(name.startswith("label") for name in slice_candidates.candidates(rows, has_classes=False))


@given(st.lists(st.text(alphabet="花呗还款a bXYZ\n𠀀。", max_size=12), min_size=1, max_size=30))
def test_words_are_found_in_all_texts_at_once_as_in_each_alone(texts):
    counted = {}
    for number, text in enumerate(texts):
        for run in re.findall(r"[a-zA-Z]{2,}|[\u4e00-\u9fff]+", text):
            pieces = {run} if run.isascii() else {run[i : i + 2] for i in range(len(run) - 1)}
            for piece in pieces:
                counted.setdefault(piece, set()).add(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slice_candidates, "LEAST_ROWS", 0.25)  # once is enough
        found = slice_candidates._rows_of_pieces(pl.Series(texts))
    assert {piece: sorted(rows) for piece, rows in counted.items()} == {k: rows.tolist() for k, rows in found.items()}
