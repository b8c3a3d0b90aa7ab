"""Progress bars with time left, which also tell the store how far a run is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from store.runs import Run

T = TypeVar("T")


class Bar:
    """A bar on the terminal (stderr) and the progress of a run, at most one line to the store a second.

    Use as a context manager; `advance` after each piece of work, with the numbers to show beside the bar.
    """

    def __init__(
        self,
        total: float,
        title: str,
        *,
        run: Run | None = None,
        unit: str = "it",
        start: float = 0,
        counts: bool = True,
    ) -> None:
        from tqdm import tqdm

        self.run = run
        form = None if counts else "{l_bar}{bar}| [{elapsed}<{remaining}{postfix}]"
        look = {"dynamic_ncols": True, "mininterval": 0.2, "bar_format": form}
        self.bar = tqdm(total=total, desc=title, unit=unit, initial=start, **look)
        self.reported = 0.0

    def advance(self, amount: float = 1, **shown: Any) -> None:
        """Move the bar; `shown` are the numbers beside it, such as loss=0.31."""
        if shown:
            self.bar.set_postfix(shown, refresh=False)
        self.bar.update(amount)
        if self.run is not None and time.monotonic() - self.reported >= 1.0:
            self.reported = time.monotonic()
            done, rate = self.bar.n / max(self.bar.total, 1), self.bar.format_dict["rate"]
            self.run.progress(min(done, 1.0), eta_s=(self.bar.total - self.bar.n) / rate if rate else None)

    def write(self, line: str) -> None:
        """Print a line above the bar."""
        self.bar.write(line)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()


def say(line: str) -> None:
    """Print a line above the bars that are drawn."""
    from tqdm import tqdm

    with tqdm.external_write_mode():
        print(line, flush=True)


def track_cost(items: Iterable[T], title: str, cost: Callable[[T], float], *, run: Run | None = None) -> Iterator[T]:
    """Yield the items behind a bar that moves by the cost of each, in any unit: the time left follows it."""
    items = list(items)
    with Bar(sum(map(cost, items)), title, run=run, counts=False) as bar:
        for item in items:
            yield item
            bar.advance(cost(item))


def track(items: Iterable[T], title: str, *, run: Run | None = None, total: int | None = None) -> Iterator[T]:
    """Yield the items behind a progress bar."""
    items = items if total is not None else list(items)
    with Bar(total if total is not None else len(items), title, run=run) as bar:  # type: ignore[arg-type]
        for item in items:
            yield item
            bar.advance()
