"""Opens the run of a job: everything a run stores by itself is gathered here."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from jobs import cli
from store import editing, runs
from store.paths import locate
from store.tracking import environment
from store.tracking import parent as of_sweep

STARTED = "CLUEBOARD_STARTED"
"""Environment variable: how the process was started, for the history of its run."""
Flags = TypeVar("Flags", bound=cli.Options)


class AlreadyDone(SystemExit):
    """A finished run of the same config and seed is stored; the process ends with code 0."""

    def __init__(self, run_id: str) -> None:
        super().__init__(0)
        self.run_id = run_id


def start(
    config: cli.Options,
    *,
    experiment: str,
    parent: str | None = None,
    train_fingerprint: str | None = None,
    dev_fingerprint: str | None = None,
    resolved: Mapping[str, Any] | None = None,
    hashed: cli.Options | None = None,
    identity: str = "",
    command: str | None = None,
    **fields: Any,
) -> runs.Run:
    """Start a run that stores its config, command, seed, git state and versions by itself.

    Args:
        config: the job's flags.
        experiment: clue, can, whitening, initialization, smoothing, johnson_lindenstrauss, dimension or benchmark.
        parent: run_id of the sweep it belongs to, or of the run whose predictions it works on.
        train_fingerprint: of the training data; part of the config hash.
        dev_fingerprint: of the evaluation data; part of the config hash.
        resolved: values of flags that were left out, as they were settled: stored in place of the flags' null.
        hashed: the flags that make the config hash, where they differ from those of the command.
        identity: what makes the experiment besides flags and data (a task of one's own); part of the config hash.
        command: what reproduces the run, where the flags alone do not.
        fields: further columns of `runs`: task, model, recipe, dataset, data_source, device.

    Raises:
        AlreadyDone: ends the process with code 0, if `--skip-if-done` or `--resume-or-start` is set or a sweep asks,
            and a finished run of the same config and seed is stored.
    """
    config_hash = cli.config_hash(
        hashed or config, train_fingerprint, dev_fingerprint, *([identity] if identity else [])
    )
    if config.resume_or_start:
        of_sweep.forget()
    if config.skip_if_done or config.resume_or_start or of_sweep.parent():
        _skip_if_done(config_hash, config)
    commit, dirty = environment.git_state(Path(__file__).parent)
    run = runs.start(
        experiment,
        config={**cli.params(config), **(resolved or {})},
        command=command or cli.command(dataclasses.replace(with_data_dir(config), resume_or_start=False)),
        config_hash=config_hash,
        db=config.db,
        seed=config.seed,
        name=config.name or None,
        tags=config.tags,
        note=config.note,
        parent_run_id=parent,
        train_fingerprint=train_fingerprint,
        dev_fingerprint=dev_fingerprint,
        git_commit=commit,
        git_dirty=dirty,
        versions=environment.versions(),
        **fields,
    )
    note_start(run, config.db)
    return run


def note_start(run: runs.Run, db: Path | None) -> None:
    """Leave a line in the history of a run that a page started."""
    if how := os.environ.get(STARTED):
        editing.write_edit(locate(db), "act", run_id=run.run_id, act=how)


def with_data_dir(config: Flags) -> Flags:
    """The config with the data folder that the environment names: the command alone says which data were read."""
    named = os.environ.get("CLUE_DATA_DIR")
    if not named or getattr(config, "data_dir", "none such") is not None:
        return config
    return dataclasses.replace(config, data_dir=Path(named).resolve())  # type: ignore[call-arg]


def _skip_if_done(config_hash: str, config: cli.Options) -> None:
    from store import queries

    done = queries.done(config_hash, config.seed, db=config.db)
    if done:
        print(f"already run: {done[0]} has the same config and seed")
        of_sweep.announce(done[0])
        raise AlreadyDone(done[0])
