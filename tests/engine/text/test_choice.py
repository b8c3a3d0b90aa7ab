import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.choice import BLANK, DUMMY_CHOICE, MASKS, c3_texts, split_blank
from engine.text.decode import assign_groups, decode
from engine.text.encode import encode
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
C3, CHID = TASKS["c3"], TASKS["chid"]
TOKENIZER = WordPiece([*SPECIALS, *"我爱北京上海一二三四五六七八九十甲乙丙丁", "|"])


def test_c3_rows_read_as_in_the_reference():
    expected = iter(ORACLE["c3"]["outputs"])
    for passage, questions, _ in ORACLE["c3"]["inputs"]:
        for item in questions:
            fields = {"passage": passage, "question": item["question"], "choice": item["choice"]}
            text, question, choices, target = next(expected)
            assert c3_texts(fields) == (text, question, choices)
            assert item["choice"].index(item.get("answer", item["choice"][0])) == target


def test_c3_question_becomes_four_rows_that_share_the_passage():
    fields = {"passage": ["我爱", "北京"], "question": "上海", "choice": ["甲", "乙", "丙"]}
    rows = encode(C3, [Example("q", fields, 2)], TOKENIZER)
    spelled = ["".join(TOKENIZER.token(int(i)) for i in rows.row(k)) for k in range(4)]
    assert spelled[0] == "[CLS]我爱||北京[SEP]上海[SEP]甲[SEP]"
    assert spelled[3] == "[CLS]我爱||北京[SEP]上海[SEP]" + "[UNK]" * len(DUMMY_CHOICE) + "[SEP]"
    assert rows.grouped
    assert rows.example.tolist() == [0] * 4
    assert rows.targets.tolist() == [2]


def test_a_long_c3_passage_is_cut_but_not_question_and_choice():
    fields = {"passage": ["我" * 600], "question": "上海", "choice": ["甲乙", "丙"]}
    rows = encode(C3, [Example("q", fields, 0)], TOKENIZER, max_length=32)
    assert rows.lengths.tolist() == [32] * 4
    assert rows.truncated == 1
    assert [TOKENIZER.token(int(i)) for i in rows.row(0)[-6:]] == ["上", "海", "[SEP]", "甲", "乙", "[SEP]"]


def test_the_dummy_choice_is_never_the_answer_unless_asked_for():
    examples = [Example("q", {"passage": ["我"], "question": "爱", "choice": ["甲", "乙"]})]
    rows = encode(C3, examples, TOKENIZER)
    scores = np.array([0.0, 1.0, 5.0, 6.0])
    assert decode(C3, rows, examples, scores).predictions == [1]
    assert decode(C3, rows, examples, scores, restrict=False).predictions == [3]
    probs = decode(C3, rows, examples, scores).probs
    assert probs[0, 2:].tolist() == [0, 0]
    assert probs.sum() == pytest.approx(1)


def test_blanks_are_split_as_in_the_reference():
    case = ORACLE["chid"]
    expected = iter(case["outputs"])
    for line in case["inputs"]:
        for content in line["content"]:
            for blank in BLANK.findall(content):
                sample = next(expected)
                left, right = split_blank(content, blank, max_length=case["maxlen"])
                assert (left, right, blank) == (sample["left"], sample["right"], sample["key"])


def test_chid_rows_put_the_candidate_first_and_special_tokens_as_ids():
    fields = {"content": "我#idiom000001#爱#idiom000002#北京", "blank": "#idiom000002#", "candidates": ["甲乙", "丙丁"]}
    rows = encode(CHID, [Example("#idiom000002#", fields, 1)], TOKENIZER)
    tokens = [TOKENIZER.token(int(i)) for i in rows.row(1)]
    assert tokens == ["[CLS]", "丙", "丁", "[SEP]", "我", *["[MASK]"] * 4, "爱", "[unused1]", "北", "京", "[SEP]"]
    assert rows.n_rows == 2


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6), st.data())
def test_split_text_fits_the_budget(lengths, data):
    asked = data.draw(st.integers(0, len(lengths) - 2))
    content = "一" * lengths[0] + "".join(f"#idiom{i:06d}#" + "二" * n for i, n in enumerate(lengths[1:]))
    left, right = split_blank(content, f"#idiom{asked:06d}#")
    masked = 4 * (len(left) + len(right) - 2)
    assert sum(map(len, left + right)) + masked + 8 <= 64
    pieces = BLANK.split(content)
    assert pieces[asked].endswith(left[-1])
    assert pieces[asked + 1].startswith(right[0])


def test_answers_of_a_line_differ_and_beat_independent_ones_in_sum():
    case = ORACLE["chid_assignment"]
    scores = np.array(case["logits"])
    assert scores.argmax(axis=1).tolist() == case["argmax"]
    assert assign_groups(scores, ["line"] * 4).tolist() == case["hungarian"]
    assert assign_groups(scores, list("abcd")).tolist() == case["argmax"]


@given(st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_assigned_answers_are_all_different(n_blanks, seed):
    scores = np.random.default_rng(seed).normal(size=(n_blanks, 10))
    preds = assign_groups(scores, ["x"] * n_blanks)
    assert len(set(preds.tolist())) == n_blanks
    best = scores[np.arange(n_blanks), preds].sum()
    assert best >= scores[np.arange(n_blanks), np.roll(np.arange(10), -seed % 10)[:n_blanks]].sum() - 1e-9


def test_more_blanks_than_candidates_are_all_answered():
    preds = assign_groups(np.array([[1.0, 0.0], [2.0, 0.5], [3.0, 0.1]]), ["x"] * 3)
    assert preds.shape == (3,)
    assert set(preds.tolist()) == {0, 1}


def cut_one_by_one(content, blank, max_length):
    """`split_blank` as its text says it: one character after the other."""
    before, _, after = content.partition(blank)
    left, right = BLANK.split(before), BLANK.split(after)
    sizes = [sum(map(len, left)), sum(map(len, right))]
    budget = max_length - (3 + 4 + 1 + MASKS * (len(left) + len(right) - 2))
    while sum(sizes) > budget and sum(sizes):
        which = 0 if sizes[0] > sizes[1] else 1
        side, end = ((left, 0), (right, -1))[which]
        piece = side[end]
        if len(piece) > 1:
            side[end], removed = (piece[1:] if which == 0 else piece[:-1]), 1
        else:
            removed = len(piece)
            if len(side) > 1:
                del side[end]
                budget += MASKS
            else:
                side[end] = ""
        sizes[which] -= removed
    return left, right


@given(
    pieces=st.lists(st.integers(0, 90), min_size=2, max_size=6), which=st.integers(0, 4), max_length=st.integers(13, 80)
)
def test_many_characters_are_cut_as_if_one_by_one(pieces, which, max_length):
    which %= len(pieces) - 1
    text = "".join(f"#idiom{n:06d}#" * bool(n) + chr(0x4E00 + n) * length for n, length in enumerate(pieces))
    blank = f"#idiom{which + 1:06d}#"
    assert split_blank(text, blank, max_length=max_length) == cut_one_by_one(text, blank, max_length)


def test_a_million_characters_are_cut_at_once():
    left, right = split_blank("左" * 10**6 + "#idiom000001#" + "右" * 10**6, "#idiom000001#")
    assert (left, right) == (["左" * 28], ["右" * 28])
