"""Rows of a file as dictionaries, each with its place: JSON, CSV, TSV, Parquet, CoNLL, also gzipped.

Text files are read as a stream, so that the first rows of a large one cost nothing; the others are read whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from jobs.cli import InputError
from jobs.clue.data.own import encodings, json_rows, tagged_lines
from jobs.clue.data.parsing import Place

FORMATS = ("jsonl", "json", "csv", "tsv", "parquet", "conll")
_SUFFIXES = {
    **{"jsonl": "jsonl", "ndjson": "jsonl", "json": "json", "csv": "csv", "tsv": "tsv", "txt": "tsv"},
    **{"parquet": "parquet", "pq": "parquet"},
    **dict.fromkeys(("conll", "bio", "bioes", "bmes", "iob", "iob2"), "conll"),
}
_EXCEL = "an Excel workbook; save its sheet as CSV UTF-8 and give that"
_PACKED = "an archive or packed in a way that is not read here; unpack it (or gzip it) and give the file inside"
TAGGED = "take the row of names away, put a blank line after each sentence, and call the file .conll"
_OTHERS = {
    **dict.fromkeys(("xlsx", "xls", "xlsm", "xlsb", "et"), _EXCEL),
    "ods": "an OpenDocument table; save its sheet as CSV UTF-8 and give that",
    **dict.fromkeys(("zip", "bz2", "xz", "zst", "7z", "rar", "tar", "tgz"), _PACKED),
    **dict.fromkeys(("docx", "doc", "pdf"), "a document, not a table; write its rows as CSV or JSON lines"),
}  # fmt: skip
"""name of a file -> what to do with it"""
_CONTENTS = (
    (b"\xd0\xcf\x11\xe0", _EXCEL),
    (b"BZh", _PACKED),
    (b"\xfd7zXZ", _PACKED),
    (b"\x28\xb5\x2f\xfd", _PACKED),
    (b"7z\xbc\xaf", _PACKED),
    (b"Rar!", _PACKED),
    (b"%PDF", _OTHERS["pdf"]),
    (b"SQLite format 3", "an SQLite database; write the rows of its table as CSV"),
)
"""how a file begins -> what to do with it, whatever it is called"""
SAMPLE = 200_000
"""characters from which separator and quoting are told"""
csv.field_size_limit(sys.maxsize)

Row = dict[str, Any]


def format_of(path: Path) -> str:
    """One of `FORMATS`, by the file's name.

    Raises:
        InputError: if the name says nothing that is read here.
    """
    suffixes = [suffix.lstrip(".").lower() for suffix in path.suffixes]
    if suffixes[-1:] == ["gz"]:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    found = _SUFFIXES.get(last)
    if found is None and last in _OTHERS:
        raise InputError(f"{path}: {_OTHERS[last]}")
    if found is None:
        raise InputError(f"{path}: expected a file called .{', .'.join(_SUFFIXES)} (or the same and .gz)")
    return found


def rows(path: Path, *, encoding: str = "", notes: list[str] | None = None) -> Iterator[tuple[Place, Row]]:
    """The rows of a file in order, each with its place.

    Args:
        path: the file.
        encoding: of a text file; empty finds it out.
        notes: gets what there is to say about the file.

    Raises:
        InputError: naming file and row, if it cannot be read.
    """
    notes = [] if notes is None else notes
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a file (a folder that `datasets` saved is named by data = ...)")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    kind = format_of(path)
    if not path.stat().st_size:
        raise InputError(f"{path} is empty")
    kind = _by_content(path, kind)
    if kind == "parquet":
        return _parquet_rows(path)
    if encoding:
        encodings.check_name(encoding)
    else:
        encoding, guessed = encodings.detect(path)
        if guessed:
            notes.append(f"{path.name}: read as {encoding.upper()} (guessed; `encoding` in the task file names it)")
    if kind in ("jsonl", "json"):
        return _decoded(path, json_rows.rows(path, encoding), encoding)
    if kind == "conll" or (kind == "tsv" and _is_tagged(path, encoding)):
        return _decoded(path, tagged_lines.rows(path, encoding), encoding)
    return _decoded(path, _csv_rows(path, encoding, tabs=kind == "tsv"), encoding)


def _is_tagged(path: Path, encoding: str) -> bool:
    with encodings.open_text(path, encoding) as file:
        return tagged_lines.looks_tagged(file.read(SAMPLE).removeprefix("\ufeff"))


def _by_content(path: Path, kind: str) -> str:
    """The format that the first bytes tell, else the one of the name.

    Raises:
        InputError: if the bytes are no table at all.
    """
    try:
        with encodings.open_bytes(path) as file:
            start = file.read(4096)
    except encodings.DAMAGE as error:
        raise InputError(f"{path}: damaged ({error})") from error
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: {_EXCEL if b'[Content_Types].xml' in start or b'xl/' in start else _PACKED}")
    for mark, what in _CONTENTS:
        if start.startswith(mark):
            raise InputError(f"{path}: {what}")
    return kind


def _decoded(path: Path, found: Iterator[tuple[Place, Row]], encoding: str) -> Iterator[tuple[Place, Row]]:
    """Pass the rows on; what is wrong with the bytes becomes a sentence."""
    try:
        yield from found
    except UnicodeError as error:
        raise InputError(f"{path}: not {encoding.upper()} ({error})") from error
    except encodings.DAMAGE as error:
        raise InputError(f"{path}: damaged ({error})") from error


def _csv_rows(path: Path, encoding: str, *, tabs: bool) -> Iterator[tuple[Place, Row]]:
    """The first row names the columns; a quoted value may hold separators and line ends."""
    with encodings.open_text(path, encoding) as file:
        start = file.read(SAMPLE).lstrip("\ufeff")
        if re.match(r'\s*\[?\s*\{\s*"', start):
            raise InputError(f"{path}: it looks like JSON; call it .jsonl (one object a line) or .json")
        told = re.match(r"sep=(.)\r?\n", start, re.IGNORECASE)  # Excel's own line about the separator
        delimiter = told[1] if told else "\t" if tabs else _delimiter(start)
        quoting = _quoting(start, delimiter) if delimiter == "\t" else csv.QUOTE_MINIMAL
        file.seek(0)
        lines = _without_mark(file)
        if told:
            next(lines)
        reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
        above = 1 if told else 0
        line = 1 + above
        try:
            names = [name.strip() for name in next(reader, [])]
            _check_names(path, names)
            line = reader.line_num + 1 + above
            for values in reader:
                place, line = Place(path, line), reader.line_num + 1 + above
                if not values:
                    continue
                if len(values) > len(names) and not any(value.strip() for value in values[len(names) :]):
                    values = values[: len(names)]  # empty cells to the right, as spreadsheets leave them
                if len(values) != len(names):
                    raise place.refuse(
                        f"{len(values)} values, but the first row names {len(names)} columns (a text with "
                        f"{delimiter!r} in it must stand in double quotes)"
                    )
                yield place, dict(zip(names, values, strict=True))
        except csv.Error as error:
            raise Place(path, line).refuse(f"not a row of a table: {error}") from error


def _without_mark(file: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(file):
        yield line if number else line.lstrip("\ufeff")


def _delimiter(start: str) -> str:
    """The separator that the first row has most, outside quoted names."""
    header = re.sub(r'"(?:[^"]|"")*"', "", start).partition("\n")[0]
    return max(",;\t|", key=header.count)


def _quoting(start: str, delimiter: str) -> Literal[0, 3]:
    """Whether quotes around values belong to the table, or to the texts as in most TSV files.

    They belong to the table where every value that begins with one also ends with one and doubles those inside, or
    where only then all rows have as many values as the first.
    """
    counts = {}
    for quoting in (csv.QUOTE_NONE, csv.QUOTE_MINIMAL):
        try:
            found = [
                len(row) for row in csv.reader(io.StringIO(start, newline=""), delimiter=delimiter, quoting=quoting)
            ]
        except csv.Error:
            found = [0, 1]
        counts[quoting] = set(found[:-1] or found) - {0}  # the sample may end inside the last row
    if len(counts[csv.QUOTE_NONE]) != 1 and len(counts[csv.QUOTE_MINIMAL]) == 1:
        return csv.QUOTE_MINIMAL
    cells = [cell for line in start.splitlines()[:-1] for cell in line.split(delimiter) if cell.startswith('"')]
    whole = cells and all(re.fullmatch(r'"(?:[^"]|"")*"', cell) for cell in cells)
    return csv.QUOTE_MINIMAL if whole and any('""' in cell[1:-1] for cell in cells) else _of_header(start)


def _of_header(start: str) -> Literal[0, 3]:
    return csv.QUOTE_MINIMAL if start.startswith('"') else csv.QUOTE_NONE


def _check_names(path: Path, names: list[str]) -> None:
    if not any(names):
        raise InputError(f"{path}: no column has a name (in a text file the first row names them)")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        what = f"two columns are called {doubled[0]!r}" if doubled[0] else "two columns have no name"
        raise InputError(f"{path}: {what}")


def _parquet_rows(path: Path) -> Iterator[tuple[Place, Row]]:
    import pyarrow.parquet  # heavy: only for Parquet files

    number = 0
    try:
        with encodings.open_bytes(path) as file:
            whole = io.BytesIO(file.read()) if isinstance(file, gzip.GzipFile) else file
            table = pyarrow.parquet.ParquetFile(whole)
            _check_names(path, list(table.schema_arrow.names))
            for batch in table.iter_batches(10_000):
                for row in batch.to_pylist():
                    number += 1
                    yield Place(path, number), row
    except (pyarrow.ArrowException, *encodings.DAMAGE) as error:
        raise InputError(f"{path}: not a whole Parquet file ({str(error).splitlines()[0]})") from error
