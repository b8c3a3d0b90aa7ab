"""Signals that ask a job to stop: it saves, says `interrupted`, and exits.

SIGINT is Ctrl-C. SIGTERM comes from `kill` and from batch systems, SIGHUP when the terminal closes or a connection
breaks (not under `nohup`, which has it ignored). SIGUSR1 and SIGUSR2 come from batch systems that warn before a job's
time is up: submitit asks SLURM for SIGUSR2, 90 seconds before the end. Batch systems send several in a row, so only a
second Ctrl-C, which a person presses, ends a job before it has saved.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class StopRequest:
    """Whether somebody has asked the job to stop."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: remember the first wish, obey a later Ctrl-C at once."""
        del frame
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Inside the context the first of the signals only sets `requested`."""
    request = StopRequest()
    with _handled(request.ask):
        yield request


@contextmanager
def as_keyboard_interrupt() -> Iterator[None]:
    """Inside the context the first of the signals raises KeyboardInterrupt: an open run ends as interrupted.

    Later ones change nothing while it ends, but for Ctrl-C: batch systems send theirs to every process, some twice. A
    worker that the job has forked just dies.
    """
    asked, pid = list[int](), os.getpid()

    def handler(number: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() != pid:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not asked or number == signal.SIGINT:
            asked.append(number)
            raise KeyboardInterrupt

    with _handled(handler):
        yield


@contextmanager
def _handled(handler: object) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
