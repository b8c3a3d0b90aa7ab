"""A job that is told to stop saves and says so, whatever the signal."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jobs.interrupts import SIGNALS, as_keyboard_interrupt, stop_requests
from store.paths import locate
from store.spool.lines import decode


@pytest.fixture(autouse=True)
def _not_under_nohup():
    """The closing of a terminal is heard, also where the tests were started by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_wish_and_a_later_ctrl_c_is_obeyed_at_once(number):
    before = signal.getsignal(number)
    with stop_requests() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(number) is before


def test_what_a_batch_system_sends_in_a_row_does_not_break_off_the_saving():
    with stop_requests() as stop:
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)
    assert stop.requested


@pytest.mark.parametrize("number", SIGNALS)
def test_outside_of_a_training_a_signal_ends_the_job_as_ctrl_c_does(number):
    with as_keyboard_interrupt():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)  # while the run says that it was interrupted


def test_a_job_under_nohup_goes_on_when_its_terminal_closes():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_requests() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (signal.SIGTERM, ("jobs.can", "simulate", "--repeats", "100000")),
        pytest.param(signal.SIGHUP, ("jobs.dimension", "entropy", "--repeats", "100000"), marks=pytest.mark.slow),
    ],
)
def test_a_job_without_a_training_loop_ends_as_interrupted(tmp_path, number, command):
    db = tmp_path / "results.duckdb"
    spools = locate(db).spool
    with (tmp_path / "said").open("wb") as said:
        job = subprocess.Popen([sys.executable, "-m", *command, "--db", str(db)], stdout=said, stderr=said)
    try:
        until = time.monotonic() + 120
        while not list(spools.glob("*.jsonl")) and time.monotonic() < until and job.poll() is None:
            time.sleep(0.05)
        job.send_signal(number)
        job.send_signal(number)  # batch systems send it to every process of a job, some of them twice
        assert job.wait(timeout=120) == 130, (tmp_path / "said").read_text()
    finally:
        job.kill()
    assert "interrupted" in (tmp_path / "said").read_text()
    (spool,) = spools.glob("*.jsonl")
    records = [decode(line) for line in spool.read_bytes().splitlines()]
    assert records[-1]["end"]["status"] == "interrupted"


def test_a_signal_that_was_ignored_stays_ignored_and_workers_of_a_job_just_die():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with as_keyboard_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
            ready, begun = os.pipe()
            worker = os.fork()
            if worker == 0:
                os.write(begun, b".")
                time.sleep(60)
                os._exit(0)
            os.read(ready, 1)
            os.kill(worker, signal.SIGTERM)
            assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
