"""On the real TNEWS the sweep that stops by the evidence names the winner of the full grid with fewer trainings.

Every training sees the first 8,000 titles; all of dev (10,000 titles) judges. With 1,200 titles in dev their choice
alone leaves more than a point open, and no number of seeds decides.

CLUE_DATA_DIR=DIR python -m pytest -m slow -n 0 -s tests/jobs/sweep/test_real_tnews.py
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from jobs.sweep.start import main
from store import queries
from store.ingest import ingest

pytestmark = pytest.mark.slow
DATA = Path(os.environ.get("CLUE_DATA_DIR", ""))
SCRIPT = """
import sys
from pathlib import Path
import numpy as np, polars as pl
from engine.text.tasks import get_task
from jobs.clue.data import sources
from jobs.clue.models import ngram
from store import runs
features, seed, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
spec = get_task("tnews")
data = sources.load(spec, data_dir=folder)
with runs.start("ngram", config={"features": features}, command="", config_hash=str(features), seed=seed) as run:
    model = ngram.fit(spec, data.train[:8000], seed=seed, features=features)
    probs = model.probabilities(spec, data.dev)
    labels = [example.label for example in data.dev]
    chosen = probs.argmax(axis=1)
    ids = [str(number) for number in range(len(labels))]
    run.predictions("dev", pl.DataFrame({
        "example_id": ids, "hash": ids, "label": [str(label) for label in labels],
        "prediction": [str(label) for label in chosen], "confidence": probs.max(axis=1).astype(float)}))
    run.summary({"dev/accuracy": float(np.mean(chosen == np.array(labels)))})
"""
FEATURES = ("256", "1024", "4096", "65536", "262144")
SEEDS = tuple(map(str, range(6)))


def sweep(folder, script, capsys, *flags):
    folder.mkdir()
    db = folder / "x.duckdb"
    main("", ["--features", *FEATURES, "--seeds", *SEEDS, "--workers", "2", "--db", str(db), *flags,
              "--", "python", str(script), "{features}", "{seed}", str(DATA.resolve())])  # fmt: skip
    said = capsys.readouterr().out
    ingest(db, force=True)
    parent = queries.runs("sweep", db=db)["run_id"][0]
    found = json.loads((db.with_suffix("") / "artifacts" / parent / "sweep.json").read_text())
    trained = int(re.search(r"(\d+) of \d+ trainings", said.splitlines()[-1])[1])
    return trained, found["best"]["features"], found, said


@pytest.mark.skipif(not (DATA / "tnews").is_dir(), reason="needs CLUE_DATA_DIR with tnews")
def test_the_same_winner_with_fewer_trainings(tmp_path, capsys):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    few, best, found, said = sweep(tmp_path / "few", script, capsys, "--until-decided", "1")
    whole, winner, _, table = sweep(tmp_path / "whole", script, capsys)
    with capsys.disabled():
        sys.stdout.write(f"\n{few} of {whole} trainings\n{said}\n{table}")
    assert best == winner
    assert found["conclusion"].startswith("Decided: no other candidate is better"), found["conclusion"]
    assert "seeds and examples" in found["conclusion"]
    assert whole == len(FEATURES) * len(SEEDS)
    assert few < whole
    scores = {}
    for training in json.loads(next((tmp_path / "whole").glob("x/artifacts/*/sweep.json")).read_text())["trainings"]:
        scores.setdefault(training["parameters"]["features"], []).append(training["score"])
    means = {features: sum(values) / len(values) for features, values in scores.items()}
    assert means[winner] - means[best] <= 0.01  # the promise of --until-decided 1
