"""Commands that the pages show to be pasted into a shell in the project's folder."""

import shlex

from dashboard import queries
from store import paths


def of_this_store(command: str) -> str:
    """The command as it writes to the store that the pages show: with its place, where that is not the usual one."""
    db = queries.database()
    usual = paths.ROOT / "results.duckdb"
    return command if db == usual else f"{paths.ENVIRONMENT}={shlex.quote(str(db))} {command}"
