"""From spool bytes to columns: the lines of many files become one batch of rows for one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from store.editing import KINDS, check_edit
from store.errors import StoreError
from store.paths import check_name
from store.spool.columns import Row, Stretch, stretches, unpack
from store.spool.lines import canonical

EPOCH = datetime(1970, 1, 1)
LIVES = ("running", "lost", None)
_FIXED = ("edit", "at", "crc")  # what every edit has
Bad = tuple[int, bytes] | None  # byte offset and text of a damaged line


_NUMBERS = {"run_no": pl.Int32, "name_no": pl.Int32}
POINTS = {**_NUMBERS, "step": pl.Int64, "epoch": pl.Float64, "value": pl.Float64, "at": pl.Float64}


@dataclass(slots=True)
class Points:
    """The metrics logged, in the order of their lines: the last one written stands where a step comes twice."""

    rows: list[tuple[int, int, int, float | None, float, float]] = field(default_factory=list)  # like POINTS
    frames: list[pl.DataFrame] = field(default_factory=list)  # what came before the rows

    def add(self, frame: pl.DataFrame) -> None:
        """Take a frame like POINTS."""
        self._pack()
        self.frames.append(frame)

    def frame(self) -> pl.DataFrame:
        """All of them."""
        self._pack()
        return pl.concat([pl.DataFrame(schema=POINTS), *self.frames])

    def cut(self, run_no: int, step: int) -> None:
        """Drop what a run logged after a step."""
        self._pack()
        self.frames = [frame.filter((pl.col("run_no") != run_no) | (pl.col("step") <= step)) for frame in self.frames]

    def _pack(self) -> None:
        if self.rows:
            self.frames.append(pl.DataFrame(self.rows, schema=POINTS, orient="row"))
            self.rows = []


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
    latest: float | None = None  # Unix time of the last point of the file being read

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
        bad: Bad = None
        self.latest = None
        for stretch in stretches(lines):
            if stretch.points is None:
                bad = self._take_all(file, run_no, stretch, offset, bad)
            else:
                self._set_aside(file, bad, "damaged")
                bad = None
                if run_no is not None:
                    self._log_many(run_no, stretch.points)
            offset += sum(map(len, stretch.lines)) + len(stretch.lines)
        self._set_aside(file, bad, "damaged")
        self.lines += len(lines)
        if run_no is not None and self.latest is not None:
            run = self.runs[run_no]
            run["heartbeat_at"] = max(run.get("heartbeat_at") or EPOCH, moment(self.latest))
        over = run_no is not None and self.runs[run_no]["status"] not in LIVES
        self.read[file] = run_no, offset, over

    def _take_all(self, file: str, run_no: int | None, stretch: Stretch, offset: int, bad: Bad) -> Bad:
        """Take the records of a stretch; returns the damaged line that it ends with, which the next may explain."""
        for line, record in zip(stretch.lines, stretch.records, strict=True):
            if record is not None:
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
        return bad

    def _set_aside(self, file: str, bad: Bad, reason: str) -> None:
        if bad is not None:
            self.damaged.append((file, bad[0], bad[1].decode("utf-8", "replace")[:10_000].replace("\0", "�"), reason))

    def _take(self, run_no: int | None, record: Row) -> bool:
        """Take one record; False if it lacks something, holds a value of another type or leads out of the store."""
        try:
            if run_no is None:
                self._edit(record)
                return True
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
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, StoreError):
            return False
        return True

    def _edit(self, record: Row) -> None:
        if record.get("edit") in KINDS:
            moment(record["at"])
            check_edit(record["edit"], {name: value for name, value in record.items() if name not in _FIXED})
            self.edits.append(record)

    def _log(self, run_no: int, record: Row) -> None:
        step, epoch, at = record["step"], record["epoch"], record["at"] + 0.0
        if type(step) is not int or not -(2**63) <= step < 2**63 or not (epoch is None or type(epoch) is float):
            raise ValueError(f"step {step!r} or epoch {epoch!r}")
        values = record["log"]
        numbers = list(map(float, values.values()))
        for name, number in zip(values, numbers, strict=True):
            name_no = self.name_no(name)
            self.points.rows.append((run_no, name_no, step, epoch, number, at))
            self.last[run_no, name_no] = number, step
        self.latest = at

    def _log_many(self, run_no: int, points: pl.DataFrame) -> None:
        """Take points of many steps, as `store.spool.columns.Stretch` has them."""
        numbers = {name: self.name_no(name) for name in points["name"].unique(maintain_order=True)}
        name_no = points["name"].replace_strict(numbers, return_dtype=pl.Int32).alias("name_no")
        points = points.with_columns(pl.lit(run_no, pl.Int32).alias("run_no"), name_no).select(*POINTS)
        self.points.add(points)
        for no, value, step in points.group_by("name_no").agg(pl.col("value", "step").last()).rows():
            self.last[run_no, no] = value, step
        self.latest = points["at"][-1]

    def _many(self, run_no: int, _: Row, record: Row) -> None:
        points = unpack(record)
        if not points.is_empty():
            self._log_many(run_no, points)

    def _run(self, run_no: int, run: Row, record: Row) -> None:
        self._describe(run_no, run, {"describe": record["run"]})
        run.update(host=record["run"].get("host"), pid=record["run"].get("pid"))
        run.update(status="running", started_at=moment(record["at"]), earlier_s=0.0, duration_s=0.0, progress=0.0)
        self.params[run_no] = {name: canonical(value) for name, value in (record.get("config") or {}).items()}

    def _params(self, run_no: int, _: Row, record: Row) -> None:
        self.params.setdefault(run_no, {}).update({name: canonical(value) for name, value in record["params"].items()})

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
        tbl, axes = _text(record["measure"]), record["axes"]
        _text(record["source"])
        for axis, value in axes.items():
            kind = axis_kind(value)
            self.axes[tbl, axis] = join_kinds(self.axes.get((tbl, axis), kind), kind)
        text = canonical({axis: whole(value) for axis, value in axes.items()})
        for metric, (value, low, high, n) in record["values"].items():
            bounds = [None if item is None else float(item) for item in (value, low, high)]
            self.cells[run_no, tbl, text, metric, record["source"]] = [*bounds, None if n is None else int64(n)]

    def _artifact(self, run_no: int, _: Row, record: Row) -> None:
        about = record["artifact"]
        check_name(about["path"])
        about = {name: _text(about[name]) for name in ("name", "kind", "path", "sha256")} | {
            "bytes": int64(about["bytes"])
        }
        self.artifacts[run_no, about["name"]] = about

    def _predictions(self, run_no: int, _: Row, record: Row) -> None:
        about = record["predictions"]
        check_name(about["file"], plain=True)
        _text(about["split"]), _text(about["sha256"])
        self.predictions[run_no, about["split"]] = about

    def _examples(self, _: int, __: Row, record: Row) -> None:
        about = record["examples"]
        check_name(about["file"], plain=True)
        _text(about["dataset"]), _text(about["split"]), _text(about["sha256"])
        self.examples[about["file"]] = about


_HANDLERS: dict[str, Callable[[Batch, int, Row, Row], None]] = {
    "many": Batch._many,
    "run": Batch._run,
    "beat": Batch._beat,
    "end": Batch._end,
    "resumed_at_step": Batch._resume,
    "summary": Batch._summary,
    "measure": Batch._measure,
    "params": Batch._params,
    "describe": Batch._describe,
    "artifact": Batch._artifact,
    "predictions": Batch._predictions,
    "examples": Batch._examples,
}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


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
