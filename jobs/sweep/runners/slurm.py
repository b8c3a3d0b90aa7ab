"""Children as SLURM jobs, through submitit: those that are ready together are one job array."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli
from jobs.sweep.runners.base import Start, Unstarted
from jobs.sweep.runners.task import Resumable, Task

if TYPE_CHECKING:
    import submitit

GATHER, POLL = 0.3, 2.0
"""seconds in which children are gathered for one array; between two looks at the queue"""
ARRAY = 1000
"""most jobs of an array, SLURM's own default"""
REQUEUES = 50
"""times that a child whose time is up is queued again"""
ANSWER = 60.0
"""seconds that a command of SLURM may take, and a controller may be silent after a stop"""
SETTLE = 10.0
"""seconds until what a node has written is seen here"""
HOPELESS = frozenset(
    [
        *("PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS"),
        *("AccountNotAllowed", "QOSNotAllowed", "AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
        *("DependencyNeverSatisfied", "MaxMemPerLimit", "QOSUsageThreshold", "PartitionInactive", "PartitionConfig"),
    ]
)
"""reasons for which SLURM never starts a job, though it has taken it"""
LIVE = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "RESIZING")


@dataclass(slots=True)
class Waiting:
    """A child that is in the queue or on a node."""

    start: Start
    ended: Future[int]
    job: submitit.SlurmJob[int]
    since: float
    gone: float | None = None
    """since when the queue does not list it"""


class Slurm:
    """Submits children, looks at the queue, and takes up again what an earlier process of the sweep has submitted."""

    def __init__(self, folder: Path, *, settings: Mapping[str, Any], start_within: float | None) -> None:
        import submitit

        self._folder = folder / "slurm"
        self._executor = submitit.SlurmExecutor(folder=self._folder, max_num_timeout=REQUEUES)
        try:
            self._executor.update_parameters(**settings)
        except ValueError as error:
            known = re.findall(r"- (\w+) \(default", str(error))
            wrong = next((name for name in settings if name not in known), "")
            raise cli.InputError(f"--slurm {wrong}: submitit has no such setting{cli.suggest(wrong, known)}") from None
        self._within = start_within
        self._ready: list[tuple[Start, Future[int]]] = []
        self._waiting: dict[str, Waiting] = {}
        self._most = ARRAY
        self._lock = threading.Lock()
        self._stopped: float | None = None
        self._closed = False
        self._complaint = ""
        self._thread = threading.Thread(target=self._work, name="slurm", daemon=True)
        self._thread.start()

    def run(self, start: Start) -> int:
        """Submit the child, wait for its end, and return its exit code."""
        ended = Future[int]()
        with self._lock:
            if self._stopped is not None:
                return -2
            self._ready.append((start, ended))
        return ended.result()

    def end(self, start: Start) -> None:
        """Cancel one job: it is not queued again."""
        _ask("scancel", *(name for name, child in self._waiting.items() if child.start.log == start.log))

    def stop(self) -> None:
        """Cancel all: SLURM sends SIGTERM, and SIGKILL after its KillWait."""
        with self._lock:
            if self._stopped is not None:
                return
            self._stopped = time.monotonic()
            for _, ended in self._ready:
                ended.set_result(-2)
            self._ready = []
            if self._waiting:
                _ask("scancel", *self._waiting)

    def close(self) -> None:
        """Look at the queue no more."""
        self._closed = True
        self._thread.join()

    def _work(self) -> None:
        looked = 0.0
        while not self._closed:
            time.sleep(GATHER)
            try:
                with self._lock:
                    self._submit()
                    if self._waiting and time.monotonic() - looked > POLL:
                        looked = time.monotonic()
                        self._look()
            except Exception as error:  # whoever waits must hear of it
                for ended in [ended for _, ended in self._ready] + [child.ended for child in self._waiting.values()]:
                    ended.set_exception(error)
                self._ready, self._waiting = [], {}

    def _submit(self) -> None:
        """Submit what is ready; an array that SLURM does not take is halved, one child waits for a place of another."""
        ready = self._ready[: self._most]
        if not ready:
            return
        listed = self._listed() or {}  # before anything is taken out: without squeue, `_work` tells all who wait
        self._ready = self._ready[self._most :]
        ready = [(start, ended) for start, ended in ready if not self._take_up(start, ended, listed)]
        if not ready:
            return
        try:
            with self._executor.batch():
                jobs = [self._executor.submit((Resumable if start.resumes else Task)(start)) for start, _ in ready]
            for (start, ended), job in zip(ready, jobs, strict=True):
                _job_file(start).write_text(json.dumps(job.job_id), encoding="utf-8")
                self._waiting[job.job_id] = Waiting(start, ended, job, time.monotonic())
        except Exception as error:  # submitit raises what sbatch said in errors of several kinds
            said = _said(error)
            if len(ready) > 1:
                self._most, self._ready = len(ready) // 2, ready + self._ready
                return
            if self._waiting:
                self._ready = ready + self._ready
                self._complain(f"SLURM takes no more children now ({said}); the others wait for a place")
                time.sleep(POLL)
                return
            for _, ended in ready:
                ended.set_exception(Unstarted(f"SLURM refused the job: {said}"))

    def _take_up(self, start: Start, ended: Future[int], listed: Mapping[str, tuple[str, str]]) -> bool:
        """Wait for a job that an earlier process of this sweep has submitted."""
        import submitit

        file = _job_file(start)
        if not file.exists():
            return False
        job_id = json.loads(file.read_text(encoding="utf-8"))
        if listed.get(job_id, ("", ""))[0] not in LIVE:
            return False
        job: submitit.SlurmJob[int] = submitit.SlurmJob(folder=self._folder, job_id=job_id)
        self._waiting[job_id] = Waiting(start, ended, job, time.monotonic())
        return True

    def _look(self) -> None:
        listed, now = self._listed(), time.monotonic()
        if listed is None:
            if self._stopped is not None and now - self._stopped > ANSWER:
                for name, child in self._waiting.items():
                    child.ended.set_exception(Unstarted(f"SLURM does not answer: its job {name} may still run"))
                self._waiting = {}
            return
        for name, child in list(self._waiting.items()):
            state, reason = listed.get(name, ("", ""))
            if state in LIVE:
                child.gone = None
                if state == "PENDING":
                    self._give_up(name, child, reason, now)
                continue
            child.gone = child.gone or now
            if child.job.paths.result_pickle.exists():
                self._waiting.pop(name)
                _resolve(child)
            elif now - child.gone > SETTLE:
                self._waiting.pop(name)
                child.ended.set_exception(Unstarted(_post_mortem(name, child)))

    def _give_up(self, name: str, child: Waiting, reason: str, now: float) -> None:
        """Cancel a job that never starts."""
        if reason in HOPELESS:
            said = f"SLURM will never start it ({reason}): change --partition, --time or --slurm"
        elif self._within is not None and now - child.since > self._within and not child.start.log.exists():
            said = f"it did not start within {self._within / 60:g} minutes (SLURM says: {reason})"
        else:
            return
        _ask("scancel", name)
        self._waiting.pop(name)
        child.ended.set_exception(Unstarted(said))

    def _listed(self) -> dict[str, tuple[str, str]] | None:
        """Own jobs in the queue: id -> (state, reason); None if the controller does not answer now."""
        done = _ask("squeue", "--me", "--noheader", "--array", "--format=%i|%T|%r")
        if done is None or done.returncode:
            said = done.stderr.strip().splitlines()[-1:] if done else [f"nothing within {ANSWER:g} s"]
            self._complain(f"squeue does not answer ({''.join(said)}); the sweep waits")
            return None
        rows = [line.split("|") for line in done.stdout.splitlines()]
        return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            print(text, flush=True)
        self._complaint = text


def _ask(*command: str) -> subprocess.CompletedProcess[str] | None:
    """What a command of SLURM says; None if it says nothing in time."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=ANSWER)
    except subprocess.TimeoutExpired:
        return None


def check(*, partition: str | None) -> None:
    """Refuse a machine without SLURM, a controller that does not answer, and a partition that is not there.

    Raises:
        InputError: with what to do.
    """
    if shutil.which("sbatch") is None:
        raise cli.InputError("--on slurm needs SLURM's sbatch, which is not on this machine: start it on a login node")
    ping = _ask("scontrol", "ping")
    said = (ping.stdout + ping.stderr).strip().splitlines()[-1:] if ping else [f"nothing within {ANSWER:g} s"]
    if ping is None or " is UP" not in ping.stdout:
        raise cli.InputError(f"--on slurm: the controller does not answer (scontrol ping: {''.join(said)})")
    if partition is not None:
        listed = _ask("sinfo", "--noheader", "--format=%R")
        names = sorted(set(listed.stdout.split())) if listed else []
        if partition not in names:
            raise cli.InputError(
                f"--partition {partition}: SLURM has none of that name{cli.suggest(partition, names)} "
                f"(expected one of {', '.join(names)})"
            )


def minutes(text: str) -> int:
    """Minutes of SLURM's ways to write a time: 90, 1:30:00, 90:00, 2-12, 2-12:30.

    Raises:
        InputError: if it is none of them.
    """
    found = re.fullmatch(r"(?:(\d+)-(\d+)(?::(\d+)(?::(\d+))?)?|(?:(\d+):)?(\d+)(?::(\d+))?)", text.strip())
    total = 0.0
    if found:
        days, hours, after, seconds, clock, middle, last = (int(part or 0) for part in found.groups())
        if found[1]:
            total = 60 * (24 * days + hours) + after + seconds / 60
        elif found[5]:  # h:m:s
            total = 60 * clock + middle + last / 60 if found[7] else clock + middle / 60
        else:
            total = middle + last / 60
    if total <= 0:
        raise cli.InputError(f"--time: expected minutes, h:mm:ss or d-hh:mm, got {text}")
    return max(1, round(total + 0.4999))


def settings(
    *, name: str, partition: str | None, time: str, cpus: int, gpus: int, workers: int, others: Sequence[str]
) -> dict[str, Any]:
    """What submitit is told; `others` are its further settings as name=value."""
    limit = minutes(time)
    found: dict[str, Any] = {
        "job_name": name,
        "time": limit,
        "cpus_per_task": cpus,
        "array_parallelism": workers,
        "stderr_to_stdout": True,
        "signal_delay_s": min(90, 15 * limit),
        "additional_parameters": {"requeue": True},
    }
    if partition is not None:
        found["partition"] = partition
    if gpus:
        found["gpus_per_node"] = gpus
    for word in others:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise cli.InputError(f"--slurm: expected name=value like account=nlp, got {word}")
        found[key.replace("-", "_")] = int(value) if value.isdigit() else value
    return found


def _job_file(start: Start) -> Path:
    return start.log.with_suffix(".job")


def _resolve(child: Waiting) -> None:
    """Hand over what the job returned."""
    try:
        child.ended.set_result(child.job.result())
    except Exception as error:  # the job's own, as text
        said = str(error)
        found = re.search(r"Unstarted: (.+)", said) or re.search(r"Job not requeued because: (.+?)\.?(?:\n|$)", said)
        last = said.strip().splitlines()[-1] if said.strip() else type(error).__name__
        child.ended.set_exception(Unstarted(found[1] if found else last))


def _post_mortem(name: str, child: Waiting) -> str:
    """What SLURM says of a job that ended without a word."""
    done = _ask("scontrol", "show", "job", "-o", name)
    facts = dict(word.split("=", 1) for word in done.stdout.split() if "=" in word) if done else {}
    state, code, node = (facts.get(key, "?") for key in ("JobState", "ExitCode", "NodeList"))
    file = Path(child.job.paths.stdout)
    last = ""
    with contextlib.suppress(OSError):
        lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1][:300] if lines else ""
    if not file.exists():
        last = f"nothing was written: does {node} see {file.parent}?"
    return f"SLURM ended job {name} ({state}, exit code {code}): {last}"


def _said(error: Exception) -> str:
    """The sentence of sbatch in what submitit raises."""
    text = getattr(error, "stderr", None) or str(error)
    found = re.findall(r"sbatch: error: (.+)", text if isinstance(text, str) else text.decode())
    return str(found[-1] if found else text.strip().splitlines()[-1])
