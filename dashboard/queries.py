"""Cached reads of the store for the pages.

Every cached function takes the store's version as its first argument: a finished job publishes a new version, and the
next rerun of a page reads again. Frames are cached as resources, without the copy that `st.cache_data` makes on each
hit: polars frames are immutable. Nobody changes what these functions return.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import polars as pl
import streamlit as st

from dashboard.figures import tables
from dashboard.figures.runs import LARGEST
from dashboard.frames import name_order
from dashboard.frames.runs import run_colors, run_names, search
from engine.text.tasks import TASKS, TaskSpec
from store import editing, paths, queries, runs, sandbox, stopping
from store.database.measured import without_odd_cells
from store.errors import StoreError
from store.ingest import ingest

_IN_ORDER = (pl.col("example_id").str.len_chars(), pl.col("example_id"))
"""Numbers in numerical order, other ids by length."""
_COMMON, _FEWEST, _CELLS = 200, 20, 4_000_000
"""Summary values in a list of runs: at most, at least, and at most times the runs."""
_WITHOUT = "queries_without_measurements"
"""Key of the session state: tables of measurements are read as empty."""
_LISTS: dict[str | type[Any], Callable[[Any], Any]] = {tuple: repr}
"""How a cache tells lists apart: as one text, because a hash of each of 2,000 ids takes 0.03 s."""
_REFRESH_EVERY = 1.0
_REFRESH_SHARE = 10.0
_REFRESH_WAIT = 0.05
_LARGE = 4_000_000
"""Least seconds between two refreshes, the same in durations of one, how long a page waits for one; bytes of a store
whose lists are read ahead."""


class _Refresher:
    """Ingests and publishes in one background thread, at most once a second however many pages are open.

    A running job stores its own lines; this is for runs that were killed and for stores that were copied here. Of a
    large store it then reads the lists that every page needs; until they are there, pages show the version before.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="store-refresh")
        self._lock = threading.Lock()
        self._due: dict[Path, float] = {}
        self._last: Future[None] | None = None
        self._shown: dict[Path, str] = {}
        self._reading = ""

    def refresh(self, database: Path) -> None:
        """Start a refresh if one is due and wait a moment for it."""
        with self._lock:
            busy = self._last is not None and not self._last.done()
            if busy or time.monotonic() < self._due.get(database, 0.0):
                return
            self._due[database] = time.monotonic() + _REFRESH_EVERY
            self._last = self._pool.submit(self._work, database)
        wait([self._last], timeout=_REFRESH_WAIT)

    def _work(self, database: Path) -> None:
        began = time.monotonic()
        queries.refresh(database)
        self._read_ahead(database)
        took = time.monotonic() - began
        self._due[database] = began + max(_REFRESH_EVERY, _REFRESH_SHARE * took)

    def _read_ahead(self, database: Path) -> None:
        try:
            version = f"{database}@{queries.version(database)}"
            if database.stat().st_size < _LARGE or version == self._shown.get(database):
                return
            self._reading = version
            run_table(version)
            places(version)
            colors(version)
            param_names(version)
            leaderboard(version)
            search_texts(version)
        except (OSError, StoreError):
            return  # the page says what is wrong
        finally:
            self._reading = ""
        self._shown[database] = version

    def shown(self, database: Path, newest: str) -> str:
        """The newest version, or the one before while the lists of the newest are being read."""
        return self._shown.get(database, newest) if self._reading == newest else newest


@st.cache_resource(show_spinner=False)
def _refresher() -> _Refresher:
    return _Refresher()


def database() -> Path:
    """The database that the pages read (`CLUEBOARD_DB`, else `results.duckdb` in the project's root)."""
    return paths.locate().db


def store_version() -> str:
    """Version of the published store that pages read now; it changes when new results become visible."""
    db = database()
    _refresher().refresh(db)
    return _refresher().shown(db, f"{db}@{queries.version(db)}")


def _db(version: str) -> Path:
    """The database of a version: lists are read ahead in another thread, whatever the environment says by then."""
    return Path(version.rpartition("@")[0])


@st.cache_resource(show_spinner=False, max_entries=4)
def task_specs(version: str) -> Mapping[str, TaskSpec]:
    """The tasks that the pages know, by name: CLUE's, then those of task files, each as its newest run has it."""
    found = dict(TASKS)
    for value in queries.param_values("task_spec")["value"]:
        try:
            spec = TaskSpec.from_dict(json.loads(value))
        except (TypeError, ValueError, AttributeError):
            continue  # of another program, or of a version that spells it otherwise
        found[spec.name] = TASKS.get(spec.name, spec)
    return found


def judged_by(version: str) -> dict[str, str]:
    """Task -> the metric that judges it."""
    return {name: spec.metric for name, spec in task_specs(version).items()}


@st.cache_resource(show_spinner=False, max_entries=4)
def all_runs(version: str) -> pl.DataFrame:
    """Every run without its metrics, archived ones included, newest first."""
    return queries.runs(archived=True, db=_db(version))


@st.cache_resource(show_spinner=False, max_entries=4)
def places(version: str) -> dict[str, int]:
    """Run id -> its row in `all_runs`: a search through 100,000 ids takes 3 ms for each run of a page."""
    return {run_id: place for place, run_id in enumerate(all_runs(version)["run_id"])}


def rows_of(version: str, run_ids: Sequence[str]) -> pl.DataFrame:
    """Rows of `all_runs`, in its order; ids that are not in the store have none."""
    known = places(version)
    return all_runs(version)[sorted({known[run_id] for run_id in run_ids if run_id in known})]


@st.cache_resource(show_spinner=False, max_entries=4)
def all_tags(version: str) -> list[str]:
    """Tags of all runs, archived ones included."""
    return tables.all_tags(all_runs(version))


@st.cache_resource(show_spinner=False, max_entries=4)
def summary_names(version: str) -> list[str]:
    """Names of the summary values of all runs; those that most runs have first."""
    return queries.summary_names(db=_db(version))


@st.cache_resource(show_spinner=False, max_entries=8)
def run_table(version: str, names: tuple[str, ...] | None = None) -> pl.DataFrame:
    """Every run with summary values as columns, archived ones included, newest first.

    Args:
        version: of the store.
        names: the values wanted, null where not finite; None for the headlines and those that most runs have, as far
            as memory goes.
    """
    if names is None:
        known = summary_names(version)
        most = min(_COMMON, max(_FEWEST, _CELLS // max(1, all_runs(version).height)))
        names = (*(name for name in known if name.split("/")[-1] in tables.HEADLINES), *known)
        names = tuple(dict.fromkeys(names))[:most]
    runs_ = all_runs(version)
    values = queries.summary_of(runs_["run_id"], names, db=_db(version))
    columns = [pl.col(column) for column in queries.summary_columns(names).values()]
    finite = values.select("run_id", *(pl.when(value.abs() < LARGEST).then(value) for value in columns))
    return runs_.hstack(finite.drop("run_id"))


def table_and_params(version: str) -> tuple[pl.DataFrame, list[str]]:
    """`run_table`, and the parameters that may stand beside it as columns.

    Who stores `lr` as a parameter often logs it too: the column of that name is then the parameter.
    """
    params = set(param_names(version)["name"]) - set(all_runs(version).columns)
    table = run_table(version)
    return table.drop(params.intersection(table.columns)), name_order.ordered(params)


@st.cache_resource(show_spinner=False, max_entries=4)
def scored(version: str) -> pl.DataFrame:
    """`run_table` beside which parameters may stand, with the score that speaks for each run, of a parent the mean."""
    return tables.with_means(tables.headline(table_and_params(version)[0], judged_by=judged_by(version)))


@st.cache_resource(show_spinner=False, max_entries=4)
def search_texts(version: str) -> pl.Series:
    """What a search for a word looks into, one text for each row of `all_runs`."""
    return search.texts(all_runs(version))


@st.cache_resource(show_spinner=False, max_entries=64)
def run_list(
    version: str, *, experiment: str | None = None, task: str | None = None, limit: int | None = None
) -> pl.DataFrame:
    """Newest runs of an experiment and task, without archived ones."""
    frame = all_runs(version).filter(~pl.col("archived"))
    if experiment:
        frame = frame.filter(pl.col("experiment") == experiment)
    if task:
        frame = frame.filter(pl.col("task") == task)
    return frame if limit is None else frame.head(limit)


def running(version: str) -> pl.DataFrame:
    """Runs that are being written now, with their progress of this moment."""
    return queries.with_progress(run_list(version).filter(pl.col("status") == "running"))


def find_run(version: str, part: str) -> dict[str, Any] | None:
    """The run whose id contains `part` (or `latest`), None where there is no such run or more than one."""
    try:
        return run(version, part)
    except StoreError:
        return None


@st.cache_resource(show_spinner=False, max_entries=256)
def run(version: str, part: str) -> dict[str, Any]:
    """One run as a dictionary; StoreError where `part` is unknown or ambiguous."""
    place = places(version).get(part)
    return queries.run(part) if place is None else all_runs(version).row(place, named=True)


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=_LISTS)
def params(version: str, run_ids: tuple[str, ...]) -> pl.DataFrame:
    """Configuration of runs: run_id, name, value (json text)."""
    return queries.params(run_ids)


@st.cache_resource(show_spinner=False, max_entries=32)
def params_named(version: str, names: tuple[str, ...]) -> pl.DataFrame:
    """Some parameters of every run: run_id, name, value (json text)."""
    return queries.params(names=names)


@st.cache_resource(show_spinner=False, max_entries=4)
def param_names(version: str) -> pl.DataFrame:
    """experiment, name, differs: every stored parameter, and whether the runs of the experiment differ in it."""
    return queries.param_names(db=_db(version))


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=_LISTS)
def names(version: str, run_ids: tuple[str, ...]) -> dict[str, str]:
    """Run id -> name of runs that are shown together; ids that are not in the store have no name."""
    named = rows_of(version, run_ids)
    bare = named.filter(~pl.col("command").fill_null("").str.contains(" --", literal=True))
    if bare.is_empty():
        return run_names.names(named)
    differing = param_names(version).filter("differs").group_by("experiment").agg("name")
    own = queries.params(bare["run_id"].to_list())
    return run_names.names(named, own, dict(differing.iter_rows()))


def name(version: str, run_id: str) -> str:
    """Name of one run; its id where it is not in the store."""
    return names(version, (run_id,)).get(run_id, run_id)


@st.cache_resource(show_spinner=False, max_entries=4)
def colors(version: str) -> dict[str, str]:
    """Config hash -> colour of its runs on every page."""
    return run_colors.colors(all_runs(version))


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=_LISTS)
def summary(version: str, run_ids: tuple[str, ...]) -> pl.DataFrame:
    """What runs say of themselves: run_id, name, value."""
    return queries.summary(run_ids)


@st.cache_resource(show_spinner=False, max_entries=16)
def diverged(version: str, names: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """(run_id, name) of the summary values of these names that are not finite."""
    return frozenset(queries.diverged(names).iter_rows())


@st.cache_resource(show_spinner=False, max_entries=256)
def artifacts(version: str, run_id: str) -> pl.DataFrame:
    """Files of a run: name, kind, path, bytes, sha256."""
    return queries.artifacts(run_id)


@st.cache_resource(show_spinner=False, max_entries=8, hash_funcs=_LISTS)
def artifacts_of(version: str, run_ids: tuple[str, ...]) -> pl.DataFrame:
    """The same of several runs at once: run_id, name, kind, path, bytes, sha256."""
    return queries.artifacts(run_ids)


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=_LISTS)
def metric_names(version: str, run_ids: tuple[str, ...]) -> list[str]:
    """Names of the curves that these runs logged."""
    return list(queries.metric_names(run_ids))


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=_LISTS)
def curves(
    version: str,
    run_ids: tuple[str, ...],
    names: tuple[str, ...],
    *,
    x: Literal["step", "epoch", "time"] = "step",
    buckets: int = 1000,
    low: float | None = None,
    high: float | None = None,
) -> pl.DataFrame:
    """Curves of runs that no longer write: run_id, name, x, value, min, max (one row a bucket)."""
    return queries.curves(run_ids, names, x=x, buckets=buckets, low=low, high=high, live=False)


def live_metric_names(run_id: str) -> list[str]:
    """Names of the curves that a running job has logged so far; never cached."""
    return list(queries.metric_names(run_id))


def live_metric_names_of(run_ids: tuple[str, ...]) -> list[str]:
    """The same of several runs."""
    return list(queries.metric_names(run_ids))


def live_curves(
    run_ids: tuple[str, ...],
    names: tuple[str, ...],
    *,
    x: Literal["step", "epoch", "time"] = "step",
    buckets: int = 1000,
    low: float | None = None,
    high: float | None = None,
) -> pl.DataFrame:
    """Curves of running runs, with the points that were logged within the last second; never cached."""
    return queries.curves(run_ids, names, x=x, buckets=buckets, low=low, high=high, live=True)


def measurements(
    version: str, tbl: str, *, run_ids: tuple[str, ...] | None = None, experiment: str | None = None
) -> pl.DataFrame:
    """One measured table: its axes as columns, then metric, source, value, low, high, n, run_id.

    An interval over two draws is left out: its t quantile of 12.7 spans more than can be drawn or said.
    """
    frame = _measurements(version, tbl, run_ids=run_ids, experiment=experiment)
    return frame.clear() if st.session_state.get(_WITHOUT) else frame


@st.cache_resource(show_spinner=False, max_entries=128)
def _measurements(version: str, tbl: str, *, run_ids: tuple[str, ...] | None, experiment: str | None) -> pl.DataFrame:
    rows = without_odd_cells(tbl, queries.measurements(tbl, run_ids=run_ids, experiment=experiment))
    return rows.with_columns(pl.when(pl.col("n") != 2).then(pl.col(end)).alias(end) for end in ("low", "high"))


@contextmanager
def without_measurements() -> Iterator[None]:
    """Inside the context this session reads tables of measurements as if nothing had been measured."""
    st.session_state[_WITHOUT] = True
    try:
        yield
    finally:
        st.session_state[_WITHOUT] = False


@st.cache_resource(show_spinner=False, max_entries=64)
def measured_tables(version: str, run_id: str) -> list[str]:
    """Names of the tables of measurements to which a run added."""
    return name_order.ordered(queries.table_of_run("measurements", run_id)["tbl"].unique())


@st.cache_resource(show_spinner=False, max_entries=32)
def predictions(version: str, run_id: str, split: str = "dev") -> pl.DataFrame:
    """Predictions of a run with their examples: example_id, hash, label, prediction, confidence, text."""
    return with_texts(answers(version, run_id, split), run_id, split)


def with_texts(rows: pl.DataFrame, run_id: str, split: str = "dev") -> pl.DataFrame:
    """Some of these with the examples' text; not cached."""
    return queries.with_texts(rows, run_id, split)


@st.cache_resource(show_spinner=False, max_entries=256)
def has_answers(version: str, run_id: str, split: str = "dev") -> bool:
    """Whether a run stored predictions of a split."""
    return queries.has_predictions(run_id, split)


def answers(version: str, run_id: str, split: str = "dev") -> pl.DataFrame:
    """The same without the examples' text, which takes twice as long: for statistics."""
    return answers_of(version, (run_id,), split)[0]


@st.cache_resource(show_spinner=False, max_entries=32)
def answers_of(version: str, run_ids: tuple[str, ...], split: str = "dev") -> list[pl.DataFrame]:
    """The same of several runs, the seeds of a configuration: read together."""
    return [rows.sort(*_IN_ORDER) for rows in queries.predictions_of(run_ids, split)]


@st.cache_resource(show_spinner=False, max_entries=8)
def probabilities(version: str, run_id: str, split: str = "dev") -> pl.DataFrame:
    """Class probabilities of a run: example_id, hash and one float32 column per class."""
    return queries.probabilities(run_id, split)


@st.cache_resource(show_spinner=False, max_entries=16)
def leaderboard(version: str, experiment: str = "clue") -> pl.DataFrame:
    """Mean, sd and n over the seeds with a finite value per task, model, dataset, split, metric and config hash."""
    return queries.leaderboard(experiment, db=_db(version)).filter(pl.col("n") > 0)


@st.cache_resource(show_spinner=False, max_entries=16)
def published(version: str, experiment: str | None = None, task: str | None = None) -> pl.DataFrame:
    """Figures of papers and posts."""
    return queries.published(experiment, task)


@st.cache_resource(show_spinner=False, max_entries=64)
def shared_rows(version: str, run_id: str) -> int:
    """How many dev rows of a run are also stored as training rows of its data set, by the hash of their input."""
    dataset = run(version, run_id)["dataset"]
    if dataset is None:
        return 0
    train = example_hashes(version, dataset, "train")
    if train.is_empty():
        return 0
    return answers(version, run_id, "dev").select("hash").join(train, on="hash", how="semi").height


@st.cache_resource(show_spinner=False, max_entries=32)
def unseen_answers_of(version: str, run_ids: tuple[str, ...], split: str = "dev") -> list[pl.DataFrame]:
    """Predictions of runs on the rows that are not stored as training rows of their data set too."""
    seen = [example_hashes(version, run(version, run_id)["dataset"], "train") for run_id in run_ids]
    read = zip(answers_of(version, run_ids, split), seen, strict=True)
    return [rows.join(train, on="hash", how="anti", maintain_order="left") for rows, train in read]


@st.cache_resource(show_spinner=False, max_entries=8)
def example_hashes(version: str, dataset: str, split: str) -> pl.DataFrame:
    """Hashes of the stored examples of a split."""
    return queries.examples(dataset, split).select("hash").unique()


@st.cache_resource(show_spinner=False, max_entries=8)
def examples(version: str, dataset: str, split: str) -> pl.DataFrame:
    """Stored examples: example_id, hash, text."""
    return queries.examples(dataset, split)


@st.cache_resource(show_spinner=False, max_entries=4)
def schema(version: str) -> pl.DataFrame:
    """Public tables and views: table_name, column_name, data_type."""
    return queries.columns()


@st.cache_resource(show_spinner=False, max_entries=16)
def sql(version: str, statement: str, *, limit: int, timeout: float) -> pl.DataFrame:
    """Result of a statement in the read-only console; StoreError where it is refused, wrong or too slow."""
    return queries.sql(statement, limit=limit, timeout=timeout)


def expect_sql() -> None:
    """Start the process of the next statement ahead."""
    sandbox.prepare()


def folder() -> Path:
    """The store's folder beside the database."""
    return paths.locate().folder


@contextmanager
def _readable_afterwards() -> Iterator[None]:
    """Wait until what was written can be read, also where a later part of it failed."""
    try:
        yield
    finally:
        ingest(database(), wait=2.0, force=True)


def edit_runs(run_ids: Sequence[str], **edit: Any) -> None:
    """Write `add_tag`, `remove_tag`, `note` or `archived` for runs, and wait until it can be read."""
    known = rows_of(store_version(), run_ids)
    with _readable_afterwards():
        for run_id, tags in known.select("run_id", "tags").iter_rows():
            if "note" in edit:
                runs.edit(database(), "note", run_id=run_id, note=edit["note"])
            if "archived" in edit:
                runs.edit(database(), "archive", run_id=run_id, archived=edit["archived"])
            kept = [tag for tag in tags if tag != edit.get("remove_tag")]
            if edit.get("add_tag") and edit["add_tag"] not in kept:
                kept.append(edit["add_tag"])
            if kept != tags:
                runs.edit(database(), "tags", run_id=run_id, tags=kept)


def rename_run(run_id: str, name: str) -> None:
    """Name a run (an empty name takes the given one away) and wait until it can be read."""
    with _readable_afterwards():
        editing.rename_run(run_id, name, database())


def stop_run(run_id: str, *, kill: bool) -> None:
    """Ask the process of a run to save and end, or end it at once; StoreError where it cannot be told for certain."""
    stopping.stop(run_id, database(), kill=kill)


def run_history(run_id: str) -> list[dict[str, Any]]:
    """What people did to the process of a run: act, at (seconds)."""
    return stopping.history(run_id, database())


def delete_runs(run_ids: Sequence[str]) -> None:
    """Take runs out of every list and view until `restore_runs`, and wait until they are gone."""
    with _readable_afterwards():
        for run_id in run_ids:
            editing.delete_run(run_id, database())


def restore_runs(run_ids: Sequence[str]) -> None:
    """Bring deleted runs back; StoreError where the files of one were removed since."""
    with _readable_afterwards():
        for run_id in run_ids:
            editing.restore_run(run_id, database())


@st.cache_resource(show_spinner=False, max_entries=4)
def deleted_runs(version: str) -> pl.DataFrame:
    """Runs that can be brought back: run_id, name, experiment, task, model, started_at, newest first."""
    return queries.deleted_runs()


@st.cache_resource(show_spinner=False, max_entries=4)
def marks(version: str) -> pl.DataFrame:
    """What people said of examples: hash, run_id, kind, note, marked_at."""
    return queries.marks()


def mark_example(digest: str, run_id: str, kind: str, note: str) -> None:
    """Mark an example and wait until the mark can be read."""
    with _readable_afterwards():
        runs.edit(database(), "mark", hash=digest, run_id=run_id, mark=kind, note=note)
