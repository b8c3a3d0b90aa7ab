"""What a runner is told, and what it says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from store.tracking.parent import RUN_FILE

GRACE = 30.0
"""seconds that a child has to save after it was asked to stop"""
PASSED_ON = ("CLUE", "HF_", "OMP_", "PYTHON", "CUBLAS_")
"""how the names of the variables begin that a child on another machine gets too"""


@dataclass(frozen=True, slots=True)
class Start:
    """One child: what is started, with what around it."""

    command: tuple[str, ...]
    environment: dict[str, str]
    """added to the variables that are there"""
    log: Path
    """where its output goes; its folder holds the sweep's files and must be the same on all machines"""
    resumes: bool
    """started again, it goes on from its checkpoint"""

    @property
    def run_file(self) -> Path | None:
        """Where the child says the id of its run; None where nobody asks."""
        named = self.environment.get(RUN_FILE)
        return Path(named) if named else None

    @property
    def has_run(self) -> bool:
        """Whether the child has said the id of its run."""
        return self.run_file is not None and self.run_file.is_file()

    def forget(self) -> None:
        """Remove what an earlier process of a child that cannot go on has said; only ever a regular file."""
        if self.run_file is not None and self.run_file.is_file():
            self.run_file.unlink()


class Unstarted(Exception):
    """The child did not start, in one sentence."""


class Runner(Protocol):
    """Starts children; several threads may call it at once."""

    def run(self, start: Start) -> int:
        """Start the child, wait for its end, and return its exit code; what it prints goes to the log.

        Raises:
            Unstarted: if it cannot be started.
        """

    def end(self, start: Start) -> None:
        """Ask one running child to save and end."""

    def stop(self) -> None:
        """Ask every running child to save and end, and refuse new ones; may be called again."""

    def close(self) -> None:
        """End what the runner itself has started."""


def passed_on() -> dict[str, str]:
    """Variables of this process that a child on another machine needs."""
    return {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
