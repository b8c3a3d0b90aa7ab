"""Go on with a run that was stopped, from nothing but its id."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.tasks import get_task
from jobs import checkpoints, cli
from jobs.checkpoints import LAST
from jobs.clue import worlds
from store import paths, runs

if TYPE_CHECKING:
    from jobs.clue.config import Config
    from jobs.clue.results import Outcome

FREE = frozenset({"resume", "db", "device", "tags", "note", "output", "skip_if_done"})
"""flags that may be given beside --resume"""
_PATHS = ("db", "data_dir", "train_file", "dev_file", "test_file", "output")


def resume(config: Config) -> Outcome | None:
    """Resume the run, or the parent of several, that `config.resume` names."""
    folder = find(config.resume, config.db)
    document = read(folder)
    stored = stored_config(document)
    for field in dataclasses.fields(stored):
        given, was = getattr(config, field.name), getattr(stored, field.name)
        if field.name not in FREE and given not in (field.default, was):
            flag = field.name.replace("_", "-")
            raise cli.InputError(f"--{flag} {given} would change run {folder.name}, which has {was}; start a new run")
    stored = dataclasses.replace(stored, db=config.db, device=_device(config, stored))
    if document.get("children"):
        from jobs.clue import many

        many.resume(stored, folder.name)
        return None
    return go_on(stored, folder)


def go_on(config: Config, folder: Path) -> Outcome | None:
    """Continue the training whose folder this is."""
    from jobs.clue import train

    document = read(folder)
    refuse_finished(folder.name, config.db)
    if config.model == "ngram":
        raise cli.InputError(f"run {folder.name} is a linear model of seconds; run it again: {cli.command(config)}")
    fold = train.Fold(*document["fold"]) if document.get("fold") else None
    with worlds.join(config.processes) as world:
        prepared = train.prepare(config, get_task(config.task[0]), world=world, fold=fold)
        if prepared.data.fingerprints != document["fingerprints"]:
            raise cli.InputError(f"the data of {prepared.spec.name} are not those that run {folder.name} started with")
        about: dict[str, Any] = {}
        if (folder / LAST).exists():
            state, about = checkpoints.load(folder / LAST)
            with cli.input_errors(str(folder / LAST)):
                prepared.training.load_state_dict(state)
        if world.rank > 0:
            from jobs.clue.session import follow

            follow(prepared)
            return None
        with runs.resume(folder.name, prepared.training.step, config.db) as run:
            return train.train(prepared, run, about=about)


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


def _device(config: Config, stored: Config) -> str:
    return config.device if config.device != "auto" else stored.device


def absolute(config: Config) -> dict[str, Any]:
    """The flags with absolute paths and the named data folder, so that a resume works from anywhere."""
    from jobs.clue import data as clue_data

    params = cli.params(config)
    for name in _PATHS:
        if params[name]:
            params[name] = str(Path(params[name]).expanduser().resolve())
    named = clue_data.named_folder(None) if config.data_dir is None else None
    if named is not None:
        params["data_dir"] = str(named.resolve())
    if Path(config.model).is_dir():
        params["model"] = str(Path(config.model).resolve())
    return params


def remember(folder: Path, config: Config, **facts: Any) -> None:
    """Write what a resume needs into a run's folder: the flags and `facts`."""
    side = folder / ".config.json"
    side.write_text(json.dumps({"config": absolute(config), **facts}, ensure_ascii=False, indent=2), encoding="utf-8")
    side.replace(folder / "config.json")
