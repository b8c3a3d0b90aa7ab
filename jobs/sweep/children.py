"""Trainings of a sweep: started, found again after a stop, and read from the store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.interrupts import StopRequest
from jobs.sweep.runner import Runner
from jobs.sweep.study import Candidate
from jobs.sweep.target import Target
from store.errors import StoreError
from store.tracking.parent import PARENT, RUN_FILE

PATIENCE = 15.0
"""seconds until the last line of a child that has ended is in the store"""

Task = tuple[Candidate, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one training ended."""

    candidate: Candidate
    seed: int
    run_id: str | None
    score: float | None
    reason: str
    """why there is no score; empty where there is one"""
    seconds: float = 0.0
    metrics: tuple[str, ...] = ()
    """what a finished run without the score has logged"""


@dataclass(frozen=True, slots=True)
class Children:
    """The trainings under one parent run."""

    folder: Path
    """of the sweep: a file with the run id and a log for each child"""
    db: Path
    parent: str
    target: Target
    metric: str
    runner: Runner

    def run(self, tasks: Iterator[Task], *, workers: int, stop: StopRequest) -> Iterator[Outcome]:
        """Outcomes in the order in which they come; a task is taken only when a worker is free."""
        waiting: dict[Future[tuple[int, str, float]], Task] = {}
        with ThreadPoolExecutor(workers) as pool:
            try:
                while True:
                    while not stop.requested and len(waiting) < workers and (task := next(tasks, None)):
                        if found := self._finished_before(*task):
                            yield found
                        else:
                            waiting[pool.submit(self._train, *task)] = task
                    if not waiting:
                        return
                    done, _ = wait(waiting, timeout=0.3, return_when=FIRST_COMPLETED)
                    for future in done:
                        candidate, seed = waiting.pop(future)
                        yield self._outcome(candidate, seed, *future.result())
                    if stop.requested:
                        self.runner.stop()
            except BaseException:
                self.runner.stop()
                raise

    def _train(self, candidate: Candidate, seed: int) -> tuple[int, str, float]:
        """Exit code, what kept it from starting, seconds."""
        file = self._file(candidate, seed)
        command = self.target.command(candidate.values, seed)
        if file.exists():
            go_on = self._go_on(file.read_text(encoding="utf-8"))
            if go_on is None:
                file.unlink()
            command = go_on or command
        environment = {PARENT: self.parent, RUN_FILE: str(file), "CLUEBOARD_DB": str(self.db)}
        began = time.monotonic()
        try:
            code, said = self.runner.run(command, environment, self.log(candidate, seed)), ""
        except OSError as error:
            code, said = -1, f"{command[0]} cannot be started: {error.strerror}"
        return code, said, time.monotonic() - began

    def _go_on(self, run_id: str) -> list[str] | None:
        """The command that goes on with a run that was stopped; None where it has to start again."""
        stored = self._stored(run_id)
        if stored is None or stored["status"] not in ("interrupted", "lost"):
            return None
        return self.target.resume(run_id)

    def _finished_before(self, candidate: Candidate, seed: int) -> Outcome | None:
        file = self._file(candidate, seed)
        stored = self._stored(file.read_text(encoding="utf-8")) if file.exists() else None
        if stored is None or stored["status"] != "finished":
            return None
        return self._scored(candidate, seed, stored["run_id"], 0.0)

    def _outcome(self, candidate: Candidate, seed: int, code: int, said: str, seconds: float) -> Outcome:
        file, log = self._file(candidate, seed), self.log(candidate, seed)
        if not file.exists():
            reason = said or (
                f"ended with exit code {code}: {_last_line(log)}" if code else f"stored no run in {self.db} ({log})"
            )
            return Outcome(candidate, seed, None, None, reason, seconds)
        run_id = file.read_text(encoding="utf-8")
        stored = self._wait_for(run_id)
        if stored is None or stored["status"] != "finished" or code:
            status = "not in the store yet" if stored is None else stored["status"]
            return Outcome(candidate, seed, run_id, None, f"{status}: {_last_line(log)}", seconds)
        return self._scored(candidate, seed, run_id, seconds)

    def _scored(self, candidate: Candidate, seed: int, run_id: str, seconds: float) -> Outcome:
        from store import queries

        summary = dict(queries.summary([run_id], db=self.db).select("name", "value").iter_rows())
        score = summary.get(self.metric)
        if score is None or score != score:
            said = f"{self.metric} is not a number" if self.metric in summary else f"logged no {self.metric}"
            return Outcome(candidate, seed, run_id, None, said, seconds, tuple(sorted(summary)))
        return Outcome(candidate, seed, run_id, float(score), "", seconds)

    def _wait_for(self, run_id: str) -> Mapping[str, Any] | None:
        """The stored run, once its last line has arrived."""
        end = time.monotonic() + PATIENCE
        while True:
            stored = self._stored(run_id)
            if (stored is not None and stored["status"] != "running") or time.monotonic() > end:
                return stored
            time.sleep(0.2)

    def _stored(self, run_id: str) -> Mapping[str, Any] | None:
        from store import queries

        queries.refresh(self.db)
        try:
            return queries.run(run_id, self.db)
        except StoreError:
            return None

    def _file(self, candidate: Candidate, seed: int) -> Path:
        return self.folder / f"{candidate.number}-{seed}.run"

    def log(self, candidate: Candidate, seed: int) -> Path:
        """What the child printed."""
        return self.folder / f"{candidate.number}-{seed}.log"


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"{lines[-1][:300]} ({log})" if lines else f"it printed nothing ({log})"
