import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.decode import decode, nest_entities, spell
from engine.text.encode import encode
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece, build_vocabulary

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
SPEC = TASKS["cluener"]


def _oracle_example():
    row = ORACLE["cluener"]["input"]
    found = [(t, s, e) for t, surfaces in row["label"].items() for spans in surfaces.values() for s, e in spans]
    return Example("0", {"text": row["text"]}, sorted(found, key=lambda item: item[1]))


def test_label_cells_are_those_of_the_reference():
    tokenizer = WordPiece(ORACLE["tokenizer"]["vocab"])
    rows = encode(SPEC, [_oracle_example()], tokenizer)
    assert [tokenizer.token(int(i)) for i in rows.row(0)] == ORACLE["cluener"]["tokens"]
    assert list(SPEC.labels) == ORACLE["cluener"]["categories"]
    assert sorted(map(list, rows.targets[0])) == sorted(ORACLE["cluener"]["label_ones"])


def test_cells_come_back_as_characters_and_special_tokens_have_none():
    tokenizer = WordPiece(ORACLE["tokenizer"]["vocab"])
    example = _oracle_example()
    rows = encode(SPEC, [example], tokenizer)
    cells = np.array([[0, 3, 4, 2.0], [6, 1, 1, 0.5], [1, 0, 0, 9.0], [1, 0, 3, 9.0], [2, 5, 6, 9.0]])
    decoded = decode(SPEC, rows, [example], [cells])
    assert decoded.predictions == [[("name", 0, 0), ("address", 2, 3)]]
    assert decoded.confidence == pytest.approx([1 / (1 + np.exp(-0.5))])
    assert json.loads(spell(SPEC, example, decoded.predictions[0])) == ORACLE["cluener"]["input"]["label"]


def test_spans_inside_a_word_are_no_targets_but_counted():
    tokenizer = WordPiece([*SPECIALS, "我", "abc"])
    rows = encode(SPEC, [Example("0", {"text": "我abc"}, [("name", 1, 2), ("name", 1, 3)])], tokenizer)
    assert rows.targets == [[(6, 2, 2)]]
    assert rows.unaligned == 1


def test_entities_that_were_cut_off_are_counted():
    tokenizer = WordPiece([*SPECIALS, "我"])
    rows = encode(SPEC, [Example("0", {"text": "我" * 20}, [("name", 19, 19)])], tokenizer, max_length=10)
    assert (rows.truncated, rows.unaligned, rows.targets) == (1, 1, [[]])


def test_nesting_groups_by_type_and_surface():
    nested = nest_entities("北京到北京", [("address", 0, 1), ("address", 3, 4)])
    assert nested == {"address": {"北京": [[0, 1], [3, 4]]}}


@given(st.text(alphabet="我爱北京2019 Éeガか\u3099\u0301한İ\u200b", min_size=1, max_size=40), st.data(), st.booleans())
def test_a_taught_entity_is_its_gold_text_and_a_found_one_a_part_of_the_sentence(text, data, lower):
    tokenizer = WordPiece(build_vocabulary([text], min_count=1), lower=lower)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, len(text) - 1))
    example = Example("0", {"text": text}, [("name", start, end)])
    rows = encode(SPEC, [example], tokenizer, max_length=50)
    assert len(rows.targets[0]) + rows.unaligned == 1
    cells = [[(*cell, 1.0) for cell in rows.targets[0]]]
    (found,) = decode(SPEC, rows, [example], cells).predictions
    assert found == (example.label if rows.targets[0] else [])
