"""A run as an entry of a bibliography: what makes it repeatable is its command, commit and data."""

import re
from collections.abc import Mapping
from typing import Any

from dashboard.reports import paper_tables


def bibtex(run: Mapping[str, Any], name: str) -> str:
    """BibTeX `@misc` of a run: name, date, command, git commit, fingerprints of the data, each where it is known.

    Args:
        run: a row of `runs`.
        name: what the run is called.
    """
    started = run["started_at"]
    dirty = " with uncommitted changes" if run.get("git_dirty") else ""
    data = " ".join(f"{split} {print_}" for split in ("train", "dev") if (print_ := run.get(f"{split}_fingerprint")))
    fields = {
        "title": name,
        "howpublished": f"clueboard run {run['run_id']}",
        "year": str(started.year) if started else None,
        "month": str(started.month) if started else None,
        "command": run.get("command"),
        "commit": f"{run['git_commit']}{dirty}" if run.get("git_commit") else None,
        "data": f"{run.get('dataset') or 'data'} ({run.get('data_source')}): {data}" if data else None,
        "seed": None if run.get("seed") is None else str(run["seed"]),
    }
    lines = [f"  {key} = {{{_escaped(value)}}}," for key, value in fields.items() if value]
    return "\n".join([f"@misc{{clueboard-{run['run_id']},", *lines, "}"])


def _escaped(text: str) -> str:
    """Text that BibTeX reads as it is: its own signs escaped, braces left out (unbalanced ones would end the field)."""
    return paper_tables.latex_text(re.sub(r"[{}\r\n]", " ", text))
