"""Lines that log, read in columns: a fifth of the time of a Python object a number.

Nearly all lines of a busy spool are `{"log":{...},"step":...}` one after the other. Stretches of them are handed to
polars' JSON reader, whose floats are exact to the last bit and which refuses values of another type; it does not refuse
a name it did not expect, so the names found are counted against those in the text. What it cannot take, and everything
else, is read line by line.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from zlib import crc32

import polars as pl

from store.spool.lines import MARK, decode, intact

Row = dict[str, Any]
MANY = 100  # lines from which columns are worth their start
PIECE = 50_000  # lines in one frame
FEW = 2000  # lines parsed to records in one go; more would only make work for the garbage collector
STARTS = b'{"log":'
TYPES = {"step": pl.Int64, "epoch": pl.Float64, "at": pl.Float64}
POINTS = {"line": pl.Int64, "name": pl.String, **TYPES, "value": pl.Float64}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive lines of a spool: as points where all of them log, else as one record a line."""

    lines: list[bytes]
    points: pl.DataFrame | None = None  # (n, 6): line (its place in `lines`), name, step, epoch, at, value
    records: list[Row | None] = field(default_factory=list)  # None where damaged


def stretches(lines: list[bytes]) -> Iterator[Stretch]:
    """Cut lines into stretches, in their order."""
    logs = [  # intact() written out: two calls less for every line
        line.startswith(STARTS) and line[(mark := line.rfind(MARK)) + len(MARK) :] == b"%d}" % crc32(line[:mark])
        for line in lines
    ]
    first = 0
    careful: list[bytes] = []
    for log, group in groupby(logs):
        count = sum(1 for _ in group)
        if not log or count < MANY:
            careful += lines[first : first + count]
            first += count
            continue
        if careful:
            yield _careful(careful)
            careful = []
        for start in range(first, first + count, PIECE):
            piece = lines[start : min(start + PIECE, first + count)]
            points = _columns(piece)
            yield _careful(piece) if points is None else Stretch(piece, points)
        first += count
    if careful:
        yield _careful(careful)


def _careful(lines: list[bytes]) -> Stretch:
    found = [record for first in range(0, len(lines), FEW) for record in _together(lines[first : first + FEW])]
    return Stretch(lines, records=found)


def _columns(lines: list[bytes]) -> pl.DataFrame | None:
    """Points of lines that all log; None if one of them holds something unusual."""
    text = b"\n".join(lines)
    keys = text.count(b'":') - 5 * len(lines)  # of values; more where a name contains this, and then they disagree
    if any(text.count(key) != len(lines) for key in (b'},"step":', b',"epoch":', b',"at":')):
        return None
    for known in (100, None):  # names of the first hundred lines; of all of them, which takes twice as long
        try:
            frame = pl.read_ndjson(io.BytesIO(text), infer_schema_length=known, schema_overrides=TYPES)
            values = frame["log"].struct.unnest()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None
        if len(frame) != len(lines) or set(values.dtypes) != {pl.Float64}:
            return None
        found = sum(values.select(pl.all().count()).row(0))
        if found == keys:
            break
    else:
        return None
    if frame["step"].null_count() or frame["at"].null_count():
        return None
    return _long(frame.select(pl.int_range(pl.len()).alias("line"), *TYPES), values)


def unpack(record: Row) -> pl.DataFrame:
    """Points of one record `{"many": {name: [value or null, ...]}, "steps": [step, ...], "at": time}`, all of line 0.

    Raises:
        KeyError, TypeError, ValueError: if it lacks something or holds a value of another type.
    """
    try:
        steps = pl.Series("step", record["steps"], pl.Int64, strict=True)
        values = [_floats(str(name), column) for name, column in record["many"].items()]
        fixed = {"line": pl.lit(0, pl.Int64), "epoch": pl.lit(None, pl.Float64), "at": pl.lit(record["at"] + 0.0)}
        return _long(steps.to_frame().with_columns(**fixed).select("line", *TYPES), pl.DataFrame(values))
    except (pl.exceptions.PolarsError, OverflowError) as error:
        raise ValueError(f"not many values and as many steps: {error}") from error


def _floats(name: str, values: list[Any]) -> pl.Series:
    try:
        return pl.Series(name, values, pl.Float64, strict=True)
    except (pl.exceptions.PolarsError, TypeError):  # NaN and infinities are text
        return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)


def _long(fixed: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """One row a value: `fixed` (n rows: line, step, epoch, at) beside values (n rows, a column a metric)."""
    # a metric may have the name of a column, so its own gets a prefix until it is a value
    wide = fixed.hstack(values.rename(lambda name: f"log/{name}"))
    long = wide.unpivot(index=["line", *TYPES], variable_name="name", value_name="value")
    return long.drop_nulls("value").select("line", pl.col("name").str.slice(4), *TYPES, "value")


def _together(lines: list[bytes]) -> list[Row | None]:
    """Lines whose checksum holds are valid JSON each, so they are parsed in one go."""
    sound = [line for line in lines if intact(line)]
    try:
        found = json.loads(b"[" + b",".join(sound) + b"]")
    except ValueError:
        found = []
    if len(found) != len(sound) or not all(type(record) is dict for record in found):
        return [decode(line) for line in lines]
    if len(sound) == len(lines):
        return list(found)
    following = iter(found)
    return [next(following) if intact(line) else None for line in lines]
