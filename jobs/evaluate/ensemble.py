"""The average of the stored probabilities of several runs, as a run of its own."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import polars as pl

from engine.evidence import metrics
from jobs import cli, tracking
from jobs.evaluate.config import Config
from store import queries
from store.errors import StoreError

KEY = ["example_id", "hash"]
SAME = ("task", "dataset", "data_source", "dev_fingerprint")
"""what the members must have in common"""


def average(config: Config) -> str:
    """Average, score, store; returns the run's id.

    Raises:
        InputError: if there are fewer than two runs, or they have not the same task, rows and classes.
    """
    queries.refresh(config.db)
    members = [queries.run(part, config.db) for part in config.ensemble]
    ids = [row["run_id"] for row in members]
    if len(set(ids)) < 2:
        raise cli.InputError("--ensemble needs at least two different runs")
    for name in SAME:
        values = {str(row[name]) for row in members}
        if len(values) > 1:
            raise cli.InputError(f"the runs differ in {name} ({', '.join(sorted(values))}); an average needs the same")
    try:
        frames = [queries.probabilities(run_id, config.split, config.db) for run_id in ids]
    except StoreError as error:
        raise cli.InputError(f"{error}; linear and neural runs of classes and choices have them") from error
    labels = [column for column in frames[0].columns if column not in KEY]
    for run_id, frame in zip(ids, frames, strict=True):
        if set(frame.columns) != {*KEY, *labels}:
            raise cli.InputError(f"run {run_id} has other classes than run {ids[0]}")
    answers = queries.predictions(ids[0], config.split, config.db, texts=False)
    shared = answers.select(KEY)
    for frame in frames:
        shared = shared.join(frame, on=KEY, how="semi", maintain_order="left")
    if shared.is_empty():
        raise cli.InputError("the runs predicted no example in common")
    ordered = [shared.join(frame, on=KEY, how="left", maintain_order="left").select(labels) for frame in frames]
    probs = np.mean([frame.to_numpy().astype(np.float64) for frame in ordered], axis=0)
    gold = shared.join(answers, on=KEY, how="left", maintain_order="left")["label"]
    preds = probs.argmax(axis=1)
    table = shared.with_columns(
        label=gold,
        prediction=pl.Series([labels[index] for index in preds]),
        confidence=pl.Series(probs.max(axis=1)),
    )
    scores = score(labels, gold.to_list(), preds)
    return store(dataclasses.replace(config, ensemble=tuple(ids)), members, table, probs, labels, scores, len(answers))


def score(labels: list[str], gold: list[str | None], preds: np.ndarray) -> dict[str, float]:
    """Accuracy and, of classes, macro F1; nothing where rows have no label."""
    index = {label: number for number, label in enumerate(labels)}
    if any(label not in index for label in gold):
        return {}
    known = [index[str(label)] for label in gold]
    found = {"accuracy": metrics.accuracy(known, preds.tolist())}
    if not all(label.isdecimal() and int(label) == number for number, label in enumerate(labels)):
        found["macro_f1"] = metrics.macro_f1(known, preds.tolist(), n_classes=len(labels))
    return found


def store(
    config: Config,
    members: list[dict[str, Any]],
    table: Any,
    probs: np.ndarray,
    labels: list[str],
    scores: dict[str, float],
    rows: int,
) -> str:
    """Store the average as a run that names its members."""
    first = members[0]
    partial = {"limit": len(table)} if len(table) < rows else {}
    spec = queries.params([first["run_id"]], config.db).filter(name="task_spec")["value"].to_list()
    with tracking.start(
        config,
        experiment="clue",
        **{name: first[name] for name in ("task", "dataset", "data_source")},
        model=config.model or "ensemble",
        recipe=f"average of {len(members)}",
        train_fingerprint=first["train_fingerprint"],
        dev_fingerprint=first["dev_fingerprint"],
        resolved=partial | ({"task_spec": json.loads(spec[0])} if spec else {}),
    ) as run:
        run.summary({f"{config.split}/{name}": value for name, value in scores.items()})
        run.predictions(config.split, table, probabilities=probs.astype(np.float32), labels=labels)
    said = "   ".join(f"{name} {value:.4f}" for name, value in scores.items()) or "no labels"
    print(f"average of {', '.join(config.ensemble)}: {first['task']} {config.split} {said}   ({len(table):,} examples)")
    if partial:
        print(f"  {rows - len(table):,} rows are not in all runs: the score is of the others, off the leaderboard")
    print(f"run    {run.run_id}")
    return run.run_id
