"""What a command does when its output cannot be written: `| head` has its lines, the terminal or its disk has gone.

A run goes on in silence, since its numbers are in the store; anything else ends, with code 0 where the reader left.
Characters that the terminal's encoding lacks, such as Chinese ones in Latin-1, are written as their codes.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from store.spool.file import any_open


class _Output:
    """A stream that goes silent where it cannot be written to."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text) or 0)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if not any_open() and not isinstance(error, BrokenPipeError):
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # what Python still holds for the stream goes there too
        os.close(nowhere)
        if not any_open():
            raise SystemExit(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def can_write(text: str) -> bool:
    """Whether the encoding of standard output has all characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def outlived() -> Iterator[None]:
    """Run a command whose output may be closed before it ends, or lack characters."""
    with Path(os.devnull).open("w") as nowhere:
        streams = [stream or nowhere for stream in (sys.stdout, sys.stderr)]  # None: closed before Python began
        for stream in streams:
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        with redirect_stdout(_Output(streams[0])), redirect_stderr(_Output(streams[1])):
            try:
                yield
            finally:
                sys.stdout.flush()
