"""Where the store lies: `DIR/NAME.duckdb` is the published database, `DIR/NAME/` holds everything behind it.

results.duckdb            read by everybody, replaced by rename, mode 0444
results/work.duckdb       written by one process at a time, under `lock`
results/lock              a flock on it makes a process the one that ingests
results/spool/            one JSON-lines file per run, and edits.jsonl
results/predictions/      Parquet files named by spool lines
results/artifacts/RUN/    whatever a run keeps: checkpoints, probabilities, submissions

Where the database is a link, all of this lies beside the file that it leads to. Names that come from a line of a spool
are somebody's data: `inside` and `check_run_id` turn them into paths or refuse what would leave the store.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from store.errors import StoreError

ENVIRONMENT = "CLUEBOARD_DB"
ROOT = Path(__file__).resolve().parent.parent
USUAL = ROOT / "results.duckdb"  # the database where no other is named
LONGEST = 200  # bytes of a database's name: files that are written beside it are called a little longer
DEEPEST = 3500  # bytes of its path, for the same reason
_RUN_ID = re.compile(r"\w[\w.-]{0,199}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one store."""

    db: Path  # the published database, absolute

    @property
    def folder(self) -> Path:
        """Folder beside the database that holds all other files."""
        return self.db.with_suffix("")

    @property
    def work(self) -> Path:
        """The database ingest writes."""
        return self.folder / "work.duckdb"

    @property
    def lock(self) -> Path:
        """File whose flock is held by the process that ingests."""
        return self.folder / "lock"

    @property
    def spool(self) -> Path:
        """Folder of the runs' JSON-lines files."""
        return self.folder / "spool"

    @property
    def edits(self) -> Path:
        """What people wrote: tags, notes, archive flags, marks."""
        return self.spool / "edits.jsonl"

    @property
    def predictions(self) -> Path:
        """Folder of Parquet files named by spool lines."""
        return self.folder / "predictions"

    @property
    def artifacts(self) -> Path:
        """Folder with one folder per run."""
        return self.folder / "artifacts"

    def spool_file(self, run_id: str) -> Path:
        """Spool of one run.

        Raises:
            StoreError: if no run can have this id.
        """
        return self.spool / f"{check_run_id(run_id)}.jsonl"

    def folder_of(self, run_id: str) -> Path:
        """Folder of the files that one run keeps.

        Raises:
            StoreError: if no run can have this id, or the folder is a link to somewhere else.
        """
        return inside(self.artifacts, check_run_id(run_id))

    def create(self) -> None:
        """Make the folders that do not exist yet.

        Raises:
            StoreError: if a folder cannot be made, or the database's path is taken by something else.
        """
        check_target(self)
        check_kinds(self)
        try:
            for folder in (self.spool, self.predictions, self.artifacts):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot create the store's folder {self.folder}: {error.strerror}") from error
        if not os.access(self.spool, os.W_OK):
            raise StoreError(f"the store's folder {self.spool} is not writable")


def locate(db: Path | str | None = None) -> Layout:
    """The store at `db`, else at the variable CLUEBOARD_DB, else at results.duckdb in the project's root.

    A database that is a link stands for the file it leads to; links among the folders above it stay as they are typed.

    Raises:
        StoreError: if the path cannot be that of a database.
    """
    path = Path(os.path.abspath(Path(db or os.environ.get(ENVIRONMENT) or USUAL).expanduser()))  # noqa: PTH100
    _check_name(path)
    if path.is_symlink():
        try:
            target = path.resolve()
        except (OSError, RuntimeError) as error:
            raise StoreError(f"{path} is a link that leads nowhere: {error}") from error
        if not target.parent.is_dir():
            raise StoreError(f"{path} is a link to {target}, but {target.parent} is not there: is its disk mounted?")
        _check_name(target)
        return Layout(target)
    return Layout(path)


def _check_name(path: Path) -> None:
    """Refuse what cannot be a database before anything is written: DuckDB looks for its log elsewhere then."""
    if path.suffix != ".duckdb" or path.stem.startswith("."):
        raise StoreError(f"a store's database must end in .duckdb, got {path}")
    unfit = sorted(
        {letter for letter in str(path) if letter in "?\\" or ord(letter) < 32 or "\ud800" <= letter < "\ue000"}
    )
    if unfit:
        raise StoreError(f"DuckDB cannot open a path that contains {', '.join(map(repr, unfit))}: {str(path)!r}")
    if len(os.fsencode(path.name)) > LONGEST or len(os.fsencode(path)) > DEEPEST:
        raise StoreError(f"a database's name may have {LONGEST} bytes and its path {DEEPEST}, got {path.name[:80]}…")


def is_run_id(text: object) -> bool:
    """Whether a run can have this id: it becomes the name of a file."""
    return isinstance(text, str) and _RUN_ID.fullmatch(text) is not None


def check_run_id(text: object) -> str:
    """The id of a run, as it came.

    Raises:
        StoreError: if no run can have it.
    """
    if not is_run_id(text):
        raise StoreError(f"a run's id is made of letters, digits, '-', '_' and '.', got {str(text)[:200]!r}")
    return str(text)


def check_name(name: object, *, plain: bool = False) -> str:
    """The name of a file below a folder of the store, as a line of a spool says it.

    Args:
        name: relative, parts separated by `/`.
        plain: allow one part only.

    Raises:
        StoreError: if it leads out of the folder.
    """
    text = name if isinstance(name, str) else ""
    parts = text.split("/")
    if (
        not all(part.strip() for part in parts)
        or ".." in parts
        or "." in parts
        or "\0" in text
        or (len(parts) > 1 and plain)
    ):
        raise StoreError(f"expected the name of a file of the store, got {str(name)[:200]!r}")
    return text


def inside(folder: Path, name: object) -> Path:
    """The path of something below a folder of the store, named by a line of a spool.

    Raises:
        StoreError: if the name leads out of the folder, by itself or through a link.
    """
    text = check_name(name)
    path = folder / text
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise StoreError(f"cannot follow {path}: {error}") from error
    if not real.is_relative_to(folder.resolve()):
        raise StoreError(f"{path} is a link that leads out of {folder}")
    return path


def check_target(layout: Layout) -> None:
    """Refuse a database path that is a folder or holds something that was never a database.

    A damaged copy of a working database that is there is no hindrance: it is made again (`store.database.publish`).

    Raises:
        StoreError: if the path exists and cannot be a published database.
    """
    path = layout.db
    if not _is(path, stat.S_ISREG, "a database file"):
        return
    try:
        with path.open("rb") as file:
            header = file.read(12)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if header[8:12] != b"DUCK" and not (layout.work.exists() and (layout.folder / "published.json").exists()):
        raise StoreError(f"{path} is not a DuckDB database")


def check_kinds(layout: Layout) -> None:
    """Refuse a store where a folder or a pipe has the name of a file, or a file that of a folder.

    Raises:
        StoreError: if so; opening a pipe would wait for ever.
    """
    for folder in (layout.folder, layout.spool, layout.predictions, layout.artifacts):
        _is(folder, stat.S_ISDIR, "a folder")
    beside = (layout.folder / name for name in ("work.duckdb.wal", "follower", "published.json"))
    for file in (layout.work, layout.lock, layout.edits, *beside):
        _is(file, stat.S_ISREG, "a file")


def _is(path: Path, fits: Callable[[int], bool], what: str) -> bool:
    """Whether something is there.

    Raises:
        StoreError: if it is of another kind, or cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if not fits(mode):
        kind = {stat.S_IFDIR: "folder", stat.S_IFREG: "file", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        raise StoreError(f"expected {what}, but {path} is a {kind.get(stat.S_IFMT(mode), 'device')}")
    return True
