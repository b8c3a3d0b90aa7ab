"""Vectors of the sentences of a set: each distinct sentence encoded once, and kept on disk by content.

A file of the cache holds one view of one list of sentences, and its name is the hash of the encoder's weights, the
view, the greatest length and the sentences themselves: nothing has to be told apart by date or path, and several
poolings share their views.

Ready vectors (`--encoder FILE.npy`, or a folder of `<data set>.npy`) have one row for each line that
`python -m jobs.whitening sentences --data NAME` prints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.embeddings.pooling import Pooling, View
from jobs import cli
from jobs.caches import cache_folder
from jobs.files import aside
from jobs.progress import Bar
from jobs.whitening.sentence_encoders import (
    HASHED,
    NATIVE,
    NATIVE_VIEW,
    Advance,
    SentenceEncoder,
    only_native,
    open_encoder,
)
from jobs.whitening.sts.sets import Pairs, StsData, sentences
from store.runs import Run


@dataclass(frozen=True, slots=True)
class Index:
    """The distinct sentences of a set, and where those of each subset are among them."""

    texts: list[str]
    rows: tuple[tuple[np.ndarray, np.ndarray], ...]  # for each of data.parts: rows of the first and second sentences

    @classmethod
    def of(cls, data: StsData) -> Index:
        """Number the sentences in the order in which they first appear."""
        number: dict[str, int] = {}
        for sentence in sentences(data.parts):
            number.setdefault(sentence, len(number))
        rows = tuple((_numbers(part.first, number), _numbers(part.second, number)) for part in data.parts)
        return cls(list(number), rows)

    def of_splits(self, parts: Sequence[Pairs], splits: Sequence[str]) -> np.ndarray:
        """Rows of all sentences of some splits, duplicates kept."""
        chosen = [side for part, sides in zip(parts, self.rows, strict=True) if part.split in splits for side in sides]
        return np.concatenate(chosen)


class ReadyVectors:
    """Vectors from `.npy` files, one row for each sentence of a set in the order of `sentences`."""

    layers = 0
    poolings: tuple[str, ...] = (NATIVE,)

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise cli.InputError(f"--encoder {path}: no such file")
        self.path = path
        self.name = path.name
        self.fingerprint = ""

    def parse(self, pooling: str) -> Pooling:
        """Only `native`."""
        return only_native(pooling, self.name)

    def check(self, data: StsData, index: Index) -> int:
        """Width of the vectors of a set; InputError where they do not fit it or are all equal."""
        vectors = self.vectors(data, index)
        if (vectors == vectors[0]).all():
            raise cli.InputError(f"{self.name}: the vectors of {data.spec.name} are all equal")
        return int(vectors.shape[1])

    def vectors(self, data: StsData, index: Index) -> np.ndarray:
        """(n, d) vectors of the distinct sentences of a set."""
        path = self.path / f"{data.spec.name}.npy" if self.path.is_dir() else self.path
        table = load_vectors(path)
        every = np.concatenate([side for sides in index.rows for side in sides])
        if len(table) != len(every):
            raise cli.InputError(
                f"{path} has {len(table)} rows, but {data.spec.name} has {len(every)} sentences: "
                "`python -m jobs.whitening sentences` prints them in the order of the rows"
            )
        vectors = np.empty((len(index.texts), table.shape[1]), table.dtype)
        vectors[every[::-1]] = table[::-1]  # the first of equal sentences stays
        return vectors


def open_source(name: str, *, device: str = "auto", db: Path | None = None) -> SentenceEncoder | ReadyVectors:
    """What `--encoder` names: an encoder, or ready vectors."""
    path = Path(name)
    if path.suffix == ".npy" or (path.is_dir() and any(path.glob("*.npy"))):
        return ReadyVectors(path)
    return open_encoder(name, device=device, db=db)


def load_vectors(path: Path) -> np.ndarray:
    """A matrix (n, d) of finite floats from a `.npy` file."""
    try:
        table: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise cli.InputError(f"{path} cannot be read as .npy: {error}") from error
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind not in "fiu":
        shape = getattr(table, "shape", "several arrays")
        raise cli.InputError(f"{path}: expected a matrix of numbers (sentences, width), got {shape}")
    if table.dtype not in (np.float32, np.float64):
        table = table.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise cli.InputError(f"{path}: row {bad[0]} is not finite ({len(bad)} such rows of {len(table)})")
    return table


def embed(
    source: SentenceEncoder | ReadyVectors,
    data: StsData,
    index: Index,
    poolings: Sequence[Pooling],
    *,
    run: Run | None = None,
) -> dict[str, np.ndarray]:
    """Vectors (n, d) of the distinct sentences of a set, one matrix a pooling."""
    if isinstance(source, ReadyVectors):
        return {NATIVE: source.vectors(data, index)}
    return embed_texts(source, index.texts, poolings, max_length=data.spec.max_length, title=data.spec.name, run=run)


def embed_texts(
    encoder: SentenceEncoder,
    texts: Sequence[str],
    poolings: Sequence[Pooling],
    *,
    max_length: int,
    title: str,
    run: Run | None = None,
) -> dict[str, np.ndarray]:
    """Vectors (n, d) of sentences, one matrix a pooling, from the cache where they are in it."""
    wanted = list(dict.fromkeys(view for pooling in poolings for view in pooling.views))
    paths = {view: _path(encoder, view, texts, max_length) for view in wanted}
    views = {view: found for view in wanted if (found := _cached(paths[view], len(texts))) is not None}
    missing = [view for view in wanted if view not in views]
    if missing:
        with Bar(len(texts), f"encode {title}", run=run, unit="sentences") as bar:
            views |= _encode(encoder, texts, missing, max_length=max_length, advance=bar.advance)
        for view in missing:
            _keep(paths[view], views[view])
    return {pooling.name: encoder.combine(pooling, views) for pooling in poolings}


def _encode(
    encoder: SentenceEncoder, texts: Sequence[str], views: Sequence[View], *, max_length: int, advance: Advance
) -> dict[View, np.ndarray]:
    with cli.input_errors(encoder.name):
        return encoder.encode(texts, views, max_length=max_length, advance=advance)


def _numbers(texts: Sequence[str], number: dict[str, int]) -> np.ndarray:
    return np.fromiter((number[text] for text in texts), np.int64, len(texts))


def _path(encoder: SentenceEncoder, view: View, texts: Sequence[str], max_length: int) -> Path | None:
    """Where a view is kept; None for what is made faster than read."""
    if view == NATIVE_VIEW and encoder.name.startswith(HASHED):
        return None
    digest = hashlib.sha256(f"{encoder.fingerprint} {view.kind} {view.layer} {max_length}\n".encode())
    for text in texts:
        digest.update(f"{len(text)} {text}\n".encode("utf-8", "surrogatepass"))
    return cache_folder() / "sentences" / f"{digest.hexdigest()[:32]}.npy"


def _cached(path: Path | None, rows: int) -> np.ndarray | None:
    if path is None or not path.is_file():
        return None
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):  # half a file of a machine that went down
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == rows else None


def _keep(path: Path | None, vectors: np.ndarray) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError), aside(path) as side, side.open("wb") as file:  # a full disk costs time, not the run
        np.save(file, vectors)
