"""Files with a token and its tag a line and a blank line after each sentence (CoNLL), as rows of tokens and tags.

The first column is the token, the last one its tag; separators are tabs or spaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.clue.data.own import encodings
from jobs.clue.data.own.tags import are_tags
from jobs.clue.data.parsing import Place

LOOKED_AT = 50
"""lines by which a file is told"""


def looks_tagged(start: str) -> bool:
    """Whether every line of the start of a file is blank, a remark, or ends with a tag."""
    lines = [line for line in start.splitlines()[:-1][:LOOKED_AT] if line.strip() and not _is_remark(line)]
    tags = [cells[-1] for line in lines if len(cells := _cells(line)) > 1]
    return len(tags) == len(lines) > 1 and are_tags(tags) and any(tag != "O" for tag in tags)


def rows(path: Path, encoding: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The sentences of a file, each with the place of its first line."""
    tokens: list[str] = []
    tags: list[str] = []
    first = 1
    with encodings.open_text(path, encoding) as file:
        for number, raw in enumerate(file, 1):
            line = raw.rstrip("\r\n").removeprefix("\ufeff")
            if not line.strip():
                if tokens:
                    yield Place(path, first), {"tokens": tokens, "tags": tags}
                tokens, tags = [], []
                continue
            cells = _cells(line)
            if _is_remark(line):
                continue
            if len(cells) < 2:
                raise Place(path, number).refuse(f"expected a token and its tag, got {line!r:.80}")
            if not are_tags([cells[-1]]):
                raise Place(path, number).refuse(f"tag {cells[-1]!r:.80} is none of O, B-TYPE, I-TYPE (also M, E, S)")
            first = first if tokens else number
            tokens.append(cells[0] or " ")
            tags.append(cells[-1])
    if tokens:
        yield Place(path, first), {"tokens": tokens, "tags": tags}


def _cells(line: str) -> list[str]:
    """The columns of a line; the token may itself be a space."""
    found = line.rstrip().split("\t" if "\t" in line else " ")
    return [found[0], *(cell for cell in found[1:] if cell)]


def _is_remark(line: str) -> bool:
    """Whether a line names a document, or is a comment; a tagged # is a token."""
    cells = _cells(line)
    return line.startswith("-DOCSTART-") or (line.startswith("# ") and not are_tags([cells[-1]]))
