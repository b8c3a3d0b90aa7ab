"""Files that appear whole: written beside their place under another name, then renamed over it.

Whoever sees the name sees the whole file, whatever is killed when. What a killed process leaves beside it has the name
`.NAME.PID`, or the one given here; `store.leftovers` finds both.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path, *, name: str | None = None, synced: bool = True) -> Iterator[Path]:
    """Give the name to write a file under; renamed to `path` when the block ends, removed when anything goes wrong.

    Args:
        path: the file that appears.
        name: what it is called until then, where only one process can be writing it; None for a name of this process.
        synced: bring the content to the disk first; False for what can be made again.
    """
    aside = path.with_name(name or f".{path.name}.{os.getpid()}")
    remove_database(aside)
    try:
        yield aside
        if synced:
            with aside.open("rb") as file:
                os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            remove_database(aside)
        raise


def remove_database(path: Path) -> None:
    """Remove a file and, where it is a database, its log."""
    path.unlink(missing_ok=True)
    Path(f"{path}.wal").unlink(missing_ok=True)
