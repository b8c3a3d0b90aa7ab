"""Write runs into the stores of MLflow, trackio and TensorBoard, each with its own library: nobody is locked in."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from store import queries
from store.errors import StoreError

_ENDS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "lost": "FAILED", "running": "RUNNING"}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One run as other trackers take it."""

    row: dict[str, Any]  # of `runs`
    params: dict[str, Any]
    points: pl.DataFrame  # name, step, value, logged_at, in the order of time

    @property
    def name(self) -> str:
        """What people call it, else its id."""
        return str(self.row["name"] or self.row["run_id"])

    def steps(self) -> Iterator[tuple[int, datetime, dict[str, float]]]:
        """Step, time and values of each call of `log`."""
        rows = self.points.select("step", "logged_at", "name", "value").iter_rows()
        for (step, at), group in groupby(rows, key=lambda row: (row[0], row[1])):
            yield step, at, {name: value for _, _, name, value in group}


def export_to(tracker: str, part: str, target: Path, *, db: Path | None = None) -> list[str]:
    """Write a run, or all, into a folder (or, for MLflow, a database) of another tracker.

    Args:
        tracker: "mlflow", "trackio" or "tensorboard".
        part: part of a run's id, "latest" or "all".
        target: a folder for trackio and TensorBoard, an sqlite file for MLflow; made where it is missing.
        db: the store's database.

    Returns:
        Ids of the runs.

    Raises:
        StoreError: if there is no such run, the tracker's package is missing, or the target cannot be written.
    """
    every = part == "all"
    ids = queries.runs(db=db)["run_id"].to_list() if every else [queries.run(part, db)["run_id"]]
    write = _WRITERS[tracker]
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        for run_id in reversed(ids):  # oldest first
            write(_outgoing(run_id, db), target.absolute())
    except ImportError as error:
        raise StoreError(f"writing for {tracker} needs its package: pip install {tracker} ({error})") from error
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    return ids


def _outgoing(run_id: str, db: Path | None) -> Outgoing:
    rows = queries.params([run_id], db).select("name", "value").iter_rows()
    points = queries.table_of_run("metrics", run_id, db=db).sort("logged_at", "step", maintain_order=True)
    return Outgoing(queries.run(run_id, db), {name: json.loads(value) for name, value in rows}, points)


def _tensorboard(run: Outgoing, target: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary as hparams
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = target / _safe(run.name, str(run.row["run_id"]))
    writer = EventFileWriter(str(folder))
    scalars = {name: value for name, value in run.params.items() if isinstance(value, bool | int | float | str)}
    start = run.row["started_at"].replace(tzinfo=UTC).timestamp()
    writer.add_event(Event(wall_time=start, summary=hparams.session_start_pb(scalars, start_time_secs=start)))
    for step, at, values in run.steps():
        found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        writer.add_event(Event(wall_time=at.replace(tzinfo=UTC).timestamp(), step=step, summary=Summary(value=found)))
    writer.close()


def _mlflow(run: Outgoing, target: Path) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{target}")
    name = str(run.row["experiment"])
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    created = client.create_run(experiment, start_time=_milliseconds(run.row["started_at"]), run_name=run.name)
    run_id = created.info.run_id
    metrics = [
        Metric(metric, value, _milliseconds(at), step)
        for step, at, values in run.steps()
        for metric, value in values.items()
    ]
    for start in range(0, len(metrics), 1000):  # as many as MLflow takes at once
        client.log_batch(run_id, metrics=metrics[start : start + 1000])
    params = [Param(name, str(value)[:6000]) for name, value in run.params.items()]
    for start in range(0, len(params), 100):
        client.log_batch(run_id, params=params[start : start + 100])
    tags = [RunTag("mlflow.note.content", run.row["note"])] if run.row["note"] else []
    client.log_batch(run_id, tags=[*tags, *(RunTag(f"clueboard.{tag}", tag) for tag in run.row["tags"])])
    ended = run.row["finished_at"]
    client.set_terminated(run_id, _ENDS[run.row["status"]], None if ended is None else _milliseconds(ended))


def _trackio(run: Outgoing, target: Path) -> None:
    os.environ["TRACKIO_DIR"] = str(target)
    import trackio

    trackio.init(project=_safe(str(run.row["experiment"]), "clueboard"), name=run.name, config=run.params, embed=False)
    for step, _, values in run.steps():
        trackio.log(values, step=step)
    trackio.finish()


_WRITERS: dict[str, Callable[[Outgoing, Path], None]] = {
    "mlflow": _mlflow,
    "trackio": _trackio,
    "tensorboard": _tensorboard,
}


def _milliseconds(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _safe(name: str, otherwise: str) -> str:
    """A name as one part of a path."""
    return "".join("_" if sign in '/\\:*?"<>|\0' else sign for sign in name).strip(". ")[:100] or otherwise
