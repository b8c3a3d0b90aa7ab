"""Find the run that a script goes on with, and the step at which it stopped."""

from pathlib import Path

from store import queries
from store.ingest import ingest


def newest(experiment: str, name: str | None, part: str | None, db: Path | None) -> str | None:
    """Id of the newest run of an experiment with that name, or with that part in its id or its name."""
    ingest(db, wait=30.0, force=True)
    runs = queries.runs(experiment, columns=["name"], db=db)
    for run_id, called in runs.select("run_id", "name").iter_rows():
        if (part and (part in run_id or called == part)) or (not part and called == name):
            return str(run_id)
    return None


def last_step(run_id: str, db: Path | None) -> int:
    """Largest step that a run logged; 0 where it logged nothing."""
    steps = queries.table_of_run("metrics", run_id, db=db)["step"]
    return int(steps.max() or 0)  # type: ignore[arg-type]
