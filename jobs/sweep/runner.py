"""Where children run. A runner starts one command and says how it ended; it knows nothing of sweeps."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from jobs import cli

GRACE = 30.0
"""seconds that a child has to save after it was asked to stop"""
PACKAGES = {"slurm": "submitit", "ray": "ray"}


class Runner(Protocol):
    """Starts commands; several threads may call it at once."""

    def run(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """Start the command, wait for its end, and return its exit code; what it prints goes to the log.

        Raises:
            OSError: if it cannot be started.
        """

    def stop(self) -> None:
        """Ask every running command to save and end, and refuse new ones."""


def find(name: str, *, workers: int) -> Runner:
    """The runner of that name.

    Raises:
        InputError: if it is not here.
    """
    if name == "local":
        return Local(workers)
    package = PACKAGES[name]
    if importlib.util.find_spec(package) is None:
        raise cli.InputError(f"--on {name} needs the package {package}, which is not installed: pip install {package}")
    raise cli.InputError(f"--on {name} is not supported yet, although {package} is installed: use --on local")


class Local:
    """Processes on this machine, each in a session of its own: Ctrl-C reaches them through the sweep alone."""

    def __init__(self, workers: int) -> None:
        self._threads = str(max(1, (os.cpu_count() or 1) // workers))
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """Start the command, wait for its end, and return its exit code."""
        surroundings = {"OMP_NUM_THREADS": self._threads, **os.environ, **environment}
        with log.open("ab") as said:
            with self._lock:
                if self._stopped:
                    return -signal.SIGINT
                process = subprocess.Popen(
                    command,
                    env=surroundings,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._running.add(process)
            try:
                return process.wait()
            finally:
                self._running.discard(process)

    def stop(self) -> None:
        """Send SIGINT, and SIGTERM to those that still run when the time to save is over."""
        with self._lock:
            self._stopped = True
        for number in (signal.SIGINT, signal.SIGTERM):
            for process in list(self._running):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            end = time.monotonic() + GRACE
            while self._running and time.monotonic() < end:
                time.sleep(0.05)
            if not self._running:
                return
