"""The point sets of the Johnson-Lindenstrauss jobs: clouds, .npy files, and the sentence vectors of whitening runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from engine.arrays import check_finite
from engine.johnson_lindenstrauss.point_clouds import CLOUDS, Cloud, cloud
from jobs import cli


@dataclass(frozen=True, slots=True)
class Points:
    """A named point set; clouds are drawn anew for every generator, files are always the same rows."""

    name: str
    draw: Callable[[np.random.Generator], np.ndarray]
    source: str | None = None
    """files for data of the user, None for drawn clouds"""
    fingerprint: str = ""


def load(data: Sequence[str], run: str, *, n_samples: int, n_features: int, db: Path | None) -> list[Points]:
    """The point sets that the flags name.

    Args:
        data: names of clouds and .npy files.
        run: part of a whitening run's id; takes the place of data.
        n_samples: points of a cloud; at most so many rows of a file, spread over it.
        n_features: columns of a cloud.
        db: the store the run is in.

    Raises:
        InputError: for unknown names, unreadable files, and rows with NaN.
    """
    if run:
        return [_fixed(name, vectors, n_samples) for name, vectors in run_vectors(run, db).items()]
    return [_points(name, n_samples, n_features) for name in data]


def describe(points: Sequence[Points]) -> dict[str, Any]:
    """Columns of the run that say what the data are."""
    names = ", ".join(item.name for item in points)
    source = next((item.source for item in points if item.source), None)
    fingerprints = [item.fingerprint for item in points if item.fingerprint]
    joined = hashlib.sha256("".join(fingerprints).encode()).hexdigest() if fingerprints else None
    return {"dataset": names, "data_source": source, "train_fingerprint": joined}


def read_matrix(path: Path) -> np.ndarray:
    """A two-dimensional float array of an .npy file, mapped into memory rather than read."""
    with cli.input_errors(f"--data {path}"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.ndim != 2 or array.dtype.kind not in "fiu" or len(array) < 2:
            raise ValueError(f"expected a numeric array (N, m) with 2 rows or more, got {array.dtype} {array.shape}")
    return np.asarray(array)


def run_vectors(part: str, db: Path | None) -> dict[str, np.ndarray]:
    """Sentence vectors that a whitening run kept, by artifact; both sides of its pairs, equal rows once."""
    from store import queries

    run = queries.run(part, db=db)
    kept = queries.artifacts(run["run_id"], db=db)
    vectors: dict[str, np.ndarray] = {}
    for name, file in kept.filter(kept["kind"] == "embeddings").select("name", "file").iter_rows():
        with cli.input_errors(f"--run {part}: {name}"):
            content = np.load(file, allow_pickle=False)
            rows = [content[side] for side in ("first", "second")] if file.endswith(".npz") else [content]
        vectors[Path(name).stem.removeprefix("embeddings-")] = np.unique(np.concatenate(rows), axis=0)
    if not vectors:
        raise cli.InputError(
            f"--run {part}: run {run['run_id']} ({run['experiment']}) keeps no sentence vectors (expected a run of "
            "python -m jobs.whitening evaluate)"
        )
    return vectors


def _points(name: str, n_samples: int, n_features: int) -> Points:
    if name in CLOUDS:
        kind: Cloud = next(known for known in get_args(Cloud) if known == name)
        with cli.input_errors(f"--data {name}"):
            cloud(kind, min(n_samples, 2), n_features, rng=np.random.default_rng(0))
            if kind == "one_hot" and n_samples > n_features:
                raise ValueError(f"{n_samples} one-hot vectors need {n_samples} columns or more, got {n_features}")
        return Points(name, lambda rng: cloud(kind, n_samples, n_features, rng=rng))
    if not name.endswith(".npy"):
        raise cli.InputError(
            f"--data {name}: neither a cloud nor an .npy file{cli.suggest(name, CLOUDS)} (expected {', '.join(CLOUDS)} "
            "or FILE.npy)"
        )
    return _fixed(Path(name).stem, read_matrix(Path(name)), n_samples)


def _fixed(name: str, array: np.ndarray, n_samples: int) -> Points:
    chosen = np.unique(np.linspace(0, len(array) - 1, min(n_samples, len(array))).astype(int))
    rows = np.asarray(array[chosen])
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float64)
    with cli.input_errors(f"--data {name}"):
        check_finite(rows)
    digest = hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()
    return Points(name, lambda _: rows, source="files", fingerprint=digest)
