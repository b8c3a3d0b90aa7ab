"""Which encoding a text file has: what its first bytes say, else the first one that fits all of it."""

from __future__ import annotations

import codecs
import gzip
import io
import re
from pathlib import Path
from typing import IO, cast

from jobs.cli import InputError

BLOCK = 1 << 20
JUDGED = 20_000
"""characters from which a guess is judged"""
LOOKED_AT = 64
"""blocks from which an encoding is told; what does not fit later is refused when it is read"""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CANDIDATES = ("gb18030", "big5")
"""tried where a file is not UTF-8; GB18030 contains GBK and GB2312"""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
LEAST_COMMON = 0.5
"""share of frequent characters from which a guess is believed: Chinese text has more than 0.9, a wrong one below 0.4"""


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is gzipped.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """The file as text; line ends stay as they are."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


def check_name(encoding: str) -> str:
    """The name of an encoding, if Python knows it.

    Raises:
        InputError: otherwise.
    """
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InputError(
            f"encoding {encoding!r} is not known (usual ones: utf-8, gbk, gb18030, utf-16, big5)"
        ) from None
    return encoding


def detect(path: Path) -> tuple[str, bool]:
    """Name of the encoding, and whether it is a guess.

    Raises:
        InputError: if nothing fits.
    """
    with open_bytes(path) as file:
        start = file.read(BLOCK)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name, False
    candidates = _CANDIDATES
    if 0 in start:  # UTF-16 without a mark: one byte of every line end and digit is zero; no other text has such bytes
        candidates = ("utf-16-le", "utf-16-be")
    elif _fits(path, "utf-8"):
        return "utf-8", False
    shares = {name: _common_share(start.decode(name, "ignore")) for name in candidates if _fits(path, name)}
    best = max(shares, key=lambda name: shares[name], default="")
    if not best or shares[best] < LEAST_COMMON:
        raise InputError(f'{path}: neither UTF-8 nor GB18030; name its encoding (encoding = "...")')
    return best, True


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with open_bytes(path) as file:
            for _ in range(LOOKED_AT):
                block = file.read(BLOCK)
                decoder.decode(block, final=not block)
                if not block:
                    break
    except UnicodeDecodeError:
        return False
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: damaged ({error})") from error
    return True


def _common_share(text: str) -> float:
    """Share of a text's letters beyond ASCII that are frequent Chinese characters; 0 if it holds control characters."""
    if _CONTROLS.search(text):
        return 0.0
    letters = [char for char in text[:JUDGED] if char > "\x7f" and char.isalpha()]
    return sum(map(_is_frequent, letters)) / len(letters) if letters else 1.0


def _is_frequent(char: str) -> bool:
    """Whether it is of the first level of GB 2312 (3,755 characters) or of Big5 (5,401)."""
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        code = char.encode(encoding, "ignore")
        if len(code) == 2 and first <= code[0] <= last:
            return True
    return False
