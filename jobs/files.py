"""Files that are whole or not there: written beside their place and renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it is renamed over `path` at the end, and removed if anything is raised."""
    side = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield side
        side.replace(path)
    finally:
        side.unlink(missing_ok=True)
