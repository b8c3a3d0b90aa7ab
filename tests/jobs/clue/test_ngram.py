import io
import json
import subprocess
import sys

import numpy as np
import pytest

from engine.text.tasks import TASKS, Example
from jobs import checkpoints, predict
from jobs.cli import InputError
from jobs.clue import train
from jobs.clue.config import Config
from jobs.clue.data import sample
from jobs.clue.models import ngram


def _titles(n, rng):
    words = {6: ["汽车", "油耗"], 10: ["旅游", "酒店"]}
    rows = []
    for i in range(n):
        label = int(rng.choice([6, 10]))
        rows.append(Example(str(i), {"sentence": f"{rng.choice(words[label])}到底怎么样{rng.integers(100)}"}, label))
    return rows


def test_it_learns_words_and_gives_probabilities_of_all_classes():
    rng = np.random.default_rng(0)
    train, dev = _titles(200, rng), _titles(50, rng)
    model = ngram.fit(TASKS["tnews"], train)
    probs, empty = (model.probabilities(TASKS["tnews"], rows) for rows in (dev, []))
    assert probs.shape == (50, 15)
    assert probs.dtype == np.float32
    assert empty.shape == (0, 15)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert (probs.argmax(axis=1) == [example.label for example in dev]).all()
    assert probs[:, 0].max() == 0


def test_pairs_are_judged_by_what_they_share():
    rng = np.random.default_rng(0)
    letters = list("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏")
    rows = []
    for i in range(600):
        same = i % 2
        first = "".join(rng.choice(letters, 6))
        second = first[::-1] if same else "".join(rng.choice(letters, 6))
        rows.append(Example(str(i), {"sentence1": first, "sentence2": second}, same))
    probs = ngram.fit(TASKS["afqmc"], rows[:400]).probabilities(TASKS["afqmc"], rows[400:])
    assert (probs.argmax(axis=1) == [row.label for row in rows[400:]]).mean() > 0.95


def test_the_same_seed_gives_the_same_probabilities():
    rng = np.random.default_rng(0)
    train, dev = _titles(60, rng), _titles(20, rng)
    models = [ngram.fit(TASKS["tnews"], train, seed=1) for _ in range(2)]
    first, second = (model.probabilities(TASKS["tnews"], dev) for model in models)
    assert (first == second).all()


def test_one_class_only_is_predicted_with_certainty():
    rows = [Example("0", {"sentence": "一"}, 3)] * 4
    probs = ngram.fit(TASKS["tnews"], rows).probabilities(TASKS["tnews"], rows)
    assert probs[:, 3].tolist() == [1.0] * 4


def test_other_kinds_are_refused():
    assert not ngram.supports(TASKS["c3"])
    with pytest.raises(ValueError, match="for classification and pair tasks, c3 is choice"):
        ngram.fit(TASKS["c3"], [])


@pytest.mark.parametrize("labels", [[6], [6, 10], [3, 6, 10]])
def test_a_saved_model_gives_the_same_probabilities(tmp_path, labels):
    rows = [Example(str(i), {"sentence": f"词{i % len(labels)}{i}"}, labels[i % len(labels)]) for i in range(60)]
    model = ngram.fit(TASKS["tnews"], rows)
    ngram.save(tmp_path / "best.safetensors", model, TASKS["tnews"])
    back = ngram.restore(*checkpoints.load(tmp_path / "best.safetensors", arrays_of=("ngram",)))
    expected = model.probabilities(TASKS["tnews"], rows)
    assert set(expected.argmax(axis=1)) == set(labels)
    assert (back.probabilities(TASKS["tnews"], rows) == expected).all()


def test_probabilities_are_those_of_scikit_learn():
    from sklearn.linear_model import SGDClassifier

    rows = [Example(str(i), {"sentence": f"词{i % 3}{i}"}, i % 3) for i in range(60)]
    features = ngram.vectors(TASKS["tnews"], rows)
    theirs = SGDClassifier(loss="log_loss", alpha=5e-6, average=True, max_iter=4, tol=None, random_state=42)
    theirs.fit(features, [row.label for row in rows])
    ours = ngram.fit(TASKS["tnews"], rows).probabilities(TASKS["tnews"], rows)
    np.testing.assert_allclose(ours[:, :3], theirs.predict_proba(features), atol=1e-5)


def test_neither_its_training_nor_its_answers_load_torch(tmp_path):
    code = """
import sys
from pathlib import Path
from jobs import predict
from jobs.clue import train
from jobs.clue.config import Config
db = Path(sys.argv[1])
train.start(Config(task=("afqmc",), model="ngram", limit=200, db=db, data_dir=Path(sys.argv[2])))
predict.predict(predict.Config(run="latest", text=("借呗能提前还款吗", "借呗可以提前还吗"), db=db))
assert "torch" not in sys.modules
"""
    folder = sample.folder("afqmc")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.duckdb"), str(folder)], check=True, timeout=120)


def test_the_model_of_a_run_answers_texts_lines_and_files(tmp_path, monkeypatch, capsys):
    db, out = tmp_path / "x.duckdb", tmp_path / "out"
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    monkeypatch.setattr("jobs.clue.data.hub.fetch", lambda spec: None)
    outcome = train.start(Config(task=("afqmc",), model="ngram", limit=200, db=db, output=out))
    capsys.readouterr()
    predict.predict(predict.Config(run="latest", text=("借呗能提前还款吗", "借呗可以提前还吗"), db=db))
    assert capsys.readouterr().out.count("%") == 2
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("甲吗\t乙吗\n丙\t丁\n".encode())))
    predict.predict(predict.Config(run="latest", db=db))
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["0", "1"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("甲\t\n\t\n丙\t丁\n".encode())))
    predict.predict(predict.Config(run="latest", db=db))
    assert len(capsys.readouterr().out.splitlines()) == 3
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("甲\t乙\n丙\n".encode())))
    with pytest.raises(InputError, match="line 2: a pair task needs 2 texts"):
        predict.predict(predict.Config(run="latest", db=db))
    dev = sample.folder("afqmc") / "afqmc" / "dev.json"
    predict.predict(predict.Config(run=outcome.run_id, input=dev, output=tmp_path / "answers.jsonl", db=db))
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    probs = outcome.decoded["dev"].probs
    assert [line["probabilities"]["1"] for line in lines[: len(probs)]] == pytest.approx(probs[:, 1], abs=2e-6)
    assert (out / "best.safetensors").read_bytes() == predict.find_checkpoint("latest", db).read_bytes()
    assert len((out / "dev_predictions.jsonl").read_text(encoding="utf-8").splitlines()) == len(probs)
    predict.find_checkpoint("latest", db).unlink()
    with pytest.raises(InputError, match="n-gram runs of earlier versions kept none; train it again"):
        predict.find_checkpoint(outcome.run_id, db)
