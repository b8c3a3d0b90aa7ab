"""What a run stores by itself: the command alone says which data were read; settled values stand in for null."""

import dataclasses
import json
from pathlib import Path

import pytest

from jobs import cli, tracking
from store import queries, stopping


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config(cli.Options):
    """A job."""

    data_dir: Path | None = None
    """folder"""
    learning_rate: float | None = None
    """step size"""


def test_the_command_names_the_data_folder_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUE_DATA_DIR", str(tmp_path))
    db = tmp_path / "results.duckdb"
    with tracking.start(Config(db=db), experiment="clue") as run:
        pass
    queries.refresh(db)
    assert f"--data-dir {tmp_path.resolve()}" in queries.run(run.run_id, db=db)["command"]


def test_settled_values_are_stored_in_place_of_null(tmp_path):
    db = tmp_path / "results.duckdb"
    with tracking.start(Config(db=db), experiment="clue", resolved={"learning_rate": 0.001}) as run:
        pass
    queries.refresh(db)
    stored = queries.params([run.run_id], db=db)
    assert json.loads(stored.filter(name="learning_rate")["value"][0]) == 0.001


def test_a_run_has_the_name_that_the_flag_gives(tmp_path):
    db = tmp_path / "results.duckdb"
    named = Config(db=db, name="first try")
    for config in (Config(db=db), named):
        with tracking.start(config, experiment="clue"):
            pass
    queries.refresh(db)
    assert queries.runs(db=db)["name"].to_list() == ["first try", None]
    assert cli.config_hash(named) == cli.config_hash(Config(db=db))


def test_a_second_run_of_the_same_config_is_skipped_on_request(tmp_path):
    db = tmp_path / "results.duckdb"
    with tracking.start(Config(db=db), experiment="clue") as run:
        pass
    queries.refresh(db)
    with pytest.raises(tracking.AlreadyDone) as done:
        tracking.start(Config(db=db, skip_if_done=True), experiment="clue")
    assert (done.value.run_id, done.value.code) == (run.run_id, 0)


def test_a_run_that_a_page_started_has_a_line_in_its_history(tmp_path, monkeypatch):
    db = tmp_path / "results.duckdb"
    with tracking.start(Config(db=db), experiment="clue") as by_hand:
        pass
    monkeypatch.setenv(tracking.STARTED, "started from a page")
    with tracking.start(Config(db=db), experiment="clue") as from_page:
        pass
    assert stopping.history(by_hand.run_id, db) == []
    assert [line["act"] for line in stopping.history(from_page.run_id, db)] == ["started from a page"]
    queries.refresh(db)  # the line changes no table
    assert queries.runs(db=db).height == 2
