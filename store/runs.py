"""The write side: a run appends to its spool and never waits for the database.

    with runs.start("can", config={"alpha": 1.0}, command="python -m jobs.can sweep", config_hash="…") as run:
        run.log({"dev/accuracy": 0.7361}, step=10)

A second process, started with the run and ended by the closing of a pipe, moves the lines into the database while the
job computes (`store.follow`): DuckDB is never imported here, so a job pays neither its memory nor its locks, an
ingest that dies takes no training with it, and a job killed at any moment has its follower notice within the second
and store the rest.
"""

import contextlib
import gzip
import itertools
import math
import os
import socket
import time
import traceback
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.editing import write_edit
from store.errors import StoreError
from store.follow import Follower
from store.paths import Layout, check_target, locate
from store.spool import parquet
from store.spool.file import Spool
from store.spool.heartbeat import Heart
from store.spool.lines import (
    ENDS,
    canonical,
    decode,
    example_hash,
    finite,
    metric_name,
    number,
    numbers,
    plain,
    seal,
    spell,
    whole,
    word,
)
from store.spool.packing import unpack
from store.subprocesses import verify
from store.tracking import parent

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    import polars as pl

__all__ = ["Run", "edit", "example_hash", "first_line", "resume", "start"]

FIELDS = (
    *(
        "name",
        "experiment",
        "task",
        "model",
        "recipe",
        "dataset",
        "data_source",
        "train_fingerprint",
        "dev_fingerprint",
        "config_hash",
    ),
    *("seed", "command", "git_commit", "git_dirty", "device", "versions", "parent_run_id", "tags", "note"),
)
RESERVED_AXES = {"run_id", "tbl", "axes", "metric", "source", "value", "low", "high", "n"}
RESERVED_TABLES = {
    *(
        "runs",
        "params",
        "metrics",
        "summary",
        "measurements",
        "examples",
        "predictions",
        "marks",
        "artifacts",
        "published",
    ),
    *("leaderboard", "damaged", "meta"),
}
BLOCK = 10_000  # numbers in one line of `log_many`
PROGRESS_EVERY = 0.2  # seconds between two progress lines


class Run:
    """One run being written by this process."""

    def __init__(self, layout: Layout, run_id: str, spool: Spool, *, follow: bool, step: int = 0) -> None:
        self.layout = layout
        self.run_id = run_id
        self.status = "running"
        self.folder = layout.folder_of(run_id)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._spool = spool
        self._keys: dict[str, str] = {}
        self.pending: dict[str, float] = {}  # what waits for the next call of `log`
        self._step = step
        self._started = time.monotonic()
        self._progress_at = 0.0
        self._heart = Heart(spool, self._started)
        self._follower = Follower(layout, run_id) if follow and parent.may_follow() else None

    def log(
        self,
        values: Mapping[str, Any] | None = None,
        step: int | None = None,
        commit: bool | None = None,
        *,
        epoch: float | None = None,
        **others: Any,
    ) -> None:
        """Log numbers of a step.

        Args:
            values: name -> number; None is left out, names of nested mappings are joined by `/`. Tables and the
                leaderboard recognise `<split>/<metric>` as a score: `dev/accuracy`, `train/loss`.
            step: optimizer step; None takes the next one.
            commit: False keeps the values for the next call.
            epoch: position in epochs, where it makes sense; NaN says nothing.
            others: the names that wandb and trackio have for these: data and metrics for values; sync has no effect.

        Raises:
            StoreError: if something cannot be stored; nothing of the call is written then.
        """
        if values is None or others:
            values = _called_otherwise(values, others)
        waits = commit is not None and not commit
        if waits or self.pending:
            values = {**self.pending, **dict(numbers(values))}
            if waits:
                self.pending = values
                return
        at = self._step + 1 if step is None else step
        if type(at) is not int or not -(2**63) <= at < 2**63:
            at = whole("step", at)
        epoch_text = "null" if epoch is None else _epoch(epoch)
        keys, parts = self._keys, []
        for name, value in values.items() if type(values) is dict else numbers(values):
            if type(value) is float and value - value == 0 and name in keys:
                parts.append(f"{keys[name]}{value!r}")
            else:
                parts = [self._key(name) + _spelled(value) for name, value in dict(numbers(values)).items()]
                break
        logged = f'"step":{at},"epoch":{epoch_text},"at":{time.time():.3f}'
        self._spool.write(seal(f'{{"log":{{{",".join(parts)}}},{logged}'))
        self._step = at
        if self.pending:
            self.pending = {}

    @property
    def step(self) -> int:
        """Step of the last call of `log`."""
        return self._step

    def log_many(self, rows: Iterable[Mapping[str, Any]], *, steps: Iterable[int] | None = None) -> None:
        """Log what is there at once - a curve computed elsewhere, say - many steps in one line of the spool.

        Args:
            rows: one mapping like `log`'s for each step.
            steps: as many steps; None takes the next ones.

        Raises:
            StoreError: if a value or a step cannot be stored, or there are not as many steps; nothing is written then.
        """
        last, length, records = self._step, 1, []  # the first line shows how many numbers a step has
        numbered = (
            zip(itertools.count(last + 1), rows)
            if steps is None
            else zip((whole("steps", step) for step in steps), rows, strict=True)
        )
        try:
            while block := list(itertools.islice(numbered, length)):
                records.append(
                    {"many": _columns([values for _, values in block]), "steps": [step for step, _ in block]}
                )
                length = max(1, BLOCK // max(1, len(block[-1][1])))
                last = block[-1][0]
        except ValueError as error:
            raise StoreError(f"log_many needs as many steps as rows: {error}") from None
        for record in records:
            self._spool.record(record)
        self._step = last

    def summary(self, values: Mapping[str, Any]) -> None:
        """Say what the run is worth at its chosen checkpoint; a later value of a name replaces the earlier."""
        self._spool.record({"summary": dict(numbers(values))})

    def measure(self, tbl: str, axes: Mapping[str, Any], *, source: str = "measured", **values: Any) -> None:
        """Store one cell of a table of measurements.

        Args:
            tbl: lower-case name of the table; a view of that name shows its axes as columns.
            axes: what the cell is about: text, numbers or truth values.
            source: "measured", "exact" or "bound".
            values: metric -> value, or (value, low, high), or (value, low, high, n).
        """
        _check_measure(tbl, axes, source)
        cells = {name: _cell(name, value) for name, value in values.items() if value is not None}
        self._spool.record({"measure": tbl, "axes": plain(dict(axes)), "source": source, "values": cells})

    def configure(self, values: Mapping[str, Any]) -> None:
        """Set parameters that were not known when the run started; a later value of a name replaces the earlier."""
        self._spool.record({"params": _config(values, "parameters")})

    def log_beside(self, values: Mapping[str, float]) -> None:
        """Log numbers at the current step without moving it: for a thread that watches beside the training."""
        self._spool.record({"log": dict(numbers(values)), "step": self._step, "epoch": None})

    def describe(self, **fields: Any) -> None:
        """Set fields of the run that were not known when it started."""
        self._spool.record({"describe": _fields(fields)})

    def progress(self, fraction: float, *, eta_s: float | None = None) -> None:
        """Say how far the run is (0 to 1) and how many seconds are left; written at most five times a second."""
        now, done = time.monotonic(), finite("progress", fraction)
        if done < 1 and now - self._progress_at < PROGRESS_EVERY:
            return
        self._progress_at = now
        eta = None if eta_s is None or not math.isfinite(number("eta_s", eta_s)) else round(float(eta_s), 3)
        self._spool.record({"beat": round(done, 6), "eta_s": eta, "elapsed": round(now - self._started, 3)})

    def examples(self, dataset: str, split: str, frame: "pl.DataFrame") -> None:
        """Store the examples of a split: columns example_id, hash and text (JSON of what a person needs to see)."""
        dataset, split = word("dataset", dataset), word("split", split)
        self._spool.record({"examples": parquet.write_examples(self.layout, dataset, split, frame)})

    def predictions(
        self,
        split: str,
        frame: "pl.DataFrame",
        *,
        probabilities: "np.ndarray[Any, Any] | None" = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Store the predictions on a split; a later call for the same split replaces the earlier.

        Args:
            split: dev or test.
            frame: columns example_id, hash, label (null where unknown), prediction, confidence.
            probabilities: (n, c) class probabilities in the order of the rows, kept as float32.
            labels: c names of the classes.
        """
        split = word("split", split)
        self._spool.record({"predictions": parquet.write_predictions(self.layout, self.run_id, split, frame)})
        if probabilities is not None:
            path = parquet.write_probabilities(self.folder, split, frame, probabilities, labels)
            self.artifact(f"probabilities-{split}.parquet", "probabilities", path)

    def artifact(self, name: str, kind: str, path: Path | str) -> None:
        """Register a file below `run.folder`; a later file of the same name replaces the earlier.

        Raises:
            StoreError: if the file is missing or lies elsewhere.
        """
        name, kind = word("name of an artifact", name), word("kind of an artifact", kind)
        self._spool.record({"artifact": parquet.describe_artifact(self.folder, name, kind, Path(path))})

    def finish(self, status: str = "finished", *, error: str | None = None) -> None:
        """End the run (finished, failed or interrupted) and wait for its last line to be published, 10 s at most.

        Raises:
            StoreError: if the status is another, or the run's lines cannot be kept.
        """
        if status not in ENDS:
            raise StoreError(f"a run ends as {', '.join(ENDS[:-1])} or {ENDS[-1]}, got {status!r}")
        if self._spool.closed:
            return
        if self.pending:
            self.log({})
        self.status = status
        self._heart.stop()
        try:
            text = None if error is None else str(error)
            end = {"status": status, "error": text, "elapsed": round(time.monotonic() - self._started, 3)}
            self._spool.record({"end": end})
            self._spool.keep()
            self._spool.sync()
        finally:
            self._spool.close()
            if self._follower is not None:
                self._follower.finish()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        if error is None:
            self.finish()
        elif isinstance(error, KeyboardInterrupt):
            self.finish("interrupted")
        elif isinstance(error, SystemExit) and error.code in (None, 0):
            self.finish()
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))[-20_000:]
        with contextlib.suppress(StoreError):  # the error of the job is the one to show, not a full disk's second one
            self.finish("failed", error=text)

    def _key(self, name: str) -> str:
        return self._keys.setdefault(name, canonical(name) + ":")


def start(
    experiment: str,
    *,
    config: Any,
    command: str,
    config_hash: str,
    db: Path | None = None,
    tags: Iterable[str] | str = (),
    follow: bool = True,
    **fields: Any,
) -> Run:
    """Start a run.

    Args:
        experiment: name of the experiment.
        config: the whole configuration, a mapping, a dataclass or a namespace; its top-level names become `params`.
        command: what reproduces the run.
        config_hash: same hash, same experiment but for the seed.
        db: the store's database; None finds it (`store.paths.locate`).
        tags: words to find it by.
        follow: move the lines into the database in the background; False leaves that to others.
        fields: task, model, recipe, dataset, data_source, train_fingerprint, dev_fingerprint, seed, device,
            parent_run_id, name, note, git_commit, git_dirty, versions.

    Raises:
        StoreError: if the store cannot be written, or a field is unknown or holds what it cannot.
    """
    own = {"experiment": experiment, "command": command, "config_hash": config_hash, "tags": tags}
    if fields.get("parent_run_id") is None:
        fields["parent_run_id"] = parent.parent()
    about = {**_fields({**own, **fields}), "host": socket.gethostname(), "pid": os.getpid()}
    if not about["experiment"]:
        raise StoreError("a run needs the name of its experiment, got nothing")
    record = {"run": about, "config": _config(config)}
    layout = locate(db)
    _refuse_foreign(layout)
    layout.create()
    spool = _new_spool(layout)
    spool.record(record)
    parent.announce(spool.path.stem)
    return Run(layout, spool.path.stem, spool, follow=follow)


def resume(run_id: str, step: int, db: Path | None = None, *, follow: bool = True) -> Run:
    """Go on with a run that ended: what it logged after `step` is dropped.

    Raises:
        StoreError: if there is no such run here, or another process is writing it.
    """
    layout = locate(db)
    path = layout.spool_file(run_id)
    unpack(path)
    if not path.exists():
        raise StoreError(f"run {run_id} cannot be resumed: {path} is not there")
    step = whole("step", step)
    spool = Spool(path, create=False)
    spool.start_new_line()
    spool.record({"resumed_at_step": step, "host": socket.gethostname(), "pid": os.getpid()})
    return Run(layout, run_id, spool, follow=follow, step=step)


def _called_otherwise(values: Mapping[str, Any] | None, others: dict[str, Any]) -> Mapping[str, Any]:
    """What is logged, where it came under the name that another tracker has for it."""
    given = [found for name in ("data", "metrics") if (found := others.pop(name, None)) is not None]
    unknown = [name for name in others if name != "sync"]
    if unknown:
        raise StoreError(f"log takes values, step, commit and epoch, got {unknown[0]!r}")
    if values is not None:
        given.append(values)
    if len(given) != 1:
        raise StoreError(f"log needs one mapping of names to numbers, got {len(given)}")
    only: Mapping[str, Any] = given[0]
    return only


def first_line(run_id: str, db: Path | None = None) -> dict[str, Any]:
    """What a run said when it started: its fields under `run`, its whole configuration under `config`.

    Raises:
        StoreError: if its spool is not there, or its first line is damaged.
    """
    path = locate(db).spool_file(run_id)
    try:
        with path.open("rb") if path.exists() else gzip.open(path.with_name(path.name + ".gz"), "rb") as file:
            record = decode(file.readline().rstrip(b"\n"))
    except FileNotFoundError:
        raise StoreError(f"run {run_id} has no spool here: {path} is not there") from None
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"the first line of {path} cannot be read: {error}") from error
    if record is None or "run" not in record:
        raise StoreError(f"the first line of {path} is damaged")
    return record


def edit(db: Path | None, kind: str, **fields: Any) -> None:
    """Write what a person says: `edit(db, "note", run_id=…, note=…)`.

    Args:
        db: the store's database.
        kind: rename (run_id, name), tags (run_id, tags), note (run_id, note), archive (run_id, archived),
            delete (run_id), restore (run_id), mark (hash, run_id, mark, note) or unmark (hash, run_id, mark).
        fields: exactly the fields of the kind.
    """
    write_edit(locate(db), kind, **fields)


def _new_id() -> str:
    """The second and, as four hex digits, its fraction in 65536ths: ids sort as the runs started."""
    now = datetime.now()
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond * 65_536 // 1_000_000:04x}"


def _new_spool(layout: Layout) -> Spool:
    for _ in range(100):
        try:
            return Spool(layout.spool_file(_new_id()), create=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(f"cannot write into {layout.spool}: {error.strerror}") from error
    raise StoreError(f"no free run id found in {layout.spool}")


def _refuse_foreign(layout: Layout) -> None:
    """A database that came without its folder may be somebody else's: look before anything is written over it."""
    check_target(layout)
    if layout.db.exists() and not layout.work.exists():
        verify(layout)


def _check_measure(tbl: str, axes: Mapping[str, Any], source: str) -> None:
    if not tbl.isidentifier() or tbl != tbl.lower() or tbl in RESERVED_TABLES:
        raise StoreError(f"a table of measurements needs a free lower-case name like can_grid, got {tbl!r}")
    if not isinstance(axes, Mapping):
        raise StoreError(f"axes of {tbl} must be a mapping of names to values, got {axes!r:.200}")
    for axis, value in axes.items():
        metric_name(axis)
        value = plain(value)
        if isinstance(value, int) and not isinstance(value, bool):
            whole(f"axis {axis} of {tbl}", value)
    taken = sorted(set(axes) & RESERVED_AXES)
    if taken:
        raise StoreError(f"an axis of {tbl} cannot be called {', '.join(taken)}")
    if source not in ("measured", "exact", "bound"):
        raise StoreError(f"source must be measured, exact or bound, got {source!r}")


def _cell(name: str, value: Any) -> list[Any]:
    if getattr(value, "ndim", 0) == 1:
        value = value.tolist()
    parts = list(value) if isinstance(value, tuple | list) else [value]
    if not 1 <= len(parts) <= 4:
        raise StoreError(f"{name} must be a value or (value, low, high, n), got {len(parts)} numbers")
    value, low, high, n = parts + [None] * (4 - len(parts))
    bounds = [None if item is None else number(name, item) for item in (value, low, high)]
    count = None if n is None else whole(f"n of {name}", n)
    if count is not None and count < 0:
        raise StoreError(f"n of {name} counts what the value is of, so it is at least 0, got {count}")
    return [*bounds, count]


def _epoch(value: Any) -> str:
    found = number("epoch", value)
    return "null" if math.isnan(found) else repr(finite("epoch", found))


def _spelled(value: float) -> str:
    return repr(value) if value - value == 0 else f'"{spell(value)}"'


def _columns(rows: list[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Rows of many steps as a column a metric; null where a row lacks it."""
    if any(not isinstance(row, Mapping) for row in rows):
        raise StoreError("log_many needs a mapping of names to numbers for each step")
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, list[Any]] = {metric_name(name): [row.get(name) for row in rows] for name in names}
    for name, column in columns.items():
        kinds = set(map(type, column))
        if not kinds <= {float, type(None)}:
            if any(issubclass(kind, Mapping) for kind in kinds):
                return _columns([dict(numbers(row)) for row in rows])
            columns[name] = [None if value is None else number(name, value) for value in column]
    return columns


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a run as a line carries them.

    Raises:
        StoreError: if one is unknown or holds what it cannot.
    """
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise StoreError(f"a run has no field {', '.join(unknown)}; its fields are {', '.join(FIELDS)}")
    return {name: _field(name, value) for name, value in given.items()}


def _field(name: str, value: Any) -> Any:
    if name == "tags":
        if isinstance(value, str):
            return [value]
        if value is not None and (isinstance(value, Mapping | bytes) or not isinstance(value, Iterable)):
            raise StoreError(f"tags must be words, got {value!r}")
        return [str(tag) for tag in value or ()]
    if value is None:
        return None
    if name == "seed":
        return whole("seed", value)
    if name == "git_dirty":
        if not isinstance(value, bool):
            raise StoreError(f"git_dirty must be true or false, got {value!r}")
        return value
    if name == "versions":
        return _config(value, name)
    if not isinstance(value, str | int | float | os.PathLike):
        raise StoreError(f"{name} must be text, got {value!r:.200}")
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _config(given: Any, name: str = "config") -> dict[str, Any]:
    """A mapping, dataclass or namespace as a dictionary that JSON can carry."""
    if not isinstance(given, Mapping) and not isinstance(given, type) and hasattr(given, "__dict__"):
        given = vars(given)
    elif hasattr(type(given), "__dataclass_fields__"):  # one with slots
        given = {field: getattr(given, field) for field in type(given).__dataclass_fields__}
    if not isinstance(given, Mapping):
        raise StoreError(f"{name} must be a mapping, a dataclass or a namespace, got {given!r:.200}")
    try:
        return {str(key): plain(value) for key, value in given.items()}
    except RecursionError:
        raise StoreError(f"{name} contains itself: it cannot be stored") from None
