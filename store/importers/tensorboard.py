"""TensorBoard event files, read without TensorFlow.

A file is a sequence of records (length, CRC of the length, data, CRC of the data; the CRCs are CRC-32C, rotated and
shifted: the TFRecord framing), each an `Event` message of protocol buffers, of which only the few fields needed are
decoded.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.importers.records import Foreign, Imported

Field = tuple[int, int, Any]  # number, wire type, value
_SCALARS = {1: (5, "f"), 2: (6, "d"), 3: (7, "i"), 9: (10, "q")}  # DataType -> (field of the values, struct letter)


def read(source: Path, done: Imported) -> list[Foreign]:
    """Runs below a folder, one per folder that holds event files; or the run of one file."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*tfevents*") if path.is_file())
    runs: dict[Path, Foreign] = {}
    for file in files:
        name = (
            file.parent.name
            if source.is_file() or file.parent == source
            else file.parent.relative_to(source).as_posix()
        )
        run = runs.setdefault(file.parent, Foreign(origin=f"tensorboard {name}", name=name, config={}))
        for data in records(file, done):
            _take(run, data, done)
    for run in runs.values():
        run.events.sort(key=lambda event: event[0])  # several files of one run may overlap in time
    return [run for run in runs.values() if run.events]


def records(path: Path, done: Imported) -> Iterator[bytes]:
    """Data of each record; a torn end is left out, damage ends the file and is listed.

    Raises:
        StoreError: if the file does not begin with a record.
    """
    content = path.read_bytes()
    at = 0
    while at < len(content):
        head = content[at : at + 12]
        if len(head) < 12 or (at and at + 16 + struct.unpack("<Q", head[:8])[0] > len(content)):
            done.skip(f"{path.name}: unfinished record at byte {at}")
            return
        length, check = struct.unpack("<QI", head)
        data = content[at + 12 : at + 12 + length]
        footer = content[at + 12 + length : at + 16 + length]
        if masked_crc32c(head[:8]) != check or len(footer) < 4 or masked_crc32c(data) != struct.unpack("<I", footer)[0]:
            if at == 0:
                raise StoreError(f"{path} is not a TensorBoard event file")
            done.skip(f"{path.name}: damaged record at byte {at}; the rest of the file was left out")
            return
        yield data
        at += 16 + length


def masked_crc32c(data: bytes) -> int:
    """CRC-32C as the TFRecord framing stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def fields(data: bytes) -> Iterator[Field]:
    """Fields of a protocol buffer message.

    Raises:
        ValueError: if the bytes are not one.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(data):
            raise ValueError("field goes beyond the message")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("number goes beyond the message")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _take(run: Foreign, data: bytes, done: Imported) -> None:
    wall_time, step, summary = 0.0, 0, None
    try:
        for number, wire, value in fields(data):
            if number == 1 and wire == 1:
                wall_time = struct.unpack("<d", value)[0]
            elif number == 2 and wire == 0:
                step = value - (1 << 64) if value >= 1 << 63 else value
            elif number == 5 and wire == 2:
                summary = value
            elif number not in (3, 10):  # version and writer of the file
                done.skip(f"event field {number}")
        values = dict(_values(summary, done)) if summary is not None else {}
    except (ValueError, struct.error) as error:
        done.skip(f"event that is no message ({error})")
        return
    if values:
        run.events.append((wall_time, step, values))


def _values(summary: bytes, done: Imported) -> Iterator[tuple[str, float]]:
    for number, _, message in fields(summary):
        if number != 1:
            continue
        tag, value, kind = "", None, "a value without content"
        for field, wire, content in fields(message):
            if field == 1:
                tag = content.decode("utf-8", "replace")
            elif field == 2 and wire == 5:
                value = struct.unpack("<f", content)[0]
            elif field == 8:
                value, kind = _tensor(content), "tensor that is no number"
            elif field in (4, 5, 6):
                kind = {4: "image", 5: "histogram", 6: "audio"}[field]
        if value is None or not tag:
            done.skip(f"{kind} {tag!r}")
        else:
            yield tag, value


def _tensor(message: bytes) -> float | None:
    """The number of a tensor with one element, or None."""
    found: dict[int, list[tuple[int, Any]]] = {}
    for number, wire, value in fields(message):
        found.setdefault(number, []).append((wire, value))
    kind = found.get(1, [(0, 0)])[0][1]
    if kind not in _SCALARS:
        return None
    where, letter = _SCALARS[kind]
    size = struct.calcsize(letter)
    if 4 in found:
        content = found[4][0][1]
        return float(struct.unpack(f"<{letter}", content)[0]) if len(content) == size else None
    if len(found.get(where, [])) != 1:
        return None
    wire, value = found[where][0]
    if wire == 0:
        return float(value - (1 << 64) if value >= 1 << 63 else value)
    if letter in "iq":  # packed numbers of variable length
        number, end = _varint(value, 0)
        return float(number - (1 << 64) if number >= 1 << 63 else number) if end == len(value) else None
    return float(struct.unpack(f"<{letter}", value)[0]) if len(value) == size else None
