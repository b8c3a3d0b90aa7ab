"""What a run says of itself while it runs, read from its spool as it grows; no database is needed for it."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.spool import file as spool_file
from store.spool.lines import decode

PIECE = 1 << 22  # bytes read at once


@dataclass(slots=True)
class Watched:
    """A run's status, its scores, and the course of one metric."""

    path: Path
    """of the spool"""
    metric: str
    """whose course is kept"""
    ended: str = ""
    """finished, failed or interrupted; empty while the run has not said its end"""
    summary: dict[str, float] = field(default_factory=dict)
    """what the run says it is worth; where it says nothing, the last value"""
    course: list[tuple[int, float]] = field(default_factory=list)
    """(step, value) of the metric, in the order of its steps"""
    _said: set[str] = field(default_factory=set)
    _read: int = 0

    @property
    def status(self) -> str:
        """Like the column of `runs`; lost where the run has no end and nobody on this machine writes it."""
        return self.ended or ("running" if spool_file.alive(self.path) else "lost")

    def look(self) -> None:
        """Read the whole lines that are new."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                while data := file.read(PIECE):
                    end = data.rfind(b"\n") + 1
                    if not end and len(data) == PIECE:
                        data += file.readline()
                        end = data.rfind(b"\n") + 1
                    self._read += end
                    for line in data[:end].split(b"\n"):
                        self._take(line)
                    if not end:
                        return
                    file.seek(self._read)
        except OSError:
            return

    def _take(self, line: bytes) -> None:
        record = decode(line) if line else None
        if record is None:
            return
        if "log" in record:
            self._log(record["log"], record["step"])
        elif "many" in record:
            for name, column in record["many"].items():
                for step, value in zip(record["steps"], column, strict=False):
                    if value is not None:
                        self._log({name: value}, step)
        elif "summary" in record:
            self._said |= record["summary"].keys()
            self.summary |= {name: _number(value) for name, value in record["summary"].items()}
        elif "end" in record:
            self.ended = record["end"]["status"]
        elif "resumed_at_step" in record:
            self.ended = ""
            self.course = [point for point in self.course if point[0] <= record["resumed_at_step"]]

    def _log(self, values: dict[str, Any], step: int) -> None:
        for name, value in values.items():
            if name not in self._said:
                self.summary[name] = _number(value)
            if name == self.metric and math.isfinite(_number(value)):
                self.course.append((step, _number(value)))


def _number(value: Any) -> float:
    """A number as it is spelled in a line: those that are not finite are text."""
    return float(value)
