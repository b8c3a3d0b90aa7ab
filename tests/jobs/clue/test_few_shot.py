"""FewCLUE's protocol: five training sets, one public test file, the mean as one run on the leaderboard."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.text.tasks import CLUE, TASKS, tasks_of
from jobs import submit
from jobs.cli import InputError
from jobs.clue import many, start
from jobs.clue.config import Config, check, several, task_names
from jobs.clue.data import sources as clue_data
from jobs.clue.data.training_sets import NUMBERED, splits_of
from store import queries
from store.ingest import ingest

NGRAM = Config(task=("bustm",), model="ngram")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A store with the n-grams on the five training sets of BUSTM's sample, and its parent's id."""
    folder = tmp_path_factory.mktemp("few")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CLUE_DATA_DIR", raising=False)
        patch.setenv("CLUEBOARD_HUB", "off")
        patch.setenv("CLUEBOARD_CACHE", str(folder / "cache"))
        patch.setenv("CLUEBOARD_FOLLOW", "0")  # as in a sweep: the children reach the database after the parent's end
        config = replace(NGRAM, db=folder / "few.duckdb", output=folder / "out")
        parent = many.start(config)
        ingest(config.db, force=True)
        yield config, parent


def children_of(world):
    config, parent = world
    runs = queries.runs(experiment="clue", db=config.db).filter(parent_run_id=parent)
    return runs.sort("run_id")["run_id"].to_list()


def test_the_score_is_the_mean_over_the_five_on_the_public_test_file(world):
    config, parent = world
    said = queries.summary(children_of(world), db=config.db).filter(name="test/accuracy")["value"].to_numpy()
    assert len(said) == 5
    assert len(set(said)) > 1
    own = dict(queries.summary([parent], db=config.db).select("name", "value").iter_rows())
    assert own["test/accuracy"] == pytest.approx(said.mean())
    cells = queries.measurements("few_shot_scores", run_ids=(parent,), db=config.db)
    mean = cells.filter(split="mean", scored_on="test")
    score = mean.filter(metric="score").row(0, named=True)
    assert (score["value"], score["n"]) == (pytest.approx(said.mean()), 5)
    assert score["low"] < said.mean() < score["high"]
    assert mean.filter(metric="sd")["value"].item() == pytest.approx(np.std(said, ddof=1))
    each = cells.filter(pl.col("split").is_in(NUMBERED), scored_on="test", metric="score")["value"]
    assert sorted(each) == sorted(said)


def test_the_leaderboard_has_the_mean_alone(world):
    config, parent = world
    board = queries.leaderboard(db=config.db).filter(split="test", metric="accuracy")
    assert board.select("task", "n", "newest_run_id").rows() == [("bustm", 1, parent)]
    run = queries.run(parent, db=config.db)
    assert (run["data_source"], run["dataset"]) == ("sample", "bustm")
    assert len(run["train_fingerprint"]) == 64


def test_each_training_set_leaves_a_submission_with_numbers_as_ids(world, tmp_path):
    config, parent = world
    target = submit.submit(submit.Config(parent=parent, db=config.db, output=tmp_path / "few.zip"))
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == [f"bustm_predict_{split}.json" for split in NUMBERED]
        lines = archive.read("bustm_predict_0.json").decode().splitlines()
    tests = clue_data.load_tests(TASKS["bustm"])["1.0"]
    assert [json.loads(line)["id"] for line in lines] == [int(example.example_id) for example in tests]
    assert {json.loads(line)["label"] for line in lines} <= {"0", "1"}
    assert {path.name for path in (config.output / "3").iterdir()} >= {"bustm_predict_3.json", "result.json"}


def test_a_finished_parent_is_not_trained_again_and_a_lost_child_is(world):
    config, parent = world
    with pytest.raises(InputError, match="is finished"):
        many.resume(config, parent)
    children = many.started.children(parent, config.db)
    assert {was.config.split for was in children} == {(split,) for split in NUMBERED}
    planned = many.plan(config, ("bustm",))
    assert all(many._existing(child, children) for child in planned)
    assert many._existing(planned[0], children[:-1]) is None


def test_all_means_the_tasks_of_clue():
    assert task_names(("all",)) == tasks_of(CLUE)
    assert task_names(("fewclue", "tnews", "bustm")) == ("eprstmt", "csldcp", "bustm", "tnews")


def test_only_the_tasks_of_fewclue_have_five_training_sets_by_themselves(tmp_path):
    assert splits_of(NGRAM, TASKS["bustm"]) == NUMBERED
    assert splits_of(NGRAM, TASKS["tnews"]) == ()
    assert splits_of(replace(NGRAM, split=("all", "few_all")), TASKS["tnews"]) == (*NUMBERED, "few_all")
    assert splits_of(replace(NGRAM, train_file=tmp_path / "a.json"), TASKS["bustm"]) == ()
    assert several(NGRAM)
    assert not several(replace(NGRAM, split=("3",)))


def test_seeds_and_tasks_are_parents_of_the_five(world):
    children = many.plan(replace(NGRAM, seeds=(1, 2)), ("bustm",))
    assert [(child.config.seed, child.config.split) for child in children] == [(1, NUMBERED), (2, NUMBERED)]
    children = many.plan(NGRAM, ("bustm", "tnews"))
    assert [child.config.split for child in children] == [NUMBERED, ()]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"split": ("5",)}, r"--split 5: expected 0, 1, 2, 3, 4, few_all, or all"),
        ({"split": ("all",), "folds": 3}, "--split and --folds cannot be combined"),
        ({"split": ("1",), "dev_file": Path("dev.json")}, "not with --dev-file"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        check(replace(NGRAM, **given))


def _write(folder, name, rows):
    (folder / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def only_the_first(tmp_path):
    """A folder with one training set, and a public test file whose ids are not unique, as CSLDCP's are."""
    folder = tmp_path / "data" / "eprstmt"
    folder.mkdir(parents=True)
    rows = [{"id": i, "sentence": text, "label": label} for i, (text, label) in
            enumerate([("很好", "Positive"), ("很差", "Negative")] * 4)]  # fmt: skip
    _write(folder, "train_0", rows)
    _write(folder, "dev_0", rows)
    _write(folder, "test_public", [{**row, "id": 7} for row in rows])
    return folder.parent


def test_a_missing_training_set_is_refused_before_the_first_training(only_the_first, tmp_path):
    config = replace(NGRAM, task=("eprstmt",), data_dir=only_the_first, db=tmp_path / "x.duckdb")
    with pytest.raises(InputError, match=r"no train_1\.json .* of eprstmt \(it has the training sets 0: --split 0\)"):
        start.run(config)
    assert not (tmp_path / "x.duckdb").exists()


def test_ids_that_occur_twice_in_the_public_test_file_do_not_matter(only_the_first):
    data = clue_data.load(TASKS["eprstmt"], data_dir=only_the_first, few_shot_split="0")
    assert [example.example_id for example in data.tests["public"]] == [str(i) for i in range(8)]
    assert any("row numbers are used instead" in note for note in data.notes)


def test_a_clue_task_on_fewclues_files_stays_off_the_leaderboard(only_the_first, tmp_path):
    folder = only_the_first / "tnews"
    folder.mkdir()
    rows = [{"id": i, "sentence": f"标题{i}", "label": 100 + i % 2} for i in range(8)]
    for name in ("train_0", "dev_0", "train_1", "dev_1", "test_public"):
        _write(folder, name, rows)
    config = replace(NGRAM, task=("tnews",), data_dir=only_the_first, db=tmp_path / "x.duckdb", split=("0", "1"))
    start.run(config)
    ingest(config.db, force=True)
    assert queries.leaderboard(db=config.db).is_empty()
    assert queries.runs(status="finished", db=config.db).height == 3


def test_the_files_are_found_beside_those_of_clue(only_the_first, tmp_path):
    (tmp_path / "both").mkdir()
    only_the_first.rename(tmp_path / "both" / "fewclue")
    data = clue_data.load(TASKS["eprstmt"], data_dir=tmp_path / "both", few_shot_split="0")
    assert Path(data.files["train"]).parent == tmp_path / "both" / "fewclue" / "eprstmt"


def test_the_zip_of_several_tasks_holds_what_its_trainings_wrote(tmp_path, monkeypatch, capsys):
    for task, row in {"tnews": {"sentence": "标题"}, "iflytek": {"sentence": "应用"}}.items():
        folder = tmp_path / "data" / task
        folder.mkdir(parents=True)
        labels = TASKS[task].labels[:2] * 4
        for name in ("train", "dev"):
            _write(folder, name, [{**row, "label": label, "sentence": f"{label}号"} for label in labels])
        _write(folder, "test", [{**row, "id": i} for i in range(3)])
    config = replace(NGRAM, task=("tnews", "iflytek"), data_dir=tmp_path / "data", db=tmp_path / "x.duckdb")
    monkeypatch.setenv("CLUEBOARD_FOLLOW", "0")
    many.start(config)
    assert "no zip for the CLUE site" in capsys.readouterr().out
    monkeypatch.delenv("CLUEBOARD_FOLLOW")
    parent = many.start(replace(config, db=tmp_path / "y.duckdb"))
    with zipfile.ZipFile(tmp_path / "y" / "artifacts" / parent / many.UPLOAD) as archive:
        assert sorted(archive.namelist()) == ["iflytek_predict.json", "tnews11_predict.json"]
