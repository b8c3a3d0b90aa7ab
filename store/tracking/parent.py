"""A run started for a sweep belongs to the sweep's run, and says its id in the file where the sweep looks for it."""

import contextlib
import os
from pathlib import Path

PARENT = "CLUEBOARD_PARENT"
RUN_FILE = "CLUEBOARD_RUN_FILE"


def parent() -> str | None:
    """Run id of the sweep that started this process."""
    return os.environ.get(PARENT) or None


def announce(run_id: str) -> None:
    """Tell the sweep which run its process made; the first run of a process is the one it was started for."""
    path = os.environ.get(RUN_FILE)
    if path:
        with contextlib.suppress(FileExistsError), Path(path).open("x", encoding="utf-8") as file:
            file.write(run_id)
