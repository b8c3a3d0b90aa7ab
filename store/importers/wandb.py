"""Weights & Biases: offline folders and `.wandb` files, whose messages the wandb package describes."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.importers.records import Foreign, Imported
from store.importers.wandb_records import records
from store.tracking.session import flat

AGGREGATES = ("max", "min", "first", "last", "best", "mean")  # of `define_metric`, in a summary in place of a number
_WITHOUT_CONTENT = ("header", "footer", "final", "files", "telemetry", "metric")


def files(source: Path) -> list[Path]:
    """The `.wandb` files at or below a path, a folder that is linked once."""
    if source.is_file():
        return [source] if source.suffix == ".wandb" else []
    found = {path.resolve(): path for path in sorted(source.rglob("*.wandb"), reverse=True)}
    return sorted(found.values())


def found(source: Path) -> bool:
    """Whether a `.wandb` file is at or below a path."""
    return bool(files(source))


def read(source: Path, done: Imported) -> list[Foreign]:
    """The runs of the files; a run that was resumed has several. A file that cannot be read is left out.

    Raises:
        StoreError: if the wandb package is not installed.
    """
    runs: dict[str, Foreign] = {}
    for file in files(source):
        try:
            run = _read(file, done)
        except (StoreError, OSError, ValueError) as error:
            done.left_out[str(file)] = str(error) or f"{file} is damaged"
            continue
        runs[run.origin] = _joined(runs[run.origin], run) if run.origin in runs else run
    return [run for run in runs.values() if run.events or run.config]


def _joined(first: Foreign, then: Foreign) -> Foreign:
    """A run and what it logged after it was resumed."""
    first.config |= then.config
    first.summary |= then.summary
    first.events += then.events
    first.status, first.ended = then.status, then.ended
    return first


def _read(file: Path, done: Imported) -> Foreign:
    run = Foreign(origin=f"wandb {file.stem}", name=file.stem, config={}, status=None)
    said: dict[str, Any] = {}
    for kind, record in _messages(file, done):
        if kind == "run":
            _about(run, record)
        elif kind == "config":
            run.config |= _items(record.update)
        elif kind == "environment":
            _environment(run, record)
        elif kind == "history":
            _history(run, record, done)
        elif kind == "summary":
            said |= _items(record.update)
        elif kind == "stats":
            at = record.timestamp.ToMicroseconds() / 1e6
            step = run.events[-1][1] if run.events else 0
            numbers = {f"system/{item.key}": json.loads(item.value_json) for item in record.item}
            run.events.append((at, step, {name: float(v) for name, v in numbers.items() if _is_number(v)}))
        elif kind == "exit":
            run.status = "finished" if record.exit_code == 0 else "failed"
        elif kind in ("output", "output_raw"):
            done.skip("piece of console output")
        elif kind not in _WITHOUT_CONTENT:
            done.skip(f"record {kind!r}")
    run.events.sort(key=lambda event: event[0])
    run.config = {name: value for name, value in flat(run.config).items() if not name.startswith("_wandb")}
    _summary(run, said, done)
    return run


def _about(run: Foreign, about: Any) -> None:
    run.origin = f"wandb {about.entity} {about.project} {about.run_id}"
    run.name = about.display_name or about.run_id
    run.experiment = about.project or None
    run.note = about.notes
    run.tags = tuple(about.tags)
    run.started = about.start_time.ToMicroseconds() / 1e6
    run.fields |= {"git_commit": about.git.commit or None}
    run.config |= _items(about.config.update)
    for name in ("run_group", "job_type", "sweep_id"):
        if value := getattr(about, name):
            run.config[name.removeprefix("run_")] = value


def _environment(run: Foreign, about: Any) -> None:
    if script := about.code_path_local or about.code_path or about.program:
        run.fields["command"] = shlex.join(["python", script, *about.args])
    if about.git.commit:
        run.fields["git_commit"] = about.git.commit


def _history(run: Foreign, history: Any, done: Imported) -> None:
    values = _items(history.item)
    at = float(values.pop("_timestamp", run.started or 0.0))
    step = int(values.pop("_step", history.step.num))
    if numbers := dict(_numbers(values, done)):
        run.events.append((at, step, numbers))


def _summary(run: Foreign, said: dict[str, Any], done: Imported) -> None:
    """What the run says of itself, where that is not what it logged last."""
    chosen = {}
    for name, value in said.items():
        base, _, aggregate = name.rpartition("/")
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in AGGREGATES:
            value = next(iter(value.values()))
        elif base and aggregate in AGGREGATES and any(base in values for _, _, values in run.events):
            name = base
        chosen[name] = value
    last = {name: value for _, _, values in run.events for name, value in values.items()}
    for name, value in _numbers(chosen, Imported() if run.events else done):
        if name not in last or last[name] != value:
            run.summary[name] = value


def _numbers(values: dict[str, Any], done: Imported) -> Iterator[tuple[str, float]]:
    """Numbers among the values; what is none is counted, a picture or a table as one."""
    media = {name.rpartition("/")[0]: value for name, value in values.items() if name.endswith("/_type")}
    for name, kind in media.items():
        done.skip(f"{kind} {name!r}")
    for name, value in flat({name: v for name, v in values.items() if not _below(name, media)}).items():
        if name.startswith("_") or value is None:
            continue
        if _is_number(value):
            yield name, float(value)
        else:
            done.skip(f"{_kind(value)} {name!r}")


def _below(name: str, media: dict[str, Any]) -> bool:
    parts = name.split("/")
    return any("/".join(parts[:count]) in media for count in range(1, len(parts)))


def _kind(value: Any) -> str:
    names: dict[type, str] = {str: "text", dict: "mapping"}
    return names.get(type(value), type(value).__name__)


def _items(items: Any) -> dict[str, Any]:
    """Values of a list of (key or nested key, JSON); those of a picture or a table stand below its name."""
    found: dict[str, Any] = {}
    for item in items:
        name, value = item.key or "/".join(item.nested_key), _json(item.value_json)
        if isinstance(value, dict) and "_type" in value:
            found[f"{name}/_type"] = value["_type"]
        else:
            found[name] = value
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("NaN", "Infinity", "-Infinity")
    return isinstance(value, int | float)


def _messages(file: Path, done: Imported) -> Iterator[tuple[str, Any]]:
    """Kind and content of each record."""
    try:
        from wandb.proto.wandb_internal_pb2 import Record
    except ImportError as error:
        raise StoreError("reading .wandb files needs the wandb package: pip install wandb") from error
    for data in records(file, done):
        message = Record()
        try:
            message.ParseFromString(data)
        except Exception:  # protobuf has an error class of its own in each of its implementations
            done.skip(f"{file.name}: record that is no message")
            continue
        kind = message.WhichOneof("record_type")
        yield str(kind), getattr(message, kind) if kind else None
