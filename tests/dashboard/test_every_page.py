"""Every page of the navigation opens on every kind of store: empty, filled, foreign, half-written, poisoned."""

import importlib
import inspect
import json
import math

import duckdb
import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import rooms
from store import runs
from store.database.measured import DECLARED, WORDS
from store.ingest import ingest
from store.paths import locate
from tests.dashboard.conftest import HOME, fill_clue_run

TEXTS = (
    "'; DROP TABLE runs; --",
    "<script>alert(1)</script> ![](https://example.org/x.png) $\\frac{1}{0}$ :red[x] `",
    "花呗\u202e\u0000\ufffd 🙂" * 20,
    "",
)
NAMES = ("dev/f1", "dev/F1", "Dev/f1", "status", "run_id", "select", "score", "metric", "train/loss", "x", "dev/", "/")
VALUES = (math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0, 5e-324)
LABS = ("can", "whitening", "initialization", "smoothing", "johnson_lindenstrauss", "dimension", "benchmark")


def begin(db, experiment="clue", **fields):
    known = {"config": {}, "command": "python -m jobs.clue", "config_hash": "x", "db": db, "follow": False}
    return runs.start(experiment, **{**known, **fields})


def half_written(db):
    """Runs of every experiment that wrote their first line, one with a torn line, one without its first line."""
    for experiment in ("clue", *LABS):
        begin(db, experiment)._spool.close()
    torn = begin(db, task="tnews")
    torn.log({"train/loss": 1.0}, step=1)
    torn._spool.close()
    path = locate(db).spool_file(torn.run_id)
    path.write_bytes(path.read_bytes()[:-9])
    headless = locate(db).spool_file("20200101-000000-aaaa")
    headless.write_bytes(path.read_bytes().split(b"\n", 1)[1])


def poisoned(db):
    """Names, values and texts that nobody expects, beside ordinary runs."""
    fill_clue_run(db)
    for number, text in enumerate(TEXTS):
        for seed in range(2):
            fields = dict.fromkeys(("task", "model", "recipe", "dataset", "data_source", "note", "name"), text)
            with begin(
                db, config={text or "x": [math.nan, text], "Seed": None}, tags=[text], seed=seed, **fields
            ) as run:
                for step, value in enumerate(VALUES):
                    run.log(dict.fromkeys(NAMES, value), step=step, epoch=float(step))
                run.summary({"dev/accuracy": VALUES[number], "dev/f1": VALUES[seed]})
                ids = pl.Series(["1", "2"])
                rows = {"example_id": ids, "hash": ids, "label": [None, text], "prediction": [text, "1"]}
                frame = pl.DataFrame({**rows, "confidence": [math.nan, 2.0]})
                run.predictions("dev", frame, probabilities=np.array([[math.nan, 1.0], [0.5, 0.5]]))
                run.examples(
                    text or "x", "dev", pl.DataFrame({"example_id": ids, "hash": ids, "text": ['{"a": 1}', "[]"]})
                )
    for experiment in LABS:
        with begin(db, experiment) as run:
            for tbl, axes in DECLARED.items():
                ordinary = {"VARCHAR": "x", "BIGINT": 1, "DOUBLE": 0.5, "BOOLEAN": True}
                for value in VALUES:
                    run.measure(tbl, {axis: ordinary[kind] for axis, kind in axes.items()}, gain=value, loss=value)
                run.measure(tbl, dict.fromkeys(axes, math.nan), value=(math.nan, math.inf, None, 3))
                run.measure(tbl, {axis.upper(): "text" for axis in axes}, accuracy=None)


def foreign(db):
    with duckdb.connect(str(db)) as con:
        con.execute("CREATE TABLE runs (x INTEGER)")


# the poisoned store has what a filled one has, and the tests of the pages and labs open the filled one
@pytest.fixture(params=["empty", pytest.param("filled", marks=pytest.mark.slow), "foreign", "half-written", "poisoned"])
def store(request, tmp_path):
    """Kind of a store and its database."""
    db = tmp_path / "results.duckdb"
    if request.param == "filled":
        return request.param, request.getfixturevalue("filled_store")
    makers = {"foreign": foreign, "half-written": half_written, "poisoned": poisoned}
    if request.param in makers:
        makers[request.param](db)
    if request.param in ("half-written", "poisoned"):
        ingest(db, force=True)
    return request.param, db


def places():
    """Script and query of every page; of the chapters those that read the store."""
    for room in rooms.ROOMS:
        yield room.script, {}
    for lab in rooms.LABS:
        for chapter in lab.all_chapters:
            module = importlib.import_module(f"dashboard.chapters.{lab.key}.{chapter.key}")
            if "queries." in inspect.getsource(module):
                yield lab.script, {"chapter": chapter.key}


def test_every_page_opens(store, monkeypatch):
    """Without any exception, which CLUEBOARD_DEBUG lets through instead of a sentence."""
    kind, db = store
    monkeypatch.setenv("CLUEBOARD_DB", str(db))
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    wrong = {}
    for script, query in places():
        for name in list(app.query_params):
            del app.query_params[name]
        for name, value in query.items():
            app.query_params[name] = value
        monkeypatch.setenv("CLUEBOARD_DEBUG", "1")
        app.switch_page(f"app_pages/{script}.py").run()
        if app.exception:
            wrong[script, *query.values()] = [f"{item.message} {item.stack_trace[-2:]}" for item in app.exception]
        elif kind == "foreign" and not any("cannot be read" in error.value for error in app.error):
            wrong[script, *query.values()] = "a database of another kind is not named"
    assert not wrong, json.dumps({str(key): value for key, value in wrong.items()}, indent=1)


def test_a_chapter_whose_measurements_do_not_fit_together_is_shown_without_them(tmp_path, monkeypatch):
    """A killed job left one of two kinds of pairs of layers; the chapter needs both."""
    db = tmp_path / "results.duckdb"
    with begin(db, "whitening") as run:
        axes = {"dataset": "bq", "first": 0, "second": 1, "whitening": "none", "n_components": 8}
        run.measure("layer_pairs", {**axes, "statistics": "none", "average": "mean"}, spearman=(0.5, 0.4, 0.6, 9))
    ingest(db, force=True)
    monkeypatch.setenv("CLUEBOARD_DB", str(db))
    monkeypatch.delenv("CLUEBOARD_DEBUG", raising=False)
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    app.query_params["chapter"] = "layers"
    app.switch_page("app_pages/labs/whitening.py").run()
    assert not app.exception
    assert not app.error
    assert [item.value for item in app.warning if "do not fit together" in item.value]
    assert any("No pair of layers is scored yet" in item.value for item in app.info)
    ingest_again = begin(db, "whitening")
    ingest_again.finish()
    ingest(db, force=True)
    app.run()  # another version of the store: tried again
    assert not app.error


def test_the_words_of_declared_axes_are_those_of_the_jobs():
    from engine.dimension.attention_fit import PATTERNS
    from jobs.initialization.config import VARIANTS
    from jobs.whitening.scores import AVERAGES

    known = {axis: set(words.split()) for axes in WORDS.values() for axis, words in axes.items()}
    assert known["pattern"] == set(PATTERNS)
    assert known["variant"] == set(VARIANTS)
    assert known["average"] == set(AVERAGES)


def test_a_page_that_fails_is_a_sentence_and_the_others_go_on(filled_store, monkeypatch):
    from dashboard import queries

    def broken(*_, **__):
        raise ZeroDivisionError("division by zero in a figure")

    monkeypatch.setenv("CLUEBOARD_DB", str(filled_store))
    monkeypatch.setattr(queries, "published", broken)
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    app.switch_page("app_pages/leaderboard.py").run()
    assert not app.exception
    assert "The page Leaderboard could not be shown: division by zero in a figure" in [item.value for item in app.error]
    assert "To report this" in app.caption[-1].value
    assert "ZeroDivisionError" in app.code[-1].value
    app.switch_page("app_pages/runs.py").run()
    assert not app.error
