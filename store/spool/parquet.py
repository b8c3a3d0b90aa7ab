"""Files beside the spool: Parquet is written aside, synced, renamed into place, and only then named by a line."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.aside import written_whole
from store.errors import StoreError
from store.paths import Layout
from store.spool.lines import carried, spelled_out

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


def write_examples(layout: Layout, dataset: str, split: str, frame: "pl.DataFrame") -> dict[str, Any]:
    """Write the examples of a split once, whatever the number of runs that use them; return what the line says."""
    import polars as pl

    columns = {"example_id": pl.String, "hash": pl.String, "text": pl.String}
    written = _write_named(layout, f"examples-{_safe(dataset)}-{_safe(split)}", _select(frame, columns, "examples"))
    return {"dataset": dataset, "split": split, **written}


def write_predictions(layout: Layout, run_id: str, split: str, frame: "pl.DataFrame") -> dict[str, Any]:
    """Write the predictions of a run on a split; return what the line says."""
    import polars as pl

    columns = {
        "example_id": pl.String,
        "hash": pl.String,
        "label": pl.String,
        "prediction": pl.String,
        "confidence": pl.Float64,
    }
    written = _write_named(layout, f"{run_id}-{_safe(split)}", _select(frame, columns, "predictions"))
    return {"split": split, **written}


def write_probabilities(
    folder: Path,
    split: str,
    frame: "pl.DataFrame",
    probabilities: "np.ndarray[Any, Any]",
    labels: Sequence[str] | None,
) -> Path:
    """Write class probabilities as float32 columns beside the ids of their rows.

    Args:
        folder: the run's folder.
        split: dev or test.
        frame: (n rows) with example_id and hash.
        probabilities: (n, c).
        labels: c column names; None numbers them.
    """
    import numpy as np
    import polars as pl

    array = np.asarray(probabilities, dtype=np.float32)
    if array.ndim != 2 or len(array) != len(frame):
        raise StoreError(f"probabilities must have shape ({len(frame)}, c), got {array.shape}")
    names = carried([str(label) for label in (range(array.shape[1]) if labels is None else labels)])
    if len(names) != array.shape[1] or len(set(names)) != len(names):
        raise StoreError(
            f"expected {array.shape[1]} different labels for the probabilities, got {len(names)}: {names[:5]}"
        )
    taken = {"example_id", "hash"} & set(names)
    if taken:
        raise StoreError(f"a class cannot be called {', '.join(sorted(taken))}")
    columns = [pl.Series(name, np.ascontiguousarray(array[:, index])) for index, name in enumerate(names)]
    path = folder / f"probabilities-{_safe(split)}.parquet"
    write_parquet(pl.DataFrame([frame["example_id"].cast(pl.String), frame["hash"].cast(pl.String), *columns]), path)
    return path


def describe_artifact(folder: Path, name: str, kind: str, path: Path) -> dict[str, Any]:
    """What a line says of a file below the run's folder: its relative path, size and sha256."""
    try:
        relative = path.resolve().relative_to(folder.resolve())
        size = path.stat().st_size
    except ValueError:
        raise StoreError(f"an artifact must lie below {folder}, got {path}") from None
    except OSError as error:
        raise StoreError(f"cannot read the artifact {path}: {error.strerror}") from error
    if spelled_out(relative.as_posix()) != relative.as_posix():
        raise StoreError(f"an artifact's file needs a name in UTF-8, got {relative.as_posix()!a}: rename it")
    return {"name": name, "kind": kind, "path": relative.as_posix(), "bytes": size, "sha256": sha256(path)}


def write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    """Write aside, sync, rename: whoever sees the name sees the whole file.

    Raises:
        StoreError: if the disk refuses; nothing is left behind.
    """
    import polars as pl

    try:
        with written_whole(path) as aside:
            frame.write_parquet(aside, compression="zstd")
    except (OSError, pl.exceptions.ComputeError) as error:
        raise StoreError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_named(layout: Layout, stem: str, frame: "pl.DataFrame") -> dict[str, Any]:
    """The name holds a checksum of the content, so that equal frames share a file and no file is ever changed."""
    digest = hashlib.sha256()
    digest.update(repr(frame.schema).encode())
    digest.update(frame.hash_rows(seed=7).to_numpy().tobytes())
    path = layout.predictions / f"{stem}-{digest.hexdigest()[:12]}.parquet"
    if not path.exists():
        write_parquet(frame, path)
    return {"file": path.name, "rows": len(frame), "sha256": sha256(path)}


def _select(frame: "pl.DataFrame", columns: "dict[str, Any]", what: str) -> "pl.DataFrame":
    missing = sorted(set(columns) - set(frame.columns))
    if missing:
        raise StoreError(f"{what} need the columns {', '.join(columns)}; missing: {', '.join(missing)}")
    return frame.select(**{name: frame[name].cast(kind) for name, kind in columns.items()})


def _safe(text: str) -> str:
    """A part of a file's name, another for every text; two long ones and the rest stay below a name's 255 bytes."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text[:24])
    if kept == text:
        return text
    return f"{kept[:15]}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
