"""Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 as a wish that is granted when the state is whole: save, say interrupted, exit.

SIGHUP comes when the terminal closes or a connection breaks (not under `nohup`, which has it ignored), SIGTERM from
`kill` and from batch systems, SIGUSR1 from those of them that warn before a job's time is up.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody has asked the job to stop."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: remember the first wish, obey the second at once."""
        del number, frame
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Inside the context the first of the signals only sets `requested`."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, request.ask) for number in heard}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
