"""A large store for the benchmark of the dashboard: runs of one shape, points, and predictions of the newest runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from store import runs

METRICS = (
    "train/loss",
    "dev/loss",
    "dev/accuracy",
    "dev/macro_f1",
    "train/lr",
    "train/grad_norm",
    "time/step",
    "train/tokens",
)


DRAWN, LONG = 100, 1000
"""The newest runs have long curves: they are drawn together on the Runs page."""


def fill(db: Path, *, n_runs: int, steps: int, predicted: int, rows: int = 50_000) -> None:
    """Fill a store with `n_runs` x `steps` x 8 points; the newest `predicted` runs have `rows` predictions each.

    The newest 100 runs have at least 1,000 steps.
    """
    import numpy as np

    from store import queries

    rng = np.random.default_rng(0)
    for index in range(n_runs):
        _run(
            db,
            index,
            max(steps, LONG) if index >= n_runs - DRAWN else steps,
            rng,
            rows=rows if index >= n_runs - predicted else 0,
        )
    queries.refresh(db)


def _run(db: Path, index: int, steps: int, rng: Any, *, rows: int) -> None:
    task = ("afqmc", "tnews", "iflytek", "csl", "ocnli")[index % 5]
    config = {
        "task": task,
        "learning_rate": 10.0 ** -(2 + index % 4),
        "epochs": 3,
        "batch_size": 32,
        "seed": index % 10,
    }
    run = runs.start(
        "clue",
        config=config,
        command=f"python -m jobs.clue --task {task}",
        config_hash=f"hash-{index // 10}",
        db=db,
        task=task,
        model=("tiny", "mini-zh", "ngram")[index // 5 % 3],
        recipe=("modern", "blog")[index // 15 % 2],
        dataset=task,
        data_source=("files", "sample")[index % 2],
        seed=index % 10,
        tags=(f"batch-{index // 1000}",),
        follow=False,
    )
    values = 0.5 + 0.1 * rng.standard_normal((steps, len(METRICS))).cumsum(axis=0) / steps
    with run:
        for step, row in enumerate(values.tolist()):
            run.log(dict(zip(METRICS, row, strict=True)), step=step, epoch=step / 50)
        run.summary({"dev/accuracy": 0.6 + 0.2 * float(rng.random()), "dev/macro_f1": 0.5 + 0.2 * float(rng.random())})
        if rows:
            _predictions(run, task, rng, rows)


def _predictions(run: Any, task: str, rng: Any, rows: int) -> None:
    import polars as pl

    ids = pl.Series([str(i) for i in range(rows)])
    hashes = pl.Series([f"{i:016x}" for i in range(rows)])
    texts = pl.Series(
        [
            json.dumps({"sentence1": f"花呗怎么还款{i}", "sentence2": "借呗的利息是多少"}, ensure_ascii=False)
            for i in range(rows)
        ]
    )
    run.examples(task, "dev", pl.DataFrame({"example_id": ids, "hash": hashes, "text": texts}))
    labels, guesses = rng.integers(0, 15, rows), rng.integers(0, 15, rows)
    guesses[rng.random(rows) < 0.6] = 0
    frame = {
        "example_id": ids,
        "hash": hashes,
        "label": labels.astype(str),
        "prediction": guesses.astype(str),
        "confidence": rng.random(rows),
    }
    run.predictions("dev", pl.DataFrame(frame))
