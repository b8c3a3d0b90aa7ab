"""The two ways through a sweep: every candidate with every seed, or rounds of seeds until the best is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.evidence import stopping
from engine.evidence.joint import LEAST_SEEDS
from jobs import cli
from jobs.interrupts import StopRequest
from jobs.sweep import answers
from jobs.sweep.children import Children, Outcome, Task
from jobs.sweep.study import Candidate, Study

if TYPE_CHECKING:
    import numpy as np


@dataclass(slots=True)
class Progress:
    """What is known so far."""

    total: int
    """trainings of the full grid"""
    outcomes: dict[tuple[int, int], Outcome] = field(default_factory=dict)
    """(candidate, seed) -> how it ended"""
    dropped: dict[int, int] = field(default_factory=dict)
    """candidate -> seeds after which it was worse beyond doubt"""
    running: set[tuple[int, int]] = field(default_factory=set)
    """(candidate, seed) of the trainings at work"""
    conclusion: str = ""
    """what the evidence says, and why the sweep ended"""
    rests_on: str = ""
    """what the comparisons are made of: seeds, or seeds and examples"""

    def of(self, candidate: Candidate) -> list[Outcome]:
        """Outcomes of one candidate that have a score."""
        return [
            outcome
            for (number, _), outcome in self.outcomes.items()
            if number == candidate.number and outcome.score is not None
        ]

    def failed(self, candidate: Candidate) -> bool:
        """Whether a training of it failed: its mean would be over other seeds than the others'."""
        return any(
            number == candidate.number and outcome.score is None for (number, _), outcome in self.outcomes.items()
        )


@dataclass(frozen=True, slots=True)
class Search:
    """A sweep at work."""

    children: Children
    study: Study
    seeds: Sequence[int]
    workers: int
    lower_is_better: bool
    stop: StopRequest
    progress: Progress

    def every(self) -> Iterator[Outcome]:
        """Train every candidate with every seed; Optuna hears of a candidate when its last seed is done."""
        yield from self._ended_before()
        for outcome in self._train((candidate, seed) for candidate in self._candidates() for seed in self.seeds):
            yield outcome
            candidate = outcome.candidate
            if outcome.pruned:
                self._tell(candidate, dropped=True)
            elif sum(number == candidate.number for number, _ in self.progress.outcomes) == len(self.seeds):
                self._tell(candidate)

    def _ended_before(self) -> Iterator[Outcome]:
        """Trainings that the pruner ended before the sweep was stopped: they stay ended."""
        for candidate in self.study.begun():
            if self.children.behind and self.study.pruned(candidate):
                outcome = self.children.pruned(candidate, self.seeds[0])
                self.progress.outcomes[candidate.number, outcome.seed] = outcome
                self.progress.dropped[candidate.number] = 1
                yield outcome

    def _candidates(self) -> Iterator[Candidate]:
        ended = {number for number, _ in self.progress.outcomes}
        return (candidate for candidate in self.study.candidates() if candidate.number not in ended)

    def until_decided(self, within: float) -> Iterator[Outcome]:
        """Train in rounds of seeds, drop what is worse beyond doubt, stop when the best is known to within a bound."""
        candidates = {candidate.number: candidate for candidate in self.study.candidates()}
        plan = stopping.Plan(candidates=len(candidates), seeds=len(self.seeds))
        race = stopping.Race(list(candidates), plan, within)
        for used in range(LEAST_SEEDS, len(self.seeds) + 1):
            yield from self._round(race, candidates, used)
            if race.leader is None or race.leader not in race.alive:
                left = candidates[race.alive[0]].title if race.alive else "none"
                self.progress.conclusion = f"Not decided: all candidates but {left} failed."
                break
            self._conclude(race, candidates[race.leader], used)
            if race.decided:
                break
        for number in race.alive:
            self._tell(candidates[number])

    def _round(self, race: stopping.Race[int], candidates: Mapping[int, Candidate], used: int) -> Iterator[Outcome]:
        """Train the contested candidates with so many seeds, and look at them; again with all when the lead changes."""
        while True:
            compared = list(race.contested)
            yield from self._train(
                (candidates[number], seed)
                for seed in self.seeds[:used]
                for number in compared
                if (number, seed) not in self.progress.outcomes
            )
            failed = [number for number in compared if self.progress.failed(candidates[number])]
            for number in failed:
                self._tell(candidates[number])
            race.leave_out(failed)
            if len(race.alive) < 2:
                return
            if set(race.contested) <= set(compared):
                for number in race.look(self._scores(race.contested, used)):
                    self.progress.dropped[number] = used
                    self._tell(candidates[number], dropped=True)
                if set(race.contested) <= set(compared):
                    return

    def _conclude(self, race: stopping.Race[int], leader: Candidate, used: int) -> None:
        """Say what the looks so far have shown."""
        gap, asked = f"{100 * race.gap:.2g} points", f"{100 * race.within:g} points"
        if race.decided:
            said = f"Decided: no other candidate is better than {leader.title} by more than {gap}"
        else:
            said = (
                f"Not decided within the seeds given: {leader.title} leads, another may still be better by up to {gap}"
            )
        rests = f"{used} of {len(self.seeds)} seeds, by {self.progress.rests_on}"
        said += f" (asked: {asked}; {rests}, {race.plan.level:.0%} error over all looks together)."
        self.progress.conclusion = said

    def _scores(self, numbers: Sequence[int], used: int) -> dict[int, np.ndarray]:
        finished = {number: [self.progress.outcomes[number, seed] for seed in self.seeds[:used]] for number in numbers}
        scores, self.progress.rests_on = answers.scores(
            finished, metric=self.children.metric, lower_is_better=self.lower_is_better, db=self.children.db
        )
        return scores

    def _train(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        """Outcomes of the tasks, kept in the progress."""
        running = self.progress.running
        begun = self.children.run(tasks, workers=self.workers, stop=self.stop, running=running)
        with closing(begun) as outcomes:  # type: ignore[type-var]
            for outcome in outcomes:
                if self.stop.requested and outcome.score is None:  # stopped, not failed: it goes on with --resume
                    continue
                self._demand_metric(outcome)
                self.progress.outcomes[outcome.candidate.number, outcome.seed] = outcome
                if outcome.pruned:
                    self.progress.dropped[outcome.candidate.number] = 1
                yield outcome
        if self.stop.requested:
            raise KeyboardInterrupt

    def _demand_metric(self, outcome: Outcome) -> None:
        """Refuse a metric that the first finished child does not log: the others would not either."""
        metric, known = self.children.metric, outcome.metrics
        if outcome.run_id and not outcome.reason.startswith(f"logged no {metric}"):
            return
        if outcome.run_id and not any(other.score is not None for other in self.progress.outcomes.values()):
            said = ", ".join(known) or "nothing"
            raise cli.InputError(
                f"run {outcome.run_id} logged no {metric}{cli.suggest(metric, known)} (it logged {said}): say --metric"
            )

    def _tell(self, candidate: Candidate, *, dropped: bool = False) -> None:
        scores = [outcome.score for outcome in self.progress.of(candidate) if outcome.score is not None]
        failed = self.progress.failed(candidate) or not scores
        self.study.tell(candidate, None if failed else sum(scores) / len(scores), dropped=dropped)
