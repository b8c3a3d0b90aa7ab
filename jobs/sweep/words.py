"""The command line of a sweep, split into the sweep's own flags, the job's, and a command of one's own."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jobs import cli
from jobs.sweep.config import Config
from jobs.text_lines import read_text

OWN = frozenset(field.name for field in dataclasses.fields(Config))


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What was typed: names of flags with underscores, values as text."""

    job: tuple[str, ...]
    """a job and its subcommand; empty with a command of one's own"""
    own: dict[str, tuple[str, ...]]
    parameters: dict[str, tuple[str, ...]]
    command: tuple[str, ...]

    def over(self, below: Words) -> Words:
        """These words, and those of a file where these say nothing."""
        return Words(
            self.job or (() if self.command else below.job),
            {**below.own, **self.own},
            {**below.parameters, **self.parameters},
            self.command or (() if self.job else below.command),
        )

    def line(self) -> list[str]:
        """The command line that gives the same words again."""
        flags = {**self.parameters, **self.own}
        typed = [word for name, values in flags.items() for word in _flag(name, values)]
        return [*self.job, *typed, *(["--", *self.command] if self.command else [])]


def split(arguments: Sequence[str]) -> Words:
    """Sort the command line; the values of a flag go to the next flag.

    Raises:
        InputError: if a flag is given twice.
    """
    head = list(arguments[: arguments.index("--")]) if "--" in arguments else list(arguments)
    command = tuple(arguments[len(head) + 1 :])
    job: list[str] = []
    flags: dict[str, list[str]] = {}
    current = job
    for word in head:
        if re.match(r"--[A-Za-z_]", word):
            typed, equals, value = word[2:].partition("=")
            name = typed.replace("-", "_")
            if name in flags:
                raise cli.InputError(f"--{typed} is given twice: name all its values after one flag")
            current = flags[name] = [value] if equals else []
        else:
            current.append(word)
    return _words(job, flags, command)


def read(path: Path) -> Words:
    """Words of a sweep file.

    Raises:
        InputError: if it cannot be read, or holds what no flag takes.
    """
    try:
        document = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise cli.InputError(f"{path} is no TOML file: {error}") from None
    job, command = document.pop("job", ""), document.pop("command", [])
    parameters = document.pop("parameters", {})
    if not isinstance(job, str) or not isinstance(parameters, dict):
        raise cli.InputError(f'{path}: expected job = "clue" and a table [parameters]')
    named = {name.replace("-", "_"): value for name, value in document.items()}
    unknown = sorted(set(named) - OWN)
    if unknown:
        raise cli.InputError(
            f"{path}: a sweep has no setting {unknown[0]!r}{cli.suggest(unknown[0], OWN)}; the job's flags stand "
            "below [parameters]"
        )
    own = {name: _texts(path, name, value) for name, value in named.items()}
    rest = {name.replace("-", "_"): _texts(path, name, value) for name, value in parameters.items()}
    return Words(tuple(job.split()), own, rest, _texts(path, "command", command))


def _words(job: Iterable[str], flags: dict[str, list[str]], command: tuple[str, ...]) -> Words:
    own = {name: tuple(values) for name, values in flags.items() if name.removeprefix("no_") in OWN}
    rest = {name: tuple(values) for name, values in flags.items() if name not in own}
    return Words(tuple(job), own, rest, command)


def _texts(path: Path, name: str, value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if name != "command" and value in (True, False) and isinstance(value, bool):
        return () if value else ("false",)
    if any(not isinstance(item, str | int | float | bool) for item in items):
        raise cli.InputError(f"{path}: {name} must be text, numbers or a list of them, got {value!r:.100}")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


def _flag(name: str, values: tuple[str, ...]) -> list[str]:
    flag = "--" + name.replace("_", "-")
    return [f"{flag}={values[0]}"] if len(values) == 1 and values[0].startswith("--") else [flag, *values]
