"""From spool bytes to columns: the lines of many files become one batch of rows for one transaction."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from store.lines import canonical, decode, intact

Row = dict[str, Any]
PIECE = 2000  # lines parsed in one go; more would only make work for the garbage collector
EPOCH = datetime(1970, 1, 1)
LIVES = ("running", "lost", None)


@dataclass(slots=True)
class Points:
    """Columns of the metrics logged."""

    run_no: list[int] = field(default_factory=list)
    name_no: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    epoch: list[float | None] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def cut(self, run_no: int, step: int) -> None:
        """Drop what a run logged after a step."""
        keep = [index for index, run in enumerate(self.run_no) if run != run_no or self.step[index] <= step]
        for name in ("run_no", "name_no", "step", "epoch", "value", "at"):
            column = getattr(self, name)
            setattr(self, name, [column[index] for index in keep])


@dataclass(slots=True)
class Batch:
    """Everything the lines of one transaction say."""

    names: dict[str, int]  # metric name -> number, grown here
    points: Points = field(default_factory=Points)
    runs: dict[int, Row] = field(default_factory=dict)  # touched runs, whole rows
    params: dict[int, dict[str, str]] = field(default_factory=dict)
    said: dict[tuple[int, int], float] = field(default_factory=dict)
    last: dict[tuple[int, int], tuple[float, int]] = field(default_factory=dict)
    cuts: dict[int, int] = field(default_factory=dict)
    cells: dict[tuple[int, str, str, str, str], list[Any]] = field(default_factory=dict)
    axes: dict[tuple[str, str], str] = field(default_factory=dict)
    artifacts: dict[tuple[int, str], Row] = field(default_factory=dict)
    predictions: dict[tuple[int, str], Row] = field(default_factory=dict)
    examples: dict[str, Row] = field(default_factory=dict)
    edits: list[Row] = field(default_factory=list)
    damaged: list[tuple[str, int, str, str]] = field(default_factory=list)
    read: dict[str, tuple[int | None, int, bool]] = field(default_factory=dict)  # file -> run_no, bytes read, over
    lines: int = 0

    def name_no(self, name: str) -> int:
        """Number of a metric's name."""
        return self.names.setdefault(name, len(self.names))

    def add(self, file: str, run_no: int | None, data: bytes, offset: int) -> None:
        """Take the whole lines of one file.

        Args:
            file: name of the spool.
            run_no: its run; None for the file of edits.
            data: bytes that end with a newline.
            offset: where in the file they begin.
        """
        lines = data.split(b"\n")
        lines.pop()
        if run_no is not None and self.runs[run_no]["status"] == "lost":
            self.runs[run_no]["status"] = "running"  # somebody writes it after all
        bad: tuple[int, bytes] | None = None
        for line, record in zip(lines, records(lines), strict=True):
            if record is not None and bad is None:
                if not self._take(run_no, record):
                    self._set_aside(file, (offset, line), "not understood")
            elif record is not None:
                follows = bad is not None and bad[0] + len(bad[1]) + 1 == offset
                torn = follows and ("torn" in record or "resumed_at_step" in record)
                self._set_aside(file, bad, "torn" if torn else "damaged")
                bad = None
                if not self._take(run_no, record):
                    self._set_aside(file, (offset, line), "not understood")
            elif line:
                self._set_aside(file, bad, "damaged")
                bad = offset, line
            offset += len(line) + 1
        self._set_aside(file, bad, "damaged")
        self.lines += len(lines)
        if run_no is not None and self.points.run_no and self.points.run_no[-1] == run_no:
            run, at = self.runs[run_no], moment(self.points.at[-1])
            run["heartbeat_at"] = max(run.get("heartbeat_at") or EPOCH, at)
        over = run_no is not None and self.runs[run_no]["status"] not in LIVES
        self.read[file] = run_no, offset, over

    def _set_aside(self, file: str, bad: tuple[int, bytes] | None, reason: str) -> None:
        if bad is not None:
            self.damaged.append((file, bad[0], bad[1].decode("utf-8", "replace")[:10_000].replace("\0", "�"), reason))

    def _take(self, run_no: int | None, record: Row) -> bool:
        """Take one record; False if it lacks something or holds a value of another type."""
        if run_no is None:
            self.edits.append(record)
            return True
        try:
            if "log" in record:
                self._log(run_no, record)
                return True
            run = self.runs[run_no]
            for kind, handle in _HANDLERS.items():
                if kind in record:
                    handle(self, run_no, run, record)
                    break
            if "at" in record:
                run["heartbeat_at"] = moment(record["at"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
            return False
        return True

    def _log(self, run_no: int, record: Row) -> None:
        points, names = self.points, self.names
        step, epoch, at = record["step"], record["epoch"], record["at"] + 0.0
        if type(step) is not int or not -(2**63) <= step < 2**63 or not (epoch is None or type(epoch) is float):
            raise ValueError(f"step {step!r} or epoch {epoch!r}")
        values = record["log"]
        numbers = list(map(float, values.values()))
        for name, number in zip(values, numbers, strict=True):
            name_no = names.get(name)
            if name_no is None:
                name_no = self.name_no(name)
            points.run_no.append(run_no)
            points.name_no.append(name_no)
            points.step.append(step)
            points.epoch.append(epoch)
            points.value.append(number)
            points.at.append(at)
            self.last[run_no, name_no] = number, step

    def _run(self, run_no: int, run: Row, record: Row) -> None:
        self._describe(run_no, run, {"describe": record["run"]})
        run.update(host=record["run"].get("host"), pid=record["run"].get("pid"))
        run.update(status="running", started_at=moment(record["at"]), earlier_s=0.0, duration_s=0.0, progress=0.0)
        self.params[run_no] = {name: canonical(value) for name, value in (record.get("config") or {}).items()}

    def _describe(self, _: int, run: Row, record: Row) -> None:
        for name, value in record["describe"].items():
            if name == "versions" and value is not None:
                run[name] = canonical(value)
            elif name == "tags":
                run[name] = [str(tag) for tag in value or []]
            elif name == "seed":
                run[name] = None if value is None else int64(value)
            elif name in run:
                run[name] = value if value is None or isinstance(value, bool) else str(value)

    def _beat(self, _: int, run: Row, record: Row) -> None:
        if record["beat"] is not None:
            run.update(progress=record["beat"], eta_s=record.get("eta_s"))
        run["duration_s"] = (run["earlier_s"] or 0.0) + record["elapsed"]

    def _end(self, _: int, run: Row, record: Row) -> None:
        end = record["end"]
        run.update(status=end["status"], error=end.get("error"), finished_at=moment(record["at"]), eta_s=None)
        if end["status"] == "finished":
            run["progress"] = 1.0
        run["duration_s"] = (run["earlier_s"] or 0.0) + end["elapsed"]

    def _resume(self, run_no: int, run: Row, record: Row) -> None:
        step = int(record["resumed_at_step"])
        run.update(status="running", error=None, finished_at=None, earlier_s=run["duration_s"] or 0.0)
        run.update(host=record.get("host"), pid=record.get("pid"))
        self.points.cut(run_no, step)
        self.cuts[run_no] = min(step, self.cuts.get(run_no, step))

    def _summary(self, run_no: int, _: Row, record: Row) -> None:
        for name, value in record["summary"].items():
            self.said[run_no, self.name_no(name)] = float(value)

    def _measure(self, run_no: int, _: Row, record: Row) -> None:
        tbl, axes = record["measure"], record["axes"]
        for axis, value in axes.items():
            kind = axis_kind(value)
            self.axes[tbl, axis] = join_kinds(self.axes.get((tbl, axis), kind), kind)
        text = canonical({axis: whole(value) for axis, value in axes.items()})
        for metric, (value, low, high, n) in record["values"].items():
            bounds = [None if item is None else float(item) for item in (value, low, high)]
            self.cells[run_no, tbl, text, metric, record["source"]] = [*bounds, None if n is None else int64(n)]

    def _artifact(self, run_no: int, _: Row, record: Row) -> None:
        self.artifacts[run_no, record["artifact"]["name"]] = record["artifact"]

    def _predictions(self, run_no: int, _: Row, record: Row) -> None:
        self.predictions[run_no, record["predictions"]["split"]] = record["predictions"]

    def _examples(self, _: int, __: Row, record: Row) -> None:
        self.examples[record["examples"]["file"]] = record["examples"]


_HANDLERS: dict[str, Callable[[Batch, int, Row, Row], None]] = {
    "run": Batch._run,
    "beat": Batch._beat,
    "end": Batch._end,
    "resumed_at_step": Batch._resume,
    "summary": Batch._summary,
    "measure": Batch._measure,
    "describe": Batch._describe,
    "artifact": Batch._artifact,
    "predictions": Batch._predictions,
    "examples": Batch._examples,
}


def records(lines: list[bytes]) -> Iterator[Row | None]:
    """Records of lines, None where damaged."""
    for first in range(0, len(lines), PIECE):
        yield from _together(lines[first : first + PIECE])


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


def int64(value: Any) -> int:
    """A whole number that a BIGINT column can hold; ValueError otherwise."""
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number


def moment(seconds: float) -> datetime:
    """Unix time as a naive datetime in UTC, as the tables hold it."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def axis_kind(value: Any) -> str:
    """DuckDB type of an axis value."""
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "BIGINT"
    return "DOUBLE" if isinstance(value, float) else "VARCHAR"


def join_kinds(first: str, second: str) -> str:
    """Type that holds the values of both."""
    if first == second:
        return first
    return "DOUBLE" if {first, second} == {"BIGINT", "DOUBLE"} else "VARCHAR"


def whole(value: Any) -> Any:
    """1.0 as 1, so that equal numbers name the same cell."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
