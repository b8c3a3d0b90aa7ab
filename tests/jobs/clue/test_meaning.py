"""Runs from before a default changed are not pooled with later ones; where nothing changed the hash stays."""

import dataclasses

import pytest

from engine.text.tasks import get_task
from jobs.clue import meaning, settings, start
from jobs.clue.config import Config
from store import queries

TNEWS = get_task("tnews")


def told(*, rate=None, task=TNEWS, **flags):
    given = Config(**flags)
    return meaning.changed(given, dataclasses.replace(given, learning_rate=given.learning_rate or rate), task)


def test_nothing_is_added_where_flags_mean_what_they_always_did():
    assert told(rate=1e-3) == ""
    assert told(rate=2e-5, model="base") == ""
    assert told(rate=5e-4, recipe="blog", model="small") == ""
    assert told(learning_rate=5e-4, model="small") == ""
    assert told(model="ngram") == ""


def test_a_changed_default_is_told_unless_the_flag_was_given(monkeypatch):
    assert told(rate=5e-4, model="small") == "learning_rate 0.0005"
    assert "rdrop" in told(rate=1e-3, rdrop=1.0)
    monkeypatch.setattr(settings, "UPDATES_WANTED", 900)
    assert "epochs for 900 updates" in told(rate=1e-3)
    assert told(rate=1e-3, epochs=3) == ""


def test_a_new_version_of_a_task_is_another_experiment():
    newer = dataclasses.replace(TNEWS, version=3)
    assert told(rate=1e-3, task=newer) == "version 3 of tnews"
    assert told(model="ngram", task=newer) == "version 3 of tnews"


@pytest.mark.parametrize("flags", [{}, {"learning_rate": 1e-3}])
def test_runs_of_another_default_have_another_hash_only_where_it_counts(tmp_path, monkeypatch, flags):
    config = Config(task=("tnews",), limit=8, epochs=1, db=tmp_path / "r.duckdb", **flags)
    start.run(config)
    monkeypatch.setattr(settings, "SCRATCH_RATE", 2e-3)
    start.run(dataclasses.replace(config, seed=1))
    queries.refresh(db=config.db)
    hashes = queries.runs(db=config.db)["config_hash"]
    assert hashes.n_unique() == (1 if flags else 2)
