"""A run started for a sweep belongs to the sweep's run, and says its id in the file where the sweep looks for it."""

import contextlib
import os
from pathlib import Path

PARENT = "CLUEBOARD_PARENT"
RUN_FILE = "CLUEBOARD_RUN_FILE"
FOLLOW = "CLUEBOARD_FOLLOW"


def parent() -> str | None:
    """Run id of the sweep that started this process."""
    return os.environ.get(PARENT) or None


def is_child() -> bool:
    """Whether a sweep started this process and waits for the id of its run."""
    return bool(os.environ.get(RUN_FILE))


def may_follow() -> bool:
    """Whether runs of this process may move their lines into the database; a sweep does that for its children."""
    return os.environ.get(FOLLOW) != "0"


def announce(run_id: str) -> None:
    """Tell the sweep which run its process made; the first run of a process is the one it was started for."""
    path = os.environ.get(RUN_FILE)
    if path:
        with contextlib.suppress(FileExistsError), Path(path).open("x", encoding="utf-8") as file:
            file.write(run_id)


def announced() -> str | None:
    """Run id that an earlier process of the same child said."""
    path = os.environ.get(RUN_FILE)
    return Path(path).read_text(encoding="utf-8") or None if path and Path(path).is_file() else None


def forget() -> None:
    """Take back what an earlier process of the same child said: its run cannot be gone on with."""
    path = os.environ.get(RUN_FILE)
    if path and Path(path).is_file():
        Path(path).unlink()
