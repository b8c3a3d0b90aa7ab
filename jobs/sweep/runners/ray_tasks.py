"""Children as tasks of a Ray cluster: one that runs already, or one started on this machine."""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from typing import Any

from jobs import cli
from jobs.sweep.runners.base import Start, Unstarted, passed_on
from jobs.sweep.runners.task import STOP, run
from store.paths import ROOT

RETRIES = 5
"""times that a child is started again when its machine or its worker is lost"""
ATTEMPTS = 4
"""to start a cluster on this machine: Ray gives up after 30 seconds, which a busy machine needs"""
ANSWER = 5.0
"""seconds until an address has to answer"""


class Ray:
    """Starts each child as a task that asks for processors and GPUs; Ray finds the place."""

    def __init__(
        self, folder: Path, *, address: str, cpus: int, gpus: int, workers: int, start_within: float | None
    ) -> None:
        import ray

        self._ray, self._stop, self._within = ray, folder / STOP, start_within
        self._stop.unlink(missing_ok=True)
        _init(address, cpus=cpus * workers)
        total = ray.cluster_resources()
        for name, wanted in (("CPU", cpus), ("GPU", gpus)):
            if wanted > total.get(name, 0):
                ray.shutdown()
                raise cli.InputError(
                    f"--{name.lower()}s {wanted}: the Ray cluster has {total.get(name, 0):g} {name}s in all"
                )
        self._task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(run)

    def run(self, start: Start) -> int:
        """Start the task, wait for its end, and return the child's exit code."""
        if self._stop.exists():
            return -2
        ref = self._task.remote(start)
        began = time.monotonic()
        while not self._ray.wait([ref], timeout=0.5)[0]:
            late = self._within is not None and time.monotonic() - began > self._within
            if late and not start.log.exists():
                self._ray.cancel(ref, force=True)
                assert self._within is not None
                raise Unstarted(f"Ray did not start it within {self._within / 60:g} minutes: its machines are full")
        try:
            return int(self._ray.get(ref))
        except self._ray.exceptions.RayError as error:
            found = re.search(r"Unstarted: (.+)", str(error))
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise Unstarted(found[1] if found else f"Ray: {lines[-1].strip()}") from None

    def end(self, start: Start) -> None:
        """Ask one to save and end."""
        start.log.with_suffix(f".{STOP}").touch()

    def stop(self) -> None:
        """Ask all to save and end."""
        self._stop.touch()

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


def _init(address: str, *, cpus: int) -> None:
    """Join the cluster at an address, or start one.

    Raises:
        InputError: if nothing answers there.
    """
    import ray

    address = address or os.environ.get("RAY_ADDRESS", "")
    local = address in ("", "local")
    if not local and address != "auto":
        _knock(address)
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    shared: dict[str, Any] = {
        "logging_level": "error",
        "log_to_driver": False,
        "runtime_env": {"env_vars": {**passed_on(), "PYTHONPATH": paths}},
    }
    if local:
        shared |= {"num_cpus": max(cpus, os.cpu_count() or 1), "include_dashboard": False}
    for attempt in range(ATTEMPTS):
        try:
            ray.init(address="local" if local else address, **shared)
            return
        except Exception as error:  # what fails to start or to answer comes as errors of many kinds
            ray.shutdown()
            lines = str(error).strip().splitlines()
            said = f"--on ray --address {address or 'local'}: {lines[0] if lines else type(error).__name__}"
            if attempt + 1 == ATTEMPTS or "timed out during startup" not in said:
                raise cli.InputError(said) from None


def _knock(address: str) -> None:
    """Refuse an address where nothing listens, before Ray waits for it."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise cli.InputError(f"--address: expected host:port, ray://host:port, auto or local, got {address}")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except (OSError, OverflowError) as error:
        raise cli.InputError(
            f"--address {address} does not answer ({getattr(error, 'strerror', None) or error}): is `ray start --head` "
            "running there?"
        ) from None
