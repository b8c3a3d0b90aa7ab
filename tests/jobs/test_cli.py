"""The command line: a printed command parses back to the same config; bad input is one sentence and exit code 2."""

import dataclasses
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import cli
from jobs.clue.config import Config as Flags

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).filter(lambda text: text != "None")
floats = st.floats(0, allow_infinity=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(cli.Options):
    """Try everything."""

    run: str
    """a run"""
    alphas: tuple[float, ...] = (1.0,)
    """exponents"""
    precision: Literal["auto", "fp32"] = "auto"
    """number format"""
    dry_run: bool = False
    """only say what would be done"""
    learning_rate: float | None = None
    """step size"""
    output: Path | None = None
    """a folder"""


configs = st.builds(
    Sweep,
    run=texts,
    alphas=st.lists(floats, max_size=3).map(tuple),
    precision=st.sampled_from(["auto", "fp32"]),
    dry_run=st.booleans(),
    learning_rate=st.none() | floats.filter(bool),
    output=st.none() | st.just(Path("some/folder")),
    seed=st.integers(0, 10**9),
    tags=st.lists(texts.filter(lambda text: text and not text.startswith("-")), max_size=3).map(tuple),
    note=texts,
)


@given(configs)
def test_the_printed_command_gives_the_same_config_back(config):
    words = shlex.split(cli.command(config))
    assert words[:2] == ["python", "-m"]
    assert words[3] == "sweep"
    assert cli.parse(Sweep, words[4:]) == config


def test_the_hash_ignores_seed_paths_and_words_but_not_settings_or_data():
    config = Sweep(run="a")
    same = dataclasses.replace(config, seed=7, note="again", tags=("x",), output=Path("elsewhere"), dry_run=True)
    assert cli.config_hash(config, "data") == cli.config_hash(same, "data")
    assert cli.config_hash(config, "data") != cli.config_hash(config, "other data")
    assert cli.config_hash(config, "data") != cli.config_hash(dataclasses.replace(config, alphas=(2.0,)), "data")


def test_an_unknown_name_is_answered_with_the_nearest():
    assert cli.suggest("afqcm", ["afqmc", "tnews"]) == "; did you mean 'afqmc'?"
    assert cli.suggest("xyz", ["afqmc", "tnews"]) == ""


def test_a_value_error_about_the_users_input_becomes_one_named_sentence():
    with pytest.raises(cli.InputError, match=r"--probs p\.npy: rows must"), cli.input_errors("--probs p.npy"):
        raise ValueError("rows must sum to one")


@pytest.mark.parametrize("arguments", [["--suite", "stor"], ["--suite"], ["--sweet", "store"]])
def test_bad_flags_exit_with_code_two_and_no_traceback(arguments):
    done = subprocess.run([sys.executable, "-m", "jobs.benchmark", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_unknown_suite_names_the_nearest():
    done = subprocess.run([sys.executable, "-m", "jobs.benchmark", "--suite", "stor"], capture_output=True, text=True)
    assert "unknown suite 'stor'; did you mean 'store'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--epochs", "x"], "--epochs: expected INT, got 'x'"),
        (["--seed", "1.5"], "--seed: expected INT, got '1.5'"),
        (["--seeds", "1", "b"], "--seeds: expected INT, got '1', 'b'"),
        (["--recipe", "old"], "invalid choice 'old' for argument '--recipe'"),
        (["--epocs", "3"], "unrecognized options: --epocs, 3; did you mean --epochs?"),
        (["--model"], "missing value for argument '--model'"),
    ],
)
def test_a_flag_that_does_not_fit_is_one_sentence_and_exit_code_2(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.parse(Flags, arguments, prog="python -m jobs.clue")
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {sentence}")
    assert said.count("\n") == 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Numbers(cli.Options):
    """A job of numbers."""

    limit: int | None = None
    """rows"""
    learning_rate: float = 0.1
    """step size"""
    warmup: float = 0.1
    """share of the steps"""
    cosines: tuple[float, ...] = (-0.5, 0.5)
    """angles"""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--limit", "-5"], "error: --limit must not be negative, got -5\n"),
        (["--limit", "0"], "error: --limit must be positive, got 0\n"),
        (["--learning-rate", "nan"], "error: --learning-rate must be a finite number, got nan\n"),
        (["--learning-rate", "inf"], "error: --learning-rate must be a finite number, got inf\n"),
        (["--warmup", "-0.1"], "error: --warmup must not be negative, got -0.1\n"),
        (["--cosines", "0.1", "nan"], "error: --cosines must be a finite number, got nan\n"),
        (["--seed", "-1"], "error: --seed must not be negative, got -1\n"),
        (["--seed", str(2**63)], f"error: --seed must be at most {2**63 - 1}, got {2**63}\n"),
    ],
)
def test_numbers_that_no_job_can_mean_are_one_sentence(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.parse(Numbers, arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == sentence


def test_zero_and_negative_numbers_pass_where_they_mean_something():
    config = cli.parse(Numbers, ["--warmup", "0", "--cosines", "-0.9", "0", "--seed", "0"])
    assert (config.warmup, config.cosines, config.seed) == (0.0, (-0.9, 0.0), 0)


def test_a_message_cuts_a_long_quotation_and_nothing_else():
    told = str(cli.InputError(f"a.json:1: label {'好' * 30_000!r} is not among the labels"))
    assert told == f"a.json:1: label '{'好' * 80} …' is not among the labels"
    plain = f"the run's file {'x' * 200} is not the store's"
    assert str(cli.InputError(plain)) == plain


def test_the_command_that_goes_on_can_be_pasted():
    assert cli.going_on("jobs.clue", "7f3a", None) == "python -m jobs.clue --resume 7f3a"
    again = cli.going_on("jobs.sweep", "7f3a", Path("my runs/结果.duckdb"))
    assert shlex.split(again)[-2:] == ["--db", "my runs/结果.duckdb"]
