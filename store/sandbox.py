"""SQL of people, run where it can do no harm."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from store.database import open_published
from store.paths import locate


@dataclass(frozen=True, slots=True)
class Result:
    """Answer to a statement."""

    frame: pl.DataFrame
    cut: bool  # whether rows beyond the limit were left out


def query(statement: str, *, limit: int, timeout: float, db: Path | None = None) -> Result:
    """Run one statement."""
    con = open_published(locate(db))
    try:
        frame = con.sql(statement).pl()
    finally:
        con.close()
    return Result(frame.head(limit), len(frame) > limit)
