import ast
from pathlib import Path

import pytest

from engine.evidence.metrics import metrics_of
from engine.text.tasks import CLUE, FEWCLUE, HUB_DATASET, TASKS, get_task, tasks_of


def test_the_tasks_of_the_post_are_there():
    assert {
        "afqmc", "c3", "chid", "cluener", "cluewsc2020", "cmnli", "cmrc2018", "csl", "iflytek", "ocnli", "tnews",
    } <= set(tasks_of(CLUE))  # fmt: skip
    assert HUB_DATASET == "clue/clue"


def test_the_tasks_that_fewclue_added_are_a_benchmark_of_their_own():
    few = [TASKS[name] for name in ("bustm", "csldcp", "eprstmt")]
    assert {spec.name for spec in few} <= set(tasks_of(FEWCLUE))
    assert not set(tasks_of(CLUE)) & set(tasks_of(FEWCLUE))
    sizes = {spec.name: (spec.sizes["train"], spec.sizes["test"], spec.n_classes) for spec in few}
    assert sizes == {"bustm": (32, 1_772, 2), "csldcp": (536, 1_784, 67), "eprstmt": (32, 610, 2)}
    assert {spec.tests[0].rows for spec in few} == {2_000, 2_999, 753}


@pytest.mark.parametrize("spec", TASKS.values(), ids=lambda spec: spec.name)
def test_a_task_is_complete(spec):
    assert spec.fields
    assert set(spec.field_kinds) <= set(spec.fields)
    assert set(spec.sizes) <= {"train", "dev", "test"}
    assert spec.source
    assert spec.metric in {metric.name for metric in metrics_of(spec.kind)}
    assert len(set(spec.labels)) == spec.n_classes
    assert not spec.label_titles or len(spec.label_titles) == spec.n_classes
    assert (spec.n_classes > 0) == (spec.kind in ("classification", "pair", "entities"))
    assert all(test.submission.endswith("_predict.json") for test in spec.tests)
    assert len({test.submission for test in spec.tests}) == len(spec.tests)
    assert spec.max_length <= 512
    assert (spec.stride > 0) == (spec.kind == "span")


def test_what_is_known_of_licences_and_checks_is_stated():
    assert TASKS["ocnli"].licence == "CC BY-NC 2.0"
    checked = {name for name, spec in TASKS.items() if spec.checked}
    assert checked >= {"cluewsc2020", "csl", "c3", "chid", "cmrc2018", "cluener"}


ROOT = Path(__file__).parents[3]
MAY_NAME_TASKS = {"engine/text/tasks.py", "jobs/clue/data/sample.py"}  # the specs, and the sample's table


def asks_for_a_task(tree):
    """Comparisons, lookups and tables whose key is the name of a task."""
    found = []
    for node in ast.walk(tree):
        parts = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.match_case):
            parts = [child for child in ast.walk(node.pattern) if isinstance(child, ast.Constant)]
        constants = [item for part in parts for item in ast.walk(part) if isinstance(item, ast.Constant)]
        found += [item.value for item in constants if item.value in TASKS]
    return found


def test_no_code_outside_the_specs_and_the_sample_asks_for_a_task_by_name():
    asked = {}
    for package in ("engine", "jobs", "store", "dashboard"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in MAY_NAME_TASKS or name.startswith(("jobs/clue/data/samples/", "jobs/benchmarks/")):
                continue
            text = path.read_text(encoding="utf-8")
            if any(task in text for task in TASKS) and (names := asks_for_a_task(ast.parse(text))):
                asked[name] = names
    assert asked == {}


@pytest.mark.parametrize("code", ['spec.name == "chid"', 'X = {"c3": 1}', 'TASKS["tnews"]', 'task in ("afqmc", other)'])
def test_a_question_for_a_task_by_name_is_found(code):
    assert asks_for_a_task(ast.parse(code))


def test_settings_are_those_of_the_post():
    settings = {name: (s.max_length, s.batch_size, s.accumulation, s.epochs) for name, s in TASKS.items()}
    common = {"iflytek", "tnews", "afqmc", "cmnli", "ocnli", "csl"}
    assert {settings[name] for name in common} == {(128, 32, 1, 10)}
    assert settings["cluewsc2020"] == (128, 32, 1, 30)
    assert settings["cmrc2018"] == (512, 16, 2, 10)
    assert settings["c3"] == (512, 4, 4, 10)
    assert settings["chid"] == (64, 12, 2, 5)
    assert settings["cluener"] == (256, 32, 1, 10)


def test_tnews_has_no_codes_105_and_111():
    labels = TASKS["tnews"].labels
    assert len(labels) == 15
    assert not {"105", "111"} & set(labels)
    assert list(labels) == sorted(labels)
    assert TASKS["tnews"].label_titles[labels.index("116")] == "game"


def test_an_unknown_name_is_refused_with_the_nearest():
    assert get_task("c3").title == "C3"
    with pytest.raises(ValueError, match=r"unknown task 'afqcm'.*did you mean 'afqmc'"):
        get_task("afqcm")
