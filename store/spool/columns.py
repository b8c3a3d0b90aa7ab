"""Lines that log, read in columns: a fifth of the time of a Python object a number.

Nearly all lines of a busy spool are `{"log":{...},"step":...}` one after the other. Stretches of them are handed to
polars' JSON reader, whose floats are exact to the last bit and which refuses values of another type; it does not refuse
a name it did not expect, so the names found are counted against those in the text. What it cannot take, and everything
else, is read line by line.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from zlib import crc32

import polars as pl

from store.spool.lines import HALVES, MARK, decode, intact

Row = dict[str, Any]
MANY = 100  # lines from which columns are worth their start
PIECE = 50_000  # lines in one frame
FEW = 2000  # lines parsed to records in one go; more would only make work for the garbage collector
SAMPLE = 100  # lines that show which names there are
EMPTIEST = 30  # times as many cells as numbers that a frame may have
STARTS = b'{"log":'
TIMES = (-6.2e10, 2.5e11)  # Unix times of the years 5 to 9892
_NAMES = re.compile(rb'"((?:[^"\\]|\\.)*)":')
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
            points = read_columns(piece)
            yield _careful(piece) if points is None else Stretch(piece, points)
        first += count
    if careful:
        yield _careful(careful)


def _careful(lines: list[bytes]) -> Stretch:
    found = [record for first in range(0, len(lines), FEW) for record in together(lines[first : first + FEW])]
    return Stretch(lines, records=found)


def read_columns(lines: list[bytes]) -> pl.DataFrame | None:
    """Points of lines that all log, as `Stretch` has them; None if one of them holds something unusual.

    What names there are a sample of the lines shows; where it lacks one, all of them do. Lines whose names are too
    different would make a column each, nearly all of it empty: they are read one by one.
    """
    text = b"\n".join(lines)
    keys = text.count(b'":') - 5 * len(lines)  # of values; more where a name contains this, and then they disagree
    if any(text.count(key) != len(lines) for key in (b'},"step":', b',"epoch":', b',"at":')):
        return None
    if any(half in text for half in HALVES):
        return None
    for sample in (lines[:SAMPLE] + lines[SAMPLE :: max(1, len(lines) // SAMPLE)], lines):
        try:
            frame = _frame(sample, lines, text, keys)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None
        if frame is None:
            return None
        values = frame["log"].struct.unnest()
        if len(frame) != len(lines) or set(values.dtypes) != {pl.Float64}:
            return None
        if sum(values.select(pl.all().count()).row(0)) == keys:
            break
    else:
        return None
    if frame["step"].null_count() or frame["at"].null_count() or not frame["at"].is_between(*TIMES).all():
        return None
    return _long(frame.select(pl.int_range(pl.len()).alias("line"), *TYPES), values)


def _frame(sample: list[bytes], lines: list[bytes], text: bytes, keys: int) -> pl.DataFrame | None:
    """The lines with a struct column `log` of the names in the sample; None where most of it would be empty."""
    names = len(set(_NAMES.findall(b"".join(sample)))) - 5
    if names * len(lines) > EMPTIEST * max(keys, 10_000):
        return None
    head = io.BytesIO(b"\n".join([*sample, text]) if sample is not lines else text)
    frame = pl.read_ndjson(head, infer_schema_length=len(sample), schema_overrides=TYPES)
    return frame[len(sample) :] if sample is not lines else frame


NONSENSE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, RecursionError)
"""What a record raises that lacks something or holds a value of another type: lines from elsewhere say anything."""


def time_of(record: Row) -> float:
    """Unix time of a record.

    Raises:
        KeyError, TypeError, ValueError: if it has none, or one that no column can hold.
    """
    at: float = record["at"] + 0.0
    if not TIMES[0] <= at <= TIMES[1]:
        raise ValueError(f"time {at!r}")
    return at


def points_of(record: Row) -> list[tuple[str, int, float | None, float, float]]:
    """(name, step, epoch, at, value) of each number of a record `{"log": {...}, "step": ..., ...}`.

    Raises:
        one of `NONSENSE`: if it lacks something or holds a value of another type.
    """
    step, epoch, at = record["step"], record["epoch"], time_of(record)
    if type(step) is not int or not -(2**63) <= step < 2**63 or not (epoch is None or type(epoch) is float):
        raise ValueError(f"step {step!r} or epoch {epoch!r}")
    return [(name, step, epoch, at, float(value)) for name, value in record["log"].items()]


def unpack(record: Row) -> pl.DataFrame:
    """Points of one record `{"many": {name: [value or null, ...]}, "steps": [step, ...], "at": time}`, all of line 0.

    Raises:
        KeyError, TypeError, ValueError: if it lacks something or holds a value of another type.
    """
    try:
        steps = pl.Series("step", record["steps"], pl.Int64, strict=True)
        values = [_floats(str(name), column) for name, column in record["many"].items()]
        fixed = {"line": pl.lit(0, pl.Int64), "epoch": pl.lit(None, pl.Float64), "at": pl.lit(time_of(record))}
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


def together(lines: list[bytes]) -> list[Row | None]:
    """Records of lines, None where damaged; those whose checksum holds are valid JSON each, so parsed in one go."""
    sound = [line for line in lines if intact(line)]
    text = b"[" + b",".join(sound) + b"]"
    try:
        found = json.loads(text) if not any(half in text for half in HALVES) else []
    except (ValueError, RecursionError):
        found = []
    if len(found) != len(sound) or not all(type(record) is dict for record in found):
        return [decode(line) for line in lines]
    if len(sound) == len(lines):
        return list(found)
    following = iter(found)
    return [next(following) if intact(line) else None for line in lines]
