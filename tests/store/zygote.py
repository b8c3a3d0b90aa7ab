"""A process that has imported everything and forks one child per order, so that tests can kill real processes.

Orders come as JSON lines on standard input: {"do": name, …}. The answer is the child's pid; the
order "reap" waits for it and answers with its exit status.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


from store import ingest, merging, paths, runs, subprocesses, upkeep
from store.database import connections, migrations, publish
from store.errors import StoreError
from store.importers import into_spools


def die() -> None:
    """As if the machine had been told to."""
    os.kill(os.getpid(), signal.SIGKILL)


def write(
    db: str, acks: str, points: int = 10_000_000, limit: int = 0, resume: str = "", step: int = 0, end: bool = False
) -> None:
    """Log points; after each, its step goes to the file `acks` (so the store has acknowledged it)."""
    run = (
        runs.resume(resume, step, Path(db), follow=False)
        if resume
        else runs.start("fault", config={"points": points}, command="x", config_hash="h", db=Path(db), follow=False)
    )
    out = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(out, f"{run.run_id}\n".encode())
    if limit:
        file_size_limit(limit)
    first = step + 1 if resume else 0
    try:
        for number in range(first, first + points):
            run.log({"train/loss": number / 7}, step=number)
            os.write(out, b"%d\n" % number)
    except StoreError as error:
        os.write(out, f"error {error}\n".encode())
        os._exit(3)
    if end:
        run.finish()


def file_size_limit(size: int) -> None:
    """No file may grow beyond `size`: what a full disk looks like to a program."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def take_in(db: str, limit: int = 0, wait: float = 20.0) -> None:
    """Ingest and publish."""
    if limit:
        file_size_limit(limit)
    try:
        ingest.ingest(Path(db), wait=wait, force=True)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        os._exit(3)


def die_before_publish(db: str) -> None:
    """Everything is committed, nothing published."""
    publish.if_due = lambda *_, **__: die()
    take_in(db)


def die_with_half_a_copy(db: str) -> None:
    """Die in the middle of publishing, when half of the database is copied."""

    def half(source: Path, target: Path) -> None:
        data = Path(source).read_bytes()
        Path(target).write_bytes(data[: len(data) // 2])
        die()

    publish.shutil.copyfile = half
    take_in(db)


class Mine:
    """A connection that dies some microseconds after it begins a statement."""

    def __init__(self, con, word: str, delay: float) -> None:
        self._con, self._word, self._delay = con, word, delay

    def __getattr__(self, name: str):
        return getattr(self._con, name)

    def execute(self, statement, *values):
        if statement.startswith(self._word):
            threading.Thread(target=self._die, daemon=True).start()
        return self._con.execute(statement, *values)

    def _die(self) -> None:
        until = time.perf_counter() + self._delay
        while time.perf_counter() < until:
            pass
        die()


def die_at(db: str, word: str, delay: float) -> None:
    """Die while a statement that begins with `word` runs."""
    real = ingest.open_work
    ingest.open_work = lambda layout: Mine(real(layout), word, delay)
    take_in(db)


def migrate(db: str, delay: float) -> None:
    """Take a synthetic next migration and die some time into it."""
    statements = (
        "ALTER TABLE raw.points ADD COLUMN twice DOUBLE; UPDATE raw.points SET twice = 2 * value; "
        "CREATE TABLE raw.new AS FROM raw.points;"
    )
    following = migrations.Migration(migrations.MIGRATIONS[-1].number + 1, statements)
    migrations.MIGRATIONS = (*migrations.MIGRATIONS, following)
    connections.MIGRATIONS = migrations.MIGRATIONS
    layout = paths.locate(db)
    if delay >= 0:
        timer = threading.Timer(delay, die)
        timer.daemon = True
        timer.start()
    connections.open_work(layout).close()


class Steps:
    """Dies before the n-th change that this process makes to a file or commits to a database."""

    CHANGES = frozenset(
        ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod", "os.truncate", "shutil.copyfile")
    )

    def __init__(self, at: int) -> None:
        self.at, self.done = at, 0
        real_write, real_open = os.write, connections._open
        os.write = lambda *of: (self.step(), real_write(*of))[1]
        connections._open = lambda path: Stepping(real_open(path), self)
        sys.addaudithook(self._heard)

    def step(self) -> None:
        self.done += 1
        if self.done == self.at:
            die()

    def _heard(self, event: str, of: tuple) -> None:
        if event in self.CHANGES or (event == "open" and isinstance(of[2], int) and of[2] & (os.O_WRONLY | os.O_RDWR)):
            self.step()


class Stepping:
    """A connection whose commits, checkpoints and closing are steps."""

    def __init__(self, con, steps: Steps) -> None:
        self._con, self._steps = con, steps

    def __getattr__(self, name: str):
        return getattr(self._con, name)

    def execute(self, statement, *values):
        if statement in ("COMMIT", "CHECKPOINT"):
            self._steps.step()
        return self._con.execute(statement, *values)

    def close(self):
        self._steps.step()
        self._con.close()


WORK = {
    "ingest": lambda db, other: ingest.ingest(db, wait=20.0, force=True),
    "merge": lambda db, other: merging.merge(other, db),
    "import": lambda db, other: into_spools.import_from(other.with_suffix(".db"), db=db),
    "compact": lambda db, other: upkeep.compact(db),
    "rebuild": lambda db, other: upkeep.rebuild(db),
    "gc": lambda db, other: upkeep.gc(db, dry_run=False, models=True),
    "backup": lambda db, other: upkeep.backup(db.with_name("backup.duckdb"), db),
}


def stepping(work: str, db: str, other: str, at: int, count: str) -> None:
    """Do some work and die before its step `at`; where it ends before, the file `count` gets its number of steps."""
    steps = Steps(at)
    WORK[work](Path(db), Path(other))
    Path(count).write_text(str(steps.done))


ORDERS = {
    "stepping": stepping,
    "write": write,
    "ingest": take_in,
    "before publish": die_before_publish,
    "half a copy": die_with_half_a_copy,
    "at": die_at,
    "migrate": migrate,
}


def serve() -> None:
    """Serve orders; a thread-free loop that answers `pid` at once and reaps on request."""
    subprocesses.without_pandas()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "reap":
            _, status = os.waitpid(order["pid"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                code = 1
                try:
                    ORDERS[order.pop("do")](**order)
                    code = 0
                finally:
                    os._exit(code)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
