"""Packed spools: a finished, wholly ingested run's lines, compressed; a resume unpacks them again."""

import gzip
import os
import shutil
from pathlib import Path


def pack(path: Path) -> int:
    """Compress a spool aside, rename it into place, then remove the original; returns the bytes won."""
    packed = path.with_name(path.name + ".gz")
    aside = path.with_name(f".{path.name}.gz.{os.getpid()}")
    before = path.stat().st_size
    try:
        with path.open("rb") as source, gzip.open(aside, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        _sync(aside)
        aside.rename(packed)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    path.unlink()
    return before - packed.stat().st_size


def unpack(path: Path) -> bool:
    """Bring a packed spool back to its plain file; False if there is nothing to do."""
    packed = path.with_name(path.name + ".gz")
    if path.exists() or not packed.exists():
        return False
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with gzip.open(packed, "rb") as source, aside.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        _sync(aside)
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    packed.unlink()
    return True


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
