"""Packed spools: a finished, wholly ingested run's lines, compressed; a resume unpacks them again.

Lines that carry times and checksums shrink by a factor of ten or so. A packed file that would grow more than a hundred
times (beyond 64 MB) is none of ours: it is refused while it is unpacked, before it fills the memory or the disk.
"""

import gzip
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

from store.aside import written_whole
from store.errors import StoreError

SPARE = 64 << 20  # bytes that any packed spool may have
FACTOR = 100  # and how many times its packed size on top
PIECE = 1 << 20


class _TooSmallError(Exception):
    """A packed spool would be refused when it is unpacked."""


def pack(path: Path) -> int:
    """Compress a spool aside, rename it into place, then remove the original; returns the bytes won.

    One that shrinks so much that it would not be unpacked again stays as it is.
    """
    packed = path.with_name(path.name + ".gz")
    before = path.stat().st_size
    try:
        with written_whole(packed) as aside:
            with path.open("rb") as source, gzip.open(aside, "wb", compresslevel=6) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            if before > _most(aside):
                raise _TooSmallError
    except _TooSmallError:
        return 0
    path.unlink()
    return before - packed.stat().st_size


def unpack(path: Path) -> bool:
    """Bring a packed spool back to its plain file; False if there is nothing to do."""
    packed = path.with_name(path.name + ".gz")
    if path.exists() or not packed.exists():
        return False
    with written_whole(path) as aside, aside.open("wb") as target:
        for piece in _pieces(packed):
            target.write(piece)
    packed.unlink()
    return True


def read_packed(path: Path) -> bytes:
    """The lines of a packed spool.

    Raises:
        StoreError: if it is damaged, or grows beyond what a packed spool of its size can hold.
    """
    return b"".join(_pieces(path))


def _pieces(path: Path) -> Iterator[bytes]:
    room = _most(path)
    try:
        with gzip.open(path, "rb") as source:
            while piece := source.read(PIECE):
                room -= len(piece)
                if room < 0:
                    raise StoreError(f"{path} unpacks to more than {_most(path)} bytes: it is no packed spool")
                yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(f"packed spool {path} cannot be read: {error}") from error


def _most(path: Path) -> int:
    return SPARE + FACTOR * path.stat().st_size
