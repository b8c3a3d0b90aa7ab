"""TensorBoard event files, read without TensorFlow.

A file is a sequence of records (length, CRC of the length, data, CRC of the data; the CRCs are CRC-32C, rotated and
shifted: the TFRecord framing), each an `Event` message of protocol buffers, of which only the few fields needed are
decoded.
"""

import os
import re
import struct
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.importers.records import Foreign, Imported

Field = tuple[int, int, Any]  # number, wire type, value
_SCALARS = {1: (5, "f"), 2: (6, "d"), 3: (7, "i"), 9: (10, "q")}  # DataType -> (field of the values, struct letter)


_PARTS = {
    4: "graph", 6: "log message", 8: "run metadata", 9: "meta graph",
}  # fmt: skip
_VERSION, _SUMMARY, _SESSION, _SOURCE = 3, 5, 7, 10
_START = 1  # status of a session log: a writer began, and what was written from its step on is void
NOTE_CHARACTERS = 10_000


def event_files(source: Path) -> list[Path]:
    """Event files at or below a path; links to folders are followed once."""
    if source.is_file():
        return [source]
    found: list[Path] = []
    seen: set[Path] = set()
    for folder, below, names in os.walk(source, followlinks=True):
        real = Path(folder).resolve()
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        found += [Path(folder) / name for name in names if "tfevents" in name]
    return sorted(found)


def found(source: Path) -> bool:
    """Whether an event file is at or below a path; a single file may be one, which its bytes show."""
    return bool(event_files(source))


def read(source: Path, done: Imported) -> list[Foreign]:
    """Runs below a folder, one per folder that holds event files; or the run of one file.

    Files of a run are read in the order of their names, which begin with their time. What `add_hparams` writes lies in
    a folder of its own below the run's and belongs to the run. A file that is no event file is left out.
    """
    folders: dict[Path, list[Path]] = {}
    for file in event_files(source):
        folders.setdefault(file.parent, []).append(file)
    runs: dict[Path, Foreign] = {}
    for folder in sorted(folders, key=lambda path: len(path.parts)):
        home = folder.parent if _of_hparams(folder) and folder.parent in runs else folder
        plain_name = source.is_file() or home == source
        name = home.name if plain_name else home.relative_to(source).as_posix()
        run = runs.get(home) or Foreign(origin="", name=name, config={}, before=f"tensorboard {name}")
        for file in folders[folder]:
            _take_file(run, file, done)
        if run.events or run.config:
            runs[home] = run
    for run in runs.values():
        run.events.sort(key=lambda event: event[0])  # several files of one run may overlap in time
    return [run for run in runs.values() if run.events]


def _of_hparams(folder: Path) -> bool:
    """Whether a folder is called by a time, as `SummaryWriter.add_hparams` calls its own."""
    return re.fullmatch(r"\d{9,}\.\d+", folder.name) is not None


def _take_file(run: Foreign, file: Path, done: Imported) -> None:
    first = b""
    try:
        for number, data in enumerate(records(file, done)):
            if number < 2:
                first += data
            _take(run, data, done)
    except (StoreError, OSError) as error:
        done.left_out[str(file)] = str(error)
        return
    if not run.origin:
        run.origin = f"tensorboard {sha256(first).hexdigest()}"


def records(path: Path, done: Imported) -> Iterator[bytes]:
    """Data of each record; a torn end is left out, damage ends the file and is said.

    Raises:
        StoreError: if the file does not begin with a record.
    """
    with path.open("rb") as file:
        at = 0
        while head := file.read(12):
            length, check = struct.unpack("<QI", head) if len(head) == 12 else (0, 0)
            whole = len(head) == 12 and masked_crc32c(head[:8]) == check
            content = file.read(length + 4) if whole else b""
            if at == 0 and (not whole or len(content) < length + 4):
                raise StoreError(f"{path} is not a TensorBoard event file")
            if len(head) < 12 or (whole and len(content) < length + 4):
                done.skip(f"{path.name}: unfinished record at byte {at}")
                return
            data = content[:length]
            if not whole or masked_crc32c(data) != struct.unpack("<I", content[length:])[0]:
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
    wall_time, step, summary, session = 0.0, 0, None, None
    try:
        for number, wire, value in fields(data):
            if number == 1 and wire == 1:
                wall_time = struct.unpack("<d", value)[0]
            elif number == 2 and wire == 0:
                step = value - (1 << 64) if value >= 1 << 63 else value
            elif number == _SUMMARY and wire == 2:
                summary = value
            elif number == _SESSION and wire == 2:
                session = value
            elif number not in (_VERSION, _SOURCE):
                done.skip(_PARTS.get(number, "part of an event that is not known here"))
        if session is not None and (1, 0, _START) in list(fields(session)):
            run.events = [event for event in run.events if event[1] < step]
        values = dict(_values(summary, run, done)) if summary is not None else {}
    except (ValueError, struct.error) as error:
        done.skip(f"event that is no message ({error})")
        return
    if values:
        run.events.append((wall_time, step, values))


def _values(summary: bytes, run: Foreign, done: Imported) -> Iterator[tuple[str, float]]:
    for number, _, message in fields(summary):
        if number != 1:
            continue
        parts: dict[int, Any] = {}
        for field, _, content in fields(message):
            parts[field] = content
        tag = parts.get(1, b"").decode("utf-8", "replace")
        plugin, content = _plugin(parts.get(9, b""))
        if plugin == "hparams":
            run.config |= _hparams(content)
        elif plugin == "text" and 8 in parts:
            texts = [value.decode("utf-8", "replace") for field, _, value in fields(parts[8]) if field == 8]
            said = f"{tag.removesuffix('/text_summary')}: {' '.join(texts)}"
            run.note = "\n".join(filter(None, [run.note, said]))[:NOTE_CHARACTERS]
        elif (value := _number(parts)) is not None and tag:
            yield tag, value
        else:
            kinds = {4: "image", 5: "histogram", 6: "audio", 8: "tensor that is no number"}
            kind = next((name for field, name in kinds.items() if field in parts), "a value without content")
            done.skip(f"{kind} {tag!r}")


def _number(parts: dict[int, Any]) -> float | None:
    if 2 in parts and len(parts[2]) == 4:
        return float(struct.unpack("<f", parts[2])[0])
    return _tensor(parts[8]) if 8 in parts else None


def _plugin(metadata: bytes) -> tuple[str, bytes]:
    """Name and content of the plugin that a value is for."""
    for number, _, data in fields(metadata):
        if number == 1:
            parts = {field: content for field, _, content in fields(data)}
            return parts.get(1, b"").decode("utf-8", "replace"), parts.get(2, b"")
    return "", b""


def _hparams(content: bytes) -> dict[str, Any]:
    """Parameters of a session that `add_hparams` wrote: a map of names to numbers, truth values and texts."""
    found: dict[str, Any] = {}
    for number, _, session in fields(content):
        if number != 3:  # session_start_info
            continue
        for field, _, entry in fields(session):
            if field == 1:
                parts = {key: value for key, _, value in fields(entry)}
                found[parts.get(1, b"").decode("utf-8", "replace")] = _protobuf_value(parts.get(2, b""))
    return found


def _protobuf_value(message: bytes) -> Any:
    for number, _, value in fields(message):
        if number == 2:
            real = struct.unpack("<d", value)[0]
            return int(real) if real.is_integer() else real
        if number == 3:
            return value.decode("utf-8", "replace")
        if number == 4:
            return bool(value)
    return None


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
