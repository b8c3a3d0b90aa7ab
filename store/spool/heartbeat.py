"""Heartbeats of a run, each brought to the disk, from a thread so that training never waits for the disk."""

import threading
import time

from store.errors import StoreError
from store.spool.file import Spool

EVERY = 5.0  # seconds


class Heart:
    """Thread that says "still here" every few seconds."""

    def __init__(self, spool: Spool, started: float) -> None:
        self._spool = spool
        self._started = started
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=EVERY)

    def _beat(self) -> None:
        self._spool.sync()
        while not self._stop.wait(EVERY):
            try:
                self._spool.keep()
                self._spool.record({"beat": None, "elapsed": round(time.monotonic() - self._started, 3)})
            except StoreError:
                continue  # the run's next point says it; the heart goes on for when there is space again
            self._spool.sync()
