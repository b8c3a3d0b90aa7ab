"""A child on a node of a cluster: the part of a runner that SLURM or Ray starts there."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from jobs.sweep.runners.base import GRACE, Start, Unstarted

STOP = "stop"
"""a file of this name in the sweep's folder asks children on Ray to save and end"""
WORDS = "words.json"
"""a file that the sweep has written before any child starts"""
POLL = 0.2
PR_SET_PDEATHSIG = 1


class Task:
    """Runs the child, and ends it when SLURM says that the time is up."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Exit code of the child."""
        start, folder = self.start, self.start.log.parent
        if not (folder / WORDS).exists():
            raise Unstarted(
                f"{socket.gethostname()} does not see {folder}: keep the database in a folder that all machines share"
            )
        if not start.resumes:
            start.forget()
        with start.log.open("ab") as said:
            try:
                self._process = subprocess.Popen(
                    start.command,
                    env={**os.environ, **start.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    preexec_fn=die_with_parent,
                )
            except OSError as error:
                raise Unstarted(f"{start.command[0]} cannot be started: {error.strerror}") from None
        return self._wait(self._process)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            while True:
                log = self.start.log
                if (log.parent / STOP).exists() or log.with_suffix(f".{STOP}").exists():
                    return end(process)
                try:
                    return process.wait(POLL)
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            end(process)
            raise

    def end(self) -> None:
        """Let the child save and end."""
        if self._process is not None:
            end(self._process)


class Resumable(Task):
    """A child with a checkpoint: when its time is up it is queued again, and goes on."""

    def checkpoint(self) -> Any:
        """What submitit queues again; called when SLURM warns that the time is up."""
        from submitit.helpers import DelayedSubmission

        self.end()
        return DelayedSubmission(Resumable(self.start))


def end(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to save and end; kill it when the time for that is over."""
    deadline = time.monotonic() + GRACE
    process.send_signal(signal.SIGTERM)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    return process.wait()


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Let the kernel send a signal to this process when the one that started it dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def run(start: Start) -> int:
    """The same as a function, for Ray."""
    return Task(start)()
