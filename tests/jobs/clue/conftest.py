"""What several tests of CLUE trainings share."""

import os
import signal

import pytest

from jobs.clue import session


@pytest.fixture
def alone(monkeypatch, tmp_path_factory):
    """No data folder, hub, cluster or cache of this machine."""
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("CLUEBOARD_HUB", "off")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("CLUE_DATA_DIR", "WORLD_SIZE", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID"):
        monkeypatch.delenv(name, raising=False)


def press_ctrl_c_at(monkeypatch, step):
    """Interrupt the first training that reaches a step, once."""
    original, pending = session.Session.on_step, [step]

    def pressed(self, event):
        if pending == [event.step]:
            pending.clear()
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, event)

    monkeypatch.setattr(session.Session, "on_step", pressed)
