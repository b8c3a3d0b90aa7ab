"""Write runs into the stores of MLflow, trackio and TensorBoard, each with its own library: nobody is locked in."""

import importlib
import json
from datetime import UTC
from pathlib import Path

from store import queries
from store.errors import StoreError
from store.exporters.outgoing import Exported, Outgoing

TRACKERS = ("mlflow", "trackio", "tensorboard")


def export_to(tracker: str, part: str, target: Path, *, db: Path | None = None) -> Exported:
    """Write a run, or all, into a folder (or, for MLflow, a database) of another tracker.

    A run that the target holds already is left alone, so that an export can be repeated.

    Args:
        tracker: "mlflow", "trackio" or "tensorboard".
        part: part of a run's id, "latest" or "all".
        target: a folder for trackio and TensorBoard, an sqlite file for MLflow; made where it is missing.
        db: the store's database.

    Raises:
        StoreError: if there is no such run, the tracker's package is missing, or the target cannot be written.
    """
    ids = queries.runs(db=db)["run_id"].to_list() if part == "all" else [queries.run(part, db)["run_id"]]
    if not ids:
        raise StoreError("there is no run to export")
    done = Exported()
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        writer = importlib.import_module(f"store.exporters.{tracker}").Writer(target.absolute())
        for run_id in reversed(ids):  # oldest first: a parent before its children
            writer.write(_outgoing(run_id, db), done)
    except ImportError as error:
        raise StoreError(f"writing for {tracker} needs its package: pip install {tracker} ({error})") from error
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    return done


def _outgoing(run_id: str, db: Path | None) -> Outgoing:
    row = queries.run(run_id, db)
    params = queries.params([run_id], db).select("name", "value").iter_rows()
    points = queries.table_of_run("metrics", run_id, db=db).sort("logged_at", "step", maintain_order=True)
    calls: dict[tuple[float, int], dict[str, float]] = {}
    for step, at, name, value in points.select("step", "logged_at", "name", "value").iter_rows():
        calls.setdefault((at.replace(tzinfo=UTC).timestamp(), step), {})[name] = value
    said = dict(queries.summary([run_id], db).select("name", "value").iter_rows())
    return Outgoing.of(row, {name: json.loads(value) for name, value in params}, calls, said)
