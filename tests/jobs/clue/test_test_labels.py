"""Which labels of test files are believed, and what is said about the others."""

import dataclasses
import json
import re

import numpy as np
import pytest

from engine.text.decode import Decoded
from engine.text.tasks import TASKS, Example, TestVersion
from jobs.clue import results, train
from jobs.clue.config import Config
from jobs.clue.data import sources

AFQMC = TASKS["afqmc"]


def examples(labels):
    return [Example(str(i), {"sentence1": f"甲{i}", "sentence2": f"乙{i}"}, label) for i, label in enumerate(labels)]


def data(labels, **fields):
    return sources.Data(
        spec=AFQMC, source="files", train=[], dev=[], tests={"own": examples(labels)}, files={}, **fields
    )


class Recorder:
    def __init__(self):
        self.values, self.rows = {}, {}

    def summary(self, values):
        self.values |= values

    def measure(self, tbl, axes, **values):
        if tbl == "test_rows":
            self.rows |= values


def scored(found):
    run, answers = Recorder(), [1] * len(found.tests["own"])
    return results._score_test(run, found, "own", Decoded(answers, np.ones(len(answers)), None, None)), run


def test_test_rows_that_stand_in_train_are_counted_and_the_others_scored_apart():
    found = data([0, 1, 1, 0])
    line, run = scored(dataclasses.replace(found, train=found.tests["own"][:2]))
    assert run.values["test/accuracy"] == 0.5
    assert run.values["test/unseen_accuracy"] == 0.5
    assert "2 of 4 test rows stand in train" in line
    assert re.search(r"accuracy 0.5000 \(95 %: 0\.0\d* to 0\.9\d*\), macro_f1 .* on the other 2", line)


def test_a_file_is_official_by_its_rows_and_its_texts():
    rows = examples([None, None, None])
    release = TestVersion(version="1.0", rows=3, submission="x.json", fingerprint=sources.text_fingerprint(rows))
    spec = dataclasses.replace(AFQMC, tests=(release,))
    assert sources.is_official(spec, "1.0", rows, 3)
    assert sources.is_official(spec, "1.0", examples([0, 1, 0]), 3)  # fillers do not change the texts
    assert not sources.is_official(spec, "1.0", rows, 2)
    assert not sources.is_official(spec, "1.0", [*rows[:2], *examples([None])], 3)
    assert not sources.is_official(spec, "own", rows, 3)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (data([0, 0, 0]), "all its labels are the same"),
        (data([1, None, 1]), "all its labels are the same"),
        (data([0, 1, 1], official=("own",)), "it is the official file, whose labels are hidden"),
    ],
)
def test_labels_that_cannot_be_believed_are_not_scored(found, why):
    line, run = scored(found)
    assert line == f"test own: not scored, {why}"
    assert not run.values


def test_rows_without_a_label_are_left_out_and_counted():
    line, run = scored(data([0, 1, None, 1, 1]))
    assert run.values["test/accuracy"] == 0.75
    assert run.rows == {"source": "exact", "scored": 4, "unlabelled": 1}
    assert line == "afqmc test own accuracy 0.7500   (4 labelled rows, 1 without a label left out)"
    assert scored(data([None, None]))[0] == ""


def test_the_score_of_a_test_file_is_printed_at_the_end(alone, tmp_path, capsys):
    labels = ["0", "1", "-1", "", "1"]
    rows = [{"sentence1": f"甲{i}", "sentence2": f"乙{i}", "label": label} for i, label in enumerate(labels)]
    path = tmp_path / "test.json"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    train.start(Config(task=("afqmc",), model="ngram", limit=100, test_file=path, db=tmp_path / "x.duckdb"))
    shown = capsys.readouterr().out
    assert "(3 labelled rows, 2 without a label left out)" in shown
    assert "labels that are none of afqmc count as missing (1 of '-1', 1 of '')" in shown
