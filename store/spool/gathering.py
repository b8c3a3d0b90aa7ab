"""Lines of many spools, gathered until they are worth reading together.

A hundred thousand short spools have a dozen lines each: too few to be read in columns one file at a time. Where a
file's lines are whole and in no order that matters to each other, its points join those of other files and are read
in columns with them, and the rest is parsed in one go.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from store.spool.columns import FEW, PIECE, STARTS, Row, read_columns, together
from store.spool.lines import all_intact

_ORDERED = (b'"resumed_at_step":', b'{"many":')  # what they mean depends on the points before them


class Line(NamedTuple):
    """One line and where it stands."""

    file: str
    run_no: int
    offset: int
    text: bytes


@dataclass(slots=True)
class Gathered:
    """Whole lines of many files, each file's in its order."""

    logs: list[bytes] = field(default_factory=list)
    rest: list[Line] = field(default_factory=list)
    _owners: list[tuple[str, int, list[int]]] = field(default_factory=list)  # file, run, offsets of its lines in `logs`

    def take(self, file: str, run_no: int, lines: list[bytes], offset: int) -> bool:
        """Take all lines of a file that begin at `offset`; False, and none of them, if it must be read by itself."""
        if len(lines) >= PIECE or not all_intact(lines):
            return False
        logs, rest, offsets = list[bytes](), list[Line](), list[int]()
        for line in lines:
            if line.startswith(STARTS):
                logs.append(line)
                offsets.append(offset)
            else:
                rest.append(Line(file, run_no, offset, line))
            offset += len(line) + 1
        if logs:
            if any(mark in line.text for line in rest for mark in _ORDERED):
                return False
            if b'":"' in b"".join(logs):  # NaN and infinities are text, which columns do not take
                return False
            self.logs += logs
            self._owners.append((file, run_no, offsets))
        self.rest += rest
        return True

    def points(self) -> tuple[pl.DataFrame | None, list[Line]]:
        """The lines that log as points with their run_no, or line by line (None, lines); they are taken away."""
        logs, owners = self.logs, self._owners
        self.logs, self._owners = [], []
        points = read_columns(logs) if logs else None
        if points is None:
            places = ((file, run_no, offset) for file, run_no, offsets in owners for offset in offsets)
            return None, [Line(*place, text) for place, text in zip(places, logs, strict=True)]
        counts = [len(offsets) for *_, offsets in owners]
        run_no = pl.Series("run_no", [run_no for _, run_no, _ in owners], pl.Int32)
        of_line = pl.select(pl.lit(run_no).repeat_by(pl.Series(counts)).explode().alias("run_no")).to_series()
        return points.with_columns(of_line[points["line"]]), []

    def records(self) -> Iterator[tuple[Line, Row | None]]:
        """The other lines with their records; they are taken away."""
        lines, self.rest = self.rest, []
        for first in range(0, len(lines), FEW):
            piece = lines[first : first + FEW]
            yield from zip(piece, together([line.text for line in piece]), strict=True)
