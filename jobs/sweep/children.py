"""Trainings of a sweep: started, found again after a stop, and read from the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from jobs.interrupts import StopRequest
from jobs.sweep.runners.base import Runner, Start, Unstarted, passed_on
from jobs.sweep.study import Candidate
from jobs.sweep.target import Target
from store import paths
from store.spool.packing import unpack
from store.spool.watched import Watched
from store.tracking.parent import FOLLOW, PARENT, RUN_FILE

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
    pruned: bool = False
    """ended because it was behind; the score is its best until then"""


@dataclass(frozen=True, slots=True)
class Children:
    """The trainings under one parent run."""

    folder: Path
    """of the sweep: a file with the run id and a log for each child"""
    db: Path
    parent: str
    target: Target
    metric: str
    lower_is_better: bool
    runner: Runner
    behind: Callable[[Candidate, list[float]], bool] | None = None
    """whether a training with these scores so far is to be ended"""

    def run(
        self, tasks: Iterator[Task], *, workers: int, stop: StopRequest, running: set[tuple[int, int]]
    ) -> Iterator[Outcome]:
        """Outcomes in the order in which they come; a task is taken only when a worker is free.

        Args:
            tasks: candidates with their seeds.
            workers: trainings at once.
            stop: whether somebody has asked the sweep to stop.
            running: kept up to date: (candidate, seed) of the trainings at work.
        """
        waiting: dict[Future[tuple[int, str, float]], Task] = {}
        ended: set[Task] = set()
        with ThreadPoolExecutor(workers) as pool:
            try:
                while True:
                    while not stop.requested and len(waiting) < workers and (task := next(tasks, None)):
                        if found := self._finished_before(*task):
                            yield found
                        else:
                            waiting[pool.submit(self._train, *task)] = task
                            running.add((task[0].number, task[1]))
                    if not waiting:
                        return
                    done, _ = wait(waiting, timeout=0.3, return_when=FIRST_COMPLETED)
                    ended |= {task for task in set(waiting.values()) - ended if self._end_if_behind(*task)}
                    for future in done:
                        candidate, seed = waiting.pop(future)
                        running.discard((candidate.number, seed))
                        outcome = self._outcome(candidate, seed, *future.result())
                        pruned = (candidate, seed) in ended and outcome.score is None
                        yield self.pruned(candidate, seed, outcome.seconds) if pruned else outcome
                    if stop.requested:
                        self.runner.stop()
            except BaseException:
                self.runner.stop()
                raise

    def pruned(self, candidate: Candidate, seed: int, seconds: float = 0.0) -> Outcome:
        """The outcome of a training that was ended because it was behind."""
        found = self.watch(candidate, seed)
        course = [value for _, value in found.course] if found else []
        best = (min if self.lower_is_better else max)(course, default=None)
        said = f"ended after {len(course)} evaluations, behind others"
        return Outcome(candidate, seed, found.path.stem if found else None, best, said, seconds, pruned=True)

    def _end_if_behind(self, candidate: Candidate, seed: int) -> bool:
        if self.behind is None:
            return False
        found = self.watch(candidate, seed)
        if found is None or not self.behind(candidate, [value for _, value in found.course]):
            return False
        self.runner.end(self._start(candidate, seed))
        return True

    def _train(self, candidate: Candidate, seed: int) -> tuple[int, str, float]:
        """Exit code, what kept it from starting, seconds."""
        start, began = self._start(candidate, seed), time.monotonic()
        try:
            code, said = self.runner.run(start), ""
        except Unstarted as reason:
            code, said = -1, str(reason)
        return code, said, time.monotonic() - began

    def _start(self, candidate: Candidate, seed: int) -> Start:
        environment = {
            **passed_on(),
            PARENT: self.parent,
            RUN_FILE: str(self._file(candidate, seed)),
            FOLLOW: "0",
            "CLUEBOARD_DB": str(self.db),
        }
        command = tuple(self.target.child(candidate.values, seed))
        return Start(command, environment, self.log(candidate, seed), self.target.resumes)

    def _finished_before(self, candidate: Candidate, seed: int) -> Outcome | None:
        found = self.watch(candidate, seed)
        if found is None or found.ended != "finished":
            return None
        return self._scored(candidate, seed, found, 0.0)

    def _outcome(self, candidate: Candidate, seed: int, code: int, said: str, seconds: float) -> Outcome:
        found, log = self.watch(candidate, seed), self.log(candidate, seed)
        if found is None:
            reason = said or (
                f"ended with exit code {code}: {_last_line(log)}" if code else f"stored no run in {self.db} ({log})"
            )
            return Outcome(candidate, seed, None, None, reason, seconds)
        if found.status != "finished" or code:
            reason = said or f"{found.status}: {_last_line(log)}"
            return Outcome(candidate, seed, found.path.stem, None, reason, seconds)
        return self._scored(candidate, seed, found, seconds)

    def _scored(self, candidate: Candidate, seed: int, found: Watched, seconds: float) -> Outcome:
        run_id, score = found.path.stem, found.summary.get(self.metric)
        if score is None or score != score:
            said = f"{self.metric} is not a number" if score is not None else f"logged no {self.metric}"
            return Outcome(candidate, seed, run_id, None, said, seconds, tuple(sorted(found.summary)))
        return Outcome(candidate, seed, run_id, score, "", seconds)

    def watch(self, candidate: Candidate, seed: int) -> Watched | None:
        """What the child's run has said so far; None where it has no run yet."""
        file = self._file(candidate, seed)
        run_id = file.read_text(encoding="utf-8") if file.exists() else ""
        if not run_id:
            return None
        path = paths.locate(self.db).spool_file(run_id)
        unpack(path)  # a run that was done before may be packed by now
        found = Watched(path, self.metric)
        found.look()
        return found if path.exists() else None

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
