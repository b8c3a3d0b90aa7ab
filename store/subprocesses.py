"""Child processes of the store: a Python of its own for what must not happen in a job or in the dashboard."""

import subprocess
import sys
from pkgutil import resolve_name

from store.errors import StoreError
from store.paths import ROOT, Layout, locate


def child(entry: str, layout: Layout, *arguments: str, **options: object) -> "subprocess.Popen[bytes]":
    """Start `entry` (module:function of a layout and strings) in a session of its own (Ctrl-C is for the job)."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from store.subprocesses import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, entry, str(layout.db), *arguments]
    return subprocess.Popen(command, start_new_session=True, **options)  # type: ignore[call-overload, no-any-return]


def main(arguments: list[str]) -> None:
    """The child's side: a StoreError is its last line on standard error."""
    without_pandas()
    entry, db, *rest = arguments
    try:
        resolve_name(entry)(locate(db), *rest)
    except StoreError as error:
        sys.exit(str(error))


def without_pandas() -> None:
    """Keep DuckDB from importing pandas to look at a parameter: half a second and 60 MB that nothing here needs."""
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
    sys.modules.setdefault("pyarrow.dataset", None)  # type: ignore[arg-type]  # cannot do without it, and takes a while


def verify(layout: Layout) -> None:
    """Ask a child process whether the published database is one of ours, for callers that must not import DuckDB.

    Raises:
        StoreError: if it is not.
    """
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = child("store.database.connections:verify_published", layout, **quiet)
    _, complaint = process.communicate()
    if process.returncode:
        raise StoreError(complaint.decode().strip() or f"{layout.db} cannot be used as a store")
