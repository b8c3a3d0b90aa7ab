"""What the children of a sweep run: a job of the project, or a command of one's own."""

from __future__ import annotations

import dataclasses
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Protocol

from jobs import cli
from jobs.sweep.space import Choices, Kind, Range, Value, parse
from jobs.sweep.words import Words

JOBS = Path(__file__).parent.parent
PLACE = re.compile(r"\{\{(?P<brace>[A-Za-z_]\w*)\}\}|\{(?P<place>[A-Za-z_]\w*)\}")
"""{lr} is a place; {{x}} stands for {x}"""

Space = dict[str, Range | Choices]


class Target(Protocol):
    """How a candidate becomes a command."""

    name: str
    resumes: bool
    """started again, a child goes on from its checkpoint"""

    def space(self) -> Space:
        """The parameters that are searched."""

    def command(self, values: Mapping[str, Value], seed: int) -> list[str]:
        """What trains one candidate with one seed."""

    def child(self, values: Mapping[str, Value], seed: int) -> list[str]:
        """The same as it is started: again after a stop, it goes on where it can."""


def find(words: Words, *, seeds: Sequence[int]) -> Target:
    """The target that the words name, with everything checked that can be before a child starts.

    Raises:
        InputError: if there is none, or a parameter is not one of its.
    """
    if words.command:
        if words.job:
            raise cli.InputError(f"name a job ({' '.join(words.job)}) or a command after --, not both")
        return OwnCommand(words, seeds)
    if not words.job:
        raise cli.InputError(f"name a job to sweep ({', '.join(job_names())}), or a command of your own after --")
    return Job(words)


def job_names() -> list[str]:
    """Jobs of the project that train or measure."""
    found = [path.parent.name for path in JOBS.glob("*/config.py") if (path.parent / "__main__.py").exists()]
    return sorted(set(found) - {"sweep"})


class Job:
    """A job of the project."""

    def __init__(self, words: Words) -> None:
        job, *modes = words.job
        job = job.removeprefix("jobs.")
        if job not in job_names():
            raise cli.InputError(
                f"unknown job {job!r}{cli.suggest(job, job_names())} (expected one of {', '.join(job_names())})"
            )
        self.config_class = _config_class(job, modes)
        self.name = " ".join([job, *modes])
        self._start = [sys.executable, "-m", cli.module_name(self.config_class), *modes]
        hints = typing.get_type_hints(self.config_class)
        self._kinds = {field.name: _kind(hints[field.name]) for field in dataclasses.fields(self.config_class)}
        self._fixed: dict[str, tuple[str, ...]] = {}
        self._space: Space = {}
        for name, values in words.parameters.items():
            self._add(name, values)
        self.resumes = "resume" in self._kinds and self._fixed.get("model") != ("ngram",)
        if "output" in self._fixed:
            raise cli.InputError("--output is one folder and the children would write over each other's: leave it out")
        self._check()

    def space(self) -> Space:
        """The flags with several values or a range."""
        return self._space

    def command(self, values: Mapping[str, Value], seed: int) -> list[str]:
        """The job's command line."""
        return [*self._start, *self._flags(values), "--seed", str(seed)]

    def child(self, values: Mapping[str, Value], seed: int) -> list[str]:
        """The command line, and the flag with which it goes on with its own run."""
        return [*self.command(values, seed), *(["--resume-or-start"] if self.resumes else [])]

    def fixed(self, name: str) -> tuple[str, ...]:
        """Values of a flag that is the same for all children; empty where it is left out."""
        return self._fixed.get(name, ())

    def _add(self, name: str, words: tuple[str, ...]) -> None:
        known = self._kinds.get(name) or self._kinds.get(name.removeprefix("no_"))
        if known is None:
            flags = ["--" + other.replace("_", "-") for other in self._kinds]
            typed = "--" + name.replace("_", "-")
            raise cli.InputError(f"{self.name} has no flag {typed}{cli.suggest(typed, flags)}")
        if known in ("several", "switch") and not (known == "switch" and len(words) > 1):
            self._fixed[name] = words
            return
        found = parse(name, words, "text" if known in ("switch", "text") else typing.cast("Kind", known))
        if isinstance(found, Choices) and len(found.values) == 1:
            self._fixed[name] = words
        else:
            self._space[name] = found

    def _flags(self, values: Mapping[str, Value]) -> list[str]:
        flags = {**self._fixed, **{name: (str(value),) for name, value in values.items()}}
        return [word for name, words in flags.items() for word in self._flag(name, words)]

    def _flag(self, name: str, words: Sequence[str]) -> list[str]:
        flag = name.replace("_", "-")
        if self._kinds.get(name) == "switch" and words:
            if words[0] not in ("true", "false"):
                raise cli.InputError(f"--{flag}: expected true or false, got {words[0]}")
            return [f"--{flag}" if words[0] == "true" else f"--no-{flag}"]
        if len(words) == 1 and words[0].startswith("-"):
            return [f"--{flag}={words[0]}"]
        return [f"--{flag}", *words]

    def _check(self) -> None:
        """Let the job's own parser see every value once."""
        first: dict[str, Value] = {name: samples(found)[0] for name, found in self._space.items()}
        seen = [first, *({**first, name: value} for name, found in self._space.items() for value in samples(found)[1:])]
        check = getattr(sys.modules[self.config_class.__module__], "check", None)
        for values in seen:
            config = cli.parse(self.config_class, self._flags(values), prog=f"jobs.sweep {self.name}")
            if check:
                check(config)


class OwnCommand:
    """A command with places like {lr} for the parameters and {seed}."""

    name = "command"
    resumes = False

    def __init__(self, words: Words, seeds: Sequence[int]) -> None:
        self._words = words.command
        self._parameters = {name: parse(name, values) for name, values in words.parameters.items()}
        places = {found["place"] for word in words.command for found in PLACE.finditer(word)} - {None}
        for name in self._parameters:
            if name not in places:
                said = ", ".join(f"{{{place}}}" for place in sorted(places)) or "none"
                raise cli.InputError(f"the command has no place {{{name}}} for --{name} (its places: {said})")
        for place in sorted(places - {"seed"} - set(self._parameters)):
            near = cli.suggest(place, self._parameters)
            raise cli.InputError(
                f"nothing fills {{{place}}} of the command: give --{place}, or write {{{{{place}}}}} for a brace{near}"
            )
        if len(seeds) > 1 and "seed" not in places:
            raise cli.InputError(
                "several --seeds need a place {seed} in the command, else every child would be the same"
            )

    def space(self) -> Space:
        """Every parameter, those with one value included."""
        return dict(self._parameters)

    def command(self, values: Mapping[str, Value], seed: int) -> list[str]:
        """The words with their places filled."""
        filled = {**{name: str(value) for name, value in values.items()}, "seed": str(seed)}
        words = [
            PLACE.sub(lambda found: filled[found["place"]] if found["place"] else f"{{{found['brace']}}}", word)
            for word in self._words
        ]
        return [sys.executable, *words[1:]] if words[0] in ("python", "python3") else words

    def child(self, values: Mapping[str, Value], seed: int) -> list[str]:
        """The same: nothing is known of a command of one's own, it starts again."""
        return self.command(values, seed)


def _config_class(job: str, modes: Sequence[str]) -> type[cli.Options]:
    module = import_module(f"jobs.{job}.config")
    classes = {
        cli.mode_name(item): item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, cli.Options) and item.__module__ == module.__name__
    }
    mode = " ".join(modes)
    if mode in classes:
        return classes[mode]
    names = [name for name in classes if name]
    if not names:
        raise cli.InputError(f"{job} has no subcommand, got {mode}")
    raise cli.InputError(f"{job} needs one of its subcommands {', '.join(names)}{cli.suggest(mode, names)}")


def _kind(hint: Any) -> str:
    """int, float, text, switch (true or false) or several (a list of values)."""
    kinds = (
        [kind for kind in typing.get_args(hint) if kind is not NoneType] if NoneType in typing.get_args(hint) else []
    )
    hint = kinds[0] if len(kinds) == 1 else hint
    if typing.get_origin(hint) is tuple:
        return "several"
    return {int: "int", float: "float", bool: "switch"}.get(hint, "text")


def samples(found: Range | Choices) -> list[Value]:
    """Values that show whether the job takes the parameter."""
    if isinstance(found, Choices):
        return list(found.values)
    return [int(found.low), int(found.high)] if found.whole else [found.low, found.high]
