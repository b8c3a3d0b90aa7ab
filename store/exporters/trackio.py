"""Runs as rows of trackio's databases, a project for each experiment."""

import os
from datetime import UTC, datetime
from pathlib import Path

from trackio import sqlite_storage

from store.exporters.outgoing import Exported, Outgoing, file_name
from store.importers.trackio import ABOUT, OURS


class Writer:
    """Writes runs into a folder for `TRACKIO_DIR`.

    Trackio has no place for tags, notes, parents and the end of a run: they become parameters, which our import reads.
    """

    def __init__(self, target: Path) -> None:
        os.environ["TRACKIO_DIR"] = str(target)
        sqlite_storage.TRACKIO_DIR = target  # read from the environment when trackio was imported
        self._storage = sqlite_storage.SQLiteStorage

    def write(self, run: Outgoing, done: Exported) -> None:
        """Write a run with the times of its points, unless it is there already."""
        project = file_name(run.experiment, "clueboard")
        if self._is_there(project, run):
            done.same.append(run.run_id)
            return
        if project != run.experiment:
            done.note(f"experiment {run.experiment!r}", f"is the project {project!r}")
        about = {"status": run.status, "parent": run.parent, "experiment": run.experiment}
        beside = {name: value for name, value in (("tags", run.tags), ("note", run.note)) if value}
        created = {"_Created": _time(run.started)}
        calls = run.calls or [(run.started, 0, {})]
        self._storage.bulk_log(
            project=project,
            run=run.name,
            metrics_list=[values for _, _, values in calls],
            steps=[step for _, step, _ in calls],
            timestamps=[_time(at) for at, _, _ in calls],
            config={**beside, **run.params, OURS: run.run_id, ABOUT: about, **created},
            run_id=run.run_id,
        )
        done.new.append(run.run_id)

    def _is_there(self, project: str, run: Outgoing) -> bool:
        if not self._storage.get_project_db_path(project).exists():
            return False
        return any(record.get("id") == run.run_id for record in self._storage.get_run_records(project))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
