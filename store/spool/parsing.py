"""From spool bytes to columns: the lines of many files become one batch of rows for one transaction."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from store.editing import KINDS, check_edit
from store.errors import StoreError
from store.paths import check_name
from store.spool.columns import FEW, NONSENSE, PIECE, STARTS, Row, Stretch, points_of, stretches, time_of, unpack
from store.spool.gathering import Gathered
from store.spool.lines import ENDS, canonical, decode

EPOCH = datetime(1970, 1, 1)
LIVES = ("running", "lost", None)
_FIXED = ("edit", "at", "crc")  # what every edit has
SHORT = 100  # steps of one `log_many` up to which no frame is made
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
    new: set[int] = field(default_factory=set)  # those of which the database has nothing yet
    params: dict[int, dict[str, str]] = field(default_factory=dict)
    said: dict[tuple[int, int], float] = field(default_factory=dict)
    cuts: dict[int, int] = field(default_factory=dict)
    cells: dict[tuple[int, str, str, str, str], list[Any]] = field(default_factory=dict)
    axes: dict[tuple[str, str], str] = field(default_factory=dict)
    artifacts: dict[tuple[int, str], Row] = field(default_factory=dict)
    predictions: dict[tuple[int, str], Row] = field(default_factory=dict)
    examples: dict[str, Row] = field(default_factory=dict)
    edits: list[Row] = field(default_factory=list)
    damaged: list[tuple[str, int, str, str]] = field(default_factory=list)
    read: dict[str, tuple[int | None, int, bool]] = field(default_factory=dict)  # file -> run_no, bytes read, over

    @property
    def only_new(self) -> bool:
        """Whether the database has nothing yet of any run of the batch, so that nothing has to be replaced."""
        return self.runs.keys() <= self.new

    gathered: Gathered = field(default_factory=Gathered)
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
        self.lines += len(lines)
        self.read[file] = run_no, offset + len(data), False
        if run_no is not None and self.runs[run_no]["status"] == "lost":
            self.runs[run_no]["status"] = "running"  # somebody writes it after all
        if run_no is None or not self.gathered.take(file, run_no, lines, offset):
            self._take_file(file, run_no, lines, offset)
        elif lines and lines[-1].startswith(STARTS):
            self._seen(run_no, (decode(lines[-1]) or {}).get("at"))
        if len(self.gathered.logs) >= PIECE:
            self._take_logs()
        if len(self.gathered.rest) >= FEW:
            self._take_rest()

    def settle(self) -> None:
        """Take what was gathered, once every file was added."""
        self._take_logs()
        self._take_rest()
        for file, (run_no, read, over) in self.read.items():
            if run_no is not None and not over:
                self.read[file] = run_no, read, self.runs[run_no]["status"] not in LIVES

    def _take_logs(self) -> None:
        """The points of many files in columns; where one holds something unusual, each line by itself."""
        points, lines = self.gathered.points()
        if points is not None:
            self._log_many(points)
        for line in lines:
            if not self._take(line.run_no, decode(line.text) or {}):
                self._set_aside(line.file, (line.offset, line.text), "not understood")

    def _take_rest(self) -> None:
        for line, record in self.gathered.records():
            if record is None or not self._take(line.run_no, record):
                self._set_aside(line.file, (line.offset, line.text), "not understood")

    def _seen(self, run_no: int, at: Any) -> None:
        """A run was alive at a time that a line gives."""
        if type(at) in (int, float):
            with contextlib.suppress(ValueError, OverflowError, OSError):
                run = self.runs[run_no]
                run["heartbeat_at"] = max(run.get("heartbeat_at") or EPOCH, moment(at))

    def _take_file(self, file: str, run_no: int | None, lines: list[bytes], offset: int) -> None:
        """The lines of one file in their order."""
        bad: Bad = None
        self.latest = None
        for stretch in stretches(lines):
            if stretch.points is None:
                bad = self._take_all(file, run_no, stretch, offset, bad)
            else:
                self._set_aside(file, bad, "damaged")
                bad = None
                if run_no is not None:
                    self.latest = stretch.points["at"][-1] if stretch.points.height else self.latest
                    self._log_many(stretch.points.with_columns(pl.lit(run_no, pl.Int32).alias("run_no")))
            offset += sum(map(len, stretch.lines)) + len(stretch.lines)
        self._set_aside(file, bad, "damaged")
        if run_no is not None:
            self._seen(run_no, self.latest)

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
            for kind in record:
                if kind in _HANDLERS:
                    _HANDLERS[kind](self, run_no, run, record)
                    break
            if "at" in record:
                run["heartbeat_at"] = moment(record["at"])
        except (*NONSENSE, StoreError):
            return False
        return True

    def _edit(self, record: Row) -> None:
        if record.get("edit") in KINDS:
            at = time_of(record)
            check_edit(record["edit"], {name: value for name, value in record.items() if name not in _FIXED})
            self.edits.append({**record, "at": at})

    def _log(self, run_no: int, record: Row) -> None:
        found = points_of(record)
        for name, step, epoch, at, value in found:
            self.points.rows.append((run_no, self.name_no(name), step, epoch, value, at))
        self.latest = time_of(record)

    def _log_many(self, points: pl.DataFrame) -> None:
        """Take points as `store.spool.columns.Stretch` has them, with their run_no."""
        numbers = {name: self.name_no(name) for name in points["name"].unique(maintain_order=True)}
        name_no = points["name"].replace_strict(numbers, return_dtype=pl.Int32).alias("name_no")
        self.points.add(points.with_columns(name_no).select(*POINTS))

    def _many(self, run_no: int, _: Row, record: Row) -> None:
        if len(record["steps"]) <= SHORT:
            self._short_many(run_no, record)
            return
        points = unpack(record)
        if not points.is_empty():
            self.latest = points["at"][-1]
            self._log_many(points.with_columns(pl.lit(run_no, pl.Int32).alias("run_no")))

    def _short_many(self, run_no: int, record: Row) -> None:
        """The same without a frame, which takes longer to make than a few points."""
        steps, at = record["steps"], time_of(record)
        if not all(type(step) is int and -(2**63) <= step < 2**63 for step in steps):
            raise ValueError(f"steps {steps!r}")
        rows = []
        for name, values in record["many"].items():
            name_no = self.name_no(name)
            for step, value in zip(steps, values, strict=True):
                if value is not None:
                    rows.append((run_no, name_no, step, None, float(value), at))
        self.points.rows += rows
        if rows:
            self.latest = at

    def _run(self, run_no: int, run: Row, record: Row) -> None:
        began = moment(record["at"])
        config = {name: canonical(value) for name, value in (record.get("config") or {}).items()}
        place = _place(record["run"])
        self._describe(run_no, run, {"describe": record["run"]})
        run.update(place)
        run.update(status="running", started_at=began, earlier_s=0.0, duration_s=0.0, progress=0.0)
        self.params[run_no] = config

    def _params(self, run_no: int, _: Row, record: Row) -> None:
        self.params.setdefault(run_no, {}).update({name: canonical(value) for name, value in record["params"].items()})

    def _describe(self, _: int, run: Row, record: Row) -> None:
        for name, value in record["describe"].items():
            if name in _TEXTS:
                run[name] = value if value is None or type(value) is str else str(value)
            elif name == "versions":
                run[name] = None if value is None else canonical(value)
            elif name == "tags":
                run[name] = [str(tag) for tag in value or []]
            elif name == "seed":
                run[name] = None if value is None else int64(value)
            elif name == "git_dirty":
                run[name] = value if value is None else bool(value)

    def _beat(self, _: int, run: Row, record: Row) -> None:
        spent = (run["earlier_s"] or 0.0) + record["elapsed"]
        if record["beat"] is not None:
            eta = record.get("eta_s")
            run.update(progress=float(record["beat"]), eta_s=None if eta is None else float(eta))
        run["duration_s"] = spent

    def _end(self, _: int, run: Row, record: Row) -> None:
        end, error = record["end"], record["end"].get("error")
        if end["status"] not in ENDS:
            raise ValueError(f"status {end['status']!r}")
        spent, ended = (run["earlier_s"] or 0.0) + end["elapsed"], moment(record["at"])
        run.update(status=end["status"], error=error if error is None else str(error), finished_at=ended, eta_s=None)
        if end["status"] == "finished":
            run["progress"] = 1.0
        run["duration_s"] = spent

    def _resume(self, run_no: int, run: Row, record: Row) -> None:
        step, place = int64(record["resumed_at_step"]), _place(record)
        run.update(status="running", error=None, finished_at=None, earlier_s=run["duration_s"] or 0.0)
        run.update(place)
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


_TEXTS = frozenset(
    [
        *("name", "experiment", "task", "model", "recipe", "dataset", "data_source", "train_fingerprint"),
        *("dev_fingerprint", "config_hash", "command", "git_commit", "device", "parent_run_id", "note"),
    ]
)  # what a line may say of a run in words


def _place(record: Row) -> Row:
    """Host and process that write a run."""
    host, pid = record.get("host"), record.get("pid")
    return {"host": host if host is None else str(host), "pid": None if pid is None else int64(pid)}


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
    return EPOCH + timedelta(seconds=seconds)


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
