"""From a frozen dataclass to a command line and back.

A job is a frozen dataclass of flags (`Config`, or one class per subcommand, named like it) and a function that takes
it. `main` parses, runs and turns bad input into one sentence and exit code 2; `command` prints the command that gives
the same config again; `config_hash` is the identity of an experiment but for its seed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

from engine.names import nearest
from jobs.interrupts import as_keyboard_interrupt
from store.errors import StoreError
from store.output import outlived
from store.spool.file import end_open

UNHASHED = frozenset(
    {
        *("seed", "device", "db", "output", "name", "tags", "note", "data_dir", "dry_run"),
        *("resume", "resume_or_start", "skip_if_done"),
    }
)
"""Fields that do not change what an experiment is: where it runs, what it is called, which seed it has."""


SIGNED = frozenset({"cosines"})
"""Numbers that may be negative; all others may not."""
FROM_ZERO = frozenset(
    [
        *("seed", "seeds", "folds", "eval_every", "early_stopping", "warmup", "weight_decay", "label_smoothing"),
        *(
            "dropout",
            "fgm",
            "rdrop",
            "ema",
            "alpha",
            "alphas",
            "threshold",
            "thresholds",
            "iterations",
            "betas",
            "gammas",
        ),
        *("rho", "good", "held_out", "resamples", "keep_pairs", "measure_up_to", "oversampling", "power_iterations"),
        "spectrum_draws",
    ]
)
"""Numbers that may be zero, as may those whose default is zero; all others must be positive."""
LARGEST = 2**63 - 1


LONG_QUOTATION = re.compile(r"(?<!\w)('[^'\n]{80})[^'\n]{40,}(')(?!\w)")


class InputError(Exception):
    """Bad input of the user: one sentence that says what was expected and what came, a long quotation cut short."""

    def __init__(self, message: str) -> None:
        super().__init__(LONG_QUOTATION.sub(r"\1 …\2", message))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Flags that every job has."""

    db: Path | None = None
    """results database (default: $CLUEBOARD_DB, else results.duckdb in the project's root)"""
    seed: int = 42
    """random seed"""
    name: str = ""
    """what the run is called (default: what sets its parameters apart)"""
    tags: tuple[str, ...] = ()
    """words to find the run by"""
    note: str = ""
    """a remark stored with the run"""
    skip_if_done: bool = False
    """do nothing if a finished run of the same config and seed is stored"""
    resume_or_start: bool = False
    """go on with the stopped run of the same config and seed, do nothing if it is finished, else start: for scripts
    that a batch system starts again"""


Job = tuple[type[Any], Callable[[Any], object] | str]
"""a config class, and the function that takes it or where that function is (`package.module:function`)"""


@outlived()
def main(doc: str | None, jobs: Job | Mapping[str, Job]) -> None:
    """Parse the command line, run the job, and exit.

    Args:
        doc: the module's docstring, shown by --help.
        jobs: a job, or one for each subcommand; a subcommand's config class is named like it.
    """
    arguments = sys.argv[1:]
    if isinstance(jobs, Mapping):
        if not arguments or arguments[0] in ("-h", "--help"):
            _print_subcommands(doc, jobs)
        if arguments[0] not in jobs:
            _refuse(f"unknown subcommand {arguments[0]!r}{suggest(arguments[0], jobs)} (expected {', '.join(jobs)})")
        mode, (config_class, function) = arguments[0], jobs[arguments[0]]
        arguments = arguments[1:]
    else:
        mode, (config_class, function) = "", jobs
    if {"-h", "--help"} & set(arguments) and not mode:
        print((doc or "").strip(), end="\n\n")
    prog = " ".join(filter(None, [f"python -m {module_name(config_class)}", mode]))
    config = parse(config_class, arguments, prog=prog)
    run(function, config)


def parse(config_class: type[Any], arguments: Iterable[str], *, prog: str | None = None) -> Any:
    """Parse arguments into the config class; exits with code 2 and a sentence where they do not fit."""
    import tyro

    said = io.StringIO()
    try:
        with redirect_stderr(said):
            config = tyro.cli(config_class, args=list(arguments), prog=prog, description=config_class.__doc__)
    except SystemExit as stop:
        if not stop.code:
            raise
        _refuse(_sentence(said.getvalue()))
    try:
        check_numbers(config)
    except InputError as error:
        _refuse(str(error))
    return config


def check_numbers(config: Any) -> None:
    """Refuse numbers that no job can mean: not finite, negative, zero where something is counted, above 64 bits.

    Raises:
        InputError: one sentence that names the flag.
    """
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), field.name
        if value == field.default:
            continue
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            flag = "--" + name.replace("_", "-")
            if not math.isfinite(number):
                raise InputError(f"{flag} must be a finite number, got {number}")
            if (name not in SIGNED and number < 0) or (abs(number) > LARGEST and isinstance(number, int)):
                said = "must not be negative" if number < 0 else f"must be at most {LARGEST}"
                raise InputError(f"{flag} {said}, got {number}")
            if name not in SIGNED | FROM_ZERO and number == 0:
                raise InputError(f"{flag} must be positive, got {number}")


def going_on(module: str, run_id: str, db: Path | None) -> str:
    """The command that goes on with a run, as it can be pasted.

    >>> going_on("jobs.clue", "20261128-120000-7f3a", Path("my runs/r.duckdb"))
    "python -m jobs.clue --resume 20261128-120000-7f3a --db 'my runs/r.duckdb'"
    """
    return shlex.join(["python", "-m", module, "--resume", run_id, *db_flag(db)])


def db_flag(db: Path | None) -> list[str]:
    """The words that name a database in a command, where one was given."""
    return ["--db", str(db)] if db else []


def command(config: Any) -> str:
    """The shell command that runs the same config again; flags at their default are left out."""
    words = ["python", "-m", module_name(type(config)), *filter(None, [mode_name(type(config))])]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.default is dataclasses.MISSING or value != field.default:
            words += _flag("--" + field.name.replace("_", "-"), value)
    return shlex.join(words)


def module_name(config_class: type[Any]) -> str:
    """The module to run with `python -m`: the package of a `config` module, else where the class was defined."""
    if config_class.__module__ != "__main__":
        return config_class.__module__.removesuffix(".config")
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else Path(sys.argv[0]).stem


def mode_name(config_class: type[Any]) -> str:
    """The subcommand of a config class: its name in kebab case, empty for `Config`."""
    name = config_class.__name__
    return "" if name == "Config" else re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def params(config: Any) -> dict[str, Any]:
    """The config as json-ready values, every field."""
    return {field.name: plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def config_hash(config: Any, *fingerprints: str | None) -> str:
    """Sha256 of the config without what is named in `UNHASHED` and without paths, plus the data's fingerprints.

    Two runs with the same hash are the same experiment but for the seed.
    """
    identity = {
        name: value
        for name, value in params(config).items()
        if name not in UNHASHED and not isinstance(getattr(config, name), Path)
    }
    document = [module_name(type(config)), mode_name(type(config)), identity, list(fingerprints)]
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def suggest(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest of the names, or nothing."""
    return nearest(name, names)


@contextmanager
def input_errors(what: str) -> Iterator[None]:
    """Turn a ValueError or OSError about what the user handed in into an InputError that names it."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise InputError(f"{what}: {error}") from error


def run(function: Callable[[Any], object] | str, config: Any) -> None:
    """Call the job, and turn bad input into one sentence and exit code 2."""
    # Threads that wait by sleeping: on a busy machine spinning ones made a training six times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with as_keyboard_interrupt():
            call = resolve_name(function) if isinstance(function, str) else function
            call(config)
    except (InputError, StoreError) as error:
        if os.environ.get("CLUEBOARD_DEBUG"):
            raise
        _refuse(str(error))
    except OSError as error:
        if os.environ.get("CLUEBOARD_DEBUG") or error.errno is None:
            raise
        _refuse(f"{error.filename or 'system'}: {error.strerror}")
    except KeyboardInterrupt:
        end_open("interrupted")
        print("\ninterrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _sentence(box: str) -> str:
    """What tyro says in a box, as one sentence: its first paragraph, and the flag that may have been meant."""
    lines = [line.strip(" │") for line in box.splitlines()[1:]]  # below the title; no frame where stdout is not UTF-8
    said, _, rest = re.sub(r"[─-]{5,}", "\n", " ".join(lines)).strip().partition("\n")
    wrong = re.match(
        r"Error parsing (--[\w-]+): .*?(?:from \[|base 10: |to float: |for arguments: \[)(.*?)(?:\]\.?|$)", said
    )
    kind = re.search(r"Argument helptext: +--[\w-]+ \[?(?:\{None\}\|)?(\w+)", rest)
    if wrong and kind:
        return f"{wrong[1]}: expected {kind[1]}, got {wrong[2]}"
    near = re.search(r"Perhaps you meant: +(--[\w-]+)", rest)
    said = said.strip().rstrip(".")
    return said[:1].lower() + said[1:] + (f"; did you mean {near[1]}?" if near else "; --help names the flags")


def _refuse(sentence: str) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def _print_subcommands(doc: str | None, jobs: Mapping[str, Job]) -> NoReturn:
    print((doc or "").strip() + "\n\nsubcommands (each with --help):")
    for name, (config_class, _) in jobs.items():
        print(f"  {name:<12} {(config_class.__doc__ or '').strip().splitlines()[0]}")
    raise SystemExit(0 if len(sys.argv) > 1 else 2)


def plain(value: Any) -> Any:
    """A value of a config as json can hold it."""
    if isinstance(value, Path):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [name if value else name.replace("--", "--no-", 1)]
    if isinstance(value, tuple):
        return [name, *map(str, value)]
    return [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]
