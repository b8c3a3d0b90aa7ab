"""The queue of jobs that a page started: asked for as files, run by a process of its own (`jobs/launch/queue.py`)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import queries
from dashboard.parts.runs import run_actions

ROOT = Path(__file__).parents[3]
SWITCH = "CLUEBOARD_JOBS"
TAIL = 6000
"""Characters of a log that are shown."""
_SECONDS = 60.0
_WORKERS: list[subprocess.Popen[bytes]] = []
"""Processes that this one started and has to collect; they go on without it."""


def allowed() -> bool:
    """Whether jobs may be started and stopped here: the server was started for it, and listens on this machine only."""
    return os.environ.get(SWITCH) == "1" and run_actions.may_delete()


@st.cache_resource(show_spinner="Reading the jobs …")
def catalogue() -> list[dict[str, Any]]:
    """Every job with its flags; kept in a file until a job's flags change."""
    sources = [*ROOT.glob("jobs/*/config.py"), ROOT / "jobs" / "cli.py", *ROOT.glob("jobs/launch/*.py")]
    newest = max(path.stat().st_mtime_ns for path in sources)
    kept = _folder() / "catalogue.json"
    known = _read(kept)
    if known.get("of") == [str(ROOT), newest]:
        return list(known["jobs"])
    command = [sys.executable, "-m", "jobs.launch.catalogue"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=_SECONDS)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    if kept.parent.parent.exists():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({"of": [str(ROOT), newest], "jobs": found}, ensure_ascii=False), encoding="utf-8")
    return found


def estimate(words: Sequence[str]) -> str:
    """What the job says of its settings, data and time without doing anything."""
    command = [sys.executable, *words[1:], "--dry-run"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"The job did not answer within {_SECONDS:.0f} s."
    return (done.stdout + done.stderr).strip()


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that was asked for."""

    id: str
    words: tuple[str, ...]
    state: dict[str, Any]

    @property
    def status(self) -> str:
        """waiting, running, finished, failed, stopped or taken out."""
        if not self.state:
            return "waiting"
        if self.state.get("taken_out"):
            return "taken out"
        code = self.state.get("code")
        if code is None:
            return "running"
        return "finished" if code == 0 else "stopped" if "asked_to_stop" in self.state else "failed"


def entries() -> list[Entry]:
    """What was asked for, newest first."""
    found = []
    for path in sorted(_folder().glob("*.ask.json"), reverse=True):
        asked = _read(path)
        if isinstance(asked.get("command"), list):
            name = path.name.removesuffix(".ask.json")
            found.append(Entry(name, tuple(map(str, asked["command"])), _read(_folder() / f"{name}.json")))
    return found


def add(words: Sequence[str], *, at_once: int) -> str:
    """Ask for a job and see that somebody works on the queue; returns its id."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}"
    (folder / "at_once").write_text(str(at_once))
    whole = folder / f".{name}"
    whole.write_text(json.dumps({"command": list(words), "asked_at": time.time()}), encoding="utf-8")
    whole.replace(folder / f"{name}.ask.json")
    _work()
    return name


def end(entry: Entry, *, kill: bool) -> None:
    """Ask a job to save and end, or end it at once; one that waits is taken out of the queue."""
    (_folder() / f"{entry.id}.{'kill' if kill else 'stop'}").touch()
    _work()


def log(entry: Entry) -> str:
    """The end of what a job printed."""
    path = _folder() / f"{entry.id}.log"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4 * TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [
        line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")
    ]  # of a bar that moves: its end
    return "\n".join(lines)[-TAIL:].strip()


def _work() -> None:
    """A process that works on the queue; where one does already, the second ends by itself."""
    command = [sys.executable, "-m", "jobs.launch.queue", "--folder", str(_folder())]
    _WORKERS[:] = [worker for worker in _WORKERS if worker.poll() is None]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    _WORKERS.append(subprocess.Popen(command, cwd=ROOT, env=_environment(), start_new_session=True, **quiet))


def _environment() -> dict[str, str]:
    return {**os.environ, "CLUEBOARD_DB": str(queries.database())}


def _folder() -> Path:
    return queries.folder() / "jobs"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
