"""The predictions that CAN corrects, from a stored run or from files, with labels and class priors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.evidence.validation import check_probs, prior_from_counts
from jobs import cli, newest
from jobs.can import tables

if TYPE_CHECKING:
    import polars as pl

DESCRIBED = ("task", "model", "recipe", "dataset", "data_source", "train_fingerprint", "dev_fingerprint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Class probabilities with labels."""

    probs: np.ndarray  # (n, m)
    labels: np.ndarray  # (n,)
    names: tuple[str, ...]  # (m,)
    ids: pl.DataFrame  # example_id, hash
    about: dict[str, Any] = field(default_factory=dict)  # fields of the run they come from
    parent: str | None = None
    train_prior: np.ndarray | None = None  # (m,) frequencies of the training labels, smoothed where a class is absent
    notes: tuple[str, ...] = ()


def from_run(part: str, *, split: str = "dev", db: Path | None = None) -> Predictions:
    """Predictions that a run stored.

    Raises:
        InputError: if it stored no probabilities or no labels.
        StoreError: if there is no such run.
    """
    from store import queries

    queries.refresh(db)
    name = f"probabilities-{split}.parquet"

    def stored(run: dict[str, Any]) -> bool:
        return name in queries.artifacts(run["run_id"], db)["name"]

    what = f"one with {split} probabilities that CAN has not corrected"
    row = newest.find(part, lambda run: run["experiment"] != "can" and stored(run), what=what, db=db)
    run_id = row["run_id"]
    if not stored(row):
        _name_the_children(run_id, split, db)
        kinds = "runs of classification and pair tasks (tnews, iflytek, afqmc, ocnli, ...) store them"
        raise cli.InputError(
            f"run {run_id} ({row['experiment']} {row['task'] or ''}) has no {split} probabilities; {kinds}"
        )
    frame = queries.probabilities(run_id, split, db)
    predictions = queries.predictions(run_id, split, db).select("example_id", "hash", "label")
    joined = frame.join(predictions, on=["example_id", "hash"], how="left", maintain_order="left")
    names = tuple(name for name in frame.columns if name not in ("example_id", "hash"))
    missing = joined["label"].null_count()
    if missing:
        raise cli.InputError(
            f"run {run_id}: {missing} of {len(joined)} {split} rows have no label, so nothing can be scored"
        )
    with cli.input_errors(f"run {run_id}"):
        probs = check_probs(frame.select(names).to_numpy())
        labels = tables.class_indices(joined["label"].to_list(), names)
    prior, notes = train_prior(row, names, db)
    about = {name: row[name] for name in DESCRIBED}
    return Predictions(
        probs=probs,
        labels=labels,
        names=names,
        ids=frame.select("example_id", "hash"),
        about=about,
        parent=run_id,
        train_prior=prior,
        notes=notes,
    )


def _name_the_children(run_id: str, split: str, db: Path | None) -> None:
    """Refuse a parent of several trainings with the ids of those that have probabilities."""
    from store import queries

    runs = queries.runs(db=db).filter(parent_run_id=run_id).sort("run_id")
    stored = queries.artifacts(runs["run_id"].to_list(), db) if len(runs) else runs.clear()
    children = [
        name
        for name in runs["run_id"]
        if not stored.filter(run_id=name, name=f"probabilities-{split}.parquet").is_empty()
    ]
    if children:
        raise cli.InputError(
            f"run {run_id} is the parent of several trainings, each with {split} probabilities of its own: name one "
            f"of them by --run ({', '.join(children[:10])}{', ...' if len(children) > 10 else ''})"
        )


def from_files(probs: Path, labels: Path, *, logits: bool = False) -> Predictions:
    """Predictions of anybody's model."""
    import polars as pl

    matrix = tables.read_probs(probs, logits=logits)
    classes = tables.read_labels(labels, matrix.names)
    if len(classes) != len(matrix.values):
        raise cli.InputError(f"{labels}: {len(classes)} labels for the {len(matrix.values)} rows of {probs}")
    numbers = [str(row) for row in range(len(classes))]
    digest = hashlib.sha256(np.ascontiguousarray(matrix.values).tobytes() + classes.tobytes()).hexdigest()
    hashes = [hashlib.sha256(f"{digest} {row}".encode()).hexdigest()[:16] for row in numbers]
    return Predictions(
        probs=matrix.values,
        labels=classes,
        names=matrix.names,
        ids=pl.DataFrame({"example_id": numbers, "hash": hashes}),
        about={"data_source": "files", "dataset": probs.stem, "dev_fingerprint": digest},
    )


def train_prior(
    row: dict[str, Any], names: tuple[str, ...], db: Path | None
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Class frequencies of the training labels of a run, and remarks; (None, why) where they cannot be had."""
    from store import queries

    counts = queries.measurements("task_facts", run_ids=[row["run_id"]], db=db)
    if {"split", "label"} <= set(counts.columns):
        counts = counts.filter(split="train", metric="count")
    if counts.is_empty():
        return None, (f"run {row['run_id']} stored no counts of its training labels",)
    by_label = {str(label): value for label, value in counts.select("label", "value").rows()}
    with cli.input_errors(f"run {row['run_id']}"):
        prior, absent = prior_from_counts(by_label, names)
    note = f"{absent} of {len(names)} classes do not occur in training: half a row is added to every class"
    return prior, (note,) if absent else ()


def priors(predictions: Predictions, wanted: tuple[str, ...], given: Path | None) -> dict[str, np.ndarray]:
    """The class priors asked for, by name.

    Raises:
        InputError: if a name is unknown or a prior cannot be had.
    """
    m = len(predictions.names)
    found = {}
    for name in dict.fromkeys((*wanted, *(["given"] if given else []))):
        if name == "uniform":
            found[name] = np.full(m, 1 / m)
        elif name == "given":
            if given is None:
                raise cli.InputError("--priors given needs --prior FILE")
            found[name] = tables.read_prior(given, predictions.names)
        elif name == "train":
            if predictions.train_prior is not None:
                found[name] = predictions.train_prior
            elif not given:
                why = f"{predictions.notes[0]}: " if predictions.notes else ""
                raise cli.InputError(f"{why}pass the training class frequencies with --prior FILE, or --priors uniform")
        else:
            expected = ("train", "uniform", "given")
            raise cli.InputError(
                f"--priors: unknown prior {name!r}{cli.suggest(name, expected)} (expected {', '.join(expected)})"
            )
    return found
