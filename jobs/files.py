"""Files that are whole or not there: written beside their place and renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; at the end it is on the disk and renamed over `path`, after an error removed.

    What a kill leaves is called `.NAME.PID`, which `store check` lists and `store gc` removes.
    """
    side = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield side
        with side.open("rb") as file:
            os.fsync(file.fileno())
        side.replace(path)
    finally:
        side.unlink(missing_ok=True)
