"""Every job with its flags as JSON: what a form needs to know.

python -m jobs.launch.catalogue

A list of `{"job", "mode", "about", "estimates", "flags": [{"name", "about", "kind", "several", "choices", "default",
"needed", "sign"}]}`. Kinds: text, int, float, switch, path, choice. `default` is null where the job finds a value by
itself; `sign` is any, from zero or positive.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import sys
import textwrap
import typing
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any

from jobs import cli
from jobs.sweep.target import job_names

LEFT_OUT = frozenset({"db", "resume", "resume_or_start", "list", "new_task", "file", "skip_if_done", "dry_run"})
"""Flags that start nothing new, or that whoever starts the job gives."""


def jobs() -> list[dict[str, Any]]:
    """All jobs and their subcommands, the training of CLUE tasks first."""
    names = sorted(job_names(), key=lambda name: (name != "clue", name))
    return [entry for name in names for entry in _job(name)]


def _job(name: str) -> list[dict[str, Any]]:
    module = import_module(f"jobs.{name}.config")
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, cli.Options) and item.__module__ == module.__name__
    ]
    runnable = [item for item in classes if not any(other is not item and issubclass(other, item) for other in classes)]
    return [
        {
            "job": f"jobs.{name}",
            "mode": cli.mode_name(item),
            "about": (item.__doc__ or "").strip().splitlines()[0],
            "estimates": any(field.name == "dry_run" for field in dataclasses.fields(item)),
            "flags": flags(item),
        }
        for item in runnable
    ]


def flags(config_class: type[Any]) -> list[dict[str, Any]]:
    """The flags of a config class in their order, those of every job last."""
    hints, help_of = typing.get_type_hints(config_class), _docstrings(config_class)
    own = [field for field in dataclasses.fields(config_class) if field.name not in LEFT_OUT]
    shared = {field.name for field in dataclasses.fields(cli.Options)}
    return [
        {"name": field.name, "about": help_of.get(field.name, ""), **_type(hints[field.name], field)}
        for field in sorted(own, key=lambda field: field.name in shared)
    ]


def _type(hint: Any, field: dataclasses.Field[Any]) -> dict[str, Any]:
    parts = [part for part in typing.get_args(hint) if part is not NoneType]
    if NoneType in typing.get_args(hint) and len(parts) == 1:
        hint = parts[0]
    several = typing.get_origin(hint) is tuple
    item = typing.get_args(hint)[0] if several else hint
    choices = [str(value) for value in typing.get_args(item)] if typing.get_origin(item) is typing.Literal else []
    kinds = {int: "int", float: "float", bool: "switch", Path: "path"}
    kind = "choice" if choices else kinds.get(item, "text")
    zero = field.name in cli.FROM_ZERO or field.default == 0
    return {
        "kind": kind,
        "several": several,
        "choices": choices,
        "default": None if field.default is dataclasses.MISSING else cli.plain(field.default),
        "needed": field.default is dataclasses.MISSING,
        "sign": "any" if field.name in cli.SIGNED else "from zero" if zero else "positive",
    }


def _docstrings(config_class: type[Any]) -> dict[str, str]:
    """Field -> the string below it, those of the classes above included."""
    found: dict[str, str] = {}
    for item in reversed(config_class.__mro__[:-1]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(item))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                value = text.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[field.target.id] = inspect.cleandoc(value.value)
    return found


if __name__ == "__main__":
    json.dump(jobs(), sys.stdout, ensure_ascii=False)
