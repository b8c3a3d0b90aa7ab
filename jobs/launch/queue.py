"""A queue of jobs: so many at once, each a process of its own that outlives whoever asked for it.

python -m jobs.launch.queue --folder results/jobs --at-once 1

The dashboard starts it, and it ends when nothing is left to do. Everything is in the folder: `<id>.ask.json` holds the
command of a job as a list of words (a job of this project, never a shell's line), `<id>.json` what became of it,
`<id>.log` what it printed; `at_once` changes the number while it works. A file `<id>.stop` asks a job to save and end
(SIGTERM), `<id>.kill` ends it at once; either takes one that waits out of the queue. One process works on a folder,
under a flock; jobs that an earlier one started are counted until they end.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jobs import cli, tracking
from jobs.sweep.target import job_names

ROOT = Path(__file__).parents[2]
PAUSE_S = 0.2
PATIENCE_S = 5.0
"""How long a second process waits for the first to end: it may be about to leave without the newest job."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Run the jobs that wait in a folder."""

    folder: Path
    """where the jobs are asked for, and where their output goes"""
    at_once: int = 1
    """jobs that run at the same time"""


def words_of(asked: Any) -> list[str]:
    """The command of a job as words, `python` as this interpreter.

    Raises:
        InputError: if it is no job of this project.
    """
    words = asked.get("command") if isinstance(asked, dict) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or len(words) < 3:
        raise cli.InputError("the command must be a list of at least three words")
    allowed = {f"jobs.{name}" for name in (*job_names(), "sweep")}
    if words[:2] != ["python", "-m"] or words[2] not in allowed:
        raise cli.InputError(
            f"only jobs of this project are started here ({', '.join(sorted(allowed))}), got {' '.join(words[:3])}"
        )
    return [sys.executable, *words[1:]]


def run(config: Config) -> None:
    """Work until nothing waits and nothing runs."""
    if config.at_once < 1:
        raise cli.InputError(f"--at-once must be at least 1, got {config.at_once}")
    config.folder.mkdir(parents=True, exist_ok=True)
    with (config.folder / "lock").open("w") as lock:
        if not _locked(lock.fileno()):
            return  # another process works here and will see what is new
        children: dict[str, subprocess.Popen[bytes]] = {}
        while True:
            _collect(config.folder, children)
            _obey(config.folder)
            running = _running(config.folder, children)
            waiting = _waiting(config.folder)
            for name in waiting[: max(0, _at_once(config) - running)]:
                _start(config.folder, name, children)
            if not waiting and not running:
                return
            time.sleep(PAUSE_S)


def start_time(pid: int) -> str | None:
    """When a process began, as its system says it; None where there is none: a number alone may be another's by now."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    said = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.strip() or None


def _locked(fd: int) -> bool:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


def _at_once(config: Config) -> int:
    try:
        return max(1, int((config.folder / "at_once").read_text()))
    except (OSError, ValueError):
        return config.at_once


def _waiting(folder: Path) -> list[str]:
    """Jobs that were asked for and have not started, in the order in which they were."""
    asked = sorted(path.name.removesuffix(".ask.json") for path in folder.glob("*.ask.json"))
    return [name for name in asked if not (folder / f"{name}.json").exists()]


def _obey(folder: Path) -> None:
    """Stop the jobs that somebody wants stopped, each wish once."""
    for ending, number in (("stop", signal.SIGTERM), ("kill", signal.SIGKILL)):
        for wish in sorted(folder.glob(f"*.{ending}")):
            name = wish.stem
            wish.unlink(missing_ok=True)
            job = _read(folder / f"{name}.json")
            if not job and (folder / f"{name}.ask.json").exists():
                _write(folder, name, {"code": None, "taken_out": True})
            elif job.get("code") is None and "pid" in job and start_time(job["pid"]) == job["began"]:
                os.kill(job["pid"], number)
                _write(folder, name, job | {"asked_to_stop": ending})


def _running(folder: Path, children: dict[str, subprocess.Popen[bytes]]) -> int:
    """Jobs that run: this process's own, and those of one before it that still live."""
    states = [path for path in folder.glob("*.json") if (folder / f"{path.stem}.ask.json").exists()]
    known = [_read(path) for path in states]
    open_ones = [job for job in known if job.get("code") is None and "pid" in job]
    others = [job for job in open_ones if job["id"] not in children and start_time(job["pid"]) == job["began"]]
    return len(children) + len(others)


def _start(folder: Path, name: str, children: dict[str, subprocess.Popen[bytes]]) -> None:
    with (folder / f"{name}.log").open("ab") as log:
        try:
            words = words_of(_read(folder / f"{name}.ask.json"))
        except cli.InputError as error:
            log.write(f"error: {error}\n".encode())
            _write(folder, name, {"code": 2})
            return
        environment = {**os.environ, tracking.STARTED: "started from a page"}
        child = subprocess.Popen(
            words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    children[name] = child
    _write(folder, name, {"pid": child.pid, "began": start_time(child.pid), "started_at": time.time(), "code": None})


def _collect(folder: Path, children: dict[str, subprocess.Popen[bytes]]) -> None:
    """Note how the children ended that have."""
    for name, child in list(children.items()):
        if child.poll() is not None:
            _write(folder, name, _read(folder / f"{name}.json") | {"code": child.returncode, "ended_at": time.time()})
            del children[name]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(folder: Path, name: str, state: dict[str, Any]) -> None:
    whole = folder / f".{name}.{os.getpid()}"
    whole.write_text(json.dumps({"id": name, **state}), encoding="utf-8")
    whole.replace(folder / f"{name}.json")


if __name__ == "__main__":
    cli.main(__doc__, (Config, run))
