"""Spool lines: strict JSON objects that carry their own checksum.

A line is `{"log":{"train/loss":0.31},"step":10,"epoch":0.5,"at":1795357200.123,"crc":2774581206}`; many steps at once
are `{"many":{"train/loss":[0.31,null,0.3]},"steps":[10,11,12],"at":1795357200.123,"crc":...}`. The last field is the
CRC-32 of everything before `,"crc":`, so that a flipped bit or a torn write is found, named and set aside instead of
becoming a wrong number. JSON has no NaN and no infinities: they are spelled as the strings "NaN", "Infinity" and
"-Infinity", which `float()` reads back. What a caller gives as a number becomes one here (`number`, `whole`,
`numbers`), or is refused by its name before anything is written.
"""

import hashlib
import json
import logging
import math
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

from store.errors import StoreError
from store.left_out import is_left_out

MARK = b',"crc":'
HALVES = (b"\\ud", b"\\uD")  # how JSON may spell half a character, which no UTF-8 can carry
DEEPEST = 50  # mappings inside one another in a call of `log`
ENDS = ("finished", "failed", "interrupted")  # what a run's last line may say
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_SORTED = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
_WORDS = {None: "null", True: "true", False: "false"}
_HALF = re.compile("[\ud800-\udfff]")

log = logging.getLogger("store")


def encode(record: Mapping[str, Any]) -> bytes:
    """One line with its checksum and newline."""
    try:
        text = _ENCODER.encode(record)
    except (ValueError, TypeError):
        text = _ENCODER.encode(plain(record))
    return seal(text[:-1])


def seal(text: str) -> bytes:
    """Add checksum, brace and newline to the text of a JSON object that lacks its last brace."""
    try:
        head = text.encode()
    except UnicodeEncodeError:
        head = _told(text, _HALF.sub(lambda half: rf"\\u{ord(half[0]):04x}", text)).encode()
    return b'%b,"crc":%d}\n' % (head, crc32(head))


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of a line without its newline, or None if the line is damaged."""
    if not intact(line):
        return None
    try:
        record = json.loads(line)
        if any(half in line for half in HALVES):
            record = spelled_out(record)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def spelled_out(value: Any) -> Any:
    """A text, or all texts of a list or mapping, with halves of characters as their codes: UTF-8 cannot carry them."""
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub(lambda half: rf"\u{ord(half[0]):04x}", value)
    if isinstance(value, dict):
        return {spelled_out(name): spelled_out(item) for name, item in value.items()}
    return [spelled_out(item) for item in value] if isinstance(value, list) else value


def carried(values: list[Any]) -> list[Any]:
    """Values that a frame can hold: what UTF-8 cannot carry is spelled out, and that is said."""
    found: list[Any] = spelled_out(values)
    for value, stored in zip(values, found, strict=True):
        if stored != value:
            _told(str(value), str(stored))
            break
    return found


def _told(text: str, stored: str) -> str:
    half = _HALF.search(text)
    start = half.start() if half else 0
    shown = ascii(text[max(0, start - 30) : start + 30])
    log.warning("UTF-8 cannot carry half a character in %s: it is stored as its code, like \\udcff", shown)
    return stored


def intact(line: bytes) -> bool:
    """Whether the checksum of a line holds."""
    mark = line.rfind(MARK)
    return mark > 0 and line[mark + len(MARK) :] == b"%d}" % crc32(line[:mark])


def all_intact(lines: Iterable[bytes]) -> bool:
    """Whether the checksums of all lines hold."""
    for line in lines:  # `intact` written out: a call less for every line
        mark = line.rfind(MARK)
        if mark <= 0 or line[mark + len(MARK) :] != b"%d}" % crc32(line[:mark]):
            return False
    return True


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
    if hasattr(type(value), "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in type(value).__dataclass_fields__}
    return str(value)


def spell(value: float) -> str:
    """NaN and infinities as text that `float` reads."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def number(name: str, value: Any) -> float:
    """A value as a float; an array of one element stands for it.

    Raises:
        StoreError: if it is no real number.
    """
    if type(value) is float or (type(value) is int and -(2**53) <= value <= 2**53):
        return float(value)
    try:
        found = _scalar(value)
        if not isinstance(found, str | bytes | bytearray):
            return float(found)
    except Exception:  # whatever a foreign class raises, it is no number
        pass
    raise StoreError(f"{name} must be one number, got {_shown(value)}")


def _scalar(value: Any) -> Any:
    """The Python number of a scalar of numpy or torch.

    Raises:
        TypeError: if it is a time, or an entry that is masked: their numbers mean something else.
    """
    if getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m") or bool(getattr(value, "mask", False)):
        raise TypeError("a time, or masked")
    return value.item() if hasattr(value, "item") else value


def finite(name: str, value: Any) -> float:
    """A value as a float that is neither NaN nor infinite.

    Raises:
        StoreError: if it is anything else.
    """
    found = number(name, value)
    if not math.isfinite(found):
        raise StoreError(f"{name} must be a finite number, got {found}")
    return found


def whole(name: str, value: Any) -> int:
    """A value as a whole number of 64 bits, which is what the database holds.

    Raises:
        StoreError: if it is anything else.
    """
    try:
        plain_value = _scalar(value)
        is_whole = isinstance(plain_value, float) and plain_value.is_integer()
        found = int(plain_value) if is_whole else operator.index(plain_value)
    except Exception:
        raise StoreError(f"{name} must be a whole number, got {_shown(value)}") from None
    if not -(2**63) <= found < 2**63:
        raise StoreError(f"{name} must fit into 64 bits, got {_shown(found)}")
    return found


def numbers(values: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    """Names and numbers of a mapping: None is left out, names of nested mappings are joined by `/`.

    Raises:
        StoreError: if it is no mapping, or a name or a value in it cannot be stored.
    """
    if not isinstance(values, Mapping):
        raise StoreError(f"expected a mapping of names to numbers, got {_shown(values)}")
    for name, value in values.items():
        full = prefix + metric_name(name)
        if value is None or is_left_out(value):
            continue
        if isinstance(value, Mapping):
            if depth == DEEPEST:
                raise StoreError(f"{prefix[:80]}… is nested more than {DEEPEST} times, or contains itself")
            yield from numbers(value, f"{full}/", depth + 1)
        else:
            yield full, number(full, value)


def metric_name(name: Any) -> str:
    """A metric's name, as it came.

    Raises:
        StoreError: if it is no text or cannot be written as UTF-8.
    """
    if not isinstance(name, str) or not name:
        raise StoreError(f"a metric's name must be text like 'dev/accuracy', got {_shown(name)}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise StoreError(f"a metric's name must be text that UTF-8 can carry, got {name!r}") from None
    return name


def word(name: str, value: Any) -> str:
    """A text, as it came.

    Raises:
        StoreError: if it is none, or empty.
    """
    if not isinstance(value, str) or not value:
        raise StoreError(f"{name} must be text, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    shape = getattr(value, "shape", None)
    kind = f" ({type(value).__name__}{f' of shape {tuple(shape)}' if shape else ''})"
    return (text if len(text) <= 80 else f"{text[:77]}...").replace("\n", " ") + (
        kind if shape or len(text) > 80 else ""
    )


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    kind = type(value)
    if kind is str:
        return json.encoder.encode_basestring(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    return _WORDS[value] if value is None or kind is bool else _SORTED.encode(plain(value))


def example_hash(fields: Mapping[str, Any]) -> str:
    """16 hex digits of the sha256 of the canonical JSON of an example's input fields (label excluded)."""
    return hashlib.sha256(canonical(fields).encode("utf-8", "surrogatepass")).hexdigest()[:16]
