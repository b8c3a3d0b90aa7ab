"""Scores on rows that do not stand in train have intervals: in the store, in the closing line, in the model card."""

import json
import re

import pytest

from jobs.clue.config import Config
from jobs.clue.start import run
from store import queries

LABELS = ("0", "1")


@pytest.fixture
def data_dir(tmp_path):
    """AFQMC with forty dev rows, ten of which stand in train."""
    folder = tmp_path / "data" / "afqmc"
    folder.mkdir(parents=True)
    rows = [
        {"sentence1": f"问题{i}怎么办", "sentence2": f"如何处理{i * 7}号", "label": LABELS[i % 2]} for i in range(90)
    ]
    for name, part in {"train": rows[:60], "dev": rows[50:90]}.items():
        (folder / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
    return folder.parent


def test_they_stand_in_the_closing_line_the_store_and_the_card(tmp_path, data_dir, capsys):
    config = Config(
        task=("afqmc",), data_dir=data_dir, db=tmp_path / "x.duckdb", output=tmp_path / "out", epochs=1, max_length=32
    )
    run(config)
    line = next(line for line in capsys.readouterr().out.splitlines() if "dev rows stand in train" in line)
    assert "10 of 40 dev rows stand in train (whole 10, first text 10, second text 10); " in line
    assert line.endswith("on the other 30; the checkpoint was chosen on all rows")
    for name in ("accuracy", "macro_f1", "auc"):
        assert re.search(rf"{name} [01]\.\d{{4}} \(95 %: [01]\.\d{{4}} to [01]\.\d{{4}}\)", line), (name, line)
    run_id = queries.runs(db=config.db)["run_id"][0]
    cells = queries.measurements("unseen_scores", run_ids=(run_id,), db=config.db)
    assert set(cells["metric_name"]) == {"accuracy", "macro_f1", "auc"}
    assert ((cells["low"] <= cells["value"]) & (cells["value"] <= cells["high"])).all()
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for name, how in {"accuracy": "Wilson", "macro_f1": "jackknife", "auc": "Newcombe"}.items():
        assert re.search(rf"\| unseen_{name} \(30 rows\) \| .* to .* \({how}\) \|", card), name
        assert re.search(rf"\| {name} \| .* to .* \({how}\) \|", card), name


def test_a_linear_model_has_no_checkpoint_that_dev_could_choose(data_dir, tmp_path, capsys):
    run(Config(task=("afqmc",), model="ngram", data_dir=data_dir, db=tmp_path / "x.duckdb"))
    line = next(line for line in capsys.readouterr().out.splitlines() if "dev rows stand in train" in line)
    assert line.endswith("on the other 30")
