"""Stop the process that writes a run: only where it is certain that it is that process, on this machine.

A run's process holds its spool open for as long as it lives. The stored process id may belong to another program by
now, so it is checked that this very process has that very file open before a signal goes out.
"""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from store import queries
from store.editing import acts_on, write_edit
from store.errors import StoreError
from store.paths import locate
from store.spool.file import alive


def stop(run_id: str, db: Path | None = None, *, kill: bool = False) -> None:
    """Ask the process of a running run to save, say `interrupted` and end (SIGTERM); or end it at once (SIGKILL).

    Raises:
        StoreError: if the run is over, runs on another machine, or its process cannot be told for certain.
    """
    layout = locate(db)
    pid = process_of(queries.run(run_id, db=layout.db), layout.spool_file(run_id))
    try:
        os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
    except OSError as error:
        raise StoreError(f"process {pid} of run {run_id} cannot be stopped: {error.strerror}") from error
    write_edit(layout, "act", run_id=run_id, act="killed" if kill else "asked to stop")


def process_of(run: dict[str, Any], spool: Path) -> int:
    """Id of the process that writes a run now.

    Args:
        run: its row of `runs`.
        spool: its file.

    Raises:
        StoreError: where it is over, elsewhere, or cannot be told.
    """
    run_id, host, here = run["run_id"], run["host"], socket.gethostname()
    if host != here:
        raise StoreError(f"run {run_id} runs on {host}, and this is {here}: stop it there")
    if not alive(spool):
        raise StoreError(f"run {run_id} is not running any more")
    pid = run["pid"]
    holders = _holders(spool, pid)
    if holders is None:
        raise StoreError(f"this system does not tell which files a process has open: stop run {run_id} in its terminal")
    if pid not in holders:
        raise StoreError(f"process {pid} is not the one that writes run {run_id}: stop the run where it was started")
    return int(pid)


def history(run_id: str, db: Path | None = None) -> list[dict[str, Any]]:
    """What people did to the process of a run: `{"act": "asked to stop", "at": seconds}`, oldest first."""
    return acts_on(locate(db), run_id)


def _holders(spool: Path, pid: int) -> set[int] | None:
    """Those of this one process that have a file open; None where the system does not say."""
    folder = Path(f"/proc/{pid}/fd")
    if Path("/proc/self/fd").exists():
        try:
            found = any(link.resolve() == spool.resolve() for link in folder.iterdir())
        except OSError:
            return set()
        return {pid} if found else set()
    if shutil.which("lsof") is None:
        return None
    said = subprocess.run(["lsof", "-t", "--", str(spool)], capture_output=True, text=True, check=False).stdout
    return {int(word) for word in said.split() if word.isdigit()}
