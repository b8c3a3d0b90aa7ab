"""A large store for the benchmark of the dashboard: runs of one shape, points, and predictions of the newest runs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from store import runs
from store.paths import locate
from store.spool.lines import encode

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
MINUTE = 60.0
"""Seconds between the starts of two earlier runs."""


def fill(db: Path, *, n_runs: int, steps: int, predicted: int, rows: int = 50_000) -> None:
    """Fill a store with `n_runs` x `steps` x 8 points; the newest `predicted` runs have `rows` predictions each.

    The newest 100 runs have at least 1,000 steps; they log as every run does. The lines of earlier ones are written
    as they would stand in their spools, which takes a hundredth of the time.
    """
    import numpy as np

    from store import queries

    rng = np.random.default_rng(0)
    drawn = max(DRAWN, predicted)
    _earlier(db, max(0, n_runs - drawn), steps, rng)
    for index in range(max(0, n_runs - drawn), n_runs):
        long = max(steps, LONG) if index >= n_runs - DRAWN else steps
        _run(db, index, long, rng, rows=rows if index >= n_runs - predicted else 0)
    queries.refresh(db)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a run is of, by its number: five tasks, two settings beside one another, five seeds each, then the next."""

    task: str
    setting: int
    seed: int

    @staticmethod
    def of(index: int) -> _Place:
        task = ("afqmc", "tnews", "iflytek", "csl", "ocnli")[index % 5]
        return _Place(task, 2 * (index // 50) + index // 5 % 2, index // 10 % 5)

    @property
    def config(self) -> dict[str, Any]:
        rate = 10.0 ** -(2 + self.setting % 4)
        return {"task": self.task, "learning_rate": rate, "epochs": 3, "batch_size": 32, "seed": self.seed}

    @property
    def about(self) -> dict[str, Any]:
        """What the run says of itself in its first line."""
        options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in self.config.items())
        return {
            "command": f"python -m jobs.clue {options}",
            "config_hash": f"hash-{self.task}-{self.setting}",
            "task": self.task,
            "model": ("tiny", "mini-zh", "ngram")[self.setting % 3],
            "recipe": ("modern", "blog")[self.setting // 3 % 2],
            "dataset": self.task,
            "data_source": ("files", "sample")[self.setting // 6 % 2],
            "seed": self.seed,
            "tags": (f"batch-{self.setting // 40}",),
        }


def _values(steps: int, rng: Any) -> list[list[float]]:
    values: list[list[float]] = (0.5 + 0.1 * rng.standard_normal((steps, len(METRICS))).cumsum(axis=0) / steps).tolist()
    return values


def _summary(rng: Any) -> dict[str, float]:
    return {"dev/accuracy": 0.6 + 0.2 * float(rng.random()), "dev/macro_f1": 0.5 + 0.2 * float(rng.random())}


def _earlier(db: Path, number: int, steps: int, rng: Any) -> None:
    """The spools of runs that ended long ago, one a minute."""
    layout, now = locate(db), time.time()
    layout.spool.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        place = _Place.of(index)
        at = now - MINUTE * (number - index + 1)
        about = {"experiment": "clue", **place.about, "parent_run_id": None, "host": "earlier", "pid": 1}
        lines = [encode({"run": about, "config": place.config, "at": at})]
        for step, row in enumerate(_values(steps, rng)):
            lines.append(
                encode({"log": dict(zip(METRICS, row, strict=True)), "step": step, "epoch": step / 50, "at": at})
            )
        lines.append(encode({"summary": _summary(rng), "at": at}))
        lines.append(encode({"end": {"status": "finished", "error": None, "elapsed": 40.0}, "at": at + 40.0}))
        run_id = f"{datetime.fromtimestamp(at, UTC):%Y%m%d-%H%M%S}-{index % 65536:04x}"
        layout.spool_file(run_id).write_bytes(b"".join(lines))


def _run(db: Path, index: int, steps: int, rng: Any, *, rows: int) -> None:
    place = _Place.of(index)
    run = runs.start("clue", config=place.config, db=db, follow=False, **place.about)
    with run:
        for step, row in enumerate(_values(steps, rng)):
            run.log(dict(zip(METRICS, row, strict=True)), step=step, epoch=step / 50)
        run.summary(_summary(rng))
        if rows:
            _predictions(run, place.task, rng, rows)


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
