"""From the fields of a form to the command of a job, and from a command back to the fields.

The jobs and their flags come from `python -m jobs.launch.catalogue`. Numbers are typed as text, so that `3e-4`, several
values and ranges (`1e-5..1e-3:log`) can be: those make a sweep. A command is a list of words, never a shell's line.
"""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.frames.runs import run_names

MAIN = (
    "task",
    "model",
    "learning_rate",
    "epochs",
    "batch_size",
    "limit",
    "seeds",
    "seed",
    "data_dir",
    "recipe",
    "name",
)
"""Flags that stand first in a form."""
Flag = Mapping[str, Any]
_RANGE = re.compile(r"^(?P<low>[^.].*?)\.\.(?P<high>[^:]+)(?P<scale>:log)?$")


@dataclass(frozen=True, slots=True)
class Command:
    """What a form stands for."""

    words: tuple[str, ...]
    problems: tuple[str, ...]
    """one sentence a field that cannot be"""
    sweep: bool

    @property
    def line(self) -> str:
        """The command as it is typed in a terminal."""
        return shlex.join(self.words)


def title(job: Flag) -> str:
    """`clue`, `can sweep`: a job as its command names it."""
    return f"{job['job'].removeprefix('jobs.')} {job['mode']}".strip()


def ordered(flags: Sequence[Flag]) -> tuple[list[Flag], list[Flag]]:
    """Flags that stand first, and the others, which are folded."""
    first = [flag for name in MAIN for flag in flags if flag["name"] == name]
    needed = [flag for flag in flags if flag["needed"] and flag not in first]
    return needed + first, [flag for flag in flags if flag not in first and flag not in needed]


def command(job: Flag, values: Mapping[str, str | bool]) -> Command:
    """The command of a filled form.

    Args:
        job: an entry of the catalogue.
        values: flag -> what stands in its field; an empty text leaves the flag out.
    """
    words: list[str] = []
    problems: list[str] = []
    sweep = False
    for flag in job["flags"]:
        value = values.get(flag["name"], "")
        name = "--" + flag["name"].replace("_", "-")
        if isinstance(value, bool):
            if value != flag["default"]:
                words.append(name if value else name.replace("--", "--no-", 1))
            continue
        found = _words_of(flag, value.strip(), problems)
        if not found or _same(found, flag["default"]):
            continue
        sweep = sweep or (flag["kind"] in ("int", "float") and not flag["several"] and _many(found))
        words += [f"{name}={found[0]}"] if len(found) == 1 and found[0].startswith("-") else [name, *found]
    start = ["jobs.sweep", *title(job).split()] if sweep else [job["job"], *filter(None, [job["mode"]])]
    return Command(("python", "-m", *start, *words), tuple(problems), sweep)


def filled(jobs: Sequence[Flag], line: str | None) -> tuple[int, dict[str, str | bool]] | None:
    """Which job a command runs, and its fields; None where it is no job of the project.

    Args:
        jobs: the catalogue.
        line: the command that a run stored.
    """
    try:
        words = shlex.split(line or "")
    except ValueError:
        return None
    if words[:2] != ["python", "-m"] or len(words) < 3:
        return None
    called = [word for word in words[2:] if not word.startswith("-")][:3]
    names = [f"jobs.{called[1]}", *called[2:]] if called[0] == "jobs.sweep" and len(called) > 1 else called
    for number, job in enumerate(jobs):
        if names[0] == job["job"] and (not job["mode"] or names[1:2] == [job["mode"]]):
            return number, _fields(job, run_names.flags_of(line))
    return None


def _fields(job: Flag, given: Mapping[str, tuple[str, ...]]) -> dict[str, str | bool]:
    found: dict[str, str | bool] = {}
    for flag in job["flags"]:
        name = flag["name"]
        if flag["kind"] == "switch":
            found[name] = name in given or (bool(flag["default"]) and f"no_{name}" not in given)
        elif name in given:
            values = given[name]
            found[name] = shlex.join(values) if flag["several"] else " ".join(values)
    return found


def _words_of(flag: Flag, text: str, problems: list[str]) -> list[str]:
    """The words that follow a flag; adds a sentence to the problems where they cannot be."""
    called = flag["name"].replace("_", " ")
    if not text:
        if flag["needed"]:
            problems.append(f"{called} is needed: {flag['about']}.")
        return []
    if flag["kind"] not in ("int", "float"):
        try:
            return shlex.split(text) if flag["several"] else [text]
        except ValueError:
            problems.append(f"{called}: a quotation mark is not closed in {text}.")
            return []
    words = text.split()
    for word in words:
        if problem := _problem(flag, word):
            problems.append(f"{called}: {problem}")
    return words


def _problem(flag: Flag, word: str) -> str:
    """What is wrong with a number or a range of a flag; nothing where it is right."""
    found = _RANGE.match(word)
    if found and flag["several"]:
        return f"a range is for a flag with one value, got {word}."
    ends = [found["low"], found["high"]] if found else [word]
    kind = "a whole number" if flag["kind"] == "int" else "a number"
    numbers = []
    for end in ends:
        try:
            number = int(end) if flag["kind"] == "int" else float(end)
        except ValueError:
            return f"expected {kind}, got {end}."
        if not math.isfinite(number):
            return f"expected a finite number, got {end}."
        if number < 0 and flag["sign"] != "any":
            return f"must not be negative, got {end}."
        if number == 0 and flag["sign"] == "positive":
            return f"must be positive, got {end}."
        numbers.append(number)
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        return f"the range {word} is empty: its low end must lie below its high end."
    return ""


def _many(words: Sequence[str]) -> bool:
    return len(words) > 1 or _RANGE.match(words[0]) is not None


def _same(words: Sequence[str], default: object) -> bool:
    """Whether the words say what the job takes by itself."""
    usual = default if isinstance(default, list) else [default]
    if len(usual) != len(words):
        return False
    return all(_equal(word, value) for word, value in zip(words, usual, strict=True))


def _equal(word: str, value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(word) == float(value)
        except ValueError:
            return False
    return word == value
