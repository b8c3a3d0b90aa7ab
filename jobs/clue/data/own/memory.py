"""How much memory the rows of a large file take, told before they are read."""

from __future__ import annotations

import gzip
from pathlib import Path

from jobs.cli import InputError
from jobs.clue.data.own import encodings, tables

LARGE = 500_000_000
"""bytes from which a file is large; a packed one is from a fifth of it"""
BYTES_A_ROW, BYTES_A_BYTE = 600, 0.9
"""memory that a row and a byte of its text take as Python objects, about"""
START = 4_000_000
"""bytes by which the rows of a text file are estimated"""


def note(path: Path) -> str:
    """How much memory all rows of a large file take, empty for one that is not large.

    Raises:
        InputError: if the machine has less.
    """
    if not path.is_file():
        return ""
    packed = path.suffix == ".gz" or tables.format_of(path) == "parquet"
    if path.stat().st_size < (LARGE / 5 if packed else LARGE):
        return ""
    rows, text = _parquet(path) if tables.format_of(path) == "parquet" else _text(path)
    wanted, free = rows * BYTES_A_ROW + text * BYTES_A_BYTE, _free()
    said = f"{path.name}: {path.stat().st_size / 1e9:.1f} GB take about {wanted / 1e9:.1f} GB of memory as rows"
    if wanted > free:
        raise InputError(f"{said}, and {free / 1e9:.1f} GB are free; --limit N reads the first N rows only")
    return f"{said} ({free / 1e9:.1f} GB are free); --limit N reads the first N rows only"


def _text(path: Path) -> tuple[float, float]:
    """Rows and bytes of a text file, by its start."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        start = (gzip.GzipFile(fileobj=raw) if packed else raw).read(START)
        share = path.stat().st_size / max(raw.tell(), 1)
    rows = start.count(b"{" if tables.format_of(path) == "json" else b"\n")
    return share * rows, share * len(start)


def _parquet(path: Path) -> tuple[float, float]:
    """Rows and bytes of a Parquet file, by its own account; of a packed one by its size."""
    import pyarrow.parquet  # heavy: only for Parquet files

    if path.suffix == ".gz":
        return 0, 4 * path.stat().st_size
    try:
        with encodings.open_bytes(path) as file:
            about = pyarrow.parquet.ParquetFile(file).metadata
            groups = [about.row_group(number).total_byte_size for number in range(about.num_row_groups)]
            return about.num_rows, sum(groups)
    except (pyarrow.ArrowException, *encodings.DAMAGE):  # the reader says what is wrong with it
        return 0, 0


def _free() -> int:
    """Bytes that can still be taken."""
    import psutil  # only for large files

    return int(psutil.virtual_memory().available)
