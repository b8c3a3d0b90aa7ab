import gzip
import json
import os
from pathlib import Path

import pytest

from engine.text.tasks import FEWCLUE, TASKS
from jobs.cli import InputError
from jobs.clue.data import sources as clue_data
from jobs.clue.data.files import read_file

REAL = os.environ.get("CLUE_DATA_DIR")
PAIR = {"sentence1": "怎么还款", "sentence2": "如何还钱", "label": "1"}
TITLE = {"label": "108", "label_desc": "news_edu", "sentence": "上课时手机响个不停", "keywords": ""}
WSC = {
    "target": {"span2_index": 5, "span1_index": 0, "span1_text": "小猫", "span2_text": "它"},
    "label": "true",
    "text": "小猫睡了，它很累",
}
ENTITIES = {"text": "张伟在北京", "label": {"name": {"张伟": [[0, 1]]}, "address": {"北京": [[3, 4]]}}}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    monkeypatch.setenv("CLUEBOARD_HUB", "off")
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path / "cache"))


def lines(path: Path, *rows: object, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + end for row in rows)
    path.write_bytes(text.encode())
    return path


def document(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def read(task: str, path: Path, *, labelled: bool = True):
    return read_file(TASKS[task], path, labelled=labelled)


def test_byte_order_mark_crlf_blank_lines_and_unicode_line_ends(tmp_path):
    row = {**TITLE, "sentence": "第一\u2028第二\x0b第三\x85"}
    path = lines(tmp_path / "a.json", "\ufeff" + json.dumps(row, ensure_ascii=False), TITLE, "", end="\r\n")
    found = read("tnews", path)
    assert [example.fields["sentence"] for example in found.examples] == [row["sentence"], TITLE["sentence"]]
    assert [example.label for example in found.examples] == [7, 7]
    assert [example.example_id for example in found.examples] == ["0", "1"]


def test_labels_as_numbers_and_booleans(tmp_path):
    assert read("tnews", lines(tmp_path / "a.json", {**TITLE, "label": 108})).examples[0].label == 7
    assert read("cluewsc2020", lines(tmp_path / "b.json", {**WSC, "label": True})).examples[0].label == 1


def test_rows_without_agreed_label_are_dropped_and_counted_but_kept_in_test(tmp_path):
    nli = [{**PAIR, "label": label, "id": i} for i, label in enumerate(("neutral", "-", "entailment", "-"))]
    path = lines(tmp_path / "a.json", *nli)
    found = read("ocnli", path)
    assert [example.label for example in found.examples] == [1, 0]
    assert [example.example_id for example in found.examples] == ["0", "2"]
    assert found.notes == ["a.json: 2 rows labelled '-' dropped"]
    kept = read("ocnli", path, labelled=False)
    assert [example.label for example in kept.examples] == [1, None, 0, None]


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("afqmc", "{", r"a.json:2: not a line of JSON \(.* at column 2\)"),
        ("afqmc", "[1]", r"a.json:2: expected a JSON object, got list"),
        ("afqmc", {"sentence1": "一", "label": "0"}, r"json:2: field 'sentence2' is missing \(fields here: s"),
        ("afqmc", {**PAIR, "label": "2"}, r"a.json:2: label '2' is not one of 0, 1"),
        ("afqmc", {**PAIR, "sentence1": 3}, r"a.json:2: 'sentence1' must be a text, got int"),
        ("afqmc", {"sentence1": "一", "sentence2": "二"}, r"a.json:2: no label \(expected one of 0, 1\)"),
        ("iflytek", {"sentence": "一", "label": "119"}, r"a.json:2: label '119' is not one of 0, 1, ..., 118"),
        ("csl", {"keyword": "二", "abst": "一", "label": "1"}, r"a.json:2: 'keyword' must be a list of texts"),
        ("cluewsc2020", {**WSC, "target": {**WSC["target"], "span2_index": 4}}, r"json:2: span2 is '它' but the text"),
        ("cluewsc2020", {**WSC, "target": {**WSC["target"], "span1_index": 9}}, r"json:2: span1 '小猫' at 9 lies out"),
        ("cluewsc2020", {**WSC, "target": {}}, r"a.json:2: 'target' needs span1_text and span1_index"),
        ("cluener", {"text": "张伟", "label": {"name": {"张伟": [[0, 2]]}}}, r"json:2: entity '张伟' at \[0, 2\]"),
        ("cluener", {"text": "张伟在", "label": {"name": {"张伟": [[1, 2]]}}}, r"json:2: entity '张伟' but the text"),
        ("cluener", {"text": "张伟", "label": {"person": {"张伟": [[0, 1]]}}}, r"json:2: entity type 'person' is not"),
        ("cluener", {"text": "张伟", "label": {"name": [0, 1]}}, r"a.json:2: the label must read \{type"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_file_and_line(tmp_path, task, row, message):
    good = {"afqmc": PAIR, "cluewsc2020": WSC, "cluener": ENTITIES}.get(task)
    good = good or {"sentence": "一", "label": "0", "keyword": ["二"], "abst": "三"}
    with pytest.raises(InputError, match=message):
        read(task, lines(tmp_path / "a.json", good, row))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(json.dumps(PAIR).encode() + b"\n" + b'{"sentence1": "\xff"}\n')
    with pytest.raises(InputError, match=r"a.json:2: not UTF-8 at byte"):
        read("afqmc", tmp_path / "a.json")


def test_missing_and_empty_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.json: no such file"):
        read("afqmc", tmp_path / "none.json")
    with pytest.raises(InputError, match=r"a.json: no labelled rows of ocnli"):
        read("ocnli", lines(tmp_path / "a.json", {**PAIR, "label": "-"}))


def test_doubled_ids_become_row_numbers_but_not_in_test(tmp_path):
    path = lines(tmp_path / "a.json", {**PAIR, "id": 5}, {**PAIR, "id": 5})
    found = read("afqmc", path)
    assert [example.example_id for example in found.examples] == ["0", "1"]
    assert "1 ids occur more than once" in found.notes[0]
    with pytest.raises(InputError, match="id '5' occurs 2 times"):
        read("afqmc", path, labelled=False)


def test_overlapping_entities_are_kept_and_counted(tmp_path):
    row = {"text": "北京大学", "label": {"organization": {"北京大学": [[0, 3]]}, "address": {"北京": [[0, 1]]}}}
    found = read("cluener", lines(tmp_path / "a.json", row, ENTITIES))
    assert found.examples[0].label == [("address", 0, 1), ("organization", 0, 3)]
    assert found.notes == ["a.json: 1 rows with overlapping entities (kept)"]


def _squad(*questions):
    return {"data": [{"paragraphs": [{"context": "范廷颂是主教。", "qas": list(questions)}]}]}


def _question(name, *answers, text="是谁？"):
    return {"id": name, "question": text, "answers": [{"text": t, "answer_start": s} for t, s in answers]}


def test_cmrc_answers_and_placeholders(tmp_path):
    path = document(tmp_path / "a.json", _squad(_question("q1", ("主教", 4), ("主", -1)), _question("q2", ("教", 0))))
    found = read("cmrc2018", path)
    assert [example.label for example in found.examples] == [[("主教", 4), ("主", -1)], [("教", 5)]]
    assert found.notes == [
        "a.json: 1 answers were not at their answer_start and are moved to the nearest place",
        "a.json: 1 placeholder answers at -1",
    ]
    hidden = document(tmp_path / "t.json", _squad(_question("q1", ("FAKE_ANSWER_1", -1))))
    assert read("cmrc2018", hidden, labelled=False).examples[0].label is None


@pytest.mark.parametrize(
    ("question", "note"),
    [
        (_question("q1"), "a.json: 1 questions without an answer left out (q1)"),
        (_question("q1", ("FAKE", -1)), "a.json: 1 questions without an answer left out (q1)"),
        (_question("q1", ("主教", 4), text=" "), "a.json: 1 rows with a blank text dropped"),
        (
            _question("q1", ("主教", 70)),
            "a.json: 1 answers were not at their answer_start and are moved to the nearest pl",
        ),
        (_question("q1", ("某人", 2)), "a.json: 1 answers are nowhere in their context (kept, but not taught)"),
    ],
)
def test_a_question_that_cannot_teach_stops_no_other(tmp_path, question, note):
    found = read("cmrc2018", document(tmp_path / "a.json", _squad(question, _question("q2", ("主教", 4)))))
    assert found.examples[-1].example_id == "q2"
    assert any(said.startswith(note) for said in found.notes)
    asked = read("cmrc2018", document(tmp_path / "a.json", _squad(question)), labelled=False)
    assert len(asked.examples) == 1


def test_questions_come_in_three_layouts(tmp_path):
    flat = [
        {
            "id": "q1",
            "context": "范廷颂是主教。",
            "question": "是谁？",
            "answers": {"text": ["主教"], "answer_start": [4]},
        },
        {
            "id": "q2",
            "context": "范廷颂是主教。",
            "question": "谁？",
            "answers": {"text": ["范廷颂"], "answer_start": [0]},
        },
    ]
    official = document(
        tmp_path / "a.json", _squad(_question("q1", ("主教", 4)), _question("q2", ("范廷颂", 0), text="谁？"))
    )
    expected = read("cmrc2018", official).examples
    assert read("cmrc2018", lines(tmp_path / "b.json", *flat)).examples == expected
    assert read("cmrc2018", document(tmp_path / "c.json", flat)).examples == expected
    flat[0]["answers"]["text"] = []
    with pytest.raises(InputError, match=r"b.json:1: question q1: answers needs as many texts as answer_starts"):
        read("cmrc2018", lines(tmp_path / "b.json", *flat))
    with pytest.raises(InputError, match=r"a.json: not in the format of CMRC2018"):
        read("cmrc2018", document(tmp_path / "a.json", _squad({"id": "q1"})))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_are_read_in_any_usual_encoding_and_packing(tmp_path, encoding, packed):
    plain = lines(tmp_path / "a.json", *[{**PAIR, "sentence1": f"蚂蚁花呗怎么还款{i}"} for i in range(9)], end="\r\n")
    content = plain.read_text(encoding="utf-8").encode(encoding)
    (tmp_path / "b.json").write_bytes(gzip.compress(content) if packed else content)
    assert read("afqmc", tmp_path / "b.json").examples == read("afqmc", plain).examples
    rows = [json.loads(line) for line in plain.read_text(encoding="utf-8").splitlines()]
    assert read("afqmc", document(tmp_path / "c.json", rows)).examples == read("afqmc", plain).examples


def test_what_a_file_is_instead_is_named(tmp_path):
    (tmp_path / "a.json").write_text("sentence1,sentence2,label\n一,二,0\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"a.json:1: not a line of JSON .* looks like CSV: give it as a task of your own"
    ):
        read("afqmc", tmp_path / "a.json")
    (tmp_path / "b.json").write_bytes(json.dumps(PAIR).encode() + b"\n\xff\xfe\x81")
    with pytest.raises(InputError, match=r"b.json:2: not UTF-8 at byte \d+, and not GBK, Big5 or UTF-16 as a whole"):
        read("afqmc", tmp_path / "b.json")


def test_blank_rows_and_half_characters_are_counted_and_test_rows_answered(tmp_path):
    rows = [PAIR, {**PAIR, "sentence1": " "}, {**PAIR, "sentence2": "好\ud83d"}]
    path = tmp_path / "a.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    taught, asked = read("afqmc", path), read("afqmc", path, labelled=False)
    assert [example.fields["sentence2"] for example in taught.examples] == [PAIR["sentence2"], "好\ufffd"]
    assert len(asked.examples) == 3
    assert "a.json: 1 rows with a blank text dropped" in taught.notes
    assert "a.json: 1 rows or texts hold half a surrogate pair, written as U+FFFD" in taught.notes


def test_fillers_in_a_test_file_are_no_labels(tmp_path):
    rows = [{**PAIR, "label": label} for label in ("0", "1", "-1", "", "-", -1)]
    found = read("afqmc", lines(tmp_path / "test.json", *rows), labelled=False)
    assert [example.label for example in found.examples] == [0, 1, None, None, None, None]
    assert "labels that are none of afqmc count as missing" in found.notes[0]


def _c3(choices, answer="甲"):
    return [[["一段文字。"], [{"question": "问？", "choice": choices, "answer": answer}], "m1"]]


def test_c3_choices(tmp_path):
    found = read("c3", document(tmp_path / "a.json", _c3(["乙", "甲", "丙"])))
    assert (found.examples[0].label, found.examples[0].example_id) == (1, "m1-0")
    with pytest.raises(InputError, match=r"a.json:\d+: 1 choices, expected 2 to 4"):
        read("c3", document(tmp_path / "a.json", _c3(["甲"])))
    with pytest.raises(InputError, match=r"a.json:\d+: 5 choices, expected 2 to 4"):
        read("c3", document(tmp_path / "a.json", _c3(list("甲乙丙丁戊"))))
    with pytest.raises(InputError, match=r"a.json:\d+: answer '丁' is not among the choices"):
        read("c3", document(tmp_path / "a.json", _c3(["甲", "乙"], "丁")))
    for passage, said in (("一段", "passage must be a list of texts"), ([1], "passage must be a list of texts")):
        with pytest.raises(InputError, match=rf"a.json:\d+: {said}"):
            read("c3", document(tmp_path / "a.json", [[passage, _c3(["甲", "乙"])[0][1], "m"]]))
    with pytest.raises(InputError, match=r"a.json:\d+: choice must be a list of texts"):
        read("c3", document(tmp_path / "a.json", _c3(["甲", 2])))
    with pytest.raises(InputError, match=r"a.json: expected a JSON list, got dict"):
        read("c3", document(tmp_path / "a.json", {}))


def test_c3_test_files_have_no_document_ids_and_may_have_more_choices(tmp_path):
    rows = [[["一段"], [{"question": "问？", "choice": list("甲乙丙丁戊"), "id": 631}]]]
    found = read("c3", document(tmp_path / "t.json", rows), labelled=False)
    assert (found.examples[0].example_id, found.examples[0].label) == ("631", None)
    assert found.notes == ["t.json: 1 questions with more than 4 choices (kept)"]


def test_chid_of_both_layouts(tmp_path):
    row = {"content": ["一#idiom000001#，#idiom000002#", "二#idiom000003#"], "candidates": ["甲", "乙", "丙"]}
    path = lines(tmp_path / "train.json", row)
    document(tmp_path / "train_answer.json", {"#idiom000001#": 2, "#idiom000002#": 0, "#idiom000003#": 1})
    found = read("chid", path)
    assert [example.label for example in found.examples] == [2, 0, 1]
    assert len({example.group for example in found.examples}) == 1
    assert found.rows == 1
    few = {"id": 9, "content": "说#idiom#了", "candidates": ["甲", "乙"], "answer": 1}
    found = read("chid", lines(tmp_path / "few.json", few, few))
    assert [example.label for example in found.examples] == [1, 1]
    assert [example.example_id for example in found.examples] == ["#idiom000000#", "#idiom000001#"]
    assert len({example.group for example in found.examples}) == 2


@pytest.mark.parametrize(
    ("row", "answers", "message"),
    [
        ({"content": ["#idiom000001#"], "candidates": ["甲", "乙"]}, {}, r"n.json:2: blank #idiom000001# has no a"),
        ({"content": ["#idiom000001#"], "candidates": ["甲", "乙"]}, {"#idiom000001#": 2}, r"n.json:2: answer 2 of bl"),
        ({"content": ["#idiom000001#"], "candidates": ["甲"]}, {}, r"train.json:2: 1 candidates, the first row has 2"),
        ({"content": ["没有空"], "candidates": ["甲", "乙"]}, {}, r"train.json:2: no blank of the form"),
        ({"content": ["没有空"]}, {}, r"train.json:2: field 'candidates' is missing"),
    ],
)  # fmt: skip
def test_bad_chid_rows_are_refused(tmp_path, row, answers, message):
    good = {"content": ["#idiom000000#"], "candidates": ["甲", "乙"]}
    path = lines(tmp_path / "train.json", good, row)
    document(tmp_path / "train_answer.json", {"#idiom000000#": 0, **answers})
    with pytest.raises(InputError, match=message):
        read("chid", path)


def _afqmc(root: Path) -> Path:
    lines(root / "afqmc" / "train.json", PAIR, {**PAIR, "label": "0"})
    lines(root / "afqmc" / "dev.json", PAIR)
    lines(root / "afqmc" / "test.json", *({"id": i, "sentence1": "一", "sentence2": "二"} for i in range(3)))
    return root


def test_a_folder_is_read_and_its_differences_are_noted(tmp_path):
    data = clue_data.load(TASKS["afqmc"], data_dir=_afqmc(tmp_path / "data"))
    assert (data.source, len(data.train), len(data.dev), list(data.tests)) == ("files", 2, 1, ["1.0"])
    assert "train: 2 rows of train.json, the official file has 34,334" in data.notes
    assert "test.json: 3 rows, the official test 1.0 has 3,861" in data.notes
    assert data.fingerprints["train"] != data.fingerprints["dev"]
    assert data.files["dev"].endswith("afqmc/dev.json")


def test_the_environment_names_the_folder_too(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUE_DATA_DIR", str(_afqmc(tmp_path / "data")))
    assert clue_data.load(TASKS["afqmc"]).source == "files"
    with pytest.raises(InputError, match="has no folder tnews"):
        clue_data.load(TASKS["tnews"])


def test_limit_takes_the_first_rows(tmp_path):
    data = clue_data.load(TASKS["afqmc"], data_dir=_afqmc(tmp_path / "data"), limit=1)
    assert (len(data.train), len(data.dev), len(data.tests["1.0"])) == (1, 1, 1)


def test_a_named_folder_without_the_task_is_refused(tmp_path):
    root = _afqmc(tmp_path / "data")
    with pytest.raises(InputError, match=r"has no folder cluewsc2020 or wsc or cluewsc \(it has afqmc\)"):
        clue_data.load(TASKS["cluewsc2020"], data_dir=root)
    with pytest.raises(InputError, match=r"--data-dir: .* is not a folder"):
        clue_data.load(TASKS["afqmc"], data_dir=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"--data-dir: .* is empty"):
        clue_data.load(TASKS["afqmc"], data_dir=tmp_path / "empty")
    (root / "afqmc" / "dev.json").unlink()
    with pytest.raises(InputError, match="no dev file of afqmc"):
        clue_data.load(TASKS["afqmc"], data_dir=root)


def test_named_files_replace_those_of_the_folder(tmp_path):
    root = _afqmc(tmp_path / "data")
    other = lines(tmp_path / "more.json", PAIR, PAIR, PAIR)
    assert len(clue_data.load(TASKS["afqmc"], data_dir=root, train_file=other).train) == 3
    data = clue_data.load(TASKS["afqmc"], train_file=other, dev_file=other)
    assert (data.source, data.tests) == ("files", {})
    data = clue_data.load(TASKS["afqmc"], data_dir=root, test_file=other)
    assert data.files["test 1.0"] == str(other)


def test_a_dev_file_without_labels_is_refused(tmp_path):
    root = _afqmc(tmp_path / "data")
    lines(root / "afqmc" / "dev.json", {"id": 0, "sentence1": "一", "sentence2": "二"})
    with pytest.raises(InputError, match=r"dev.json:1: no label"):
        clue_data.load(TASKS["afqmc"], data_dir=root)


def test_test_versions_are_told_by_their_rows_not_their_names():
    wsc, tnews, c3 = TASKS["cluewsc2020"], TASKS["tnews"], TASKS["c3"]
    assert clue_data.version_of_test(wsc, Path("test.json"), 290, taken=[]) == "1.0"
    assert clue_data.version_of_test(wsc, Path("test1.0.json"), 2574, taken=[]) == "1.1"
    assert clue_data.version_of_test(c3, Path("test.json"), 3892, taken=[]) == "1.0"
    assert clue_data.version_of_test(c3, Path("test.json"), 1625, taken=[]) == "1.1"
    assert clue_data.version_of_test(tnews, Path("test1.0.json"), 10_000, taken=[]) == "1.0"
    assert clue_data.version_of_test(tnews, Path("test.json"), 10_000, taken=[]) == "1.1"
    assert clue_data.version_of_test(tnews, Path("test.json"), 7, taken=["1.0", "1.1"]) is None
    assert clue_data.version_of_test(tnews, Path("test_public.json"), 10_000, taken=[]) == "public"


def test_the_largest_ocnli_file_is_read_and_said(tmp_path):
    row = {**PAIR, "label": "neutral"}
    for name, count in (("train.3k", 3), ("train.10k", 5), ("dev", 1)):
        lines(tmp_path / "ocnli" / f"{name}.json", *[row] * count)
    data = clue_data.load(TASKS["ocnli"], data_dir=tmp_path)
    assert len(data.train) == 5
    assert any("train.10k.json" in note for note in data.notes)


def test_fewclue_names_load(tmp_path):
    lines(tmp_path / "wsc" / "train_few_all.json", WSC)
    lines(tmp_path / "wsc" / "dev_0.json", WSC, end="\r\n")
    lines(tmp_path / "wsc" / "test_public.json", WSC, WSC)
    data = clue_data.load(TASKS["cluewsc2020"], data_dir=tmp_path)
    assert len(data.train) == 1
    assert data.tests["public"][0].label == 1


def test_without_any_folder_the_sample_is_read_and_called_so():
    data = clue_data.load(TASKS["cluewsc2020"])
    assert data.source == "sample"
    assert len(data.train) > 1000
    assert list(data.tests) == ["1.0", "1.1"] or list(data.tests) == ["1.1", "1.0"]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_real_files_load(task):
    if not REAL:
        pytest.skip("CLUE_DATA_DIR names no data folder")
    data = clue_data.load(TASKS[task], data_dir=Path(REAL))
    few = TASKS[task].benchmark == FEWCLUE
    assert len(data.train) >= len(data.dev) > (20 if few else 100)
