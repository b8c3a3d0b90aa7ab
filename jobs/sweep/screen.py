"""The sweep on the terminal: a table that updates, or a line a training where the output is no terminal."""

from __future__ import annotations

import statistics
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from jobs.sweep import report
from jobs.sweep.children import Outcome
from jobs.sweep.search import Progress

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

ROWS = 12
"""candidates shown; the rest are counted"""


class Screen:
    """Use as a context manager; `add` after each training."""

    def __init__(self, progress: Progress, *, metric: str, workers: int, lower_is_better: bool) -> None:
        self._progress, self._metric, self._workers = progress, metric, workers
        self._lower_is_better = lower_is_better
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(get_renderable=self._table, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def add(self, outcome: Outcome) -> None:
        """Say how a training ended."""
        said = report.line(outcome, self._progress, self._metric)
        if self._live is None:
            print(said, flush=True)
        else:
            self._live.console.print(said, markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        from rich.table import Table

        rows = report.ranked(self._progress, self._lower_is_better)
        table = Table(title=headline(self._progress, self._workers), title_justify="left", box=None)
        for name in (self._metric, "95% interval", "seeds", "candidate"):
            table.add_column(name, justify="left" if name == "candidate" else "right")
        for candidate, scores in rows[:ROWS]:
            value, low, high = report.interval(scores)
            bounds = "" if low is None or high is None else f"{low:.4f} to {high:.4f}"
            note = report.note(candidate, self._progress)
            table.add_row(f"{value:.4f}", bounds, str(len(scores)), candidate.title + note)
        if len(rows) > ROWS:
            table.caption = f"and {len(rows) - ROWS} more"
        return table


def headline(progress: Progress, workers: int) -> str:
    """Running, done, failed, and the time left."""
    done = len(progress.outcomes)
    failed = sum(outcome.score is None for outcome in progress.outcomes.values())
    said = f"{len(progress.running)} running, {done} of {progress.total} done"
    if failed:
        said += f", {failed} failed"
    left = time_left(progress, workers)
    return f"{said}, about {left} left at most" if left else said


def time_left(progress: Progress, workers: int) -> str:
    """Rough time until the full grid is done; empty while no training has ended."""
    seconds = [outcome.seconds for outcome in progress.outcomes.values() if outcome.seconds]
    if not seconds:
        return ""
    left = statistics.fmean(seconds) * (progress.total - len(progress.outcomes)) / workers
    if left < 90:
        return f"{left:.0f} s"
    return f"{left / 60:.0f} min" if left < 5400 else f"{left / 3600:.1f} h"
