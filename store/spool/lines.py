"""Spool lines: strict JSON objects that carry their own checksum.

A line is `{"log":{"train/loss":0.31},"step":10,"epoch":0.5,"at":1795357200.123,"crc":2774581206}`; many steps at once
are `{"many":{"train/loss":[0.31,null,0.3]},"steps":[10,11,12],"at":1795357200.123,"crc":...}`. The last field is the
CRC-32 of everything before `,"crc":`, so that a flipped bit or a torn write is found, named and set aside instead of
becoming a wrong number. JSON has no NaN and no infinities: they are spelled as the strings "NaN", "Infinity" and
"-Infinity", which `float()` reads back.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any
from zlib import crc32

MARK = b',"crc":'
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(record: Mapping[str, Any]) -> bytes:
    """One line with its checksum and newline."""
    try:
        text = _ENCODER.encode(record)
    except (ValueError, TypeError):
        text = _ENCODER.encode(plain(record))
    return seal(text)


def seal(text: str) -> bytes:
    """Add checksum and newline to the text of a JSON object."""
    head = text[:-1].encode("utf-8", "replace")
    return b'%b,"crc":%d}\n' % (head, crc32(head))


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of a line without its newline, or None if the line is damaged."""
    if not intact(line):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def intact(line: bytes) -> bool:
    """Whether the checksum of a line holds."""
    mark = line.rfind(MARK)
    return mark > 0 and line[mark + len(MARK) :] == b"%d}" % crc32(line[:mark])


def plain(value: Any) -> Any:
    """Turn any value into one that strict JSON can carry: non-finite floats become strings, unknown objects text."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else spell(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if hasattr(value, "tolist"):  # numpy and torch scalars and arrays
        return plain(value.tolist())
    return str(value)


def spell(value: float) -> str:
    """NaN and infinities as text that `float` reads."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def example_hash(fields: Mapping[str, Any]) -> str:
    """16 hex digits of the sha256 of the canonical JSON of an example's input fields (label excluded)."""
    return hashlib.sha256(canonical(fields).encode("utf-8", "surrogatepass")).hexdigest()[:16]
