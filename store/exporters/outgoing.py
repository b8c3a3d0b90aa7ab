"""A run as other trackers take it: parameters, and numbers by step and time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from store.metric_names import SUMMARY


@dataclass(slots=True)
class Exported:
    """What an export did."""

    new: list[str] = field(default_factory=list)  # run ids
    same: list[str] = field(default_factory=list)  # already there
    changed: dict[str, str] = field(default_factory=dict)  # what the tracker takes only in another form -> that form

    def note(self, what: str, how: str) -> None:
        """Remember that something had to be changed."""
        self.changed[what] = how


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One run."""

    run_id: str
    name: str
    experiment: str
    status: str
    started: float  # Unix time
    ended: float | None
    params: dict[str, Any]
    calls: list[tuple[float, int, dict[str, float]]]  # Unix time, step, values: in the order of time
    tags: list[str]
    note: str
    parent: str | None

    @classmethod
    def of(
        cls,
        row: Mapping[str, Any],
        params: dict[str, Any],
        calls: Mapping[tuple[float, int], dict[str, float]],
        said: Mapping[str, float],
    ) -> "Outgoing":
        """From a row of `runs`, its parameters, its points and what it says of itself.

        A value that was never logged becomes a point at the last step; one that differs from the last point of its
        curve (the best epoch's, say) becomes a point of `summary/<name>`.
        """
        started, ended = (
            _seconds(row["started_at"]),
            None if row["finished_at"] is None else _seconds(row["finished_at"]),
        )
        points = [(at, step, values) for (at, step), values in sorted(calls.items())]
        last = {name: value for _, _, values in points for name, value in values.items()}
        chosen = {
            name if name not in last else f"{SUMMARY}{name}": value
            for name, value in said.items()
            if name not in last or (last[name] != value and not (last[name] != last[name] and value != value))
        }
        if chosen:
            at = max(ended or started, points[-1][0] if points else started)
            points.append((at, max((step for _, step, _ in points), default=0), chosen))
        return cls(
            run_id=str(row["run_id"]),
            name=str(row["name"] or row["run_id"]),
            experiment=str(row["experiment"]),
            status=str(row["status"]),
            started=started,
            ended=ended,
            params=params,
            calls=points,
            tags=list(row["tags"] or []),
            note=str(row["note"] or ""),
            parent=row["parent_run_id"],
        )


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def file_name(name: str, otherwise: str) -> str:
    """A name as one part of a path."""
    return "".join("_" if sign in '/\\:*?"<>|\0' else sign for sign in name).strip(". ")[:100] or otherwise
