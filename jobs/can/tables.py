"""Probabilities, labels and priors in files: npy, csv or parquet, whole or in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.evidence.validation import check_prior, check_probs
from jobs import cli
from jobs.clue.data.own import encodings
from jobs.text_lines import read_text

if TYPE_CHECKING:
    import polars as pl

KINDS = (".npy", ".csv", ".parquet")
IDS = frozenset({"id", "example_id", "hash", "label", "prediction", "confidence", "text", "sentence"})
"""Columns that are never class probabilities."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Numbers (n, m) with the names of the m columns; without names the classes are numbered."""

    values: np.ndarray
    names: tuple[str, ...]


def kind(path: Path) -> str:
    """The suffix, refused unless it is one that is read here."""
    if path.suffix not in KINDS:
        raise cli.InputError(f"{path}: expected {', '.join(KINDS)}, got {path.suffix or 'no suffix'}")
    return path.suffix


def read_probs(path: Path, *, logits: bool = False) -> Matrix:
    """Read class probabilities (n, m), or logits where that is said.

    Raises:
        InputError: if the file is missing, holds no numbers, or the rows are no probabilities.
    """
    with cli.input_errors(str(path)):
        if kind(path) == ".npy":
            values = np.load(path, allow_pickle=False)
            names = tuple(map(str, range(values.shape[-1] if values.ndim else 0)))
        else:
            frame = read_frame(path)
            names = class_columns(frame)
            values = frame.select(names).to_numpy()
        values = softmax(values) if logits else values
        return Matrix(check_probs(_floats(values)), names)


def read_labels(path: Path, names: Sequence[str]) -> np.ndarray:
    """Read true classes, (n,) indices; a table gives them in its column `label` or its only one.

    Raises:
        InputError: if a label is missing or is neither an index nor one of the names.
    """
    with cli.input_errors(str(path)):
        column: list[Any]
        if kind(path) == ".npy":
            column = np.load(path, allow_pickle=False).tolist()
        else:
            frame = read_frame(path)
            if "label" not in frame.columns and frame.width != 1:
                raise ValueError(f"expected a column named label, got {', '.join(frame.columns)}")
            column = frame["label" if "label" in frame.columns else frame.columns[0]].to_list()
        return class_indices(column, names)


def class_indices(column: Sequence[Any], names: Sequence[str]) -> np.ndarray:
    """Names or indices of classes -> (n,) indices; ValueError names the first row that is neither."""
    known = {name: index for index, name in enumerate(names)}
    found = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(column):
        if value is None or value == "":
            raise ValueError(f"row {row} has no label")
        if str(value) in known:
            found[row] = known[str(value)]
        elif isinstance(value, int) and 0 <= value < len(names):
            found[row] = value
        else:
            raise ValueError(f"row {row} has the label {value!r}, which is no class{cli.suggest(str(value), names)}")
    return found


def read_prior(path: Path, names: Sequence[str]) -> np.ndarray:
    """Read class frequencies (m,): one number per class in order, or columns `label` and a number; counts are rescaled.

    Raises:
        InputError: if there is not one positive number per class.
    """
    with cli.input_errors(str(path)):
        if kind(path) == ".npy":
            values = np.load(path, allow_pickle=False).reshape(-1)
        else:
            frame = read_frame(path)
            if "label" in frame.columns and frame.width == 2:
                number = next(name for name in frame.columns if name != "label")
                by_label = dict(zip(map(str, frame["label"].to_list()), frame[number].to_list(), strict=True))
                missing = [name for name in names if name not in by_label]
                if missing:
                    raise ValueError(f"no frequency for class {missing[0]!r} ({len(missing)} of {len(names)} missing)")
                values = np.array([by_label[name] for name in names], dtype=np.float64)
            else:
                values = frame.to_numpy().reshape(-1)
        values = _floats(values)
        whole = np.all(values == np.round(values)) and values.sum() > 1.5
        return check_prior(values / values.sum() if whole else values, len(names))


def read_frame(path: Path) -> pl.DataFrame:
    """A csv or parquet file; a csv whose first line holds only numbers has no header."""
    import polars as pl

    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(read_text(path).encode(), has_header=_has_header(path), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error).splitlines()[0]) from error


def class_columns(frame: pl.DataFrame) -> tuple[str, ...]:
    """Columns with class probabilities: numbers, except ids and labels."""
    names = tuple(name for name, dtype in frame.schema.items() if dtype.is_numeric() and name.lower() not in IDS)
    if len(names) < 2:
        raise ValueError(f"expected at least 2 columns of numbers, one per class, got {', '.join(frame.columns)}")
    return names


def blocks(path: Path, size: int) -> Iterator[pl.DataFrame]:
    """A csv or parquet file in frames of at most `size` rows."""
    import polars as pl

    if path.suffix == ".parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=size):
            yield pl.DataFrame(pl.from_arrow(batch))
        return
    import pyarrow.csv

    options = pyarrow.csv.ReadOptions(
        encoding=encodings.detect(path)[0], autogenerate_column_names=not _has_header(path)
    )
    held: list[pl.DataFrame] = []
    for batch in pyarrow.csv.open_csv(path, read_options=options):
        held.append(pl.DataFrame(pl.from_arrow(batch)))
        if sum(map(len, held)) >= size:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


class Writer:
    """Writes frames to a csv or parquet file aside and renames it into place when all went well."""

    def __init__(self, path: Path) -> None:
        self.path, self.side = path, path.with_name(f".{path.name}.part")
        self._writer: Any = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        import pyarrow.csv
        import pyarrow.parquet

        table = frame.to_arrow()
        if self._writer is None:
            csv = self.path.suffix == ".csv"
            self._writer = (pyarrow.csv.CSVWriter if csv else pyarrow.parquet.ParquetWriter)(self.side, table.schema)
        self._writer.write_table(table.cast(self._writer.schema) if self.path.suffix == ".parquet" else table)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if error is None and self.side.exists():
            self.side.replace(self.path)
        else:
            self.side.unlink(missing_ok=True)


def softmax(values: np.ndarray) -> np.ndarray:
    """Softmax of logits (n, m), in float64."""
    scores = _floats(values)
    if scores.ndim != 2:
        raise ValueError(f"logits must have shape (n, classes), got {scores.shape}")
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _floats(values: np.ndarray) -> np.ndarray:
    if not (np.issubdtype(values.dtype, np.floating) or np.issubdtype(values.dtype, np.integer)):
        raise ValueError(f"expected numbers, got {values.dtype}")
    return values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float64)


def _has_header(path: Path) -> bool:
    with encodings.open_text(path, encodings.detect(path)[0]) as file:
        first = file.readline().lstrip("\ufeff").strip().split(",")
    try:
        [float(cell) for cell in first]
    except ValueError:
        return True
    return False
