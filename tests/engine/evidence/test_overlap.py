import os
from pathlib import Path

import pytest

from engine.evidence.overlap import normalised, overlap
from engine.text.tasks import TASKS, Example


def _pair(first, second):
    return Example("0", {"sentence1": first, "sentence2": second}, 0)


def test_a_pair_is_seen_whole_or_by_one_side():
    train = [_pair("花呗怎么还款？", "怎么还花呗"), _pair("ABC", "额度")]
    rows = [
        _pair("花呗怎么还款？", "怎么还花呗"),
        _pair("花呗怎么 还款", "怎么还花呗。"),
        _pair("怎么还花呗", "借呗利率"),
        _pair("利率", "\uff41\uff42\uff43"),
        _pair("借呗", "利率"),
    ]
    found = overlap(TASKS["afqmc"], train, rows)
    assert found.exact.tolist() == [True, False, False, False, False]
    assert found.near.tolist() == [True, True, False, False, False]
    assert found.seen.tolist() == [True, True, True, True, False]
    assert found.counts() == {"exact": 1, "near": 2, "first": 3, "second": 3, "seen": 4}


def test_a_question_is_seen_by_its_passage_and_a_blank_by_its_text():
    spec, fields = TASKS["cmrc2018"], {"context": "北京是首都。", "question": "哪里？"}
    other = {"context": "上海在东边。", "question": "哪里？"}
    rows = [Example("1", {**fields, "question": "什么？"}), Example("2", other)]
    assert overlap(spec, [Example("0", fields)], rows).counts() == {"exact": 0, "near": 0, "passage": 1, "seen": 1}
    blanks = [
        Example(blank, {"content": f"他{blank}地走了", "blank": blank, "candidates": []})
        for blank in ("#idiom000001#", "#idiom000002#")
    ]
    assert overlap(TASKS["chid"], blanks[:1], blanks[1:]).counts()["near"] == 1


def test_normalising_keeps_something_of_every_text():
    assert normalised("\uff29Phone 12，好！") == "iphone12好"
    assert normalised("……") == "……"


def test_the_rows_of_the_real_files_that_stand_in_train_are_counted():
    folder = os.environ.get("CLUE_DATA_DIR")
    if not folder or not (Path(folder) / "tnews" / "train.json").is_file():
        pytest.skip("CLUE_DATA_DIR names no folder with TNEWS")
    from jobs.clue.data import sources

    data = sources.load(TASKS["tnews"], data_dir=Path(folder))
    if len(data.dev) != 8036:
        pytest.skip("other files than those that were counted")
    assert overlap(data.spec, data.train, data.dev).counts() == {"exact": 887, "near": 900, "seen": 900}
