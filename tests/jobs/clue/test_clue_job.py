"""The CLUE job from flags to stored run, its resume, and what it refuses."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.text.tasks import get_task
from jobs import checkpoints, cli, predict, tracking
from jobs.checkpoints import BEST, LAST
from jobs.clue import session, start, started, submission
from jobs.clue.config import Config
from jobs.clue.data import sources as clue_data
from jobs.models import saving
from store import paths, queries
from tests.jobs.clue.conftest import press_ctrl_c_at

pytestmark = pytest.mark.usefixtures("alone")


def small(tmp_path: Path, **flags) -> Config:
    of_encoders = {} if flags.get("model") == "ngram" else {"epochs": 2, "batch_size": 16, "max_length": 48}
    return Config(**{"db": tmp_path / "x.duckdb", "limit": 48, **of_encoders, **flags})


def only_run(config: Config, **conditions) -> dict:
    queries.refresh(db=config.db)
    frame = queries.runs(db=config.db, **conditions)
    assert len(frame) == 1
    return frame.row(0, named=True)


def in_file_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(pl.col("example_id").cast(pl.Int64))


def digest(config: Config, run_id: str, name: str) -> dict[str, np.ndarray]:
    state, _ = checkpoints.load(paths.locate(config.db).artifacts / run_id / name)
    return {key: tensor.numpy() for key, tensor in state["model"].items()}


def test_a_run_leaves_scores_predictions_examples_and_a_model(tmp_path, capsys):
    config = small(tmp_path, tags=("smoke",), label_smoothing=0.1)
    start.run(config)
    row = only_run(config, experiment="clue")
    assert (row["status"], row["task"], row["model"], row["data_source"]) == ("finished", "afqmc", "tiny", "sample")
    assert (row["seed"], row["tags"], row["device"]) == (42, ["smoke"], "cpu")
    shown = capsys.readouterr().out
    for words in ("built-in sample, not CLUE data", "majority", "chance", row["run_id"], "streamlit run"):
        assert words in shown
    stored = in_file_order(queries.predictions(row["run_id"], db=config.db))
    data = clue_data.load(get_task("afqmc"), limit=48)
    assert stored["example_id"].to_list() == [example.example_id for example in data.dev]
    assert json.loads(stored["text"][0]) == data.dev[0].fields
    right = (stored["label"] == stored["prediction"]).mean()
    summary = dict(queries.summary([row["run_id"]], db=config.db).select("name", "value").iter_rows())
    assert summary["dev/accuracy"] == pytest.approx(right)
    assert summary["dev/chance"] == 0.5
    probabilities = in_file_order(queries.probabilities(row["run_id"], db=config.db)).select("0", "1").to_numpy()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(probabilities.max(1), stored["confidence"], atol=1e-6)
    names = set(queries.metric_names([row["run_id"]], db=config.db))
    assert {"train/loss", "train/learning_rate", "train/tokens_per_second", "dev/accuracy", "dev/macro_f1"} <= names
    assert len(queries.examples("afqmc", "train", db=config.db)) == 48
    _predict_again(tmp_path, config, stored)


def _predict_again(tmp_path: Path, config: Config, stored: pl.DataFrame) -> None:
    """The stored model gives the stored predictions once more."""
    source = Path(clue_data.load(get_task("afqmc")).files["dev"])
    rows = tmp_path / "rows.json"
    rows.write_text("\n".join(source.read_text(encoding="utf-8").split("\n")[:48]), encoding="utf-8")
    predict.predict(predict.Config(run="latest", input=rows, output=tmp_path / "answers.jsonl", db=config.db))
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [answer["prediction"] for answer in answers] == stored["prediction"].to_list()
    np.testing.assert_allclose([answer["confidence"] for answer in answers], stored["confidence"], atol=1e-5)


@pytest.mark.parametrize(
    "task", ["cluener", *(pytest.param(task, marks=pytest.mark.slow) for task in ("chid", "cmrc2018"))]
)
def test_other_kinds_of_task_run_through(tmp_path, task):
    config = small(tmp_path, task=(task,), epochs=1, max_length=128, limit=20, batch_size=8)
    start.run(config)
    row = only_run(config)
    assert row["status"] == "finished"
    assert len(queries.predictions(row["run_id"], db=config.db)) > 0


def test_a_full_run_writes_a_submission_that_the_checker_accepts(tmp_path):
    config = small(tmp_path, model="ngram", limit=None)
    start.run(config)
    row = only_run(config)
    with pytest.raises(SystemExit) as ended:
        start.run(dataclasses.replace(config, skip_if_done=True))
    assert ended.value.code == 0
    assert only_run(config)["run_id"] == row["run_id"]
    files = queries.artifacts(row["run_id"], db=config.db).filter(pl.col("kind") == "submission")
    data = clue_data.load(get_task("afqmc"))
    submission.check(data.spec, data.tests["1.0"], Path(files["file"][0]).read_text(), name="file")
    summary = dict(queries.summary([row["run_id"]], db=config.db).select("name", "value").iter_rows())
    assert summary["dev/accuracy"] > summary["dev/majority"]


@pytest.mark.parametrize(
    "flags",
    [{}, pytest.param({"recipe": "blog", "accumulation": 2, "ema": 0.9}, marks=pytest.mark.slow)],
    ids=["modern", "blog"],
)
def test_ctrl_c_leaves_a_run_that_resumes_bitwise(tmp_path, monkeypatch, flags):
    whole = small(tmp_path, db=tmp_path / "whole.duckdb", **flags)
    start.run(whole)
    config = small(tmp_path, **flags)
    press_ctrl_c_at(monkeypatch, step=3)
    with pytest.raises(KeyboardInterrupt):
        start.run(config)
    run_id = only_run(config)["run_id"]
    assert only_run(config)["status"] == "interrupted"
    start.run(Config(db=config.db, resume=run_id[-4:]))
    assert only_run(config)["status"] == "finished"
    reference = only_run(whole)["run_id"]
    for name in (BEST, LAST):
        own, expected = digest(config, run_id, name), digest(whole, reference, name)
        assert own.keys() == expected.keys()
        assert all(np.array_equal(own[key], expected[key]) for key in own)
    losses = [
        queries.curves([name], ["train/loss"], db=db)["value"].to_list()
        for name, db in ((run_id, config.db), (reference, whole.db))
    ]
    assert losses[0] == losses[1]
    with pytest.raises(cli.InputError, match="is finished; there is nothing to resume"):
        start.run(Config(db=config.db, resume=run_id))


def test_resume_refuses_other_flags_damage_and_unknown_runs(tmp_path, monkeypatch):
    config = small(tmp_path)
    press_ctrl_c_at(monkeypatch, step=2)
    with pytest.raises(KeyboardInterrupt):
        start.run(config)
    run_id = only_run(config)["run_id"]
    with pytest.raises(cli.InputError, match=r"--epochs 7 would change run .*, which has 2; start a new run"):
        start.run(Config(db=config.db, resume=run_id, epochs=7))
    with pytest.raises(cli.InputError, match=r"--resume nonsense: no such CLUE run in .* \(the newest is"):
        start.run(Config(db=config.db, resume="nonsense"))
    last = paths.locate(config.db).artifacts / run_id / LAST
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with pytest.raises(cli.InputError, match=r"last.safetensors is damaged: its checksum does not match"):
        start.run(Config(db=config.db, resume=run_id))
    last.write_bytes(content[:100])
    with pytest.raises(cli.InputError, match=r"last.safetensors is damaged or no checkpoint"):
        start.run(Config(db=config.db, resume=run_id))


def test_seeds_are_children_of_one_run_and_a_stopped_parent_goes_on(tmp_path, monkeypatch, capsys):
    config = small(tmp_path, epochs=1, seeds=(0, 1))
    press_ctrl_c_at(monkeypatch, step=2)
    with pytest.raises(KeyboardInterrupt):
        start.run(config)
    queries.refresh(db=config.db)
    runs = queries.runs(db=config.db)
    parent = runs.filter(pl.col("parent_run_id").is_null()).row(0, named=True)
    start.run(Config(db=config.db, resume=parent["run_id"]))
    queries.refresh(db=config.db)
    children = queries.runs(db=config.db).filter(pl.col("parent_run_id") == parent["run_id"])
    assert sorted(children["seed"].to_list()) == [0, 1]
    assert set(queries.runs(db=config.db)["status"]) == {"finished"}
    assert children["config_hash"].n_unique() == 1
    measured = queries.measurements("seed_scores", run_ids=[parent["run_id"]], db=config.db)
    assert measured.filter(pl.col("metric") == "score")["n"].to_list() == [2]
    assert "parent" in capsys.readouterr().out


def test_folds_average_probabilities(tmp_path):
    config = small(tmp_path, epochs=1, folds=2)
    start.run(config)
    queries.refresh(db=config.db)
    runs = queries.runs(db=config.db)
    parent = runs.filter(pl.col("parent_run_id").is_null())["run_id"][0]
    children = runs.filter(pl.col("parent_run_id") == parent)["run_id"].to_list()
    assert len(children) == 2
    folder = paths.locate(config.db).artifacts
    parts = [np.load(folder / child / "fold_probabilities.npz")["dev"] for child in children]
    own = in_file_order(queries.probabilities(parent, db=config.db)).select("0", "1").to_numpy()
    np.testing.assert_allclose(own, np.mean(parts, axis=0), atol=1e-5)
    assert not np.allclose(parts[0], parts[1], atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"task": ("afqcm",)}, "unknown task 'afqcm'.*did you mean 'afqmc'"),
        ({"model": "tinny"}, "unknown model 'tinny'; did you mean 'tiny'"),
        ({"model": "./nowhere"}, r"--model ./nowhere: no such folder"),
        ({"epochs": 0}, "--epochs must be positive, got 0"),
        ({"llrd": 1.5}, "--llrd must be between 1e-06 and 1, got 1.5"),
        ({"fgm": -1.0}, "--fgm must not be negative, got -1"),
        ({"folds": 1}, "--folds must be at least 2"),
        ({"folds": 2, "seeds": (1,)}, "--seeds and --folds cannot be combined"),
        ({"folds": 2, "task": ("cluener",)}, "--folds averages the probabilities of classes or choices: cluener"),
        ({"init": "he", "model": "ngram"}, "--init is for the tiny model"),
        (
            {"model": "ngram", "learning_rate": 0.1, "dropout": 0.0},
            "--learning-rate, --dropout: for encoders; the linear",
        ),
        ({"precision": "fp16", "device": "cpu"}, "--precision fp16 needs a CUDA device, not cpu"),
        ({"device": "tpu"}, "--device: expected auto, cpu, cuda or mps, got 'tpu'"),
        ({"max_length": 600}, "--max-length 600: tiny has 512 positions"),
        ({"task": ("c3",), "model": "ngram"}, "c3 is a choice task"),
        ({"task": ("cluener",), "rdrop": 1.0, "limit": 8}, "R-Drop needs one distribution per example"),
        ({"processes": 2}, "--processes 2, but the launcher started 1"),
    ],
)
def test_bad_flags_are_refused_in_one_sentence(tmp_path, flags, message):
    with pytest.raises(cli.InputError, match=message) as caught:
        start.run(small(tmp_path, **flags))
    assert "\n" not in str(caught.value)


def test_rdrop_without_dropout_is_refused(tmp_path):
    from engine.model.encoders import BertEncoder, EncoderConfig
    from engine.text.tokenizer import WordPiece

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"花呗怎么还款"]
    shape = EncoderConfig(vocab_size=len(vocabulary), hidden_size=8, layers=1, dropout=0.0, attention_dropout=0.0)
    saving.save_folder(tmp_path / "still", BertEncoder(shape), WordPiece(vocabulary))
    with pytest.raises(cli.InputError, match=r"--rdrop compares two passes .*still has none"):
        start.run(small(tmp_path, model=str(tmp_path / "still"), rdrop=1.0))


def test_a_loss_that_is_not_finite_ends_the_run_as_failed(tmp_path, monkeypatch):
    import torch

    original = session.Session.on_step

    def spoil(self, event):
        result = original(self, event)
        with torch.no_grad():
            self.training.model.head.bias[0] = float("inf")
        return result

    monkeypatch.setattr(session.Session, "on_step", spoil)
    config = small(tmp_path)
    with pytest.raises(cli.InputError, match="afqmc: the loss is not finite at update 2"):
        start.run(config)
    row = only_run(config)
    assert row["status"] == "failed"
    assert "not finite" in row["error"]


def test_dry_run_and_list_store_nothing(tmp_path, capsys):
    config = small(tmp_path)
    start.run(dataclasses.replace(config, dry_run=True))
    shown = capsys.readouterr().out
    assert "learning_rate" in shown
    assert "nothing was trained or stored" in shown
    start.run(dataclasses.replace(config, list=True))
    assert "built-in sample" in capsys.readouterr().out
    assert not paths.locate(config.db).artifacts.exists()


def test_the_flags_survive_in_the_first_line(tmp_path):
    config = small(tmp_path, task=("afqmc", "csl"), seeds=(1, 2), data_dir=tmp_path, note="备注")
    with tracking.start(started.kept(config), experiment="clue", resolved={"optimizer": "adamw"}) as run:
        found = started.read(run.run_id, config.db)
    assert found.config == config
    assert found.several
    assert started.find(run.run_id[-6:], config.db) == run.run_id


def test_the_resume_file_of_an_earlier_version_is_read(tmp_path):
    config = small(tmp_path)
    with tracking.start(config, experiment="clue", parent="20260101-000000-abcd") as run:
        document = {"config": {**cli.params(config), "epochs": 7, "data_dir": str(tmp_path)}, "fold": [1, 5]}
        (run.folder / "config.json").write_text(json.dumps(document))
    found = started.read(run.run_id, config.db)
    assert (found.config.epochs, found.config.data_dir, found.fold) == (7, tmp_path, (1, 5))
    assert found.parent == "20260101-000000-abcd"
    (run.folder / "config.json").write_text("{")
    with pytest.raises(cli.InputError, match=r"config\.json cannot be read"):
        started.read(run.run_id, config.db)


def test_a_child_whose_id_sorts_before_that_of_its_parent_in_one_second_is_found(tmp_path, monkeypatch):
    config, ids = small(tmp_path), iter(["20260101-000000-ffff", "20260101-000000-0000"])
    monkeypatch.setattr("store.runs._new_id", lambda: next(ids))
    with tracking.start(config, experiment="clue") as parent:
        with tracking.start(config, experiment="clue", parent=parent.run_id) as child:
            pass
        assert [found.run_id for found in started.children(parent.run_id, config.db)] == [child.run_id]


def test_a_run_of_another_experiment_is_no_clue_run(tmp_path):
    config = small(tmp_path)
    with tracking.start(config, experiment="can") as run:
        pass
    with pytest.raises(cli.InputError, match=f"run {run.run_id} is one of can, not of jobs.clue"):
        started.find(run.run_id, config.db)
