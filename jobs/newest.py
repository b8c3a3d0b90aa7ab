"""What `latest` means to a job: the newest run that has what the job needs, not merely the newest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from store.errors import StoreError

LOOKED_THROUGH = 1000  # runs, newest first


def find(part: str, fits: Callable[[dict[str, Any]], bool], *, what: str, db: Path | None) -> dict[str, Any]:
    """The run whose id contains `part`; for "latest" the newest that fits.

    Args:
        part: of an id, or latest.
        fits: whether a run, with its experiment, status and model, has what is needed.
        what: is needed, for the message.
        db: the store; None finds it.

    Raises:
        StoreError: if nothing is stored, no run or several contain `part`, or none of the newest fits.
    """
    from store import queries

    named = queries.run(part, db)
    if part != "latest":
        return named
    newest = queries.runs(columns=("experiment", "status", "model"), limit=LOOKED_THROUGH, db=db)
    for row in newest.iter_rows(named=True):
        if fits(row):
            return queries.run(row["run_id"], db)
    raise StoreError(f"latest: none of the {newest.height} newest runs is {what}")
