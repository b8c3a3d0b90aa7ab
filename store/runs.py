"""The write side: a run appends to its spool and never waits for the database.

    with runs.start("can", config={"alpha": 1.0}, command="python -m jobs.can sweep", config_hash="…") as run:
        run.log({"dev/accuracy": 0.7361}, step=10)

A second process, started with the run and ended by the closing of a pipe, moves the lines into the database while the
job computes (`store.follow`): DuckDB is never imported here, so a job pays neither its memory nor its locks, an
ingest that dies takes no training with it, and a job killed at any moment has its follower notice within the second
and store the rest.
"""

import itertools
import os
import secrets
import socket
import time
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
from store.spool.lines import canonical, example_hash, plain, seal, spell
from store.spool.packing import unpack

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    import polars as pl

__all__ = ["Run", "edit", "example_hash", "resume", "start"]

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
        self.folder = layout.artifacts / run_id
        self.folder.mkdir(parents=True, exist_ok=True)
        self._spool = spool
        self._keys: dict[str, str] = {}
        self._step = step
        self._started = time.monotonic()
        self._progress_at = 0.0
        self._heart = Heart(spool, self._started)
        self._follower = Follower(layout, run_id) if follow else None

    def log(self, values: Mapping[str, float], *, step: int | None = None, epoch: float | None = None) -> None:
        """Log what has a step.

        Args:
            values: `<split>/<metric>` -> number; fractions and seconds.
            step: optimizer step; None takes the next one.
            epoch: position in epochs, where it makes sense.
        """
        self._step = self._step + 1 if step is None else int(step)
        at = "null" if epoch is None else repr(float(epoch))
        self._spool.write(self._line(values, self._step, at, f"{time.time():.3f}"))

    def log_many(self, rows: Iterable[Mapping[str, float]], *, steps: Iterable[int] | None = None) -> None:
        """Log what is there at once - a curve computed elsewhere, say - many steps in one line of the spool.

        Args:
            rows: one mapping like `log`'s for each step.
            steps: as many steps; None takes the next ones.
        """
        numbered = (
            zip(itertools.count(self._step + 1), rows) if steps is None else zip(map(int, steps), rows, strict=True)
        )
        length = 1  # of the first line, which shows how many numbers a step has
        while block := list(itertools.islice(numbered, length)):
            length = max(1, BLOCK // max(1, len(block[-1][1])))
            self._step = block[-1][0]
            names = dict.fromkeys(name for _, values in block for name in values)
            many = {
                str(name): [float(values[name]) if name in values else None for _, values in block] for name in names
            }
            self._spool.record({"many": many, "steps": [step for step, _ in block]})

    def _line(self, values: Mapping[str, float], step: int, epoch: str, at: str) -> bytes:
        keys = self._keys
        parts = []
        for name, value in values.items():
            number = float(value)
            parts.append(
                (keys.get(name) or self._key(name)) + (repr(number) if number - number == 0 else f'"{spell(number)}"')
            )
        self._step = step
        return seal(f'{{"log":{{{",".join(parts)}}},"step":{step},"epoch":{epoch},"at":{at}}}')

    def summary(self, values: Mapping[str, float]) -> None:
        """Say what the run is worth at its chosen checkpoint; a later value of a name replaces the earlier."""
        self._spool.record({"summary": {str(name): float(value) for name, value in values.items()}})

    def measure(self, tbl: str, axes: Mapping[str, Any], *, source: str = "measured", **values: Any) -> None:
        """Store one cell of a table of measurements.

        Args:
            tbl: lower-case name of the table; a view of that name shows its axes as columns.
            axes: what the cell is about: text, numbers or truth values.
            source: "measured", "exact" or "bound".
            values: metric -> value, or (value, low, high), or (value, low, high, n).
        """
        _check_measure(tbl, axes, source)
        cells = {name: _cell(name, value) for name, value in values.items()}
        self._spool.record({"measure": tbl, "axes": plain(dict(axes)), "source": source, "values": cells})

    def describe(self, **fields: Any) -> None:
        """Set fields of the run that were not known when it started."""
        unknown = sorted(set(fields) - set(FIELDS))
        if unknown:
            raise StoreError(f"a run has no field {', '.join(unknown)}; its fields are {', '.join(FIELDS)}")
        self._spool.record({"describe": plain(fields)})

    def progress(self, fraction: float, *, eta_s: float | None = None) -> None:
        """Say how far the run is (0 to 1) and how many seconds are left; written at most five times a second."""
        now = time.monotonic()
        if fraction < 1 and now - self._progress_at < PROGRESS_EVERY:
            return
        self._progress_at = now
        eta = None if eta_s is None else round(float(eta_s), 3)
        self._spool.record({"beat": round(float(fraction), 6), "eta_s": eta, "elapsed": round(now - self._started, 3)})

    def examples(self, dataset: str, split: str, frame: "pl.DataFrame") -> None:
        """Store the examples of a split: columns example_id, hash and text (JSON of what a person needs to see)."""
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
        self._spool.record({"predictions": parquet.write_predictions(self.layout, self.run_id, split, frame)})
        if probabilities is not None:
            path = parquet.write_probabilities(self.folder, split, frame, probabilities, labels)
            self.artifact(path.name, "probabilities", path)

    def artifact(self, name: str, kind: str, path: Path | str) -> None:
        """Register a file below `run.folder`; a later file of the same name replaces the earlier.

        Raises:
            StoreError: if the file is missing or lies elsewhere.
        """
        self._spool.record({"artifact": parquet.describe_artifact(self.folder, name, kind, Path(path))})

    def finish(self, status: str = "finished", *, error: str | None = None) -> None:
        """End the run (finished, failed or interrupted) and wait for its last line to be published, 10 s at most."""
        if self._spool.closed:
            return
        self.status = status
        self._heart.stop()
        try:
            end = {"status": status, "error": error, "elapsed": round(time.monotonic() - self._started, 3)}
            self._spool.record({"end": end})
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
        import contextlib
        import traceback

        text = "".join(traceback.format_exception(error))[-20_000:]
        with contextlib.suppress(StoreError):  # the error of the job is the one to show, not a full disk's second one
            self.finish("failed", error=text)

    def _key(self, name: str) -> str:
        if not isinstance(name, str) or not name:
            raise StoreError(f"a metric's name must be text like 'dev/accuracy', got {name!r}")
        return self._keys.setdefault(name, canonical(name) + ":")


def start(
    experiment: str,
    *,
    config: Mapping[str, Any],
    command: str,
    config_hash: str,
    db: Path | None = None,
    tags: Iterable[str] = (),
    follow: bool = True,
    **fields: Any,
) -> Run:
    """Start a run.

    Args:
        experiment: name of the experiment.
        config: the whole configuration; its top-level names become `params`.
        command: what reproduces the run.
        config_hash: same hash, same experiment but for the seed.
        db: the store's database; None finds it (`store.paths.locate`).
        tags: words to find it by.
        follow: move the lines into the database in the background; False leaves that to others.
        fields: task, model, recipe, dataset, data_source, train_fingerprint, dev_fingerprint, seed, device,
            parent_run_id, name, note, git_commit, git_dirty, versions.

    Raises:
        StoreError: if the store cannot be written, or a field is unknown.
    """
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise StoreError(f"a run has no field {', '.join(unknown)}; its fields are {', '.join(FIELDS)}")
    layout = locate(db)
    _refuse_foreign(layout)
    layout.create()
    spool = _new_spool(layout)
    own = {"experiment": experiment, "command": command, "config_hash": config_hash, "tags": list(tags)}
    about = {**own, **fields, "host": socket.gethostname(), "pid": os.getpid()}
    spool.record({"run": plain(about), "config": plain(dict(config))})
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
    spool = Spool(path, create=False)
    spool.start_new_line()
    spool.record({"resumed_at_step": int(step), "host": socket.gethostname(), "pid": os.getpid()})
    return Run(layout, run_id, spool, follow=follow, step=int(step))


def edit(db: Path | None, kind: str, **fields: Any) -> None:
    """Write what a person says: `edit(db, "note", run_id=…, note=…)`.

    Args:
        db: the store's database.
        kind: rename (run_id, name), tags (run_id, tags), note (run_id, note), archive (run_id, archived),
            delete (run_id), restore (run_id), mark (hash, run_id, mark, note) or unmark (hash, run_id, mark).
        fields: exactly the fields of the kind.
    """
    write_edit(locate(db), kind, **fields)


def _new_spool(layout: Layout) -> Spool:
    for _ in range(100):
        run_id = f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        try:
            return Spool(layout.spool_file(run_id), create=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(f"cannot write into {layout.spool}: {error.strerror}") from error
    raise StoreError(f"no free run id found in {layout.spool}")


def _refuse_foreign(layout: Layout) -> None:
    """A database that came without its folder may be somebody else's: look before anything is written over it."""
    check_target(layout.db)
    if layout.db.exists() and not layout.work.exists():
        from store.subprocesses import verify

        verify(layout)


def _check_measure(tbl: str, axes: Mapping[str, Any], source: str) -> None:
    if not tbl.isidentifier() or tbl != tbl.lower() or tbl in RESERVED_TABLES:
        raise StoreError(f"a table of measurements needs a free lower-case name like can_grid, got {tbl!r}")
    taken = sorted(set(axes) & RESERVED_AXES)
    if taken:
        raise StoreError(f"an axis of {tbl} cannot be called {', '.join(taken)}")
    if source not in ("measured", "exact", "bound"):
        raise StoreError(f"source must be measured, exact or bound, got {source!r}")


def _cell(name: str, value: Any) -> list[Any]:
    parts = list(value) if isinstance(value, tuple | list) else [value]
    if not 1 <= len(parts) <= 4:
        raise StoreError(f"{name} must be a value or (value, low, high, n), got {len(parts)} numbers")
    value, low, high, n = parts + [None] * (4 - len(parts))
    bounds = [None if item is None else float(item) for item in (value, low, high)]
    return [*bounds, None if n is None else int(n)]
