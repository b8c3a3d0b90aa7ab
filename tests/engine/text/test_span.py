import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.decode import decode, spell
from engine.text.encode import encode
from engine.text.span import window_starts, windows
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
SPEC = TASKS["cmrc2018"]
TOKENIZER = WordPiece(
    [*SPECIALS, *"我爱北京上海大学在哪里一二三四五六七八九。，0123456789", "##0", "##1", "##2", "##9", "20", "201"]
)


@pytest.mark.parametrize("case", ORACLE["cmrc_windows"]["cases"], ids=lambda case: case["answer"])
def test_windows_are_those_of_the_reference(case):
    base = ORACLE["cmrc_windows"]
    found = windows(
        base["question"],
        base["context"],
        case["answer"],
        case["answer_start"],
        max_length=base["maxlen"],
        stride=base["stride"],
    )
    assert [list(window) for window in found] == case["windows"]


def test_features_are_those_of_the_reference():
    case = ORACLE["cmrc_features"]
    tokenizer = WordPiece(ORACLE["tokenizer"]["vocab"])
    fields = {"context": case["context"], "question": case["question"]}
    rows = encode(SPEC, [Example("q", fields, [(case["answer"], case["start"])])], tokenizer, training=True)
    assert rows.row(0).tolist() == case["token_ids"]
    assert rows.head_mask.tolist() == case["mask"]
    assert rows.targets.tolist() == [case["label"]]


@given(st.integers(0, 2000), st.integers(1, 600), st.integers(1, 200))
def test_windows_cover_the_text(n_characters, width, stride):
    starts = window_starts(n_characters, width, stride)
    assert starts[0] == 0
    assert starts[-1] + width >= n_characters
    assert all(start + width < n_characters for start in starts[:-1])


def _example(context, question, answers):
    return Example("q", {"context": context, "question": question}, answers)


def test_training_cuts_words_at_the_answer_and_evaluation_does_not_look():
    example = _example("我在2019年", "我在哪里", [("201", 2)])
    trained = encode(SPEC, [example], TOKENIZER, training=True)
    first, last = trained.targets[0]
    assert (first, last) != (0, 0)
    assert trained.starts[first] == 2
    assert trained.ends[last] == 5
    blind = encode(SPEC, [example], TOKENIZER)
    hidden = encode(SPEC, [_example("我在2019年", "我在哪里", None)], TOKENIZER)
    assert blind.tokens.tolist() == hidden.tokens.tolist()
    assert hidden.targets is None


def test_windows_hold_the_answer_or_point_at_cls():
    context = "我爱北京大学。" * 40
    rows = encode(SPEC, [_example(context, "在哪里", [("北京", 2)])], TOKENIZER, max_length=140, training=True)
    assert rows.n_rows == len(window_starts(len(context), 140 - 3 - 3, SPEC.stride)) > 1
    for i, (start, end) in enumerate(rows.targets):
        offset = rows.offsets[i]
        if (start, end) == (0, 0):
            assert rows.starts[offset + 4 + 1] != 0
        else:
            assert context[rows.starts[offset + start] : rows.ends[offset + end]] == "北京"
    assert (rows.targets[0] > 0).all()
    assert (rows.targets[-1] == 0).all()
    assert rows.truncated == 1


def test_every_answer_has_windows_until_a_placeholder():
    answers = [("北京", 2), ("爱北京", 1), ("FAKE", -1), ("京", 3)]
    rows = encode(SPEC, [_example("我爱北京", "在哪里", answers)], TOKENIZER, training=True)
    assert rows.n_rows == 3
    assert rows.targets.tolist() == [[7, 8], [6, 8], [0, 0]]
    assert encode(SPEC, [_example("我爱北京", "在哪里", answers)], TOKENIZER).n_rows == 1


def test_the_best_window_gives_the_answer():
    context = "我爱北京大学。" * 40
    example = _example(context, "在哪里", [("北京", 2)])
    rows = encode(SPEC, [example], TOKENIZER, max_length=140)
    outputs = np.zeros((rows.n_rows, 4))
    outputs[:, 1:3] = 5
    outputs[:, 3] = np.log(0.25)
    outputs[1] = [9.0, 7, 8, np.log(0.75)]
    decoded = decode(SPEC, rows, [example], outputs)
    start = int(rows.starts[rows.offsets[1] + 7])
    assert decoded.predictions == [(context[start : start + 2], start)]
    assert decoded.confidence == pytest.approx([0.75])
    assert spell(SPEC, example, decoded.predictions[0]) == context[start : start + 2]


def test_a_question_without_a_valid_cell_gets_an_empty_answer():
    example = _example("我爱北京", "在哪里", [("北京", 2)])
    rows = encode(SPEC, [example], TOKENIZER)
    decoded = decode(SPEC, rows, [example], np.array([[-np.inf, 0, 0, -np.inf]]))
    assert decoded.predictions == [("", 0)]
    assert decoded.confidence.tolist() == [0]


def test_a_question_that_fills_the_row_is_refused():
    with pytest.raises(ValueError, match="max_length=16 leaves no room for a passage after a question of 13"):
        encode(SPEC, [_example("我", "我" * 13, None)], TOKENIZER, max_length=16)


@given(st.text(alphabet="我爱北京2019。 ", min_size=1, max_size=60), st.data())
def test_tokens_of_a_window_are_those_of_its_text(context, data):
    max_length = data.draw(st.integers(12, 40))
    rows = encode(SPEC, [_example(context, "在哪里", None)], TOKENIZER, max_length=max_length)
    for i, start in enumerate(window_starts(len(context), max_length - 6, SPEC.stride)):
        (tokens,) = TOKENIZER.encode([context[start : start + max_length - 6]])
        window = rows.head_mask[rows.offsets[i] : rows.offsets[i + 1]].astype(bool)
        window[0] = False
        assert rows.row(i)[window].tolist() == tokens.ids
