import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.classification import encode_texts, texts_of
from engine.text.csl import join_keywords
from engine.text.decode import decode, spell
from engine.text.encode import encode
from engine.text.rows import kept_lengths, pack
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece
from engine.text.wsc import mark_spans

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
TOKENIZER = WordPiece([*SPECIALS, *"我爱北京上海一二三四五六七"])


def test_wsc_marks_are_those_of_the_reference():
    for row, (text, _) in zip(ORACLE["wsc"]["inputs"], ORACLE["wsc"]["outputs"], strict=True):
        assert mark_spans(row["text"], row["target"]) == text


def test_wsc_marks_touching_spans():
    target = {"span1_text": "小王", "span1_index": 0, "span2_text": "他", "span2_index": 2}
    assert mark_spans("小王他来了", target) == "_小王_[他]来了"


def test_csl_joins_with_the_full_width_semicolon():
    row, (joined, abstract, _) = ORACLE["csl"]["inputs"][0], ORACLE["csl"]["outputs"][0]
    assert join_keywords(row["keyword"]) == joined
    assert texts_of(TASKS["csl"], row) == (joined, abstract)


@pytest.mark.parametrize("case", ORACLE["tokenizer"]["encode"], ids=lambda case: f"{case['maxlen']}")
def test_rows_are_cut_as_in_the_reference(case):
    tokenizer = WordPiece(ORACLE["tokenizer"]["vocab"])
    if case["second"] is None:
        spec, fields = TASKS["tnews"], {"sentence": case["first"]}
    else:
        spec, fields = TASKS["afqmc"], {"sentence1": case["first"], "sentence2": case["second"]}
    rows = encode_texts(spec, [Example("0", fields, 1)], tokenizer, max_length=case["maxlen"])
    assert rows.row(0).tolist() == case["ids"]
    assert rows.truncated == 1
    assert rows.targets.tolist() == [1]


def test_three_parts_are_cut_as_in_the_reference():
    case = ORACLE["tokenizer"]["truncate_example"]
    kept = kept_lengths([len(case[name]) for name in case["order_given"]], case["maxlen"])
    assert kept == [len(case["after"][name]) for name in case["order_given"]]


def _pop_one_by_one(lengths, budget):
    lengths = list(lengths)
    while sum(lengths) > budget:
        lengths[int(np.argmax(lengths))] -= 1
    return lengths


@given(st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(0, 120))
def test_cutting_in_steps_is_cutting_one_by_one(lengths, budget):
    assert kept_lengths(lengths, budget) == _pop_one_by_one(lengths, budget)


@given(st.lists(st.lists(st.integers(0, 1000), max_size=9), max_size=9))
def test_packed_rows_come_out_again(rows):
    flat, offsets = pack(rows)
    assert [flat[a:b].tolist() for a, b in pairwise(offsets)] == rows


def test_rows_without_labels_have_no_targets_and_long_texts_are_counted():
    spec = TASKS["tnews"]
    examples = [Example("0", {"sentence": "我爱北京" * 40}), Example("1", {"sentence": "上海"}, 3)]
    rows = encode(spec, examples, TOKENIZER)
    assert rows.targets is None
    assert rows.truncated == 1
    assert rows.lengths.tolist() == [128, 4]
    assert rows.example.tolist() == [0, 1]


def test_a_max_length_without_room_is_refused():
    with pytest.raises(ValueError, match="max_length must be at least 8, got 3"):
        encode(TASKS["tnews"], [Example("0", {"sentence": "我"})], TOKENIZER, max_length=3)


def test_classes_are_decoded_with_their_probabilities():
    spec = TASKS["ocnli"]
    examples = [Example(str(i), {"sentence1": "我", "sentence2": "爱"}) for i in range(2)]
    rows = encode(spec, examples, TOKENIZER)
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], dtype=np.float32))
    decoded = decode(spec, rows, examples, logits)
    assert decoded.predictions == [0, 2]
    assert decoded.confidence == pytest.approx([0.7, 0.6], rel=1e-6)
    assert decoded.probs.dtype == np.float32
    assert [spell(spec, examples[0], i) for i in decoded.predictions] == ["entailment", "contradiction"]
    assert spell(spec, examples[0], None) == ""
