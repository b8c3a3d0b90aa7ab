"""Runs of other trackers become spools of ours, so that ingest, rebuild and merge treat them like any other run.

The id of an imported run is made of its start and its origin, and its lines are made of what the source says and
nothing else: importing again writes the same bytes, so nothing doubles, and a source that grew only adds its new
lines. What was not understood is listed.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from store.errors import StoreError
from store.importers.records import Foreign, Imported
from store.ingest import ingest
from store.paths import Layout, locate
from store.spool.file import Spool
from store.spool.lines import encode, plain
from store.spool.packing import unpack

_END = b'{"end":'


def import_from(
    source: Path, *, kind: str | None = None, experiment: str | None = None, db: Path | None = None
) -> Imported:
    """Import TensorBoard event files (a file or a folder of them) or a trackio database.

    Args:
        source: where they are.
        kind: "tensorboard" or "trackio"; None looks at the source.
        experiment: experiment the runs are stored under; None takes the kind.
        db: the store's database.

    Raises:
        StoreError: if the source is missing, of another kind, or cannot be read; the store is then untouched.
    """
    from store.importers import tensorboard, trackio

    if not source.exists():
        raise StoreError(f"{source} is not there")
    readers = {"tensorboard": tensorboard.read, "trackio": trackio.read}
    kind = kind or ("trackio" if trackio.is_sqlite(source) else "tensorboard")
    if kind not in readers:
        raise StoreError(f"an import must be {' or '.join(readers)}, got {kind!r}")
    done = Imported()
    runs = readers[kind](source, done)
    if not runs:
        raise StoreError(f"no {kind} run found in {source}")
    layout = locate(db)
    layout.create()
    for run in runs:
        _store(layout, run, experiment or kind, done)
    ingest(layout.db, wait=30.0, force=True)
    return done


def _store(layout: Layout, run: Foreign, experiment: str, done: Imported) -> None:
    start = run.events[0][0] if run.events else 0.0
    digest = sha256(f"{run.origin}\n{start!r}".encode()).hexdigest()[:8]
    run_id = f"{datetime.fromtimestamp(start, UTC):%Y%m%d-%H%M%S}-{digest}"
    lines = list(_lines(run, experiment, digest))
    path = layout.spool_file(run_id)
    unpack(path)
    try:
        if not path.exists():
            aside = path.with_name(f".{path.name}.{os.getpid()}")
            aside.write_bytes(b"".join(lines))
            aside.rename(path)
            done.new.append(run_id)
        elif new := _beyond(path, lines):
            spool = Spool(path, create=False)
            spool.write(b"".join(new))
            spool.sync()
            spool.close()
            done.grown.append(run_id)
        else:
            done.same.append(run_id)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def _lines(run: Foreign, experiment: str, digest: str) -> Iterator[bytes]:
    start = run.events[0][0] if run.events else 0.0
    about = {
        "experiment": experiment,
        "model": run.name,
        "command": "",
        "config_hash": digest,
        "note": run.note,
        "tags": ["imported"],
    }
    yield encode({"run": about, "config": plain(dict(run.config)), "at": start})
    for at, step, values in run.events:
        yield encode({"log": plain(values), "step": step, "epoch": None, "at": at})
    last = run.events[-1][0] if run.events else start
    yield encode({"end": {"status": "finished", "error": None, "elapsed": max(0.0, last - start)}, "at": last})


def _beyond(path: Path, lines: Iterable[bytes]) -> list[bytes]:
    """Lines beyond those a spool already holds; ends do not count, a run that grew has several."""
    old = [line + b"\n" for line in path.read_bytes().split(b"\n") if line and not line.startswith(_END)]
    new = [line for line in lines if not line.startswith(_END)]
    if new[1 : len(old)] != old[1:]:
        raise StoreError(
            f"the source of {path.stem} no longer begins as it did when it was imported: "
            "remove that run or import elsewhere"
        )
    more = new[len(old) :]
    return [*more, next(line for line in reversed(list(lines)) if line.startswith(_END))] if more else []
