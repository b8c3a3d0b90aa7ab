"""The demo store: commands that the training job takes, marked as what they are."""

import subprocess

import pytest

from jobs import cli, demo
from jobs.clue import config


def test_the_demo_trains_small_models_on_the_sample_and_marks_them(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(demo.subprocess, "run", lambda command, **more: ran.append((command, more)) or _ended(0))
    demo.run(demo.Config(db=tmp_path / "demo.duckdb", limit=50))
    assert len(ran) == len(demo.SETTINGS)
    for command, more in ran:
        parsed = cli.parse(config.Config, command[3:])
        config.check(parsed)
        assert (parsed.tags, parsed.limit, parsed.db) == (("demo",), 50, tmp_path / "demo.duckdb")
        assert more["env"]["CLUE_DATA_DIR"] == ""  # the built-in sample, whatever is set outside


def test_a_part_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(demo.subprocess, "run", lambda command, **more: _ended(3))
    with pytest.raises(cli.InputError, match="ended with code 3"):
        demo.run(demo.Config())


def _ended(code):
    return subprocess.CompletedProcess([], code)
