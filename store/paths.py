"""Where the store lies: `DIR/NAME.duckdb` is the published database, `DIR/NAME/` holds everything behind it.

results.duckdb            read by everybody, replaced by rename, mode 0444
results/work.duckdb       written by one process at a time, under `lock`
results/lock              a flock on it makes a process the one that ingests
results/spool/            one JSON-lines file per run, and edits.jsonl
results/predictions/      Parquet files named by spool lines
results/artifacts/RUN/    whatever a run keeps: checkpoints, probabilities, submissions
"""

import os
from dataclasses import dataclass
from pathlib import Path

from store.errors import StoreError

ENVIRONMENT = "CLUEBOARD_DB"
ROOT = Path(__file__).resolve().parent.parent


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
        """Spool of one run."""
        return self.spool / f"{run_id}.jsonl"

    def create(self) -> None:
        """Make the folders that do not exist yet.

        Raises:
            StoreError: if a folder cannot be made, or the database's path is taken by something else.
        """
        check_target(self.db)
        try:
            for folder in (self.spool, self.predictions, self.artifacts):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot create the store's folder {self.folder}: {error.strerror}") from error
        if not os.access(self.spool, os.W_OK):
            raise StoreError(f"the store's folder {self.spool} is not writable")


def locate(db: Path | str | None = None) -> Layout:
    """The store at `db`, else at the variable CLUEBOARD_DB, else at results.duckdb in the project's root."""
    path = Path(db or os.environ.get(ENVIRONMENT) or ROOT / "results.duckdb").expanduser()
    if path.suffix != ".duckdb":
        raise StoreError(f"a store's database must end in .duckdb, got {path}")
    return Layout(Path(os.path.abspath(path)))  # noqa: PTH100 (resolve() would follow a link to another folder)


def check_target(path: Path) -> None:
    """Refuse a database path that is a folder or holds something that is not DuckDB.

    Raises:
        StoreError: if the path exists and cannot be a published database.
    """
    try:
        if path.is_dir():
            raise StoreError(f"expected a database file, but {path} is a folder")
        if not path.exists():
            return
        with path.open("rb") as file:
            header = file.read(12)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if header[8:12] != b"DUCK":
        raise StoreError(f"{path} is not a DuckDB database")
