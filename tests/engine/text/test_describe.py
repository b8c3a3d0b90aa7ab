"""What the model sees of an example, and how long the texts of a task are, for people to look at."""

import json
from pathlib import Path

from engine.text.describe import class_balance, lengths
from engine.text.tasks import TASKS, Example
from engine.text.tokenizer import SPECIALS, WordPiece

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))


SPEC = TASKS["cluener"]


def _oracle_example():
    row = ORACLE["cluener"]["input"]
    found = [(t, s, e) for t, surfaces in row["label"].items() for spans in surfaces.values() for s, e in spans]
    return Example("0", {"text": row["text"]}, sorted(found, key=lambda item: item[1]))


def test_lengths_are_those_before_cutting():
    tokenizer = WordPiece([*SPECIALS, "我"])
    examples = [Example(str(n), {"sentence": "我" * n}, 0) for n in (10, 200)]
    found = lengths(TASKS["tnews"], examples, tokenizer)
    assert found.tokens.tolist() == [12, 202]
    assert found.cut == 0.5
    counts, borders = found.histogram(bins=10)
    assert counts.sum() == 2
    assert len(borders) == 11


def test_balance_counts_classes_positions_and_types():
    pair = [Example("0", {}, 1), Example("1", {}, 1), Example("2", {}, 0)]
    assert class_balance(TASKS["afqmc"], pair) == {"0": 1, "1": 2}
    assert class_balance(TASKS["c3"], pair) == {"0": 1, "1": 2}
    assert class_balance(SPEC, [_oracle_example()])["name"] == 1
    assert class_balance(TASKS["cmrc2018"], pair) == {}
