"""Settings of all tests."""

import functools
import gc
import os
import sys
import tempfile
from pathlib import Path

# torch takes all cores in each worker of pytest-xdist and waits for them busily: small trainings then cost six times
# the processor time. It is read when a library is loaded
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

from store import follow, runs
from store.database import connections, publish
from store.ingest import ingest

gc.disable()  # until all tests are collected: looking through what is imported meanwhile takes a seventh of the time
# hundreds of tests start a Python of their own: without bytecode each compiles the project anew (a third of their time)
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
follow.PATIENCE = 120.0  # a test reads what its job published, however busy the machine is
settings.register_profile("thorough", deadline=None, max_examples=500)  # --hypothesis-profile thorough: searches anew
settings.register_profile("default run", deadline=None, derandomize=True, max_examples=30)  # the same in every run
settings.load_profile("default run")


def pytest_xdist_auto_num_workers(config):
    """Workers of the whole suite: one a core and one more, as some wait for a browser; named files start at once."""
    return 0 if config.args_source.name == "ARGS" else min((os.cpu_count() or 1) + 1, 4)


def pytest_collection_finish(session):
    """Torch, streamlit and all tests stay for good: every later garbage collection would look through them again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@functools.cache
def _empty_store():
    """A new database with the published figures, closed; without a counter, so that each copy gets one of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.duckdb"
        created_by_duckdb(path)
        con = connections._open(path)
        publish.load_published(con)
        con.execute("DELETE FROM raw.meta WHERE key = 'counter'")
        con.close()
        return path.read_bytes()


def _create_copy(path):
    path.with_suffix(".copy").write_bytes(_empty_store())
    path.with_suffix(".copy").rename(path)


created_by_duckdb = connections._create
connections._create = _create_copy  # hundreds of tests begin a store: a copy is there 80 ms of processor sooner
connections._empty = functools.cache(connections._empty)  # what is read where nothing is stored: the same for all


@pytest.fixture
def stores_from_nothing(monkeypatch):
    """Databases are made by their migrations, as outside of tests."""
    monkeypatch.setattr(connections, "_create", created_by_duckdb)


class IngestAtTheEnd:
    """Takes the place of `store.follow.Follower`: no process of its own, one ingest when the run ends."""

    def __init__(self, layout, run_id):
        self._layout = layout

    def finish(self):
        ingest(self._layout.db, wait=60.0, force=True)
        return True

    def forget(self):
        pass


@pytest.fixture(scope="module")
def no_follower():
    """Runs of this process are ingested by it when they end: starting a follower for each costs half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "Follower", IngestAtTheEnd)
        yield
