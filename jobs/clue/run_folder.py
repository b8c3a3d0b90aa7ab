"""What the folder of a run remembers, so that its id alone is enough to go on with it or to use its model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli, tracking
from jobs.files import aside
from store import paths

if TYPE_CHECKING:
    from jobs.clue.config import Config

_PATHS = ("db", "data_dir", "train_file", "dev_file", "test_file", "output")


def remember(folder: Path, config: Config, **facts: Any) -> None:
    """Write what a resume needs into a run's folder: the flags and `facts`."""
    document = json.dumps({"config": absolute(config), **facts}, ensure_ascii=False, indent=2)
    with aside(folder / "config.json") as side:
        side.write_text(document, encoding="utf-8")


def absolute(config: Config) -> dict[str, Any]:
    """The flags with absolute paths and the named data folder, so that a resume works from anywhere."""
    params = cli.params(tracking.with_data_dir(config))
    for name in _PATHS:
        if params[name]:
            params[name] = str(Path(params[name]).expanduser().resolve())
    if Path(config.model).is_dir():
        params["model"] = str(Path(config.model).resolve())
    return params


def find(part: str, db: Path | None, *, flag: str = "--resume") -> Path:
    """Folder of the run that `part` of an id names.

    Raises:
        InputError: if no run or several match; near ids are named.
    """
    artifacts = paths.locate(db).artifacts
    names = sorted(path.parent.name for path in artifacts.glob("*/config.json"))
    if part == "latest" and names:
        return artifacts / names[-1]
    matches = [name for name in names if part in name]
    if len(matches) == 1:
        return artifacts / matches[0]
    if matches:
        raise cli.InputError(f"{flag} {part} could be any of {', '.join(matches[-5:])}; give more of the id")
    newest = f" (the newest is {names[-1]})" if names else ""
    raise cli.InputError(f"{flag} {part}: no such CLUE run in {artifacts}{cli.suggest(part, names)}{newest}")


def read(folder: Path) -> dict[str, Any]:
    """What a run wrote about itself when it started."""
    try:
        document: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise cli.InputError(f"{folder / 'config.json'} cannot be read: {error}") from error
    return document


def stored_config(document: dict[str, Any]) -> Config:
    """The flags a run was started with."""
    from jobs.clue.config import Config

    params: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in document["config"].items()
    }
    for name in _PATHS:
        params[name] = Path(params[name]) if params.get(name) else None
    known = {field.name for field in dataclasses.fields(Config)}
    return Config(**{name: value for name, value in params.items() if name in known})


def refuse_finished(run_id: str, db: Path | None) -> None:
    """Refuse a run that needs no resume."""
    if status(run_id, db) == "finished":
        raise cli.InputError(f"run {run_id} is finished; there is nothing to resume")


def status(run_id: str, db: Path | None) -> str:
    """Status of a run in the store; empty if the store has not seen it."""
    from store import queries
    from store.errors import StoreError

    queries.refresh(db=db)
    try:
        return str(queries.run(run_id, db=db)["status"])
    except StoreError:
        return ""
