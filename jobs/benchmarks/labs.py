"""Processor time of the labs' chapters: the first screen, and the answer of every control of every chapter.

The chapters run in this process through Streamlit's own test runtime, as on a server whose libraries are loaded: a
first screen is a chapter opened for the first time in a session, an answer is the median over three new values of a
control. Process CPU time, so other work on the machine counts little.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"
FIRST_S, ANSWER_S = 0.4, 0.15
VALUES = 3
KINDS = ("slider", "select_slider", "selectbox", "number_input", "toggle", "button_group")


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Every chapter on the store of CLUEBOARD_DB, or on an empty one.

    Args:
        full: every control, not only the first three of a chapter.
    """
    from streamlit.testing.v1 import AppTest

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("CLUEBOARD_DB", str(Path(folder) / "empty.duckdb"))
        firsts: list[float] = []
        answers: list[float] = []
        for lab, chapter in chapters():
            app = AppTest.from_file(str(HOME), default_timeout=120).run()
            _await_libraries()
            first, found = measure(app, f"labs/{lab}", chapter, controls=1000 if full else 3)
            firsts.append(first)
            answers += found.values()
            yield _row(f"{lab}/{chapter}: first screen", first, FIRST_S, "")
            if found:
                slowest = max(found, key=lambda control: found[control])
                yield _row(f"{lab}/{chapter}: slowest answer", found[slowest], ANSWER_S, slowest)
        yield _row("median first screen", statistics.median(firsts), FIRST_S, f"{len(firsts)} chapters")
        yield _row("median answer", statistics.median(answers), ANSWER_S, f"{len(answers)} controls")


def chapters() -> list[tuple[str, str]]:
    """Lab and chapter of every page of the labs."""
    files = sorted((HOME.parent / "chapters").glob("*/*.py"))
    return [(path.parent.name, path.stem) for path in files if path.stem != "__init__"]


def measure(app: Any, script: str, chapter: str, *, controls: int) -> tuple[float, dict[str, float]]:
    """Seconds of processor of a chapter's first screen, and of the answer of each of its controls (key -> seconds)."""
    for name in list(app.query_params):
        del app.query_params[name]
    app.query_params["chapter"] = chapter
    app.switch_page(f"app_pages/{script}.py")
    first, answers = _seconds(app), {}
    for kind, key in [(name, item.key) for name in KINDS for item in app.get(name)][:controls]:
        found = [seconds for _ in range(VALUES) if (seconds := _answer(app, kind, key)) is not None]
        if found:
            answers[key] = statistics.median(found)
    return first, answers


def _await_libraries() -> None:
    """Until the libraries are there that a server loads behind its first answer, in a thread that would be measured."""
    for thread in threading.enumerate():
        if thread.name.startswith("libraries"):
            thread.join()


def _answer(app: Any, kind: str, key: str) -> float | None:
    """Seconds of the answer to a new value of a control; None where it has none."""
    item = next((item for item in app.get(kind) if item.key == key), None)
    try:
        return _seconds(app) if item is not None and _change(kind, item) else None
    except ValueError:  # Streamlit's test runtime cannot say what an empty select box holds
        return None


def _seconds(app: Any) -> float:
    began = time.process_time()
    app.run()
    return time.process_time() - began


def _change(kind: str, item: Any) -> bool:
    """Give a control another value; whether it has one."""
    if kind == "toggle":
        item.set_value(not item.value)
    elif kind in ("slider", "number_input"):
        up = item.value + (item.step or 1)
        if isinstance(item.value, (list, tuple)):
            return False
        item.set_value(up if item.max is None or up <= item.max else item.value - (item.step or 1))
    else:
        others = [option for option in item.options if str(option) != str(item.value)]
        if not others or isinstance(item.value, list):
            return False
        item.select_index(item.options.index(others[0])) if kind == "selectbox" else item.set_value(others[0])
    return True


def _row(name: str, value: float, limit: float, peer: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": "s", "bar": f"< {limit}", "holds": value < limit, "peer": peer}
