import json
from pathlib import Path

import numpy as np
import pytest

from engine.text.classification import encode_texts, texts_of
from engine.text.csl import join_keywords
from engine.text.decode import decode, spell
from engine.text.encode import encode
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
TOKENIZER = WordPiece([*SPECIALS, *"我爱北京上海一二三四五六七"])


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
