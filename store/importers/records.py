"""What a reader of another tracker's files hands over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Foreign:
    """One run of another tracker."""

    origin: str  # what names it, whatever folder its files lie in
    name: str
    config: Mapping[str, Any]
    events: list[tuple[float, int, dict[str, float]]] = field(default_factory=list)  # Unix time, step, values
    note: str = ""


@dataclass(slots=True)
class Imported:
    """What an import did."""

    new: list[str] = field(default_factory=list)  # run ids
    grown: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    not_understood: dict[str, int] = field(default_factory=dict)  # what -> how often

    def skip(self, what: str) -> None:
        """Count something that has no place here."""
        self.not_understood[what] = self.not_understood.get(what, 0) + 1
