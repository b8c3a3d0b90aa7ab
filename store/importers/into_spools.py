"""Runs of other trackers become spools of ours, so that ingest, rebuild and merge treat them like any other run.

The id of an imported run is made of its start and of what names it in its own tracker, and its lines are made of what
the source says and of nothing else: importing again writes nothing, and a source that grew only adds its new lines,
also when a further file of a run arrives later. Each run is imported for itself; what could not be read or has no place
here is said at the end.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from store.aside import written_whole
from store.errors import StoreError
from store.importers import mlflow, tensorboard, trackio, wandb
from store.importers.records import IMPORTED, Foreign, Imported
from store.importers.sqlite import is_sqlite, read_only, tables
from store.ingest import ingest
from store.metric_names import SUMMARY, standard_name
from store.paths import Layout, locate
from store.spool.file import Spool
from store.spool.lines import decode, encode, plain
from store.spool.packing import unpack

IMPORTERS = {"tensorboard": tensorboard, "trackio": trackio, "mlflow": mlflow, "wandb": wandb}
"""A tracker's module: `found(source)` says whether it wrote there, `read(source, done)` gives its runs."""
_ENDS = (b'{"end":', b'{"summary":')


def import_from(
    source: Path, *, kind: str | None = None, experiment: str | None = None, db: Path | None = None
) -> Imported:
    """Import the runs of another tracker.

    Args:
        source: TensorBoard event files or a folder of them, a trackio database or folder, an MLflow sqlite database or
            `mlruns` folder, a `wandb` folder or `.wandb` file, or a folder with several of these.
        kind: "tensorboard", "trackio", "mlflow" or "wandb"; None looks at the source and takes all that is there.
        experiment: experiment the runs are stored under; None takes the source's own name for it, else the kind.
        db: the store's database.

    Raises:
        StoreError: if the source is missing or of another kind, or nothing in it can be read; the store is then
            untouched.
    """
    if not source.exists():
        raise StoreError(f"{source} is not there")
    kinds = [kind] if kind else kinds_of(source)
    if kinds[0] not in IMPORTERS:
        raise StoreError(f"an import must be {', '.join(IMPORTERS)}, got {kind!r}")
    done = Imported()
    runs: list[Foreign] = []
    for one in kinds:
        found = IMPORTERS[one].read(source, done)
        for run in found:
            run.experiment = experiment or run.experiment or one
        runs += found
    if not runs:
        reasons = [f"{where}: {why}" for where, why in done.left_out.items()]
        raise StoreError("; ".join([f"no {' or '.join(kinds)} run found in {source}", *reasons[:3]]))
    if kinds != ["tensorboard"] and not kind and source.is_dir():
        for _ in tensorboard.event_files(source):
            done.skip("TensorBoard file beside them, which --kind tensorboard reads")
    layout = locate(db)
    layout.create()
    ids: dict[str, str] = {}
    for run in runs:
        try:
            ids[run.origin] = _run_id(layout, run)
        except (ValueError, OverflowError, OSError):
            done.left_out[run.name] = f"it began at {run.start!r}, which is no time"
    for run in (run for run in runs if run.origin in ids):
        _take_summary(run)
        try:
            _store(layout, ids[run.origin], run, str(run.experiment), ids.get(run.parent or ""), done)
        except StoreError as error:
            done.left_out[run.name] = str(error)
    ingest(layout.db, wait=30.0, force=True)
    return done


def kinds_of(source: Path) -> list[str]:
    """Which tracker wrote a file, or which ones wrote into a folder; TensorBoard only where no other did.

    Raises:
        StoreError: if nothing known is in it.
    """
    others = {kind: importer for kind, importer in IMPORTERS.items() if kind != "tensorboard"}
    if there := [kind for kind, importer in others.items() if importer.found(source)]:
        return there
    if is_sqlite(source):
        with read_only(source) as con:
            raise StoreError(f"{source} is neither a trackio nor an MLflow database; its tables: {sorted(tables(con))}")
    if tensorboard.found(source):
        return ["tensorboard"]
    raise StoreError(f"no tensorboard run found in {source}, nor one of {', '.join(others)}")


def _take_summary(run: Foreign) -> None:
    """Values that our own export wrote beside the curves say again what the run says of itself."""
    if not any(name.startswith(SUMMARY) for name in {name for _, _, values in run.events for name in values}):
        return
    for _, _, values in run.events:
        for name in [name for name in values if name.startswith(SUMMARY)]:
            run.summary[name.removeprefix(SUMMARY)] = values.pop(name)
    run.events = [event for event in run.events if event[2]]


def _run_id(layout: Layout, run: Foreign) -> str:
    first = run.events[0][0] if run.events else run.start
    if run.before is not None and layout.spool_file(before := _id(first, f"{run.before}\n{first!r}")).exists():
        return before
    return _id(run.start, run.origin)


def _id(start: float, name: str) -> str:
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{datetime.fromtimestamp(start, UTC):%Y%m%d-%H%M%S}-{digest[:8]}"


def _store(layout: Layout, run_id: str, run: Foreign, experiment: str, parent: str | None, done: Imported) -> None:
    lines = list(_lines(run, experiment, run_id, parent, done))
    path = layout.spool_file(run_id)
    unpack(path)
    try:
        if not path.exists():
            with written_whole(path) as aside:
                aside.write_bytes(b"".join(lines))
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


def _lines(run: Foreign, experiment: str, run_id: str, parent: str | None, done: Imported) -> Iterator[bytes]:
    """First line, a line an event, the last values in the order of time, and the end of a run that has ended."""
    about = {
        "experiment": experiment,
        "name": run.name,
        "model": run.name,
        "command": "",
        "config_hash": run_id.rpartition("-")[2],
        "note": run.note,
        "tags": list(dict.fromkeys([IMPORTED, *run.tags])),
        "parent_run_id": parent,
        **run.fields,
        "host": IMPORTED,
    }
    yield encode({"run": about, "config": plain(run.config), "at": run.start})
    last: dict[str, float] = {}
    names = _names(run, done)
    for at, step, values in run.events:
        named = {names[name]: value for name, value in values.items()}
        last |= named
        strict = named if all(map(math.isfinite, named.values())) else plain(named)
        yield encode({"log": strict, "step": step, "epoch": None, "at": at})
    ended = run.ended if run.ended is not None else run.events[-1][0] if run.events else run.start
    last |= {names[name]: value for name, value in run.summary.items()}
    if last:
        yield encode({"summary": plain(last), "at": ended})
    if run.status is not None:
        yield encode(
            {"end": {"status": run.status, "error": None, "elapsed": max(0.0, ended - run.start)}, "at": ended}
        )


def _names(run: Foreign, done: Imported) -> dict[str, str]:
    """Each metric's name here; of two that would be called the same, only the first takes the common name."""
    given = dict.fromkeys([*(name for _, _, values in run.events for name in values), *run.summary])
    names = {name: name for name in given if standard_name(name) == name}
    taken = set(names)
    for name in sorted(given.keys() - taken):
        common = standard_name(name)
        names[name] = name if common in taken else common
        taken.add(names[name])
        if names[name] != name:
            done.renamed[name] = common
        elif common != name:
            done.skip(f"{name!r} keeps its name, the run has another {common}")
    return names


def _beyond(path: Path, lines: list[bytes]) -> list[bytes]:
    """Lines that a spool does not hold yet; its last values and its end are said again when anything is new."""
    old = {line + b"\n" for line in path.read_bytes().split(b"\n") if line}
    new = [line for line in lines[1:] if line not in old and not line.startswith(_ENDS)]
    if lines[0] not in old:
        first = decode(lines[0].rstrip(b"\n")) or {}
        about = {name: value for name, value in first.get("run", {}).items() if name != "host"}
        changes = [
            encode({"describe": about, "at": first["at"]}),
            encode({"params": first["config"], "at": first["at"]}),
        ]
        new += [line for line in changes if line not in old and not _said(path, line)]
    ends = [line for line in lines if line.startswith(_ENDS)]
    return [*new, *ends] if new or any(line not in old for line in ends) else []


def _said(path: Path, line: bytes) -> bool:
    """Whether the first line of a spool says already what a line that describes the run would say."""
    with path.open("rb") as file:
        first = decode(file.readline().rstrip(b"\n")) or {}
    change = decode(line.rstrip(b"\n")) or {}
    if "params" in change:
        return bool(first.get("config") == change["params"])
    described = {name: value for name, value in change["describe"].items() if value not in (None, "", [])}
    return all(first.get("run", {}).get(name) == value for name, value in described.items() if name != "name")
