r"""The one reader of text files: it tells the encoding, unpacks gzip, and cuts lines at `\n` and `\r\n` alone.

The texts contain other Unicode line separators, which are characters like any other. Row i belongs to line i: no line
is left out but an empty one after the last line end.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from jobs.cli import InputError
from jobs.clue.data.own.encodings import detect


def read_text(path: Path) -> str:
    """Content of a text file: UTF-8 with or without a byte order mark, UTF-16, GB18030 or Big5, also gzipped.

    Raises:
        InputError: naming file and line of the first byte that no known encoding explains.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _other(path, content, error)


def _other(path: Path, content: bytes, error: UnicodeDecodeError) -> str:
    try:
        return content.decode(detect(path)[0])
    except (InputError, UnicodeDecodeError):
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}:{line}: not UTF-8 at byte {error.start}, and not GBK, Big5 or UTF-16 as a whole: "
            "the file is damaged or of another encoding; convert it to UTF-8"
        ) from error


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: if it is missing or no JSON.
    """
    if not path.is_file():
        raise InputError(f"{path.parent} has no {path.name}")
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file."""
    return lines_of(read_text(path))


def lines_of(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines
