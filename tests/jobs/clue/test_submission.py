import json
import zipfile

import pytest

from engine.text.tasks import TASKS, Example
from jobs import submit
from jobs.cli import InputError
from jobs.clue import submission

PAIRS = [Example(str(i), {"sentence1": "一", "sentence2": "二"}) for i in (3, 1, 2)]
CHOICES = [Example(str(i), {"passage": ["一"], "question": "二", "choice": list("甲乙丙")}) for i in range(2)]
BLANKS = [
    Example(f"#idiom00000{i}#", {"content": "", "blank": "", "candidates": list("甲乙丙")}, group="x") for i in range(2)
]
SPANS = [Example(name, {"context": "北京大学", "question": "哪里"}) for name in ("TEST_0", "TEST_1")]
ENTITIES = [Example("0", {"text": "张伟在北京"})]


def _rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_hold_labels_in_the_order_of_the_test_file(tmp_path):
    path = submission.write(TASKS["ocnli"], "1.0", PAIRS, [0, 2, 1], tmp_path)
    assert path.name == "ocnli_50k_predict.json"
    assert path.read_text(encoding="utf-8").splitlines()[0] == '{"id": "3", "label": "entailment"}'
    assert [row["label"] for row in _rows(path)] == ["entailment", "contradiction", "neutral"]


def test_tnews_writes_codes_under_the_name_of_its_version(tmp_path):
    examples = [Example("0", {"sentence": "一"})]
    for version, name in (("1.0", "tnews10_predict.json"), ("1.1", "tnews11_predict.json")):
        path = submission.write(TASKS["tnews"], version, examples, [5], tmp_path)
        assert (path.name, _rows(path)) == (name, [{"id": "0", "label": "106"}])


def test_every_kind_has_its_form(tmp_path):
    path = submission.write(TASKS["c3"], "1.1", CHOICES, [2, 0], tmp_path)
    assert (path.name, [row["label"] for row in _rows(path)]) == ("c311_predict.json", ["2", "0"])
    path = submission.write(TASKS["chid"], "1.0", BLANKS, [2, 0], tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"#idiom000000#": 2, "#idiom000001#": 0}
    path = submission.write(TASKS["cmrc2018"], "1.0", SPANS, [("北京", 0), ("", 0)], tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"TEST_0": "北京", "TEST_1": ""}
    path = submission.write(TASKS["cluener"], "1.0", ENTITIES, [[("name", 0, 1)]], tmp_path)
    assert _rows(path) == [{"id": 0, "text": "张伟在北京", "label": {"name": {"张伟": [[0, 1]]}}}]


def test_a_missing_answer_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"afqmc_predict.json: 2 answers for 3 test rows"):
        submission.write(TASKS["afqmc"], "1.0", PAIRS, [0, 1], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_version_without_submission_is_refused():
    with pytest.raises(InputError, match=r"tnews has no submission for test 'public' \(it has 1.0, 1.1\)"):
        submission.file_name(TASKS["tnews"], "public")
    assert not submission.has_submission(TASKS["tnews"], "public")


@pytest.mark.parametrize(
    ("task", "examples", "text", "message"),
    [
        ("afqmc", PAIRS, '{"id": "3", "label": "0"}\n', r"x: 1 lines for 3 test rows"),
        ("afqmc", PAIRS[:1], '{"id": "4", "label": "0"}\n', r"x:1: id '4', but the test file has '3' there"),
        ("afqmc", PAIRS[:1], '{"id": "3", "label": 0}\n', r"x:1: label 0 is not a label of afqmc"),
        ("afqmc", PAIRS[:1], "nonsense\n", r"x:1: expected \{\"id\""),
        ("c3", CHOICES[:1], '{"id": 0, "label": "4"}\n', r'x:1: label .4. is not one of "0" to "3"'),
        ("chid", BLANKS[:1], '{"#idiom000000#": 3}', r"x: the answer of #idiom000000# is 3, not an index below 3"),
        ("chid", BLANKS, '{"#idiom000000#": 1}', r"x: 1 answers for 2 test rows, #idiom000001# is missing"),
        ("chid", BLANKS, "[]", r"x: expected one JSON object, got list"),
        ("cmrc2018", SPANS[:1], '{"TEST_0": 1}', r"x: the answer of TEST_0 must be a text"),
        ("cmrc2018", SPANS, "{", r"x:1: not JSON"),
        (
            "cluener",
            ENTITIES,
            '{"id": 0, "text": "张伟在北京", "label": {"name": {"张": [[1, 1]]}}}',
            r"x:1: entity '张' but the text at \[1, 1\] reads '伟'",
        ),
        ("cluener", ENTITIES, '{"id": 0, "text": "张伟", "label": {}}', r"x:1: the text is not that of the test file"),
        (
            "cluener",
            ENTITIES,
            '{"id": 0, "text": "张伟在北京", "label": {"person": {}}}',
            r"x:1: entity type 'person' is not one of",
        ),
    ],
)
def test_files_that_would_not_score_are_refused(task, examples, text, message):
    with pytest.raises(InputError, match=message):
        submission.check(TASKS[task], examples, text, name="x")


def test_the_zip_holds_the_files_by_name(tmp_path):
    path = submission.write(TASKS["afqmc"], "1.0", PAIRS, [0, 1, 0], tmp_path)
    submit.pack([submit.Packed("afqmc", "run", path, 3)], tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["afqmc_predict.json"]
        assert archive.read("afqmc_predict.json") == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "afqmc_predict.json"]


def test_no_run_named_is_refused():
    with pytest.raises(InputError, match="name a run with --parent or --runs"):
        submit.submit(submit.Config())
