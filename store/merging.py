"""Bring the runs of another machine's store here: spools, predictions, artifacts and what people wrote.

Files first, then the spool that names them, so that a kill in between loses nothing and a second merge goes on. A
spool that is here already and is the beginning of the other one grows; the other way round it is skipped. Two
different runs that happen to share an id keep both: the newcomer's id gets a suffix made of its first line, the same
at every merge, and what its own store says of it (its children, what people wrote) follows it. The other store is
somebody else's: its links are not followed, and names that lead elsewhere stay out.
"""

import os
import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from store.aside import written_whole
from store.database.publish import verify_target
from store.editing import append_edits
from store.errors import StoreError
from store.ingest import ingest, spools
from store.paths import Layout, inside, locate
from store.spool.file import Spool
from store.spool.lines import decode, encode
from store.spool.packing import read_packed, unpack


@dataclass(slots=True)
class Merged:
    """What a merge did."""

    new: int = 0
    grown: int = 0
    same: int = 0
    renamed: int = 0
    edits: int = 0
    left_out: dict[str, str] = field(default_factory=dict)  # run of the other store -> why it did not come


def merge(other: Path, db: Path | None = None) -> Merged:
    """Bring everything of another store into this one; doing it again changes nothing.

    Raises:
        StoreError: if the other store is missing or this one, or the disk refuses.
    """
    here, there = locate(db), locate(other)
    if here.db == there.db or (here.folder.exists() and there.folder.exists() and here.folder.samefile(there.folder)):
        raise StoreError(f"cannot merge {here.db} with itself")
    verify_target(there)
    if not there.spool.is_dir():
        raise StoreError(f"no store at {there.db}: {there.spool} is not there")
    verify_target(here)
    here.create()
    done = Merged()
    deleted = _deleted(here)
    try:
        for path in sorted(there.predictions.glob("*.parquet")):
            if _is_own(path) and not any(path.name.startswith(f"{run_id}-") for run_id in deleted):
                _copy_new(path, here.predictions / path.name)
        found = {file.removesuffix(".jsonl"): path for path, file, _ in spools(there) if path != there.edits}
        runs = {run_id: path for run_id, path in found.items() if run_id not in deleted}
        ids: dict[str, str] = {}
        for run_id in sorted(runs):
            _bring_or_name(here, there, runs, run_id, ids, done)
        done.edits = _bring_edits(here, there, ids)
    except OSError as error:
        raise StoreError(f"cannot merge {there.db}: {error.filename or ''} {error.strerror}") from error
    ingest(here.db, wait=30.0, force=True)
    return done


def _bring_or_name(
    here: Layout, there: Layout, runs: dict[str, Path], run_id: str, ids: dict[str, str], done: Merged
) -> None:
    """Bring one run, or say why it stays where it is: a damaged spool stops no other run."""
    if run_id not in ids and run_id not in done.left_out:
        try:
            _bring(here, there, runs, run_id, ids, done)
        except StoreError as error:
            done.left_out[run_id] = str(error)


def _bring(here: Layout, there: Layout, runs: dict[str, Path], run_id: str, ids: dict[str, str], done: Merged) -> None:
    """Bring one run, its parent first; `ids` gets the id that it has here."""
    if not (theirs := _lines(runs[run_id])):
        if runs[run_id].suffix == ".gz":
            raise StoreError(f"packed spool {runs[run_id]} is empty")
        return
    target, ours = run_id, _ours(here, run_id)
    ids[run_id] = target
    first = decode(theirs.partition(b"\n")[0]) or {}
    parent = (first.get("run") or {}).get("parent_run_id")
    if parent in runs:
        _bring_or_name(here, there, runs, parent, ids, done)
    if (its_own := ids.get(str(parent), parent)) != parent and not _continue(ours, theirs):
        first["run"]["parent_run_id"] = its_own
        theirs = _encoded(first) + theirs.partition(b"\n")[2]
    if not _continue(ours, theirs):
        first_line = theirs.partition(b"\n")[0]
        target = f"{run_id}{sha256(first_line).hexdigest()[:8]}"
        ours, ids[run_id] = _ours(here, target), target
        done.renamed += not ours
        if not _continue(ours, theirs):
            raise StoreError(f"run {run_id} of {there.db} went on differently here and there: it cannot be merged")
    _copy_tree(there.artifacts / run_id, here.folder_of(target), newer=len(theirs) > len(ours))
    spool = here.spool_file(target)
    if len(theirs) <= len(ours):
        done.same += 1
    elif ours:
        unpack(spool)
        _grow(spool, theirs)
        done.grown += 1
    else:
        with written_whole(spool) as aside:
            aside.write_bytes(theirs)
        done.new += 1


def _continue(ours: bytes, theirs: bytes) -> bool:
    """Whether one of two spools is the beginning of the other; nothing is the beginning of any."""
    return ours.startswith(theirs) or theirs.startswith(ours)


def _encoded(record: dict[str, Any]) -> bytes:
    """A changed record as a line."""
    return encode({name: value for name, value in record.items() if name != "crc"})


def _grow(spool: Path, theirs: bytes) -> None:
    writer = Spool(spool, create=False)
    try:
        writer.write(theirs[spool.stat().st_size :])
        writer.sync()
    finally:
        writer.close()


def _ours(layout: Layout, run_id: str) -> bytes:
    spool = layout.spool_file(run_id)
    packed = spool.with_name(spool.name + ".gz")
    return spool.read_bytes() if spool.exists() else read_packed(packed) if packed.exists() else b""


def _lines(path: Path) -> bytes:
    """The whole lines of a spool."""
    data = read_packed(path) if path.suffix == ".gz" else path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def _bring_edits(here: Layout, there: Layout, ids: dict[str, str]) -> int:
    ours = set(here.edits.read_bytes().split(b"\n")) if here.edits.exists() else set()
    theirs = _lines(there.edits).split(b"\n") if _is_own(there.edits) else []
    said = [(line, record) for line in theirs if (record := decode(line)) and record.get("edit") not in _DELETIONS]
    lines = [_about(line, record, ids) for line, record in said]
    new = [line for line in lines if line not in ours]
    if new:
        append_edits(here, b"\n".join(new) + b"\n")
    return len(new)


def _about(line: bytes, record: dict[str, Any], ids: dict[str, str]) -> bytes:
    """The line of an edit about a run, under the id that the run has here."""
    run_id = record.get("run_id")
    if not isinstance(run_id, str) or ids.get(run_id, run_id) == run_id:
        return line
    return _encoded({**record, "run_id": ids[run_id]}).rstrip(b"\n")


_DELETIONS = ("delete", "restore", "remove")  # stay with the store they were said in


def _deleted(layout: Layout) -> set[str]:
    lines = layout.edits.read_bytes().split(b"\n") if layout.edits.exists() else []
    last = {
        str(record.get("run_id")): record["edit"]
        for line in lines
        if (record := decode(line)) and record.get("edit") in _DELETIONS
    }
    return {run_id for run_id, kind in last.items() if kind != "restore"}


def _copy_tree(source: Path, target: Path, *, newer: bool) -> None:
    for folder, below, names in os.walk(source) if not source.is_symlink() else ():
        below[:] = sorted(name for name in below if not (Path(folder) / name).is_symlink())
        for path in sorted(Path(folder) / name for name in names):
            to = target / path.relative_to(source)
            if not _is_own(path) or (to.exists() and not newer):
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            inside(target, to.relative_to(target).as_posix())
            to.unlink(missing_ok=True)
            _copy_new(path, to)


def _is_own(path: Path) -> bool:
    """Whether it is a file, and no link to one."""
    return path.is_file() and not path.is_symlink()


def _copy_new(source: Path, target: Path) -> None:
    if target.exists():
        return
    with written_whole(target) as aside:
        shutil.copyfile(source, aside)
