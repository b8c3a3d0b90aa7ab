"""Refuse to go on where the data, the task or the model are not those that a run began with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.text.tasks import TaskSpec
from jobs import cli
from jobs.clue.data.own.load import HELD_OUT
from jobs.clue.tasks import task_file
from jobs.models import saving

if TYPE_CHECKING:
    from jobs.clue.data.sources import Data
    from jobs.clue.prepare import Prepared
    from jobs.clue.started import Started

ANEW = "start a new run, without --resume and --resume-or-start"
NO_MATTER = frozenset({"transformers_version", "_name_or_path", "architectures", "dtype", "torch_dtype"})
"""of a config of transformers: what changes no number here"""
SAID = (
    *("name", "kind", "fields", "columns", "label_column", "labels", "n_choices", "metric", "max_length"),
    *("epochs", "batch_size", "stride", "dev_share"),
)
"""fields of a task that its file decides; what later versions add to a task is none of them"""
FROM_DATA = ("labels", "n_choices")
"""fields of a task that its data settle where its file names none"""


def refuse_other_data(was: Started, data: Data) -> None:
    """Refuse data, or a task of one's own, that are not those of the run `was`.

    Raises:
        InputError: naming the run, the split and its file.
    """
    refuse_other_task(was, data.spec)
    refuse_other_fingerprints(was.run_id, data.spec.name, was.fingerprints, data.fingerprints, data.files)


def refuse_other_fingerprints(
    run_id: str, task: str, before: Mapping[str, str], now: Mapping[str, str], files: Mapping[str, str] | None = None
) -> None:
    """Refuse data whose fingerprints are not those that a run stored when it started.

    Args:
        run_id: the run.
        task: name of the task.
        before: split -> fingerprint, of the run.
        now: the same of the data.
        files: split -> the file that was read.
    """
    changed = [split for split in before if now[split] != before[split]]
    if changed:
        named = ", ".join(dict.fromkeys(files[split].removesuffix(HELD_OUT) for split in changed)) if files else "them"
        other = ", or an earlier version held out other rows" if files and files["dev"].endswith(HELD_OUT) else ""
        raise cli.InputError(
            f"the {' and '.join(changed)} rows of {task} are not those that run {run_id} started with{other}; "
            f"put {named} back as before, or {ANEW}"
        )


def refuse_other_task(was: Started, spec: TaskSpec) -> None:
    """Refuse a task file that says something else than it said for the run `was`.

    Args:
        was: the run.
        spec: as its file says now, or as its data settle it.
    """
    if not spec.own or not was.task_spec:
        return
    now, before = (json.loads(task_file.describe(one)) for one in (spec, TaskSpec.from_dict(was.task_spec)))
    names = [name for name in SAID if name in now or name not in FROM_DATA]
    changed = [name for name in names if now.get(name) != before.get(name)]
    if changed:
        raise cli.InputError(
            f"{spec.source} has changed since run {was.run_id} began ({', '.join(changed)}): put it back as it was, "
            f"or {ANEW}"
        )


def refuse_other_rows(was: Started, prepared: Prepared, about: Mapping[str, Any]) -> None:
    """Refuse a model folder whose shape or tokenizer has changed, and rows that come out otherwise for any reason.

    Args:
        was: the run.
        prepared: what it would go on with.
        about: of its checkpoint; one of an earlier version says nothing of its rows.
    """
    now = json.loads(json.dumps(saving.describe(prepared.loaded.encoder, prepared.loaded.tokenizer)))
    changed = [name for name, value in now.items() if name in about and _differ(value, about[name])]
    if changed:
        raise cli.InputError(
            f"{prepared.loaded.name}: its {' and '.join(changed)} changed since run {was.run_id} began; put the model "
            f"back, or {ANEW}"
        )
    rows = [rows.fingerprint() for rows in (prepared.train_rows, prepared.select_rows)]
    if about.get("rows", rows) != rows:
        raise cli.InputError(
            f"the tokens of {prepared.spec.name} are not those that run {was.run_id} was trained on: its data, its "
            f"tokenizer or clueboard itself have changed; {ANEW}"
        )


def _differ(now: Any, before: Any) -> bool:
    """Whether two values differ in what both know; a later version describes more."""
    if isinstance(now, dict) and isinstance(before, dict):
        return any(_differ(now[name], before[name]) for name in (now.keys() & before.keys()) - NO_MATTER)
    return bool(now != before)
