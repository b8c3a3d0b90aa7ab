"""Sqlite databases of other trackers, opened so that nothing is written beside them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from store.errors import StoreError


def is_sqlite(path: Path) -> bool:
    """Whether a file begins like an sqlite database."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """An open database, whatever characters its path has.

    Raises:
        StoreError: if the file is none, or cannot be read.
    """
    if not is_sqlite(path):
        raise StoreError(f"{path} is not an sqlite database")
    con = sqlite3.connect(f"file:{quote(path.absolute().as_posix())}?mode=ro", uri=True)
    try:
        yield con
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    finally:
        con.close()


def tables(con: sqlite3.Connection) -> set[str]:
    """Names of the tables."""
    return {row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns(con: sqlite3.Connection, table: str) -> set[str]:
    """Names of a table's columns."""
    return {row[1] for row in con.execute(f'PRAGMA table_info("{table}")')}
