"""Encoded rows of a split, kept between runs where encoding them costs more than a few seconds."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.text.encode import encode as encode_rows
from engine.text.rows import Rows
from engine.text.tasks import Example, TaskSpec
from jobs.caches import cache_folder
from jobs.clue.data.sources import fingerprint
from jobs.files import aside
from jobs.memory import collector_paused
from jobs.models import tokenizer_files

if TYPE_CHECKING:
    from engine.text.rows import Rows
    from engine.text.tokenizer import Tokenizer

WORTH_KEEPING_S = 2.5
_PARTS = ("tokens", "offsets", "example", "head_mask", "starts", "ends")


@collector_paused()
def encode(
    spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int, training: bool = False
) -> Rows:
    """Encode `examples`, or read the rows that an earlier run has kept."""
    path = _path(spec, examples, tokenizer, max_length=max_length, training=training)
    kept = _read(path)
    if kept is not None:
        return kept
    started = time.perf_counter()
    rows = encode_rows(spec, examples, tokenizer, max_length=max_length, training=training)
    if time.perf_counter() - started > WORTH_KEEPING_S:
        write(path, rows, entities=spec.kind == "entities")
    return rows


def _path(
    spec: TaskSpec, examples: Sequence[Example], tokenizer: Tokenizer, *, max_length: int, training: bool
) -> Path:
    identity = [spec.name, spec.version, spec.labels, spec.stride, max_length, training, fingerprint(examples)]
    digest = hashlib.sha256(json.dumps(identity).encode())
    digest.update(tokenizer_files.fingerprint(tokenizer).encode())
    return cache_folder() / "rows" / f"{spec.name}-{digest.hexdigest()[:24]}.npz"


def write(path: Path, rows: Rows, *, entities: bool) -> None:
    """Keep rows in a file; a cache that cannot be written is no error."""
    arrays: dict[str, Any] = {name: getattr(rows, name) for name in _PARTS if getattr(rows, name) is not None}
    targets = rows.targets
    if entities and targets is not None:
        targets = [(row, *cell) for row, cells in enumerate(targets) for cell in cells]
        targets = np.array(targets, dtype=np.int64).reshape(-1, 4)
    if targets is not None:
        arrays["targets"] = targets
    counts = [rows.n_examples, int(rows.grouped), rows.truncated, rows.unaligned, int(entities)]
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside(path) as side:
            np.savez(side, counts=np.array(counts), **arrays)


def _read(path: Path) -> Rows | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError):
        return None
    n_examples, grouped, truncated, unaligned, entities = arrays.pop("counts").tolist()
    targets: Any = arrays.pop("targets", None)
    if entities and targets is not None:
        cells: list[list[tuple[int, int, int]]] = [[] for _ in range(len(arrays["offsets"]) - 1)]
        for row, kind, start, end in targets.tolist():
            cells[row].append((kind, start, end))
        targets = cells
    return Rows(
        **arrays,
        n_examples=n_examples,
        grouped=bool(grouped),
        targets=targets,
        truncated=truncated,
        unaligned=unaligned,
    )
