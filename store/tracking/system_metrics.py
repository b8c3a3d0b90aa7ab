"""Processor, memory and GPU of a run, looked at every few seconds by a thread."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

from store.errors import StoreError
from store.runs import Run

GIGABYTE = 1 << 30


class SystemMetrics:
    """Logs `system/…` at the run's current step: percent of the machine's processors, gigabytes, and each GPU.

    Without psutil only what the operating system says of this process is logged; GPUs need `nvidia-ml-py`.
    """

    def __init__(self, run: Run, seconds: float) -> None:
        self._run, self._seconds = run, seconds
        self._stop = threading.Event()
        self._process = _process()
        self._devices = list(_gpus())
        self._thread = threading.Thread(target=self._watch, name="system metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look once more and end the thread."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            with contextlib.suppress(StoreError):
                self._run.log_beside(self.look())

    def look(self) -> dict[str, float]:
        """The numbers of this moment."""
        found: dict[str, float] = {}
        if self._process is not None:
            import psutil

            found["system/cpu_percent"] = self._process.cpu_percent() / (os.cpu_count() or 1)
            found["system/memory_gb"] = self._process.memory_info().rss / GIGABYTE
            found["system/memory_used_percent"] = psutil.virtual_memory().percent
        for index, device in enumerate(self._devices):
            with contextlib.suppress(Exception):  # a driver that goes away ends no training
                import pynvml

                memory = pynvml.nvmlDeviceGetMemoryInfo(device)
                found[f"system/gpu{index}_percent"] = float(pynvml.nvmlDeviceGetUtilizationRates(device).gpu)
                found[f"system/gpu{index}_memory_gb"] = int(memory.used) / GIGABYTE
        return found


def _process() -> Any:
    try:
        import psutil
    except ImportError:
        return None
    process = psutil.Process()
    process.cpu_percent()  # the first call only sets the mark from which the next one counts
    return process


def _gpus() -> Iterator[Any]:
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except Exception:  # no package, no driver, no GPU
        return
    for index in range(count):
        yield pynvml.nvmlDeviceGetHandleByIndex(index)
