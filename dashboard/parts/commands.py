"""Commands that the pages show to be pasted into a shell in the project's folder."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import queries
from store import paths
from store.importers.records import IMPORTED

_NOTEBOOK = re.compile(r"\b(ipykernel|colab_kernel)_launcher\b|\b(ipython|jupyter)\b")


def show(run: Mapping[str, Any]) -> None:
    """The command of a run, and what it is good for."""
    st.markdown(f"**{told(run)}**")
    if run["command"]:
        st.code(run["command"], language="bash", wrap_lines=True)


def is_imported(run: Mapping[str, Any]) -> bool:
    """Whether another tracker logged the run."""
    return run.get("host") == IMPORTED


def told(run: Mapping[str, Any]) -> str:
    """What the command of a run does: only one that names all that ran repeats it.

    Args:
        run: command and host.
    """
    command = str(run["command"] or "")
    if is_imported(run):
        what = "started it there" if command else "is not stored"
        return f"The run comes from another tracker; its command {what}"
    if not command:
        return "The command of this run is not stored"
    if _NOTEBOOK.search(command):
        return "The run was logged in a notebook or an interactive session, whose lines this command does not hold"
    if command.split()[1:] in ([], ["-"]) and command.startswith("python"):
        return "The script came from standard input; this command alone does not repeat the run"
    return "This command repeats the run"


def of_this_store(command: str) -> str:
    """The command as it writes to the store that the pages show: with its place, where that is not the usual one.

    Several commands are a line each; a line that does not begin with `python` belongs to the script before it.
    """
    db = queries.database()
    if db == paths.USUAL:
        return command
    place = f"{paths.ENVIRONMENT}={shlex.quote(str(db))} "
    first, *others = command.splitlines()
    return "\n".join([place + first, *(place + line if line.startswith("python ") else line for line in others)])
