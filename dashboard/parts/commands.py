"""Commands that the pages show to be pasted into a shell in the project's folder."""

import shlex

from dashboard import queries
from store import paths


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
