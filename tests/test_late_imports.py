"""An import stands inside a function only if it brings in a package that is not there yet, or would close a circle."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.statements import below, parsed

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("dashboard", "engine", "store", "jobs")
    for path in sorted((ROOT / package).rglob("*.py"))
}
FIRST_LINES = {"store", "store.tracking.session"}
"""What a script of one's own loads with `import store`, which must cost next to nothing."""


def targets(node: ast.stmt) -> set[str]:
    """The modules that an import statement loads."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    assert isinstance(node, ast.ImportFrom)
    names = {f"{node.module}.{alias.name}" for alias in node.names}
    return {name if name in MODULES else str(node.module) for name in names}


def found(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements in a node, and whether they stand inside a function; without those for type checkers only."""
    for statement in below(node):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement, inside
        elif not (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)):
            yield from found(statement, inside or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def imports(module: str) -> tuple[frozenset[str], tuple[tuple[int, frozenset[str]], ...]]:
    """What a module imports at its top, and line and modules of each import inside a function."""
    all_of_them = list(found(parsed(MODULES[module])))
    top = frozenset().union(*(targets(node) for node, inside in all_of_them if not inside))
    return top, tuple((node.lineno, frozenset(targets(node))) for node, inside in all_of_them if inside)


@cache
def loads(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """Packages of others, and modules of ours, that importing a module loads."""
    waiting, ours, others = [module], set(), set()
    while waiting:
        name = waiting.pop()
        if name in ours:
            continue
        if name not in MODULES:
            others |= {name.split(".")[0]} - sys.stdlib_module_names
            continue
        ours.add(name)
        waiting += [name.rpartition(".")[0]] if "." in name else []
        waiting += imports(name)[0]
    return frozenset(others), frozenset(ours)


def needless(module: str) -> list[str]:
    """Imports inside functions of a module that could stand at its top."""
    there = loads(module)[0]
    lines = []
    for line, names in imports(module)[1]:
        brought = [loads(name) for name in names]
        heavier = any(others - there for others, _ in brought)
        circle = any(module in ours for _, ours in brought)
        if not heavier and not circle:
            lines.append(f"{MODULES[module].relative_to(ROOT)}:{line} {', '.join(sorted(names))}")
    return lines


def test_imports_inside_functions_bring_in_something_heavy():
    lines = [line for module in MODULES if module not in FIRST_LINES for line in needless(module)]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("module", ["jobs.clue.results", "store.queries", "jobs.whitening.sentence_encoders"])
def test_what_a_module_loads_is_seen(module):
    others, ours = loads(module)
    assert module in ours
    assert others


def test_a_light_import_inside_a_function_is_found(tmp_path, monkeypatch):
    path = tmp_path / "module.py"
    path.write_text("import json\n\n\ndef late():\n    import re\n    import torch\n", encoding="utf-8")
    monkeypatch.setitem(MODULES, "module", path)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert needless("module") == ["module.py:5 re"]
