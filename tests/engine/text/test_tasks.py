import pytest

from engine.text.tasks import HUB_DATASET, TASKS, get_task


def test_there_are_the_eleven_tasks_of_the_post():
    assert sorted(TASKS) == [
        "afqmc", "c3", "chid", "cluener", "cluewsc2020", "cmnli", "cmrc2018", "csl", "iflytek", "ocnli", "tnews",
    ]  # fmt: skip
    assert HUB_DATASET == "clue/clue"


@pytest.mark.parametrize("spec", TASKS.values(), ids=lambda spec: spec.name)
def test_a_task_is_complete(spec):
    assert spec.tests
    assert spec.fields
    assert spec.sizes["train"] > spec.sizes["dev"] > 0
    assert len(set(spec.labels)) == spec.n_classes
    assert not spec.label_titles or len(spec.label_titles) == spec.n_classes
    assert (spec.n_classes > 0) == (spec.kind in ("classification", "pair", "entities"))
    assert all(test.submission.endswith("_predict.json") for test in spec.tests)
    assert len({test.submission for test in spec.tests}) == len(spec.tests)
    assert spec.max_length <= 512
    assert (spec.stride > 0) == (spec.kind == "span")


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
    assert TASKS["tnews"].label_title(labels.index("116")) == "game"


def test_an_unknown_name_is_refused_with_the_nearest():
    assert get_task("c3").title == "C3"
    with pytest.raises(ValueError, match=r"unknown task 'afqcm'.*did you mean 'afqmc'"):
        get_task("afqcm")
