"""Texts that say nothing, half characters and very long ones, in every text of every kind of input.

A blank one is dropped with a count where it would teach or be scored, and answered where answers are asked for: answer
i belongs to row i.
"""

import copy
import json

import numpy as np
import pytest

from engine.text.decode import decode
from engine.text.encode import encode
from engine.text.tasks import TASKS
from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs.clue import submission
from jobs.clue.data import sources
from jobs.clue.data.files import read_file
from jobs.clue.data.own import load as own
from jobs.clue.tasks import task_file

TOKENIZER = WordPiece(build_vocabulary(["今天天气很好，我们去公园。ABCD一二三四"], min_count=1))
BLANK = {
    "none": None, "empty": "", "spaces": " \u3000\t", "control": "\x00\x01\x7f", "format": "\u200b\ufeff\u200d",
    "half a pair": "\ud83d", "accent": "\u0301", "lines": "\u2028\u2029",
}  # fmt: skip
SEEN = {"half a pair beside text": "好\ud83d", "long": "天气" * 30_000, "odd": "\u2028好\x00"}
SPANS = {"span1_text": "我们", "span1_index": 0, "span2_text": "他", "span2_index": 3}
ROWS = {
    "tnews": {"sentence": "今天天气很好", "label": "100"},
    "afqmc": {"sentence1": "今天", "sentence2": "天气", "label": "1"},
    "cluewsc2020": {"text": "我们去他家", "target": SPANS, "label": "true"},
    "csl": {"abst": "今天天气", "keyword": ["天气", "公园"], "label": "1"},
    "cluener": {"text": "我们去公园", "label": {"scene": {"公园": [[3, 4]]}}},
    "cmrc2018": {"context": "我们去公园", "question": "去？", "answers": [{"text": "公园", "answer_start": 3}]},
    "c3": {"passage": ["今天"], "question": "天气？", "choice": ["好", "不好"], "answer": "好"},
    "chid": {"content": "今天#idiom#天气", "candidates": ["一", "二", "三"], "answer": 1},
    "eprstmt": {"sentence": "今天天气很好", "label": "Positive"},
}
PLACES = [
    (task, place)
    for task, row in ROWS.items()
    for name, value in row.items()
    if name not in ("label", "answer", "answers", "target")
    for place in ([(name,), (name, 0)] if isinstance(value, list) else [(name,)])
]


def with_value(row, place, value):
    """The row with another text at a place; a list that is meant as a whole has none, or this one throughout."""
    row = copy.deepcopy(row)
    if len(place) == 2:
        row[place[0]][place[1]] = value
    elif isinstance(row[place[0]], list):
        row[place[0]] = [] if value is None else [value] * len(row[place[0]])
    else:
        row[place[0]] = value
    return row


def three(task, place, value, *, labelled):
    """Rows of which the middle one is odd."""
    rows = [ROWS[task], with_value(ROWS[task], place, value), ROWS[task]]
    rows = [{**row, "id": f"q{i}"} for i, row in enumerate(rows)]
    if not labelled:
        return [{name: part for name, part in row.items() if not name.startswith(("label", "ans"))} for row in rows]
    if value in SEEN.values():  # what the answer names is no longer there
        rows[1] |= {"label": {}} if task == "cluener" else {}
        rows[1] |= {"answer": rows[1]["choice"][0]} if task == "c3" else {}
        rows[1] |= {"content": f"{value}#idiom#"} if place == ("content",) else {}
    return rows


def written(folder, task, rows):
    path = folder / "rows.json"
    if TASKS[task].layout == "documents":
        documents = [[row["passage"], [{k: v for k, v in row.items() if k != "passage"}], row["id"]] for row in rows]
        path.write_text(json.dumps(documents), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def answered(spec, examples, rng):
    """Answers to the examples, from outputs that no model gave."""
    rows = encode(spec, examples, TOKENIZER, max_length=64)
    assert rows.n_examples == len(examples)
    if spec.kind == "choice":
        outputs = rng.normal(size=rows.n_rows)
    elif spec.kind == "span":
        first = np.minimum(1 + rng.integers(0, 3, rows.n_rows), rows.lengths - 1)
        outputs = np.stack([rng.normal(size=rows.n_rows), first, first, np.full(rows.n_rows, -1.0)], axis=1)
    elif spec.kind == "entities":
        outputs = [[] for _ in range(rows.n_rows)]
    else:
        outputs = rng.normal(size=(rows.n_rows, spec.n_classes))
    return decode(spec, rows, examples, outputs).predictions


CASES = [  # in an odd text the marked words of CLUEWSC no longer stand, which is a fault of the file and refused
    (*place, what) for place in PLACES for what in (*BLANK, *SEEN) if what in BLANK or place[0] != "cluewsc2020"
]


@pytest.mark.parametrize(
    ("task", "place", "what"), CASES, ids=[f"{task} {place} {what}" for task, place, what in CASES]
)
def test_a_row_is_dropped_where_it_would_teach_and_answered_where_it_is_asked(tmp_path, task, place, what):
    value, spec, blank = {**BLANK, **SEEN}[what], TASKS[task], what in BLANK
    rows = three(task, place, value, labelled=False)
    if place == ("content",) and not blank:
        rows[1]["content"] += "#idiom#"
    asked = read_file(spec, written(tmp_path, task, rows), labelled=False)
    assert len(asked.examples) == 3
    predictions = answered(spec, asked.examples, np.random.default_rng(0))
    assert len(predictions) == 3
    json.dumps([example.fields for example in asked.examples], ensure_ascii=False).encode()
    submission.write(spec, spec.tests[0].version, asked.examples, predictions, tmp_path)
    assert sum("blank text (answered like any other)" in note for note in asked.notes) == blank, asked.notes
    taught = read_file(spec, written(tmp_path, task, three(task, place, value, labelled=True)), labelled=True)
    assert len(taught.examples) == (2 if blank else 3), taught.notes
    assert sum("1 rows with a blank text dropped" in note for note in taught.notes) == blank
    encode(spec, taught.examples, TOKENIZER, max_length=64, training=True)


OWN = {
    "classification": ('["a"]', {"a": "今天", "y": "x"}),
    "pair": ('["a", "b"]', {"a": "今天", "b": "天气", "y": "x"}),
    "choice": (
        '{passage = "p", question = "a", choice = "b"}',
        {"p": "今天", "a": "天气？", "b": ["好", "坏"], "y": "A"},
    ),
    "span": ('{context = "a", question = "b"}', {"a": "我们去公园", "b": "去？", "y": "公园"}),
    "entities": ('["a"]', {"a": "我们去公园", "y": [[3, 5, "地"]]}),
}


def task_with(folder, kind, fields, rows):
    unlabelled = [{k: v for k, v in each.items() if k != "y"} for each in rows]
    for part, lines in {"train": rows, "dev": rows, "test": unlabelled}.items():
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    files = "".join(f'{part} = "{part}.jsonl"\n' for part in ("train", "dev", "test"))
    (folder / "own.toml").write_text(f'name = "own"\nkind = "{kind}"\nfields = {fields}\nlabel = "y"\n{files}')
    return task_file.read(folder / "own.toml")


@pytest.mark.parametrize("what", BLANK)
@pytest.mark.parametrize("kind", OWN)
def test_the_same_holds_for_a_task_of_ones_own(tmp_path, kind, what):
    fields, row = OWN[kind]
    other = {**row, "y": "z"} if kind in ("classification", "pair") else row
    for name in [name for name in row if name != "y"]:
        value = [BLANK[what]] * 2 if isinstance(row[name], list) else BLANK[what]
        found = own.load(task_with(tmp_path, kind, fields, [row, other] * 4 + [{**row, name: value}] + [row] * 3))
        assert (len(found.train), len(found.dev), len(found.test)) == (11, 11, 12), (name, found.notes)
        assert len(answered(found.spec, found.test, np.random.default_rng(0))) == 12
        assert sum("answered like any other" in note for note in found.notes) == 1
        asked = sources.read_rows(found.spec, tmp_path / "test.jsonl")
        assert [each.fields for each in asked] == [each.fields for each in found.test]


def test_the_tasks_here_are_of_every_kind_and_layout():
    specs = [TASKS[name] for name in ROWS]
    assert {spec.kind for spec in TASKS.values()} == {spec.kind for spec in specs} == set(OWN)
    assert {spec.layout for spec in TASKS.values()} == {spec.layout for spec in specs}
