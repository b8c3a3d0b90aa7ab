"""What a sweep says: a line for each training, a table at the end, and what the store keeps of it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.evidence.intervals import mean_interval
from jobs.files import aside
from jobs.sweep.children import Outcome
from jobs.sweep.search import Progress
from jobs.sweep.study import Candidate
from jobs.sweep.target import Target
from store.runs import Run

TRIALS, CANDIDATES, FILE = "sweep_trials", "sweep_candidates", "sweep.json"


def line(outcome: Outcome, progress: Progress, metric: str) -> str:
    """How a training ended."""
    about = f"[{len(progress.outcomes)}/{progress.total}] {outcome.candidate.title}, seed {outcome.seed}"
    said = f"{metric} {outcome.score:.4f}" if outcome.score is not None else f"failed: {outcome.reason}"
    if outcome.pruned:
        said += f", {outcome.reason}"
    took = f", {outcome.seconds:.0f} s" if outcome.seconds else ", finished before"
    return f"{about}: {said}{took}  {outcome.run_id or ''}"


def keep(outcome: Outcome, run: Run) -> None:
    """Store the training as a cell of the parent."""
    axes = {
        "candidate": outcome.candidate.number,
        "parameters": outcome.candidate.title,
        "on_seed": outcome.seed,
    }
    run.measure(TRIALS, axes, score=outcome.score, failed=float(outcome.score is None))


def close(run: Run, progress: Progress, target: Target, *, metric: str, lower_is_better: bool) -> None:
    """Print the candidates, the best one with its command, and the conclusion; store them."""
    rows = ranked(progress, lower_is_better)
    print(f"\n{metric:>14} {'95% interval':>18} {'seeds':>5}  candidate")
    for candidate, scores in rows:
        value, low, high = interval(scores)
        run.measure(
            CANDIDATES,
            {"candidate": candidate.number, "parameters": candidate.title},
            score=(value, low, high, len(scores)),
            dropped_after=progress.dropped.get(candidate.number),
        )
        bounds = f"{low:.4f} to {high:.4f}" if low is not None and high is not None else ""
        given_up = note(candidate, progress)
        print(f"{value:>14.4f} {bounds:>18} {len(scores):>5}  {candidate.title}{given_up}")
    failures = [outcome for outcome in progress.outcomes.values() if outcome.score is None]
    for outcome in failures:
        print(f"failed: {outcome.candidate.title}, seed {outcome.seed}: {outcome.reason}")
    found = document(progress, target, metric=metric, lower_is_better=lower_is_better)
    if "best" in found:
        run.summary({f"best/{metric}": found["best_score"]})
        print(f"best: {found['title']}\n  {found['command']}")
    trained = len(progress.outcomes)
    run.summary({"sweep/trainings": trained, "sweep/failed": len(failures), "sweep/full_grid": progress.total})
    if progress.conclusion:
        print(progress.conclusion)
    print(f"{trained} of {progress.total} trainings, {len(failures)} failed; sweep {run.run_id}")
    write(run.folder, found)
    run.artifact(FILE, "sweep", run.folder / FILE)


def document(progress: Progress, target: Target, *, metric: str, lower_is_better: bool) -> dict[str, Any]:
    """The trainings so far, the best setting with its command, and the conclusion: what the page of a sweep reads."""
    found: dict[str, Any] = {
        "metric": metric,
        "total": progress.total,
        "conclusion": progress.conclusion,
        "trainings": [
            {"candidate": outcome.candidate.number, "parameters": outcome.candidate.values, "seed": outcome.seed}
            | {"run": outcome.run_id, "score": outcome.score, "failed": outcome.reason}
            for outcome in progress.outcomes.values()
        ],
    }
    rows = ranked(progress, lower_is_better)
    whole = [row for row in rows if not progress.failed(row[0]) and row[0].number not in progress.dropped]
    if whole:
        best, scores = whole[0]
        value, low, high = interval(scores)
        found |= {"best": best.values, "title": best.title, "best_score": value}
        found |= {"best_interval": [low, high] if low is not None else None}
        found["command"] = shown(target.command(best.values, min(outcome.seed for outcome in progress.of(best))))
        found["runs"] = [outcome.run_id for outcome in progress.of(best)]
    return found


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """Keep the document; a reader sees the old one or the new one."""
    with aside(folder / FILE) as side:
        side.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


def shown(command: Sequence[str]) -> str:
    """A child's command as it is typed; `python` stands for the interpreter that runs the sweep."""
    return shlex.join("python" if word == sys.executable else word for word in command)


def note(candidate: Candidate, progress: Progress) -> str:
    """Why a candidate was given up; empty for the others."""
    if candidate.number not in progress.dropped:
        return ""
    reasons = [outcome.reason for outcome in progress.of(candidate) if outcome.pruned]
    return f"  ({reasons[0] if reasons else f'dropped after {progress.dropped[candidate.number]} seeds'})"


def ranked(progress: Progress, lower_is_better: bool) -> list[tuple[Candidate, list[float]]]:
    """Candidates with their scores, the best mean first."""
    found: dict[Candidate, list[float]] = {}
    for outcome in progress.outcomes.values():
        if outcome.score is not None:
            found.setdefault(outcome.candidate, []).append(outcome.score)
    sign = 1 if lower_is_better else -1
    return sorted(found.items(), key=lambda row: sign * float(np.mean(row[1])))


def interval(scores: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean with its interval over seeds; without one where a single seed says nothing of the others."""
    if len(scores) < 2:
        return scores[0], None, None
    found = mean_interval(np.asarray(scores))
    return found.value, found.low, found.high
