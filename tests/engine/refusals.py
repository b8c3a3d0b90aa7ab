"""What it means that the engine refuses: a ValueError that it raises itself, in one sentence."""

import linecache
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
