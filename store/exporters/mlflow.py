"""Runs in an MLflow database, an experiment for each of ours."""

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from store.exporters.outgoing import Exported, Outgoing

OURS = "clueboard.run_id"
_ENDS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "lost": "FAILED"}
_NOT_IN_NAMES = re.compile(r"[^/\w.\- :]")
MOST_POINTS, MOST_PARAMS, LONGEST_PARAM, LONGEST_NAME = 1000, 100, 6000, 250  # of one call, and of MLflow's columns


class Writer:
    """Writes runs into one sqlite file."""

    def __init__(self, target: Path) -> None:
        self._client = MlflowClient(tracking_uri=f"sqlite:///{target}")
        self._ids: dict[str, str] = {}  # our run -> MLflow's

    def write(self, run: Outgoing, done: Exported) -> None:
        """Write a run, unless the database has it."""
        experiment = self._experiment(run.experiment)
        found = self._client.search_runs([experiment], f"tags.`{OURS}` = '{run.run_id}'", max_results=1)
        if found:
            self._ids[run.run_id] = found[0].info.run_id
            done.same.append(run.run_id)
            return
        start = _milliseconds(run.started)
        created = self._client.create_run(experiment, start_time=start, run_name=run.name)
        run_id = self._ids[run.run_id] = created.info.run_id
        metrics = [
            Metric(_name(metric, done), value, _milliseconds(at), step)
            for at, step, values in run.calls
            for metric, value in values.items()
        ]
        for part in _parts(metrics, MOST_POINTS):
            self._client.log_batch(run_id, metrics=part)
        params = [Param(_name(name, done), _param(name, value, done)) for name, value in run.params.items()]
        for part in _parts(params, MOST_PARAMS):
            self._client.log_batch(run_id, params=part)
        self._client.log_batch(run_id, tags=list(self._tags(run)))
        if run.status in _ENDS:
            ended = None if run.ended is None else _milliseconds(run.ended)
            self._client.set_terminated(run_id, _ENDS[run.status], ended)
        done.new.append(run.run_id)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _tags(self, run: Outgoing) -> Iterator[RunTag]:
        yield RunTag(OURS, run.run_id)
        yield from (RunTag(f"clueboard.tag.{number}", tag) for number, tag in enumerate(run.tags))
        if run.note:
            yield RunTag("mlflow.note.content", run.note)
        if run.parent in self._ids:
            yield RunTag("mlflow.parentRunId", self._ids[run.parent])


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _name(name: str, done: Exported) -> str:
    """A name as MLflow takes it: of letters, digits, spaces and a few signs, and a path without detours."""
    taken = posixpath.normpath(_NOT_IN_NAMES.sub("_", name).strip("/") or "_")
    taken = taken.replace("..", "_")[:LONGEST_NAME]
    if taken != name:
        done.note(name, f"is called {taken}")
    return taken


def _param(name: str, value: Any, done: Exported) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    if len(text) > LONGEST_PARAM:
        done.note(name, f"is cut to {LONGEST_PARAM} characters")
    return text[:LONGEST_PARAM]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
