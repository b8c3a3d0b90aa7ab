"""The page that starts jobs: off by default, a form as a command, the queue, run again with other settings."""

import json
import time

import pytest

from dashboard.parts.runs import job_queue, run_actions
from store import queries

CLUE = "new_run_clue_"


@pytest.fixture
def jobs_allowed(monkeypatch):
    """As on a server that was started with CLUEBOARD_JOBS=1."""
    monkeypatch.setenv(job_queue.SWITCH, "1")


@pytest.fixture
def no_process(monkeypatch):
    """Nobody works on the queue: what is asked for stays."""
    monkeypatch.setattr(job_queue, "_work", lambda: None)


def test_without_the_switch_nothing_starts_but_the_command_is_there(empty_store, open_page, monkeypatch):
    monkeypatch.delenv(job_queue.SWITCH, raising=False)
    app = open_page("new_run", empty_store)
    app.text_input(key=f"{CLUE}learning_rate").set_value("3e-4").run()
    assert app.code[0].value.split(" ", 1)[1] == "python -m jobs.clue --learning-rate 3e-4"
    assert not [button for button in app.button if button.label in ("Start", "Estimate", "Stop")]
    assert any("CLUEBOARD_JOBS=1" in code.value for code in app.code)


def test_an_address_that_others_reach_starts_nothing(empty_store, open_page, jobs_allowed, monkeypatch):
    monkeypatch.setattr(run_actions, "may_delete", lambda: False)
    assert not job_queue.allowed()
    app = open_page("new_run", empty_store)
    assert not [button for button in app.button if button.label == "Start"]


def test_start_writes_the_command_as_words_and_stop_takes_it_out(empty_store, open_page, jobs_allowed, no_process):
    app = open_page("new_run", empty_store)
    app.multiselect(key=f"{CLUE}task").set_value(["tnews"]).run()
    app.text_input(key=f"{CLUE}note").set_value("a; b").run()
    app.button(key="new_run_start").click().run()
    (asked,) = (empty_store.with_suffix("") / "jobs").glob("*.ask.json")
    assert json.loads(asked.read_text())["command"] == [
        "python",
        "-m",
        "jobs.clue",
        "--task",
        "tnews",
        "--note",
        "a; b",
    ]
    assert any("waiting" in item.value for item in app.markdown)
    (stop,) = (button for button in app.button if button.label == "Stop")
    stop.click().run()
    assert list((empty_store.with_suffix("") / "jobs").glob("*.stop"))


def test_a_mistake_is_a_sentence_and_cannot_be_started(empty_store, open_page, jobs_allowed):
    app = open_page("new_run", empty_store)
    app.text_input(key=f"{CLUE}epochs").set_value("many").run()
    assert app.error[0].value == "epochs: expected a whole number, got many."
    assert app.button(key="new_run_start").disabled


def test_run_again_fills_the_form_from_a_run(filled_store, open_page):
    run = queries.runs(task="tnews", status="finished", db=filled_store).row(0, named=True)
    app = open_page("new_run", filled_store, again=run["run_id"])
    assert app.multiselect(key=f"{CLUE}task").value == ["tnews"]
    assert app.text_input(key=f"{CLUE}model").value == "ngram"
    assert app.code[0].value.split(" ", 1)[1] == "python -m jobs.clue --task tnews --model ngram --seed 1"
    app.text_input(key=f"{CLUE}seed").set_value("2").run()
    assert app.code[0].value.endswith("--seed 2")
    gone = open_page("new_run", filled_store, again="nowhere")
    assert "not in this store" in gone.warning[0].value


@pytest.mark.slow
def test_a_job_of_the_form_runs_to_its_end_and_is_linked(empty_store, open_page, jobs_allowed):
    app = open_page("new_run", empty_store)
    values = {"model": "ngram", "limit": "60"}
    for name, value in values.items():
        app.text_input(key=f"{CLUE}{name}").set_value(value)
    app.run()
    app.button(key="new_run_start").click().run()
    until = time.monotonic() + 120
    while job_queue.entries()[0].status in ("waiting", "running"):
        assert time.monotonic() < until
        time.sleep(0.5)
    assert job_queue.entries()[0].status == "finished", job_queue.log(job_queue.entries()[0])
    queries.refresh(empty_store)
    app.run()
    assert any("finished" in item.value for item in app.markdown)
