"""The process that starts the local children of a sweep by forking.

A job of the project runs in the fork itself: what the first child imported is imported here before the next one is
forked, so that the others pay no imports. Any other command is executed in the fork. The sweep speaks through standard
input, a JSON line a child; its end, by whatever signal, is the end of that pipe: then every child is asked to save,
killed when the time for that is over, and the launcher ends. All of them hold a lock on a file of the sweep, so that a
sweep that goes on waits until nothing of the earlier one writes any more.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import runpy
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from jobs.sweep.runners.base import GRACE
from jobs.sweep.runners.task import die_with_parent


@dataclass(frozen=True, slots=True)
class Child:
    """A fork that runs."""

    name: str
    module: str
    """job that it runs in the fork; empty for a command that is executed"""
    imported: IO[str]
    """where it says which modules it has imported"""


class Launcher:
    """Forks children and says how they ended."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self._children: dict[int, Child] = {}
        self._known: set[str] = set()
        self._learned: dict[str, list[str]] = {}
        self._wake, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def serve(self) -> None:
        """Work until the sweep is gone."""
        rest = b""
        while True:
            ready, _, _ = select.select([0, self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if 0 in ready:
                data = os.read(0, 1 << 16)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
        self._end()

    def _obey(self, message: dict[str, Any]) -> None:
        if "signal" in message:
            self._signal(message["signal"], message.get("child"))
            return
        command = message["command"]
        module = job_of(command)
        surroundings = {**os.environ, **message["environment"]}
        if not module and shutil.which(command[0], path=surroundings.get("PATH")) is None:
            self._answer({"child": message["child"], "failed": f"{command[0]} cannot be started: it is not there"})
            return
        self._import(module)
        imported = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed when the child has ended
        ready, tell = os.pipe()
        pid = os.fork()
        if pid:
            os.close(tell)
            os.read(ready, 1)  # from now on signals reach it
            os.close(ready)
            self._children[pid] = Child(message["child"], module, imported)
            return
        code = 70
        try:
            code = self._inside(command, module, surroundings, message["log"], imported, tell)
        finally:
            os._exit(code)

    def _inside(
        self, command: list[str], module: str, surroundings: dict[str, str], log: str, imported: IO[str], tell: int
    ) -> int:
        """In the fork: become the child."""
        os.setsid()
        die_with_parent()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(tell)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (said, 1), (said, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(surroundings)
        if not module:
            os.execvpe(command[0], command, surroundings)
        code = run_job(module, command[3:])
        json.dump([name for name, found in sys.modules.items() if found is not None], imported)
        imported.flush()
        return code

    def _import(self, module: str) -> None:
        """Import what an earlier child of the same job needed."""
        for name in self._learned.pop(module, []):
            if name not in sys.modules and not name.startswith("__"):
                with contextlib.suppress(Exception):
                    import_module(name)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            child = self._children.pop(pid)
            if child.module and child.module not in self._known:
                child.imported.seek(0)
                if text := child.imported.read():
                    self._learned[child.module] = json.loads(text)
                    self._known.add(child.module)
            child.imported.close()
            self._answer({"child": child.name, "code": os.waitstatus_to_exitcode(status)})

    def _answer(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.write(self._answers, json.dumps(message).encode() + b"\n")

    def _signal(self, number: int, name: str | None = None) -> None:
        for pid, child in self._children.items():
            if name in (None, child.name):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, number)

    def _end(self) -> None:
        """Ask all to save, and kill those that still run when the time for that is over."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.05)
        self._signal(signal.SIGKILL)


def job_of(command: list[str]) -> str:
    """The job's module, where the command is `PYTHON -m jobs.…` with the Python that runs here; else nothing."""
    own = len(command) > 2 and command[0] == sys.executable and command[1] == "-m" and command[2].startswith("jobs.")
    return command[2] if own else ""


def run_job(module: str, arguments: list[str]) -> int:
    """Exit code of a job that runs in this process as `python -m` would run it."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main(lock: Path) -> None:
    """Hold the sweep's lock and serve; the answers go to what was standard output."""
    held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("the children of this sweep still run")
    os.set_inheritable(held, True)  # also what a child executes holds it
    answers = os.dup(1)
    os.dup2(2, 1)
    Launcher(answers).serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
