"""A form of a job's flags as a command, and back."""

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.frames.runs import job_form


def flag(name, kind, default=None, *, sign="any", **more):
    usual = {"several": False, "choices": [], "needed": False, "about": ""}
    return {"name": name, "kind": kind, "default": default, "sign": sign, **usual, **more}


CLUE = {
    "job": "jobs.clue",
    "mode": "",
    "flags": [
        flag("task", "text", ["afqmc"], several=True),
        flag("recipe", "choice", "modern", choices=["modern", "blog"]),
        flag("learning_rate", "float", sign="positive"),
        flag("epochs", "int", sign="positive"),
        flag("weight_decay", "float", 0.01, sign="from zero"),
        flag("seeds", "int", [], sign="from zero", several=True),
        flag("segments", "switch", False),
        flag("note", "text", ""),
    ],
}
CAN = {"job": "jobs.can", "mode": "apply", "flags": [flag("run", "text", needed=True, about="stored run")]}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "python -m jobs.clue"),
        ({"task": "tnews", "learning_rate": "3e-4"}, "python -m jobs.clue --task tnews --learning-rate 3e-4"),
        ({"task": "afqmc", "weight_decay": "1e-2", "recipe": "modern"}, "python -m jobs.clue"),  # the job's defaults
        ({"seeds": "1 2 3", "segments": True}, "python -m jobs.clue --seeds 1 2 3 --segments"),
        ({"note": "it's; $(rm) `x`"}, "python -m jobs.clue --note 'it'\"'\"'s; $(rm) `x`'"),
        ({"note": "-x"}, "python -m jobs.clue --note=-x"),
        ({"learning_rate": "1e-4 3e-4"}, "python -m jobs.sweep clue --learning-rate 1e-4 3e-4"),
        ({"learning_rate": "1e-5..1e-3:log"}, "python -m jobs.sweep clue --learning-rate 1e-5..1e-3:log"),
    ],
)
def test_fields_become_a_command(values, line):
    found = job_form.command(CLUE, values)
    assert found.line == line
    assert found.problems == ()
    assert found.sweep == ("jobs.sweep" in line)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"learning_rate": "fast"}, "learning rate: expected a number, got fast."),
        ({"learning_rate": "nan"}, "learning rate: expected a finite number, got nan."),
        ({"learning_rate": "0"}, "learning rate: must be positive, got 0."),
        ({"epochs": "1.5"}, "epochs: expected a whole number, got 1.5."),
        ({"weight_decay": "-1"}, "weight decay: must not be negative, got -1."),
        ({"learning_rate": "1e-3..1e-5"}, "learning rate: the range 1e-3..1e-5 is empty"),
        ({"seeds": "1..3"}, "seeds: a range is for a flag with one value"),
        ({"task": "'open"}, "task: a quotation mark is not closed"),
    ],
)
def test_what_cannot_be_is_one_sentence(values, problem):
    (said,) = job_form.command(CLUE, values).problems
    assert said.startswith(problem)


def test_a_needed_flag_is_asked_for():
    assert job_form.command(CAN, {}).problems == ("run is needed: stored run.",)


def test_a_command_fills_the_form_and_the_form_gives_it_back():
    line = "python -m jobs.clue --task tnews afqmc --learning-rate 0.0003 --segments --note 'two words'"
    number, fields = job_form.filled([CAN, CLUE], line)
    assert number == 1
    assert fields["task"] == "tnews afqmc"
    assert job_form.command(CLUE, fields).line == line
    assert job_form.filled([CAN, CLUE], "python -m jobs.can apply --run latest")[0] == 0
    assert (
        job_form.filled([CAN, CLUE], "python -m jobs.sweep clue --learning-rate 1e-4 3e-4")[1]["learning_rate"]
        == "1e-4 3e-4"
    )
    for other in ("python train.py --lr 1", "bash -c x", "", "python -m jobs.nothing", "python -m 'open"):
        assert job_form.filled([CAN, CLUE], other) is None


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and "\0" not in text))
def test_any_text_arrives_as_one_word(text):
    found = job_form.command(CLUE, {"note": text})
    assert found.words[-1] in (text.strip(), f"--note={text.strip()}")
    assert shlex.split(found.line) == list(found.words)


@pytest.mark.slow
def test_the_commands_of_the_form_are_what_the_job_itself_parses():
    code = (
        "import sys; from jobs import cli; from jobs.clue.config import Config; "
        "print(cli.command(cli.parse(Config, sys.argv[1:])))"
    )
    found = job_form.command(CLUE, {"task": "tnews", "learning_rate": "3e-4", "segments": True, "note": "a b"})
    done = subprocess.run([sys.executable, "-c", code, *found.words[3:]], capture_output=True, text=True, check=True)
    assert set(shlex.split(done.stdout)) == {*found.words, "0.0003"} - {"3e-4"}
