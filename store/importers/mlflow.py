"""MLflow's stores: an sqlite database, or an `mlruns` folder of files."""

import itertools
import json
import math
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from store.errors import StoreError
from store.importers.records import Foreign, Imported
from store.importers.sqlite import columns, is_sqlite, read_only, tables

_STATUS = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "interrupted", "RUNNING": None, "SCHEDULED": None}
_NUMBERED = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}  # as the files have it
_OF_MLFLOW, _OURS = "mlflow.", "clueboard."
_WORDS = {"True": True, "False": False, "None": None}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?")
MOST_ARTIFACTS = 1000  # files of a run whose names are kept
INFINITY = 1.7976931348623157e308  # MLflow's sqlite store holds infinities as the largest numbers

DATABASES = ("*.db", "*.sqlite", "*.sqlite3")

Point = tuple[str, float, int, int]  # metric, value, timestamp in ms, step


def found(source: Path) -> bool:
    """Whether a path is an MLflow database, or a folder with one or with runs in files."""
    if source.is_file():
        return _is_database(source)
    return any(_run_folders(source)) or bool(_databases(source))


def _is_database(file: Path) -> bool:
    if not is_sqlite(file):
        return False
    try:
        with read_only(file) as con:
            return {"experiments", "runs", "latest_metrics"} <= tables(con)
    except (sqlite3.Error, StoreError):
        return False


def _databases(folder: Path) -> list[Path]:
    return sorted(file for ending in DATABASES for file in folder.rglob(ending) if _is_database(file))


def read(source: Path, done: Imported) -> list[Foreign]:
    """Runs of a database or of a folder; a run that cannot be read is left out.

    Raises:
        StoreError: if the database is damaged or not one of MLflow.
    """
    if source.is_dir():
        runs = list(_from_files(source, done))
        for file in _databases(source):
            runs += read(file, done)
        return runs
    with read_only(source) as con:
        if not {"experiments", "runs", "metrics"} <= tables(con):
            raise StoreError(f"{source} is an sqlite database, but not one of MLflow")
        return list(_from_sqlite(con, done))


def _from_sqlite(con: sqlite3.Connection, done: Imported) -> Iterator[Foreign]:
    named = "r.name" if "name" in columns(con, "runs") else "NULL"
    params = _grouped(con.execute("SELECT run_uuid, key, value FROM params"))
    tags = _grouped(con.execute("SELECT run_uuid, key, value FROM tags"))
    rows = con.execute(
        f"SELECT r.run_uuid, {named}, e.name, r.status, r.start_time, r.end_time, r.lifecycle_stage, r.artifact_uri "
        "FROM runs r LEFT JOIN experiments e USING (experiment_id) ORDER BY r.run_uuid"
    ).fetchall()
    points = con.execute(
        "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END, timestamp, step FROM metrics "
        "ORDER BY run_uuid"
    )
    of_runs = itertools.groupby(points, key=lambda row: row[0])
    ahead = next(of_runs, None)
    for run_id, name, experiment, status, start, end, stage, uri in rows:
        while ahead is not None and ahead[0] < run_id:  # points of a run that is not there any more
            ahead = next(of_runs, None)
        values: list[Point] = []
        if ahead is not None and ahead[0] == run_id:
            values = [(key, math.nan if v is None else _infinite(v), at, step) for _, key, v, at, step in ahead[1]]
            ahead = next(of_runs, None)
        if stage == "deleted":
            done.skip("run that is deleted in MLflow")
            continue
        about = tags.get(run_id, {})
        if names := _artifacts_at(uri):
            about = about | {"artifacts": ", ".join(names)}
        yield _run(run_id, name, experiment, status, (start, end), params.get(run_id, {}), about, values)


def _from_files(source: Path, done: Imported) -> Iterator[Foreign]:
    for folder in sorted(_run_folders(source)):
        try:
            about, above = _yaml(folder / "meta.yaml"), _yaml(folder.parent / "meta.yaml")
            if about.get("lifecycle_stage") == "deleted":
                done.skip("run that is deleted in MLflow")
                continue
            tags = _texts(folder / "tags")
            status = about.get("status")
            yield _run(
                str(about.get("run_id") or about.get("run_uuid") or folder.name),
                about.get("run_name") or tags.get("mlflow.runName"),
                above.get("name"),
                _NUMBERED.get(status, str(status)) if isinstance(status, int) else str(status),
                (about.get("start_time"), about.get("end_time")),
                _texts(folder / "params"),
                tags | ({"artifacts": ", ".join(names)} if (names := _artifacts(folder / "artifacts")) else {}),
                list(_points(folder / "metrics")),
            )
        except (OSError, ValueError, StoreError) as error:
            done.left_out[str(folder)] = str(error)


def _run(
    run_id: str,
    name: str | None,
    experiment: str | None,
    status: str,
    times: tuple[int | None, int | None],
    params: dict[str, Any],
    tags: dict[str, str],
    points: Iterable[Point],
) -> Foreign:
    steps: dict[tuple[int, int], dict[str, float]] = {}
    for key, value, at, step in points:
        steps.setdefault((int(at), int(step)), {})[key] = value
    events = [(at / 1000.0, step, values) for (at, step), values in sorted(steps.items())]
    own = {key: value for key, value in tags.items() if not key.startswith(_OF_MLFLOW)}
    start, end = times
    config: dict[str, Any] = {key: _typed(value) for key, value in params.items()}
    if "artifacts" in own:
        config["artifacts"] = own.pop("artifacts")
    return Foreign(
        origin=f"mlflow {run_id}",
        name=str(name or tags.get("mlflow.runName") or run_id),
        config=config,
        events=events,
        note=tags.get("mlflow.note.content", ""),
        tags=tuple(_tag(key, value) for key, value in sorted(own.items()) if key != f"{_OURS}run_id"),
        experiment=experiment if experiment not in (None, "Default") else None,
        status=_STATUS.get(status, "finished"),
        started=None if start is None else int(start) / 1000.0,
        ended=None if end is None else int(end) / 1000.0,
        fields={"command": tags.get("mlflow.source.name", ""), "git_commit": tags.get("mlflow.source.git.commit")},
        parent=f"mlflow {tags['mlflow.parentRunId']}" if "mlflow.parentRunId" in tags else None,
    )


def _tag(key: str, value: str) -> str:
    """A tag as one word; what our own export numbered stands as it was."""
    if key.startswith(f"{_OURS}tag."):
        return value
    return f"{key}={value}" if value else key


def _typed(text: str) -> Any:
    """A parameter as it was before MLflow made it a text, where that is plain: a number, a truth value, None, JSON."""
    if text in _WORDS:
        return _WORDS[text]
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    if _NUMBER.fullmatch(text) is None:
        return text
    return float(text) if any(sign in text for sign in ".eE") else int(text)


def _grouped(rows: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for run_id, key, value in rows:
        found.setdefault(run_id, {})[key] = value
    return found


def _infinite(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= INFINITY else value


def _run_folders(source: Path) -> Iterator[Path]:
    """Folders of runs: with a meta.yaml, and metrics, params or tags beside it."""
    for meta in source.rglob("meta.yaml"):
        if (
            any((meta.parent / part).is_dir() for part in ("metrics", "params", "tags"))
            and (meta.parent.parent / "meta.yaml").exists()
        ):
            yield meta.parent


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise StoreError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} does not describe a run")
    return content


def _texts(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def _points(folder: Path) -> Iterator[Point]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split()
            try:
                yield (
                    path.relative_to(folder).as_posix(),
                    float(words[1]),
                    int(words[0]),
                    int(words[2]) if words[2:] else 0,
                )
            except (IndexError, ValueError):
                raise StoreError(f"{path} line {number}: expected time, value and step, got {line!r:.100}") from None


def _artifacts_at(uri: str | None) -> list[str]:
    """Files below an address, where it names a folder of this machine."""
    address = urlsplit(uri or "")
    folder = Path(unquote(address.path))
    own = folder.name == "artifacts" and folder.is_absolute()  # any other folder is none of MLflow's
    return _artifacts(folder) if address.scheme in ("", "file") and own else []


def _artifacts(folder: Path) -> list[str]:
    """The first files below a folder; links are not followed."""
    found: list[Path] = []
    for place, below, names in os.walk(folder) if not folder.is_symlink() else ():
        below.sort()
        found += [Path(place) / name for name in sorted(names)]
        if len(found) >= MOST_ARTIFACTS:
            break
    return [path.relative_to(folder).as_posix() for path in sorted(found)[:MOST_ARTIFACTS]]
