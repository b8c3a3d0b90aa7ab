"""The folder for files that can be made again: the built-in sample and what came from the hub."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """`$CLUEBOARD_CACHE`, else clueboard below the user's cache folder, else below the temporary folder."""
    named = os.environ.get("CLUEBOARD_CACHE")
    bases = [Path(named)] if named else [Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clueboard"]
    bases.append(Path(tempfile.gettempdir()) / f"clueboard-{os.getuid()}")
    for base in bases:
        try:
            base.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(base, os.W_OK):
            return base
    raise OSError(f"no writable cache folder among {', '.join(map(str, bases))}; set CLUEBOARD_CACHE")
