"""What a reader of another tracker's files hands over."""

from dataclasses import dataclass, field
from typing import Any

IMPORTED = "imported"
"""Host of a run that another tracker logged, since no process of this machine writes it; a tag of it too."""


@dataclass(slots=True)
class Foreign:
    """One run of another tracker."""

    origin: str  # what names it wherever its files lie: an id of its tracker, or a checksum of its first record
    name: str
    config: dict[str, Any]
    events: list[tuple[float, int, dict[str, float]]] = field(default_factory=list)  # Unix time, step, values
    summary: dict[str, float] = field(default_factory=dict)  # what it says of itself, where that is not its last value
    note: str = ""
    tags: tuple[str, ...] = ()
    experiment: str | None = None  # what the other tracker calls its project or experiment
    status: str | None = "finished"  # finished, failed or interrupted; None while it still runs
    started: float | None = None  # Unix time; None takes the first event's
    ended: float | None = None
    fields: dict[str, Any] = field(default_factory=dict)  # further columns of `runs`: command, git_commit
    parent: str | None = None  # origin of the run it belongs to
    before: str | None = None  # origin under which an earlier version of this program stored it

    @property
    def start(self) -> float:
        """Unix time of its beginning."""
        return self.started if self.started is not None else self.events[0][0] if self.events else 0.0


@dataclass(slots=True)
class Imported:
    """What an import did."""

    new: list[str] = field(default_factory=list)  # run ids
    grown: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)  # names of metrics: there -> here
    not_understood: dict[str, int] = field(default_factory=dict)  # what has no place here -> how often
    left_out: dict[str, str] = field(default_factory=dict)  # file or run -> why it could not be read

    def skip(self, what: str) -> None:
        """Count something that has no place here."""
        self.not_understood[what] = self.not_understood.get(what, 0) + 1
