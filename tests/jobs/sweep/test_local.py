"""Children on this machine: what a kill leaves, which GPU each sees, and that forks end like processes of their own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jobs import cli
from jobs.sweep.runners import local
from jobs.sweep.runners.base import Start, Unstarted
from jobs.sweep.runners.launcher import job_of
from jobs.sweep.runners.local import Local
from store.tracking.parent import RUN_FILE

ROOT = Path(__file__).parents[3]


@pytest.fixture
def runner(tmp_path):
    made = Local(tmp_path, workers=2)
    yield made
    made.close()


def start(folder, *command, name="a", resumes=False, **environment):
    around = {RUN_FILE: str(folder / f"{name}.run"), "PYTHONPATH": str(ROOT), **environment}
    return Start(tuple(command), around, folder / f"{name}.log", resumes)


def python(code):
    return (sys.executable, "-c", code)


def test_exit_codes_output_and_what_is_not_there(runner, tmp_path):
    assert runner.run(start(tmp_path, *python("print('said'); raise SystemExit(3)"))) == 3
    assert (tmp_path / "a.log").read_text() == "said\n"
    assert runner.run(start(tmp_path, *python("import os; os.kill(os.getpid(), 9)"))) == -9
    with pytest.raises(Unstarted, match="no-such-program cannot be started"):
        runner.run(start(tmp_path, "no-such-program"))


def test_a_job_of_the_project_runs_in_the_fork_with_its_own_arguments_and_exit_code(runner, tmp_path):
    command = (sys.executable, "-m", "jobs.can", "simulat")
    assert job_of(list(command)) == "jobs.can"
    for _ in range(2):  # the second after what the first imported was imported
        assert runner.run(start(tmp_path, *command)) == 2
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert len(lines) == 2
    assert all("unknown subcommand 'simulat'; did you mean 'simulate'?" in line for line in lines)


def test_each_worker_sees_a_gpu_of_its_own_where_there_are_several(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    runner = Local(tmp_path, workers=2)
    code = "import os, time; print(os.environ['CUDA_VISIBLE_DEVICES']); time.sleep(1)"
    threads = [threading.Thread(target=runner.run, args=[start(tmp_path, *python(code), name=name)]) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runner.close()
    assert {(tmp_path / f"{name}.log").read_text().strip() for name in "ab"} == {"4", "6"}


def test_one_gpu_is_left_to_all(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    runner = Local(tmp_path, workers=2)
    assert runner.run(start(tmp_path, *python("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"))) == 0
    runner.close()
    assert (tmp_path / "a.log").read_text() == "4\n"


def test_gpus_are_those_that_nvidia_smi_lists(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert local.gpus() == ["0", "1"]


def test_a_child_that_starts_no_run_in_time_is_ended(tmp_path):
    runner = Local(tmp_path, workers=1, start_within=0.5)
    with pytest.raises(Unstarted, match="no run was started within"):
        runner.run(start(tmp_path, *python("import time; time.sleep(600)")))
    runner.close()


SWEEPER = """
import sys
from pathlib import Path
from jobs.sweep.runners.base import Start
from jobs.sweep.runners.local import Local
folder = Path(sys.argv[1])
Local(folder, workers=1).run(Start((sys.executable, "-c", sys.argv[2]), {}, folder / "a.log", False))
"""
WRITER = """
import signal, time
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range(10_000):
    print(number, flush=True)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("stubborn", [False, pytest.param(True, marks=pytest.mark.slow)])  # half a minute
def test_no_child_writes_on_when_the_sweep_is_killed(tmp_path, stubborn, monkeypatch):
    monkeypatch.setattr(local, "GRACE", 1.0)
    process = subprocess.Popen(
        [sys.executable, "-c", SWEEPER.replace("folder = ", "from jobs.sweep.runners import launcher\nfolder = "),
         str(tmp_path), WRITER.format(stubborn=stubborn)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    log = tmp_path / "a.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().count("\n") > 5):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if stubborn:  # it still runs, and who comes next is told rather than let in
        monkeypatch.setattr(local, "GRACE", -14.5)
        with pytest.raises(cli.InputError, match="children of this sweep still run and hold"):
            local.wait_for_the_earlier(tmp_path / local.LOCK)
        monkeypatch.setattr(local, "GRACE", 60.0)
    local.wait_for_the_earlier(tmp_path / local.LOCK)
    size = log.stat().st_size
    time.sleep(0.2)
    assert log.stat().st_size == size


def test_children_end_with_a_launcher_that_is_killed(tmp_path):
    runner = Local(tmp_path, workers=1)
    failed = []

    def run():
        with pytest.raises(Unstarted, match="the process that starts the children was killed") as error:
            runner.run(start(tmp_path, *python(WRITER.format(stubborn=False))))
        failed.append(str(error.value))

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 60
    while not ((tmp_path / "a.log").exists() and (tmp_path / "a.log").stat().st_size > 10):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    runner._launcher.kill()
    thread.join(60)
    assert failed
    local.wait_for_the_earlier(tmp_path / local.LOCK)
    runner.close()


def test_only_a_regular_file_is_ever_removed_for_a_run(tmp_path):
    special = tmp_path / "pipe"
    os.mkfifo(special)
    for environment in ({}, {RUN_FILE: ""}, {RUN_FILE: str(special)}, {RUN_FILE: str(tmp_path)}):
        Start((), environment, tmp_path / "a.log", False).forget()
    assert special.exists()
    assert tmp_path.exists()
    told = tmp_path / "told"
    told.write_text("id")
    Start((), {RUN_FILE: str(told)}, tmp_path / "a.log", False).forget()
    assert not told.exists()


def test_a_message_is_one_line_of_json(runner, tmp_path):
    """What a child's environment holds may contain newlines and Chinese."""
    code = "import os, json; print(json.dumps(os.environ['ODD']))"
    assert runner.run(start(tmp_path, *python(code), ODD="两行\n文字 \"'")) == 0
    assert json.loads((tmp_path / "a.log").read_text()) == "两行\n文字 \"'"
