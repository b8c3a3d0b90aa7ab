import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evidence.metrics import score
from engine.text.decode import decode, spell
from engine.text.encode import encode
from engine.text.span import locate_answer, long_questions
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece, build_vocabulary

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
SPEC = TASKS["cmrc2018"]
TOKENIZER = WordPiece(
    [*SPECIALS, *"我爱北京上海大学在哪里一二三四五六七八九。，0123456789", "##0", "##1", "##2", "##9", "20", "201"]
)


@pytest.mark.parametrize("case", ORACLE["cmrc_windows"]["cases"], ids=lambda case: case["answer"])
def test_windows_are_those_of_the_reference_but_for_case(case):
    base = ORACLE["cmrc_windows"]
    example = _example(base["context"], base["question"], [(case["answer"], case["answer_start"])])
    spec = dataclasses.replace(SPEC, stride=base["stride"])
    tokenizer = WordPiece(build_vocabulary([base["context"], base["question"]], min_count=1))
    rows = encode(spec, [example], tokenizer, max_length=base["maxlen"], training=True)
    found = []
    for i, (first, last) in enumerate(rows.targets):
        offset = rows.offsets[i]
        starts = rows.starts[offset : rows.offsets[i + 1]]
        left, right = starts[starts >= 0][0], rows.ends[offset : rows.offsets[i + 1]].max()
        start, end = (rows.starts[offset + first] - left, rows.ends[offset + last] - left) if first else (-1, -1)
        text = base["context"][left:right].lower()
        found.append([text, text[start:end] if first else "", start, end])
    assert found == case["windows"]


def test_features_are_those_of_the_reference():
    case = ORACLE["cmrc_features"]
    tokenizer = WordPiece(ORACLE["tokenizer"]["vocab"])
    fields = {"context": case["context"], "question": case["question"]}
    rows = encode(SPEC, [Example("q", fields, [(case["answer"], case["start"])])], tokenizer, training=True)
    assert rows.row(0).tolist() == case["token_ids"]
    assert rows.head_mask.tolist() == case["mask"]
    assert rows.targets.tolist() == [case["label"]]


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
    assert rows.n_rows == 3  # 280 characters, 134 wide, from 0, 128 and 256
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


def test_a_question_that_fills_the_row_is_cut_and_named():
    examples = [_example("我爱北京" * 9, "我" * 8, None), _example("我爱北京" * 9, "我" * 6, None)]
    assert long_questions(SPEC, examples, TOKENIZER, max_length=16) == examples[:1]
    rows = encode(SPEC, examples, TOKENIZER, max_length=16)
    assert rows.lengths.max() <= 16
    assert set(rows.example) == {0, 1}


ANY = st.one_of(st.characters(), st.sampled_from("我爱北京2019。 Éeガか\u3099\u0301한국İ\u200b\ufe0fß①"))
EVERY_CHARACTER = WordPiece(
    [*build_vocabulary(["我爱北京2019。Éeガか한국İß가나"], min_count=1), "20", "201", "##19"], lower=True
)
CASED = WordPiece(EVERY_CHARACTER.vocabulary, lower=False)


@given(st.text(alphabet=ANY, min_size=1, max_size=60), st.integers(12, 40), st.booleans())
def test_windows_leave_out_no_token_and_fit_the_row(context, max_length, lower):
    tokenizer = EVERY_CHARACTER if lower else CASED
    rows = encode(SPEC, [_example(context, "在哪里", None)], tokenizer, max_length=max_length)
    assert rows.lengths.max() <= max_length
    (tokens,) = tokenizer.encode([context])
    held = {at for start, end in zip(rows.starts, rows.ends, strict=True) for at in range(start, end)}
    assert set(tokens.starts) <= held


@given(st.text(alphabet=ANY, min_size=1, max_size=60), st.data(), st.booleans())
def test_a_taught_span_is_its_gold_text_and_an_answer_a_part_of_its_passage(context, data, lower):
    tokenizer = EVERY_CHARACTER if lower else CASED
    start = data.draw(st.integers(0, len(context) - 1))
    gold = context[start : data.draw(st.integers(start + 1, len(context)))]
    example = _example(context, "在哪里", [(gold, start)])
    rows = encode(SPEC, [example], tokenizer, max_length=data.draw(st.integers(20, 80)), training=True)
    for i, (first, last) in enumerate(rows.targets):
        if first:
            at = rows.offsets[i]
            taught = (rows.starts[at + first], rows.ends[at + last])
            edges = context[start : taught[0]], context[taught[1] : start + len(gold)]
            assert start <= taught[0] < taught[1] <= start + len(gold)
            assert not any(tokenizer.encode([edge])[0].ids for edge in edges)
    blind = encode(SPEC, [example], tokenizer, max_length=40)
    first = data.draw(st.integers(0, int(blind.lengths[0]) - 1))
    last = data.draw(st.integers(first, int(blind.lengths[0]) - 1))
    outputs = np.full((blind.n_rows, 4), -1.0)
    outputs[0] = [1.0, first, last, -1.0]
    ((answer, at),) = decode(SPEC, blind, [example], outputs).predictions
    assert answer == context[max(at, 0) : max(at, 0) + len(answer)]


@pytest.mark.parametrize(
    ("context", "answer"),
    [
        ("한국어（韩语）是朝鲜半岛的语言，大韩民国的首都是首尔，人口约五千万。", "首尔"),
        ("歌手Beyoncé生于1981年", "Beyoncé"),
        ("歌手Beyonce\u0301生于1981年", "Beyonce\u0301"),
        ("动画ガンダム很有名", "ガンダム"),
    ],
)
def test_answers_come_back_as_they_are_written(context, answer):
    example = _example(context, "是什么", [(answer, context.index(answer))])
    tokenizer = WordPiece(build_vocabulary([context], min_count=1))
    rows = encode(SPEC, [example], tokenizer, training=True)
    ((first, last),) = rows.targets
    ((found, start),) = decode(SPEC, rows, [example], np.array([[1.0, first, last, -0.1]])).predictions
    assert (found, start) == (answer, context.index(answer))
    assert score(SPEC, [example], [(found, start)]) == {"em": 1.0, "f1": 1.0, "index_accuracy": 1.0}


def test_an_answer_that_is_not_where_its_label_says_is_not_taught_but_counted():
    example = _example("首尔是首都，首尔在韩国。", "是什么", [("首尔", 4)])
    rows = encode(SPEC, [example], TOKENIZER, training=True)
    assert (rows.n_rows, rows.unaligned) == (0, 1)
    assert encode(SPEC, [example], TOKENIZER).n_rows == 1
    assert locate_answer("首尔是首都，首尔在韩国。", "首尔", 4) == 6
    assert locate_answer("首尔是首都，首尔在韩国。", "北京", 4) is None


@given(st.text(alphabet="我爱北京2019。 ", min_size=1, max_size=60), st.data())
def test_tokens_of_a_window_are_those_of_its_text(context, data):
    max_length = data.draw(st.integers(12, 40))
    rows = encode(SPEC, [_example(context, "在哪里", None)], TOKENIZER, max_length=max_length)
    width = max_length - 6
    starts = range(0, max(len(context) - width, 0) + width, width)  # narrower than the stride: side by side
    for i, start in enumerate(list(starts)[: rows.n_rows]):
        (tokens,) = TOKENIZER.encode([context[start : start + width]])
        window = rows.head_mask[rows.offsets[i] : rows.offsets[i + 1]].astype(bool)
        window[0] = False
        assert rows.row(i)[window].tolist() == tokens.ids
