"""Names of runs, computed when they are read: `tnews · mini-zh · lr 3e-4 · 1500 rows · s2`.

A name says what sets a run apart from its recipe's defaults: task and model, the flags that its command names, and its
seed. A run of a script of one's own, whose command names no flags, is named by the parameters in which it differs from
the other runs of its experiment. A name that was given stands for all of it.
"""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from dashboard.figures import words
from dashboard.frames import stored_json

NAMELESS = frozenset(
    (
        *("task", "model", "recipe", "seed", "seeds", "limit", "tags", "note", "name", "db", "output", "data_dir"),
        *("device", "processes", "resume", "skip_if_done", "run", "parent", "train_file", "dev_file", "test_file"),
        *("resume_or_start", "batch_job", "encoder", "dry_run", "save", "quick", "threads"),
        *("workers", "on", "cpus", "gpus", "partition", "time", "slurm", "address", "start_within", "file"),
    )
)
"""Parameters that say nothing of the method, or have a place of their own in a name."""
SHORT = {
    "learning_rate": "lr",
    "weight_decay": "decay",
    "batch_size": "batch",
    "max_length": "length",
    "label_smoothing": "label smoothing",
    "early_stopping": "patience",
}
OWN_JOBS = "python -m jobs."
"""how the commands of this project's jobs begin, which name only what differs from a default"""
MOST_SETTINGS = 4
SMALL = 0.01
"""Numbers below this are written with an exponent: 3e-4."""


def names(
    runs: pl.DataFrame, params: pl.DataFrame | None = None, varying: Mapping[str, Iterable[str]] | None = None
) -> dict[str, str]:
    """Run id -> name; equal names among these runs are told apart by the last digits of the id.

    Args:
        runs: rows of `runs`.
        params: run_id, name, value (json text) of runs whose command names no flags.
        varying: experiment -> the parameters in which its runs differ, for those runs.
    """
    stored: dict[str, dict[str, str]] = {}
    if params is not None:
        for run_id, name, value in params.select("run_id", "name", "value").iter_rows():
            stored.setdefault(run_id, {})[name] = value
    found = {}
    for row in runs.iter_rows(named=True):
        wanted = set((varying or {}).get(row["experiment"], ()))
        own = {name: value for name, value in stored.get(row["run_id"], {}).items() if name in wanted}
        found[row["run_id"]] = name_of(row, own)
    taken: dict[str, int] = {}
    for name in found.values():
        taken[name] = taken.get(name, 0) + 1
    return {run_id: f"{name} · {run_id[-4:]}" if taken[name] > 1 else name for run_id, name in found.items()}


def apart(runs: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """Names of settings that stand side by side: without seeds, and without the parts that all of them have.

    The model stays, so that no name is empty; names that would be the same are told apart by the end of the id.

    Args:
        runs: the first run of each: run_id, model, seed.
        names: run id -> name.
    """
    parts = []
    for run in runs:
        name = names.get(run["run_id"], run["run_id"]).removesuffix(f" · {run['run_id'][-4:]}")
        parts.append(name.removesuffix(f" · s{run['seed']}").split(" · "))
    common = set(parts[0]).intersection(*parts[1:]) if len(parts) > 1 else set()
    found = []
    for run, own in zip(runs, parts, strict=True):
        model = short(str(run["model"] or ""))
        kept = [part for part in own if part not in common or part == model]
        found.append(words.together(kept or own))
    return [
        f"{name} · {run['run_id'][-4:]}" if found.count(name) > 1 else name
        for run, name in zip(runs, found, strict=True)
    ]


def name_of(row: Mapping[str, Any], settings: Mapping[str, str] | None = None) -> str:
    """Name of one run.

    Args:
        row: of `runs`: experiment, task, model, recipe, dataset, seed, command, and name where one was given.
        settings: parameter -> value (json text) that are told where the command names no flags.
    """
    if given := str(row.get("name") or "").strip():
        return given
    flags, named = _of_command(row.get("command"))
    usual = str(row.get("command") or "").startswith(OWN_JOBS)  # without a flag, everything is the recipe's default
    parts = [_subject(row), *(named if flags or usual else _settings(_plain(settings or {}))), _seed(row, flags)]
    return words.together(parts) or str(row.get("run_id") or "")


def flags_of(command: str | None) -> dict[str, tuple[str, ...]]:
    """`{"learning_rate": ("3e-4",), "seeds": ("1", "2")}` of a command; flags that are switched on have no values."""
    text = command or ""
    try:
        tokens = shlex.split(text) if any(sign in text for sign in "'\"\\") else text.split()
    except ValueError:
        tokens = text.split()
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for token in tokens:
        if token.startswith("--"):
            name, _, value = token[2:].partition("=")
            current = found.setdefault(name.replace("-", "_"), [])
            if value:
                current.append(value)
        elif current is not None:
            current.append(token)
    return {name: tuple(values) for name, values in found.items()}


@lru_cache(maxsize=8192)
def _of_command(command: str | None) -> tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    """Flags of a command and what a name tells of them, kept: each answer of a page names the same runs again."""
    flags = flags_of(command)
    return flags, tuple(_settings(flags))


def told(name: str, values: Iterable[str]) -> str:
    """A setting as a name tells it: `lr 3e-4`, `3 epochs`, `fgm 1`."""
    text = "/".join(short(value) for value in values)
    if name == "epochs":
        return f"{text} epoch" if text == "1" else f"{text} epochs"
    return f"{SHORT.get(name, words.name(name))} {text}".strip()


def short(value: str) -> str:
    """A value in few characters: `3e-4` of `0.0003`, the last part of a path; other words stay."""
    try:
        number = float(value)
    except ValueError:
        return value.rstrip("/").rsplit("/", 1)[-1]
    if not math.isfinite(number):
        return value
    if number == 0 or abs(number) >= SMALL:
        return f"{number:.6g}"
    digits, _, power = f"{number:.3e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _subject(row: Mapping[str, Any]) -> str:
    """What the run is of: task and model, the recipe where it is not the usual one, the experiment where it is none."""
    experiment, task, model, recipe = (str(row.get(name) or "") for name in ("experiment", "task", "model", "recipe"))
    task = task or str(row.get("dataset") or "")
    recipe = "" if recipe in ("modern", model) else recipe
    mode = str(row.get("command") or "").partition(f"jobs.{experiment} ")[2].partition(" ")[0]
    mode = "" if mode.startswith("-") else mode.replace("-", " ")
    kind = "" if experiment == "clue" and task else f"{words.name(experiment)} {mode}".strip()
    return words.together((kind, task, "" if model in mode.split() else model, recipe))


def _settings(flags: Mapping[str, tuple[str, ...]]) -> list[str]:
    told_first = sorted(flags.items(), key=lambda item: item[0] != "learning_rate")
    named = [told(name, values) for name, values in told_first if name not in NAMELESS]
    more = [f"and {len(named) - MOST_SETTINGS} more"] if len(named) > MOST_SETTINGS + 1 else []
    named = named[: MOST_SETTINGS + (not more)] + more
    rows = flags.get("limit")
    return named + ([f"{'/'.join(rows)} {'row' if rows == ('1',) else 'rows'}"] if rows else [])


def _seed(row: Mapping[str, Any], flags: Mapping[str, tuple[str, ...]]) -> str:
    if several := flags.get("seeds"):
        return f"seeds {' '.join(several)}"
    return "" if row.get("seed") is None else f"s{row['seed']}"


def _plain(settings: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Stored parameters as flags: values as words, unset ones left out."""
    found = {}
    for name, text in settings.items():
        try:
            value = stored_json.read(text)
        except ValueError:
            value = text
        if value is None or value == "" or value == [] or isinstance(value, dict):
            continue
        found[name] = tuple(map(str, value)) if isinstance(value, list) else (str(value),)
    return found
