"""What it means that the engine refuses: a ValueError that it raises itself, in one sentence."""

import importlib
import inspect
import linecache
import pkgutil
from pathlib import Path

import engine

ROOT = Path(engine.__path__[0])


def check_refusal(refusal: ValueError) -> None:
    """Fail unless the error was raised by a `raise` in the engine and says one sentence."""
    trace = refusal.__traceback__
    assert trace is not None
    while trace.tb_next:
        trace = trace.tb_next
    path = Path(trace.tb_frame.f_code.co_filename)
    line = linecache.getline(str(path), trace.tb_lineno).strip()
    assert path.is_relative_to(ROOT), f"raised in {path}: {refusal}"
    assert line.startswith("raise "), f"raised by {line}: {refusal}"
    assert "\n" not in str(refusal)
    assert 10 < len(str(refusal)) < 400


def public_functions(wanted):
    """Names, after `engine.`, of the public functions and methods for which `wanted` is true."""
    for info in pkgutil.walk_packages(engine.__path__, "engine."):
        module = importlib.import_module(info.name)
        for name, found in vars(module).items():
            if name.startswith("_") or getattr(found, "__module__", None) != module.__name__:
                continue
            members = {name: found}
            if inspect.isclass(found):
                members = {f"{name}.{key}": value for key, value in vars(found).items()}
            for path, function in members.items():
                raw = getattr(function, "__func__", function)
                last = path.split(".")[-1]
                if inspect.isfunction(raw) and (not last.startswith("_") or last == "__call__") and wanted(raw):
                    yield f"{module.__name__}.{path}".removeprefix("engine.")


def annotations_of(function):
    """The annotations of its arguments, as text."""
    return [str(parameter.annotation) for parameter in inspect.signature(function).parameters.values()]


def without_a_row(found, table, elsewhere):
    """Functions that neither have a row nor stand among those that are tested elsewhere."""
    return [name for name in found if name not in table and not any(name.startswith(part) for part in elsewhere)]
