"""CLUEWSC2020: the noun is wrapped in underscores, the pronoun in square brackets."""

import json
from pathlib import Path

from engine.text.wsc import mark_spans

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))


def test_wsc_marks_are_those_of_the_reference():
    for row, (text, _) in zip(ORACLE["wsc"]["inputs"], ORACLE["wsc"]["outputs"], strict=True):
        assert mark_spans(row["text"], row["target"]) == text


def test_wsc_marks_touching_spans():
    target = {"span1_text": "小王", "span1_index": 0, "span2_text": "他", "span2_index": 2}
    assert mark_spans("小王他来了", target) == "_小王_[他]来了"
