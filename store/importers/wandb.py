"""Weights & Biases: offline folders and `.wandb` files, read with the wandb package's own reader."""

import json
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.importers.records import Foreign, Imported
from store.tracking.session import flat


def files(source: Path) -> list[Path]:
    """The `.wandb` files at or below a path."""
    if source.is_file():
        return [source] if source.suffix == ".wandb" else []
    return sorted(source.rglob("*.wandb"))


def read(source: Path, done: Imported) -> list[Foreign]:
    """One run for each file; a file that cannot be read is left out.

    Raises:
        StoreError: if the wandb package is not installed.
    """
    runs = []
    for file in files(source):
        try:
            runs.append(_read(file, done))
        except (StoreError, OSError, ValueError, AssertionError) as error:
            done.left_out[str(file)] = str(error) or f"{file} is damaged"
    return [run for run in runs if run.events or run.config]


def _read(file: Path, done: Imported) -> Foreign:
    records = _records(file)
    run = Foreign(origin=f"wandb {file.stem}", name=file.stem, config={}, status=None)
    for record in records:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            _about(run, record.run)
        elif kind == "config":
            run.config |= _items(record.config.update)
        elif kind == "history":
            _history(run, record.history, done)
        elif kind == "stats":
            at = record.stats.timestamp.ToMicroseconds() / 1e6
            step = run.events[-1][1] if run.events else 0
            numbers = {f"system/{item.key}": json.loads(item.value_json) for item in record.stats.item}
            run.events.append((at, step, {name: float(v) for name, v in numbers.items() if _is_number(v)}))
        elif kind == "exit":
            run.status = "finished" if record.exit.exit_code == 0 else "failed"
        elif kind not in (
            "summary",
            "header",
            "footer",
            "final",
            "files",
            "telemetry",
            "output",
            "output_raw",
            "metric",
        ):
            done.skip(f"record {kind!r}")
    run.events.sort(key=lambda event: event[0])
    run.config = {name: value for name, value in flat(run.config).items() if not name.startswith("_wandb")}
    return run


def _about(run: Foreign, about: Any) -> None:
    run.origin = f"wandb {about.entity} {about.project} {about.run_id}"
    run.name = about.display_name or about.run_id
    run.experiment = about.project or None
    run.note = about.notes
    run.tags = tuple(about.tags)
    run.started = about.start_time.ToMicroseconds() / 1e6
    run.fields = {"git_commit": about.git.commit or None}
    run.config |= _items(about.config.update)
    if about.run_group:
        run.config["group"] = about.run_group


def _history(run: Foreign, history: Any, done: Imported) -> None:
    values = flat(_items(history.item))
    at = float(values.pop("_timestamp", run.started or 0.0))
    step = int(values.pop("_step", history.step.num))
    numbers = {}
    for name, value in values.items():
        if name.startswith("_"):
            continue
        if _is_number(value):
            numbers[name] = float(value)
        else:
            done.skip(f"{type(value).__name__} {name!r}")
    if numbers:
        run.events.append((at, step, numbers))


def _items(items: Any) -> dict[str, Any]:
    """Values of a list of (key or nested key, JSON)."""
    return {item.key or "/".join(item.nested_key): _json(item.value_json) for item in items}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("NaN", "Infinity", "-Infinity")
    return isinstance(value, int | float)


def _records(file: Path) -> list[Any]:
    try:
        from wandb.proto import wandb_internal_pb2
        from wandb.sdk.internal.datastore import DataStore
    except ImportError as error:
        raise StoreError("reading .wandb files needs the wandb package: pip install wandb") from error
    reader = DataStore()
    reader.open_for_scan(str(file))
    records = []
    while (data := reader.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        records.append(record)
    return records
