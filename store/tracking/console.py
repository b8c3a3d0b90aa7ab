"""What a script prints, kept beside its run: the last megabyte at most."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.runs import Run

HALF = 512 * 1024  # bytes of one of the two files


class Console:
    """Copies standard output and standard error into `console.log` of the run's folder while they go on as before.

    A full file becomes `console.1.log` and a new one is begun: the newest lines are there, and the two together stay
    under a megabyte.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._path = run.folder / "console.log"
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size
        self._pid = os.getpid()
        self._before = sys.stdout, sys.stderr
        self._copies = _Copy(sys.stdout, self), _Copy(sys.stderr, self)
        sys.stdout, sys.stderr = self._copies

    def keep(self, text: str) -> None:
        """Append text; a full disk loses it and nothing else."""
        if os.getpid() != self._pid or self._file.closed:
            return
        data = text.encode("utf-8", "replace")[-HALF:]
        with contextlib.suppress(OSError):
            if self._size + len(data) > HALF:
                self._file.close()
                self._path.replace(self._older)
                self._file, self._size = self._path.open("wb", buffering=0), 0
            self._file.write(data)
            self._size += len(data)

    def stop(self) -> None:
        """Give standard output and error back and register the files as artifacts of kind `console`."""
        for name, copy, before in zip(("stdout", "stderr"), self._copies, self._before, strict=True):
            if getattr(sys, name) is copy:  # else somebody else has put a stream over ours: it stays
                setattr(sys, name, before)
        self._file.close()
        for path in (self._older, self._path):
            if path.exists() and path.stat().st_size:
                with contextlib.suppress(StoreError):
                    self._run.artifact(path.name, "console", path)

    @property
    def _older(self) -> Path:
        return self._path.with_name("console.1.log")


class _Copy:
    """A stream that writes to another one and to the console file."""

    def __init__(self, stream: Any, console: Console) -> None:
        self._stream, self._console = stream, console

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._console.keep(text)
        return int(written or 0)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
