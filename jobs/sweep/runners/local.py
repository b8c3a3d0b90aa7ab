"""Processes on this machine, each in a session of its own: Ctrl-C reaches them through the sweep alone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from jobs import cli
from jobs.sweep.runners.base import GRACE, Start, Unstarted
from store.paths import ROOT

LOCK = "lock"


class Local:
    """Children of a launcher, a process that forks them and outlives none of them.

    Args:
        folder: of the sweep.
        workers: children at once.
        threads: of each child; None shares the cores.
        start_within: seconds until a child has a run; None waits without end.
    """

    def __init__(
        self, folder: Path, *, workers: int, threads: int | None = None, start_within: float | None = None
    ) -> None:
        self._folder, self._within = folder, start_within
        self._threads = str(threads or max(1, (os.cpu_count() or 1) // workers))
        self._launcher: subprocess.Popen[bytes] | None = None
        self._waiting: dict[str, Future[int]] = {}
        self._stopped = False
        self._lock = threading.Lock()
        self._devices: queue.LifoQueue[str] = queue.LifoQueue()
        found = gpus()
        self._several_gpus = len(found) > 1
        for number in range(workers if self._several_gpus else 0):
            self._devices.put(found[number % len(found)])

    def run(self, start: Start) -> int:
        """Start the child, wait for its end, and return its exit code."""
        own = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", self._threads)}
        device = self._devices.get() if self._several_gpus else None
        if device is not None:
            own["CUDA_VISIBLE_DEVICES"] = device
        try:
            return self._run(start, {**own, **start.environment})
        finally:
            if device is not None:
                self._devices.put(device)

    def _run(self, start: Start, environment: dict[str, str]) -> int:
        name, ended = start.log.stem, Future[int]()
        if not start.resumes:
            start.forget()
        with self._lock:
            if self._stopped:
                return -signal.SIGINT
            self._waiting[name] = ended
            self._send(
                {"child": name, "command": start.command, "environment": environment, "log": str(start.log.absolute())}
            )
        with contextlib.suppress(TimeoutError):
            return ended.result(self._within)
        if start.has_run:
            return ended.result()
        self._send({"signal": signal.SIGKILL, "child": name})
        ended.result()
        assert self._within is not None
        raise Unstarted(f"no run was started within {self._within / 60:g} minutes; see {start.log}")

    def end(self, start: Start) -> None:
        """Send SIGTERM to one child."""
        self._send({"signal": signal.SIGTERM, "child": start.log.stem})

    def stop(self) -> None:
        """Send SIGINT; SIGTERM to those that still run when the time to save is over, SIGKILL after that."""
        with self._lock:
            self._stopped = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if not self._waiting or self._launcher is None:
                return
            self._send({"signal": number})
            end = time.monotonic() + GRACE
            while self._waiting and time.monotonic() < end:
                time.sleep(0.05)

    def close(self) -> None:
        """End the launcher, and with it what it started."""
        if self._launcher is not None and self._launcher.stdin is not None:
            with contextlib.suppress(OSError):
                self._launcher.stdin.close()
            self._launcher.wait()

    def _send(self, message: dict[str, Any]) -> None:
        launcher = self._launcher = self._launcher or self._launch()
        assert launcher.stdin is not None
        with contextlib.suppress(OSError):  # it is dead: `_listen` says so
            launcher.stdin.write(json.dumps(message).encode() + b"\n")
            launcher.stdin.flush()

    def _launch(self) -> subprocess.Popen[bytes]:
        wait_for_the_earlier(self._folder / LOCK)
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; "
            "from jobs.sweep.runners.launcher import main; main(Path(sys.argv[1]))"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(self._folder / LOCK)],
            env={"OMP_NUM_THREADS": self._threads, **os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=[process], name="launcher", daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            ended = self._waiting.pop(message["child"])
            if "failed" in message:
                ended.set_exception(Unstarted(message["failed"]))
            else:
                ended.set_result(message["code"])
        process.stdout.close()
        for name in list(self._waiting):
            self._waiting.pop(name).set_exception(Unstarted("the process that starts the children was killed"))


def wait_for_the_earlier(lock: Path) -> None:
    """Wait until no child of an earlier process of this sweep is left.

    Raises:
        InputError: if one still runs when the time to save is over.
    """
    deadline, said = time.monotonic() + GRACE + 15, False
    with lock.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise cli.InputError(
                        f"children of this sweep still run and hold {lock}: end them (fuser {lock} names them), "
                        "then --resume again"
                    ) from None
            if not said:
                print("waiting until the children of the stopped sweep have saved and ended", flush=True)
                said = True
            time.sleep(0.2)


def gpus() -> list[str]:
    """Names of the GPUs that may be used here: those of CUDA_VISIBLE_DEVICES, else those that nvidia-smi lists."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [word.strip() for word in named.split(",") if word.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []
