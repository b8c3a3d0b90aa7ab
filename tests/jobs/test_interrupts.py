"""A job that is told to stop saves and says so, whatever the signal."""

import os
import signal

import pytest

from jobs.interrupts import SIGNALS, as_keyboard_interrupt, stop_requests


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
