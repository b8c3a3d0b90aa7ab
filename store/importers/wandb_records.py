"""The framing of `.wandb` files: LevelDB's log format behind a header of seven bytes.

A file is cut into blocks of 32 KiB. A record stands in one piece, or in several that end with their block; each piece
has a checksum (CRC-32 of its type and data), a length and a type. Versions of the wandb package before 0.20 had a
reader in Python; later ones read these files in their Go program only.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from store.errors import StoreError
from store.importers.records import Imported

IDENT, MAGIC = b":W&B", 0xBEE1
BLOCK, HEAD = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path, done: Imported) -> Iterator[bytes]:
    """Data of each record; a torn end is left out, damage ends the file and is said.

    Raises:
        StoreError: if the file does not begin as one of Weights & Biases.
    """
    parts: list[bytes] = []
    for at, kind, data in _pieces(path, done):
        if (kind in (FULL, FIRST)) == bool(parts) or kind not in (FULL, FIRST, MIDDLE, LAST):
            done.skip(f"{path.name}: damaged record at byte {at}; the rest of the file was left out")
            return
        parts.append(data)
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []
    if parts:
        done.skip(f"{path.name}: unfinished record at its end")


def _pieces(path: Path, done: Imported) -> Iterator[tuple[int, int, bytes]]:
    """Place, type and data of each piece."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        if len(head) < HEAD or struct.unpack("<4sHB", head)[:2] != (IDENT, MAGIC):
            raise StoreError(f"{path} is not a file of Weights & Biases")
        at = HEAD
        while True:
            if (left := BLOCK - at % BLOCK) < HEAD:
                at += len(file.read(left))
                left = BLOCK
            head = file.read(HEAD)
            if not head:
                return
            check, length, kind = struct.unpack("<IHB", head) if len(head) == HEAD else (0, 0, 0)
            data = file.read(length)
            if HEAD + length > left:  # a piece ends with its block: this is no length
                done.skip(f"{path.name}: damaged record at byte {at}; the rest of the file was left out")
                return
            if len(head) < HEAD or len(data) < length:
                done.skip(f"{path.name}: unfinished record at byte {at}")
                return
            if zlib.crc32(data, zlib.crc32(head[6:])) != check:
                done.skip(f"{path.name}: damaged record at byte {at}; the rest of the file was left out")
                return
            yield at, kind, data
            at += HEAD + length
