"""A queue of jobs in a folder: order, so many at once, stop, kill, what is refused."""

import json
import subprocess
import sys
import threading
import time

import pytest

from jobs import cli, tracking
from jobs.launch import queue

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
QUICK = [sys.executable, "-c", "print('done')"]


@pytest.fixture
def programs(monkeypatch):
    """Commands that stand for jobs: no training is started."""
    monkeypatch.setattr(queue, "words_of", lambda asked: asked["command"])
    monkeypatch.setattr(queue, "PAUSE_S", 0.02)


def ask(folder, name, command):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.ask.json").write_text(json.dumps({"command": command}))


def state(folder, name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def until(truth):
    end = time.monotonic() + 60
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.02)


def work(folder, at_once=1):
    thread = threading.Thread(target=queue.run, args=(queue.Config(folder=folder, at_once=at_once),), daemon=True)
    thread.start()
    return thread


def test_jobs_run_in_their_order_and_leave_their_output_and_code(tmp_path, programs):
    ask(tmp_path, "2", [sys.executable, "-c", "raise SystemExit(3)"])
    ask(tmp_path, "1", QUICK)
    queue.run(queue.Config(folder=tmp_path))
    assert (tmp_path / "1.log").read_text() == "done\n"
    first, second = state(tmp_path, "1"), state(tmp_path, "2")
    assert (first["code"], second["code"]) == (0, 3)
    assert first["ended_at"] <= second["started_at"]


def test_a_job_knows_that_a_page_started_it(tmp_path, programs):
    ask(tmp_path, "1", [sys.executable, "-c", f"import os; print(os.environ['{tracking.STARTED}'])"])
    queue.run(queue.Config(folder=tmp_path))
    assert (tmp_path / "1.log").read_text() == "started from a page\n"


def test_so_many_at_once_and_each_can_be_stopped_killed_or_taken_out(tmp_path, programs):
    for name in "1234":
        ask(tmp_path, name, SLEEPER)
    worker = work(tmp_path, at_once=2)
    until(lambda: state(tmp_path, "2").get("pid"))
    assert not state(tmp_path, "3")
    (tmp_path / "3.stop").touch()  # still waits: never starts
    (tmp_path / "1.stop").touch()
    until(lambda: state(tmp_path, "1").get("code") is not None)
    (tmp_path / "2.kill").touch()
    until(lambda: state(tmp_path, "4").get("pid"))
    (tmp_path / "4.kill").touch()
    worker.join(20)
    assert not worker.is_alive()
    assert [state(tmp_path, name)["code"] for name in "124"] == [-15, -9, -9]
    assert state(tmp_path, "3")["taken_out"]
    assert "pid" not in state(tmp_path, "3")


def test_a_process_id_that_belongs_to_another_program_by_now_is_left_alone(tmp_path, programs):
    with subprocess.Popen(SLEEPER, stdout=subprocess.DEVNULL) as other:
        (tmp_path / "1.ask.json").write_text(json.dumps({"command": QUICK}))
        (tmp_path / "1.json").write_text(json.dumps({"id": "1", "pid": other.pid, "began": "earlier", "code": None}))
        (tmp_path / "1.kill").touch()
        queue.run(queue.Config(folder=tmp_path))
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize(
    "command",
    [["bash", "-c", "echo"], ["python", "-m", "http.server"], ["python", "-c", "1"], "python -m jobs.clue", [], None],
)
def test_only_jobs_of_the_project_start(command, tmp_path):
    with pytest.raises(cli.InputError):
        queue.words_of({"command": command})
    ask(tmp_path, "1", command)
    queue.run(queue.Config(folder=tmp_path))
    assert state(tmp_path, "1")["code"] == 2
    assert (tmp_path / "1.log").read_text().startswith("error: ")


def test_words_of_a_job_run_this_interpreter_and_are_never_a_shell_line():
    words = queue.words_of({"command": ["python", "-m", "jobs.clue", "--note", "$(touch x); `y`"]})
    assert words == [sys.executable, "-m", "jobs.clue", "--note", "$(touch x); `y`"]
