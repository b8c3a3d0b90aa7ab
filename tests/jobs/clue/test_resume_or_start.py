"""A script that a batch system starts again goes on where its own checkpoint is."""

import dataclasses
import os
import signal

import numpy as np
import pytest

from jobs import checkpoints
from jobs.checkpoints import BEST, LAST
from jobs.clue import resume, session, start, started
from jobs.clue.config import Config
from store import paths, queries
from store.tracking import parent

pytestmark = pytest.mark.usefixtures("alone")


def script(folder, **flags) -> Config:
    settings = {"limit": 32, "epochs": 2, "batch_size": 16, "max_length": 48, "resume_or_start": True}
    return Config(db=folder / "x.duckdb", **{**settings, **flags})


def stored(config):
    queries._refreshed.clear()
    queries.refresh(config.db)
    return queries.runs(db=config.db).sort("run_id").select("run_id", "status", "seed").rows()


def signalled(monkeypatch, step, number):
    original, pending = session.Session.on_step, [step]

    def on_step(self, event):
        if pending == [event.step]:
            pending.clear()
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)  # batch systems send more than one
        return original(self, event)

    monkeypatch.setattr(session.Session, "on_step", on_step)


def weights(config, run_id):
    folder = paths.locate(config.db).folder_of(run_id)
    return [checkpoints.load(folder / name)[0]["model"] for name in (BEST, LAST)]


def test_the_same_command_again_ends_with_the_weights_of_one_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "whole").mkdir()
    whole, config = script(tmp_path / "whole"), script(tmp_path)
    start.run(whole)
    signalled(monkeypatch, 3, signal.SIGUSR2)
    with pytest.raises(KeyboardInterrupt):
        start.run(config)
    [(run_id, status, _)] = stored(config)
    assert status == "interrupted"
    start.run(dataclasses.replace(config, note="flags that change nothing may differ"))
    assert f"going on with run {run_id}" in capsys.readouterr().out
    assert stored(config) == [(run_id, "finished", 42)]
    for own, expected in zip(weights(config, run_id), weights(whole, stored(whole)[0][0]), strict=True):
        assert own.keys() == expected.keys()
        assert all(np.array_equal(own[name].numpy(), expected[name].numpy()) for name in own)
    assert "--resume-or-start" not in queries.run(run_id, config.db)["command"]
    with pytest.raises(SystemExit) as ended:
        start.run(config)
    assert ended.value.code == 0
    start.run(dataclasses.replace(config, seed=1, epochs=1))
    assert [row[1:] for row in stored(config)] == [("finished", 42), ("finished", 1)]


def test_a_child_of_a_sweep_goes_on_with_its_own_run_and_no_other(tmp_path, monkeypatch):
    config = script(tmp_path, epochs=1)
    for name in ("first", "second"):
        monkeypatch.setenv(parent.RUN_FILE, str(tmp_path / name))
        signalled(monkeypatch, 1, signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            start.run(config)
    first, second = ((tmp_path / name).read_text() for name in ("first", "second"))
    assert first != second
    monkeypatch.setenv(parent.RUN_FILE, str(tmp_path / "first"))
    start.run(config)
    assert {row[0]: row[1] for row in stored(config)} == {first: "finished", second: "interrupted"}


def test_a_run_that_is_still_written_is_taken_up_only_by_its_own_batch_job(tmp_path, monkeypatch):
    config = script(tmp_path, epochs=1)
    signalled(monkeypatch, 1, signal.SIGTERM)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with pytest.raises(KeyboardInterrupt):
        start.run(config)
    [(run_id, _, _)] = stored(config)
    monkeypatch.setattr(started, "status", lambda name, db: "running")  # as seen from another node
    assert resume.own(config) == run_id
    monkeypatch.setenv("SLURM_JOB_ID", "18")
    assert resume.own(config) == ""
