"""Predictions made elsewhere: how rows pair, how answers are read, what is stored, and averages of runs."""

import csv
import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from engine.evidence import metrics
from engine.text.tasks import TASKS, Example, get_task
from jobs.cli import InputError
from jobs.clue import start as clue_start
from jobs.clue.config import Config as ClueConfig
from jobs.evaluate import answers, mapping, predictions, start
from jobs.evaluate.config import Config
from store import queries

TEXTS = {"物流": "快递迟迟没有送到", "质量": "用了两天屏幕就坏了", "退款": "退款一直没有到账"}
TNEWS, OCNLI = mapping.class_names(TASKS["tnews"]), mapping.class_names(TASKS["ocnli"])


def full_width(text):
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


@pytest.mark.parametrize(
    ("names", "raw", "label", "rule"),
    [
        (TNEWS, "103", "103", 0),
        (TNEWS, 103, "103", 0),
        (TNEWS, 103.0, "103", 0),
        (TNEWS, "sports", "103", 0),
        (TNEWS, " Sports. ", "103", 1),
        (TNEWS, full_width("SPORTS"), "103", 1),
        (TNEWS, full_width("103"), "103", 1),
        (TNEWS, 'Sure: {"label": "sports"}', "103", 2),
        (TNEWS, "It mentions finance, but the answer is: **sports**.", "103", 3),
        (TNEWS, "答案是：sports", "103", 3),
        (TNEWS, "I think this is about sports.", "103", 4),
        (TNEWS, "It is not finance; sports fits.", "103", 4),
        (TNEWS, "<think>finance? no</think>sports", "103", 0),
        (TNEWS, "It could be sports or finance.", None, None),
        (TNEWS, "transportsports", None, None),
        (TNEWS, "1103", None, None),
        (TNEWS, "I cannot tell.", None, None),
        (TNEWS, "", None, None),
        (TNEWS, None, None, None),
        (OCNLI, "Entailment", "entailment", 1),
        (OCNLI, "not contradiction", None, None),
        (mapping.Names.of([("相关", 0), ("不相关", 1)]), "这两句话不相关", 1, 4),
        (mapping.Names.of([("相关", 0), ("不相关", 1)]), "结论是不相关", 1, 3),
        (mapping.Names.of([("0", 0), ("1", 1)]), "答案：1", 1, 3),
        (mapping.Names.of([("0", 0), ("1", 1)]), "10", None, None),
    ],
)
def test_answers_are_read_by_the_stated_rules(names, raw, label, rule):
    index, found = mapping.pick(names, raw)
    expected = label if isinstance(label, int) else -1 if label is None else names.spelled[label]
    assert index == expected
    assert found == ("" if rule is None else mapping.RULES[rule])


def test_choices_are_read_as_text_number_or_letter():
    example = Example("0", {"passage": ["甲"], "question": "谁？", "choice": ["小明", "小红"]})
    for raw, index in (("小红", 1), ("1", 1), (0, 0), ("B", 1), ("答案是 B", 1), ("选小明", 0), ("不知道", None)):
        assert mapping.answer(get_task("c3"), example, raw, None)[0] == index


@pytest.mark.parametrize(
    ("answers", "first"), [([1, 2, 1], 1), (["1", "2"], 1), ([0, 1], 0), ([1, 1], 0), (["A", 2.0], 1)]
)
def test_numbers_of_choices_count_from_1_where_only_that_fits(answers, first):
    asked = [
        Example(str(i), {"passage": ["甲"], "question": "谁？", "choice": ["小明", "小红"]})
        for i in range(len(answers))
    ]
    assert mapping.counted_from(get_task("c3"), asked, answers) == first
    index = mapping.answer(get_task("c3"), asked[0], answers[0], None, first)[0]
    assert index == (0 if answers[0] == "A" else int(answers[0]) - first)


def test_macro_f1_counts_no_answer_as_wrong_and_as_no_class():
    labels, preds = [0, 0, 1, 1, 2], [0, -1, 1, 0, 2]
    expected = f1_score(labels, preds, labels=[0, 1, 2], average="macro")
    assert metrics.macro_f1(labels, preds, n_classes=3, no_answer=True) == pytest.approx(expected)


def examples(n=6):
    return [Example(str(i), {"sentence": f"标题{i % 4}"}, i % 2, str(i)) for i in range(n)]


def test_rows_pair_by_text_then_id_then_order(tmp_path):
    spec, path = get_task("tnews"), tmp_path / "p.csv"
    texts = [{"sentence": f"标题{i % 4}", "prediction": i} for i in (5, 1, 0, 4, 2, 3)]
    found = answers.pair(spec, examples(), texts, path)
    assert (found.by, [row["prediction"] for row in found.rows]) == ("text", [0, 5, 2, 3, 4, 1])
    ids = [{"id": i, "pred": i} for i in (9, 3, 1)]
    found = answers.pair(spec, examples(), ids, path)
    assert (found.by, [row["pred"] for row in found.rows]) == ("id", [1, 3])
    assert (found.unanswered, found.without_example) == (4, 1)
    assert answers.pair(spec, examples(), [{"label": i} for i in range(6)], path).by == "order"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"label": 1}], "1 rows without ids or texts, but 6 examples"),
        ([{"id": 1, "label": 1}] * 2, "id '1' occurs twice"),
        ([{"id": "x", "label": 1}], "none of its ids"),
        ([{"id": 1, "score": 1}], "no column of answers"),
        ([{"sentence": "别的", "label": 1}], "is this the right task and split"),
    ],
)
def test_rows_that_cannot_be_paired_are_refused(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        answers.pair(get_task("tnews"), examples(), rows, tmp_path / "p.csv")


def test_one_object_of_answers_and_lines_are_told_apart(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"Q1": "答案", "Q2": "另一个"}, indent=1))
    assert answers.read(path) == [{"id": "Q1", "prediction": "答案"}, {"id": "Q2", "prediction": "另一个"}]
    path.write_text(json.dumps({"id": 0, "label": "100"}) + "\n")
    assert answers.read(path) == [{"id": 0, "label": "100"}]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"probabilities": [0.5, 0.4]}], r"row 1: its probabilities are none \(they add up to 0\.9"),
        ([{"probabilities": [50, 50]}], "add up to 100; divide percentages by 100"),
        ([{"probabilities": {"0": 0.5, "1": 0.5}}, {}], "row 2 has no probabilities"),
        ([{"0": "nan", "1": 1}], "row 1: its probabilities are none"),
        ([{"probabilities": {"x": 1.0}}], r"row 1: probabilities must be a number for each of the 2 classes \(0, 1\)"),
        ([{"probs": [1.0]}], "row 1: probs must be a number for each of the 2 classes"),
        ([{"probabilities": "[0.5, "}], "row 1: its probabilities are no JSON"),
        ([{"probabilities": "0.9"}], "row 1: probabilities must be a number for each"),
        ([{"logits": [1, "a"]}], "row 1: logits must be a number for each"),
    ],
)
def test_probabilities_that_are_none_are_refused(tmp_path, rows, said):
    found = answers.pair(get_task("afqmc"), examples(len(rows)), [{"label": 0, **row} for row in rows], tmp_path / "p")
    with pytest.raises(InputError, match=said):
        predictions.probabilities(get_task("afqmc"), found)


def test_logits_become_probabilities_and_stand_for_answers_where_there_are_none(tmp_path):
    rows = [{"id": 1, "logits": [0.0, np.log(3)]}, {"id": 0, "logits": '[5, "-inf"]'}]
    found = answers.pair(get_task("afqmc"), examples(2), rows, tmp_path / "p.csv")
    mapped = predictions.translate(get_task("afqmc"), found)
    np.testing.assert_allclose(mapped.decoded.probs, [[1, 0], [0.25, 0.75]], atol=1e-6)
    assert mapped.decoded.predictions == [0, 1]


@pytest.mark.parametrize("ids", [[0.0, 1.0, 2.0], ["0.0", "1.0", "2.0"], ["000", "001", "002"], ["0 ", "1", "2"]])
def test_numbers_pair_however_a_table_spells_them(tmp_path, ids):
    rows = [{"id": name, "label": number} for number, name in enumerate(ids)]
    found = answers.pair(get_task("afqmc"), examples(3), rows, tmp_path / "p.csv")
    assert [row["label"] for row in found.rows] == [0, 1, 2]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": number, "label": 0} for number in (1, 2, 3)], "its ids count from 1, the examples' from 0"),
        ([{"text": "甲", "label": 0}] * 3, "'text' or 'label' may hold the answers; --answer names the column"),
        ([{"prediction": 0, "label": number} for number in (1, 0, 1)],
         r"row 1 says label '1', but the example that it was paired with by order has '0'"),
        ([{"1": number} for number in (1, 0, 1)], "its first row must name the columns"),
    ],
)  # fmt: skip
def test_rows_that_would_answer_other_examples_are_refused(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        answers.pair(get_task("afqmc"), examples(3), rows, tmp_path / "p.csv")


def test_spaces_around_a_text_do_not_part_it_from_its_example(tmp_path):
    rows = [{"sentence": f" 标题{number}\n", "label": number} for number in (1, 0)]
    found = answers.pair(get_task("tnews"), examples(2), rows, tmp_path / "p.jsonl")
    assert (found.by, [row["label"] for row in found.rows], found.numbers) == ("text", [0, 1], [2, 1])


@pytest.mark.parametrize(
    "raw",
    [
        {"label": "sports", "score": 0.7},
        [{"label": "finance", "score": 0.1}, {"label": "sports", "score": 0.9}],
        ["sports", "finance"],
        [{"role": "user", "content": "finance?"}, {"role": "assistant", "content": "sports"}],
        {"body": {"choices": [{"message": {"content": "sports"}}]}},
        '```json\n{"类别": "sports", "理由": "不是 finance"}\n```',
    ],
)
def test_answers_in_objects_and_lists_are_found(raw):
    assert mapping.answer(get_task("tnews"), examples()[0], raw, TNEWS)[0] == TNEWS.spelled["103"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A task of one's own with two stored runs of the linear model."""
    folder = tmp_path_factory.mktemp("own")
    rows = [(f"{text}，订单{i}号", label) for i in range(80) for label, text in TEXTS.items()]
    for name, part in (("train.csv", rows[:180]), ("dev.csv", rows[180:])):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("投诉", "类别"), *part])
    (folder / "mine.toml").write_text(
        'name = "complaints"\nkind = "classification"\nfields = ["投诉"]\nlabel = "类别"\ntrain = "train.csv"\n'
        'dev = "dev.csv"\n',
        encoding="utf-8",
    )
    db = folder / "x.duckdb"
    for seed in (1, 2):
        clue_start.run(ClueConfig(task=(str(folder / "mine.toml"),), model="ngram", seed=seed, db=db))
    queries.refresh(db=db)
    return folder, db, rows[180:]


def test_a_language_models_answers_become_a_run_that_pairs_with_stored_ones(own, capsys):
    folder, db, rows = own
    said = [f"这条投诉属于{label}问题。" for _, label in rows]
    said[0], said[1] = "说不清楚。", rows[2][1]  # no answer, and a wrong one
    lines = [{"投诉": text, "response": answer} for (text, _), answer in zip(rows, said, strict=True)]
    path = folder / "llm.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    capsys.readouterr()
    start.run(Config(task=str(folder / "mine.toml"), predictions=path, db=db))
    out = capsys.readouterr().out
    assert "60 rows paired with dev examples of complaints by text" in out
    assert "1 answers are none of the task and count as wrong: '说不清楚。'" in out
    queries.refresh(db=db)
    run = queries.runs(db=db).filter(model="llm").row(0, named=True)
    summary = dict(queries.summary([run["run_id"]], db=db).select("name", "value").iter_rows())
    assert summary["dev/accuracy"] == pytest.approx(58 / 60)
    other = queries.runs(db=db).filter(model="ngram")["run_id"][0]
    assert queries.paired(run["run_id"], other, db=db).height == 60
    assert "no answer: 说不清楚。" in queries.predictions(run["run_id"], db=db)["prediction"].to_list()


def test_rows_that_are_missing_keep_a_run_off_the_leaderboard(own, capsys):
    folder, db, rows = own
    path = folder / "half.csv"
    pl.DataFrame({"id": range(30), "prediction": [label for _, label in rows[:30]]}).write_csv(path)
    start.run(Config(task=str(folder / "mine.toml"), predictions=path, db=db))
    assert "30 examples have no row" in capsys.readouterr().out
    queries.refresh(db=db)
    assert "half" not in queries.leaderboard("clue", db=db)["model"].to_list()


def test_an_average_of_runs_is_the_mean_of_their_probabilities(own, capsys):
    _, db, _ = own
    queries.refresh(db=db)
    ids = queries.runs(db=db).filter(model="ngram")["run_id"].to_list()
    start.run(Config(ensemble=tuple(ids), db=db))
    queries.refresh(db=db)
    run = queries.runs(db=db).filter(model="ensemble").row(0, named=True)
    key, found = ["example_id", "hash"], [queries.probabilities(run_id, db=db) for run_id in (run["run_id"], *ids)]
    mean = (found[1].drop(key).to_numpy() + found[2].drop(key).to_numpy()) / 2
    np.testing.assert_allclose(found[0].drop(key).to_numpy(), mean, atol=1e-6)
    summary = dict(queries.summary([run["run_id"]], db=db).select("name", "value").iter_rows())
    assert set(summary) == {"dev/accuracy", "dev/macro_f1"}
    assert "average of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "name either"),
        ({"task": "tnews"}, "name either"),
        ({"predictions": "x.csv"}, "needs --task"),
        ({"ensemble": ("latest",)}, "at least two different runs"),
    ],
)
def test_flags_that_name_nothing_to_do_are_refused(own, tmp_path, flags, said):
    from pathlib import Path

    given = {name: Path(value) if name == "predictions" else value for name, value in flags.items()}
    with pytest.raises(InputError, match=said):
        start.run(Config(**given, db=own[1]))


@pytest.mark.parametrize(
    "said",
    ["I think it's B.", "选B", "故选 B。", "Option B is correct", "\\boxed{B}", "(B)",
     "B. 小红", "B\n因为 A 不在", "**B**、小红",
     '```json\n{"answer": "B"}\n```', "The answer is (B), not A.", "小红"],
)  # fmt: skip
def test_letters_in_chatty_answers_are_read(said):
    example = Example("0", {"passage": ["甲"], "question": "谁？", "choice": ["小明", "小红"]})
    assert mapping.answer(get_task("c3"), example, said, None)[0] == 1


@pytest.mark.parametrize("said", ["A man came.", "I see.", "A or B", "it is unclear", "选不出来", "C"])
def test_letters_that_answer_nothing_are_left(said):
    example = Example("0", {"passage": ["甲"], "question": "谁？", "choice": ["小明", "小红"]})
    assert mapping.answer(get_task("c3"), example, said, None)[0] is None


@pytest.mark.parametrize(
    "said", ["王明", "答案是：王明。", '{"answer": "王明"}', ["王明", "李红"], {"text": "王明", "answer_start": 0}]
)
def test_a_stated_span_is_the_one_that_stands_in_the_context(said):
    example = Example("q", {"context": "昨天王明去了北京", "question": "谁？"})
    assert mapping.answer(get_task("cmrc2018"), example, said, None)[0] == ("王明", 2)


@pytest.mark.parametrize(
    "said",
    [{"name": {"王明": [[2, 3]]}}, [[2, 4, "name"]], [{"start": 2, "end": 4, "label": "name"}], '[[2, 4, "name"]]',
     ["O", "O", "B-name", "I-name", "O", "O"]],
)  # fmt: skip
def test_entities_are_read_in_every_form_of_ones_own_data(said):
    example = Example("0", {"text": "昨天王明来了"})
    assert mapping.answer(get_task("cluener"), example, said, None)[0] == [("name", 2, 3)]
