"""A stopped run goes on with the rows, the task and the tokens that it began with, or refuses in one sentence."""

import csv
import dataclasses
import random

import numpy as np
import pytest

from engine.text.rows import Rows
from engine.text.tasks import Example
from jobs import checkpoints, cli
from jobs.checkpoints import LAST
from jobs.clue import results, start, unchanged
from jobs.clue.config import Config
from store import paths, queries
from tests.jobs.clue.conftest import press_ctrl_c_at

pytestmark = pytest.mark.usefixtures("alone")
WORDS = {"物流": "快递迟迟没有送到", "质量": "用了两天屏幕就坏了", "退款": "退款一直没有到账"}
ROWS = [(f"{text}，订单{i}号", label) for i in range(40) for label, text in WORDS.items()]
TASK = 'name = "mine"\nkind = "classification"\nfields = ["投诉"]\nlabel = "类别"\ntrain = "data.csv"\n'
SMALL = {"epochs": 2, "batch_size": 16, "max_length": 24, "model": "tiny"}


def write(folder, rows=ROWS, *, task=TASK, encoding="utf-8", name="data.csv", head=("投诉", "类别")):
    with (folder / name).open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([head, *rows])
    if task is not None:
        (folder / "mine.toml").write_text(task, encoding="utf-8")
    return folder / "mine.toml"


def runs_of(config):
    queries._refreshed.clear()
    queries.refresh(config.db)
    return queries.runs(db=config.db).sort("run_id")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Folder and config of a run that was stopped after three updates, and its id."""
    folder = tmp_path_factory.mktemp("own data")
    config = Config(task=(str(write(folder)),), db=folder / "x.duckdb", **SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLUEBOARD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        press_ctrl_c_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            start.run(config)
    return folder, config, runs_of(config)["run_id"][0]


def changed_text(folder):
    write(folder, [("不一样的文字", "物流"), *ROWS[1:]])


def one_row_more(folder):
    write(folder, [*ROWS, ("又一条投诉", "物流")])


def one_row_less(folder):
    write(folder, ROWS[1:])


def another_order(folder):
    rows = list(ROWS)
    random.Random(0).shuffle(rows)
    write(folder, rows)


def another_label(folder):
    write(folder, [(ROWS[0][0], "退款"), *ROWS[1:]])


def a_dev_file(folder):
    write(folder, ROWS[:30], name="dev.csv", task=TASK + 'dev = "dev.csv"\n')


def classes_named(folder):
    write(folder, task=TASK + 'labels = ["退款", "物流", "质量"]\n')


def another_share(folder):
    write(folder, task=TASK + "dev_share = 0.3\n")


def another_field(folder):
    write(
        folder,
        [(text, label, "x") for text, label in ROWS],
        head=("投诉", "类别", "备注"),
        task=TASK.replace("投诉", "备注"),
    )


def gone(folder):
    (folder / "data.csv").unlink()


def a_link_to_nowhere(folder):
    (folder / "data.csv").unlink()
    (folder / "data.csv").symlink_to(folder / "nowhere.csv")


DATA = r"rows of mine are not those that run .* started with.* put .*data.csv back as before, or start a new run"
TASK_FILE = r"mine.toml has changed since run .* began \(%s\): put it back as it was, or start a new run"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed_text, DATA),
        (one_row_more, DATA),
        (one_row_less, DATA),
        (another_order, DATA),
        (another_label, DATA),
        (classes_named, TASK_FILE % "labels"),
        (another_share, TASK_FILE % "dev_share"),
        (another_field, TASK_FILE % "fields"),
        (gone, "data.csv.*no such file"),
        (a_link_to_nowhere, "data.csv.*no such file"),
    ],
)
def test_a_stopped_run_refuses_other_data_and_another_task(stopped, change, message):
    folder, config, run_id = stopped
    again = Config(db=config.db, resume=run_id)
    if change is another_field:  # the batch script that is started again
        again = dataclasses.replace(config, resume_or_start=True)
    change(folder)
    try:
        with pytest.raises(cli.InputError, match=message) as caught:
            start.run(again)
        assert "\n" not in str(caught.value)
    finally:
        (folder / "data.csv").unlink(missing_ok=True)
        write(folder)
    assert runs_of(config)["status"].to_list() == ["interrupted"]


def test_a_stopped_run_refuses_a_checkpoint_of_other_tokens_and_another_model(stopped, monkeypatch):
    _, config, run_id = stopped
    again = Config(db=config.db, resume=run_id)
    monkeypatch.setattr(Rows, "fingerprint", lambda self: "0" * 16)
    with pytest.raises(
        cli.InputError, match=r"the tokens of mine are not those that run .* was trained on: its data, its"
    ):
        start.run(again)
    describe = unchanged.saving.describe
    monkeypatch.setattr(unchanged.saving, "describe", lambda *of: {**describe(*of), "vocabulary": ["[PAD]"]})
    with pytest.raises(cli.InputError, match=r"tiny: its vocabulary changed since run .* began; put the model back"):
        start.run(again)


def test_the_same_rows_in_another_encoding_go_on_to_the_same_weights(tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    folders = [tmp_path / "whole", tmp_path]
    whole, config = (Config(task=(str(write(folder)),), db=folder / "x.duckdb", **SMALL) for folder in folders)
    start.run(whole)
    press_ctrl_c_at(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        start.run(config)
    write(tmp_path, encoding="utf-16", task=None)
    (tmp_path / "mine.toml").unlink()  # its first line says all that is needed
    [run_id] = runs_of(config)["run_id"]
    start.run(Config(db=config.db, resume=run_id))
    assert runs_of(config)["status"].to_list() == ["finished"]
    own, expected = (
        checkpoints.load(paths.locate(of.db).folder_of(runs_of(of)["run_id"][0]) / LAST)[0]["model"]
        for of in (config, whole)
    )
    assert own.keys() == expected.keys()
    assert all(np.array_equal(own[name].numpy(), expected[name].numpy()) for name in own)


@pytest.mark.parametrize("model", ["tiny", pytest.param("ngram", marks=pytest.mark.slow)])
def test_seeds_of_one_run_never_meet_other_data(tmp_path, monkeypatch, model):
    config = Config(task=(str(write(tmp_path)),), db=tmp_path / "x.duckdb", seeds=(0, 1), **{**SMALL, "model": model})
    start.run(dataclasses.replace(config, seeds=(0,)))  # a run of its own, of other data, is no sibling
    another_label(tmp_path)
    original = start.many.train.start

    def edited(child, **about):
        if child.seed == 1:
            write(tmp_path)
        return original(child, **about)

    with monkeypatch.context() as patch:
        patch.setattr(start.many.train, "start", edited)
        with pytest.raises(cli.InputError, match="1 of 2 trainings failed: mine: the train rows of mine are not those"):
            start.run(config)
    another_label(tmp_path)
    [parent] = runs_of(config).filter(status="failed")["run_id"]
    start.run(Config(db=config.db, resume=parent))
    assert runs_of(config).filter(status="failed").is_empty()


def test_folds_are_not_averaged_over_other_rows(tmp_path):
    rows = {"dev": [Example("0", {"text": "好"}, 0), Example("1", {"text": "坏"}, 1)]}
    results.write_fold(tmp_path / "f.npz", {"dev": np.eye(2)}, rows)
    assert results.read_fold(tmp_path / "f.npz", rows)["dev"].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(cli.InputError, match=r"the dev rows are not those that .* answered; put the data back"):
        results.read_fold(tmp_path / "f.npz", {"dev": rows["dev"][::-1]})
    np.savez(tmp_path / "earlier.npz", dev=np.eye(2))
    assert results.read_fold(tmp_path / "earlier.npz", rows)["dev"].shape == (2, 2)
    with pytest.raises(cli.InputError, match="the test rows are not those"):
        results.read_fold(tmp_path / "f.npz", {**rows, "test": rows["dev"]})
