"""Names of runs: what sets one apart, from its command, its parameters, or as it was given."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.frames.runs import run_names

ROW = {"run_id": "20261128-120000-7f3a", "experiment": "clue", "task": "tnews", "model": "mini-zh", "seed": 2}


def named(command, **more):
    return run_names.name_of({**ROW, "recipe": "modern", "command": command, **more})


def test_a_name_says_what_the_command_sets():
    command = "python -m jobs.clue --seed 2 --task tnews --model /models/mini-zh --limit 1500 --learning-rate 0.0003"
    assert named(command) == "tnews · mini-zh · lr 3e-4 · 1500 rows · s2"
    assert named("python -m jobs.clue --task tnews", recipe="blog") == "tnews · mini-zh · blog · s2"
    assert (
        named("python -m jobs.clue --task tnews --seeds 1 2 3 --epochs 1") == "tnews · mini-zh · 1 epoch · seeds 1 2 3"
    )


def test_a_job_without_flags_is_no_script_of_ones_own():
    row = {**ROW, "task": "afqmc", "model": "tiny", "recipe": "modern", "command": "python -m jobs.clue"}
    assert run_names.name_of(row, {"learning_rate": "0.001", "epochs": "10"}) == "afqmc · tiny · s2"


def test_a_name_that_was_given_stands_for_all():
    assert named("python -m jobs.clue --learning-rate 1", name=" 好的 ") == "好的"


def test_other_experiments_say_what_they_are():
    row = {"experiment": "can", "model": None, "seed": 42, "command": "python -m jobs.can sweep --run 7f3a"}
    assert run_names.name_of(row) == "can sweep · s42"
    command = "python -m jobs.sweep clue --task afqmc --limit 100 300 --seeds 0 1 2 --until-decided 1 --workers 2"
    sweep = {"experiment": "sweep", "model": "clue", "seed": 42, "command": command}
    assert run_names.name_of(sweep) == "sweep clue · until decided 1 · 100/300 rows · seeds 0 1 2"
    row = {"experiment": "johnson_lindenstrauss", "seed": 0, "command": "python -m jobs.johnson_lindenstrauss svd"}
    assert run_names.name_of(row) == "johnson lindenstrauss svd · s0"


def test_a_script_of_ones_own_is_named_by_what_differs_from_its_siblings():
    rows = [
        {"run_id": f"r{n}", "experiment": "mine", "task": None, "model": None, "seed": None, "command": "python my.py"}
        for n in range(2)
    ]
    params = [("r0", "lr", 0.1), ("r1", "lr", 0.0001), ("r0", "width", 8), ("r1", "width", 8)]
    frame = pl.DataFrame(
        [(run, name, json.dumps(value)) for run, name, value in params],
        schema=["run_id", "name", "value"],
        orient="row",
    )
    found = run_names.names(pl.DataFrame(rows, schema_overrides={"seed": pl.Int64}), frame, {"mine": ["lr"]})
    assert found == {"r0": "mine · lr 0.1", "r1": "mine · lr 1e-4"}


def test_equal_names_are_told_apart_by_the_id():
    runs = pl.DataFrame(
        [{**ROW, "run_id": run_id, "command": "python -m jobs.clue"} for run_id in ("a-1111", "a-2222")]
    )
    assert run_names.names(runs) == {"a-1111": "tnews · mini-zh · s2 · 1111", "a-2222": "tnews · mini-zh · s2 · 2222"}


def sides(*names, model="mini-zh"):
    """Settings that stand side by side, by the full name of a run of each."""
    runs = [{"run_id": f"20261128-120000-{number:04d}", "model": model, "seed": 1} for number in range(len(names))]
    return run_names.apart(runs, {run["run_id"]: name for run, name in zip(runs, names, strict=True)})


def test_settings_side_by_side_leave_out_what_they_share_and_their_seeds():
    assert sides("tnews · mini-zh · lr 3e-4 · s1", "tnews · mini-zh · lr 1e-3 · s1") == [
        "mini-zh · lr 3e-4",
        "mini-zh · lr 1e-3",
    ]
    assert sides("tnews · mini-zh · s1", "tnews · mini-zh · blog · s1") == ["mini-zh", "mini-zh · blog"]


def test_settings_that_would_have_one_name_are_told_apart_by_the_id():
    assert sides("tnews · mini-zh · s1", "tnews · mini-zh · s1") == ["mini-zh · 0000", "mini-zh · 0001"]


def test_a_setting_alone_keeps_its_whole_name_but_for_the_seed():
    assert sides("tnews · mini-zh · lr 3e-4 · s1") == ["tnews · mini-zh · lr 3e-4"]


def test_settings_without_a_model_have_a_name_all_the_same():
    assert all(sides("own · lr 1 · s1", "own · lr 1 · s1", "own · lr 2 · s1", model=None))


def test_an_id_that_ends_a_name_is_no_part_of_the_setting():
    run = {"run_id": "20261128-120000-7f3a", "model": "tiny", "seed": 2}
    assert run_names.apart([run], {run["run_id"]: "afqmc · tiny · s2 · 7f3a"}) == ["afqmc · tiny"]


@pytest.mark.parametrize(
    ("value", "written"),
    [("0.0003", "3e-4"), ("0.001", "1e-3"), ("2.5e-05", "2.5e-5"), ("0.1", "0.1"), ("0", "0"), ("1500", "1500"),
     ("-0.0003", "-3e-4"), ("gelu", "gelu"), ("/models/mini-zh/", "mini-zh"), ("1e30", "1e+30")],
)  # fmt: skip
def test_values_are_written_short(value, written):
    assert run_names.short(value) == written


@given(st.text())
def test_any_command_has_flags_and_a_name(command):
    assert isinstance(run_names.flags_of(command), dict)
    assert run_names.name_of({**ROW, "command": command}).startswith("tnews · mini-zh")


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_a_short_number_keeps_three_digits(value):
    assert float(run_names.short(repr(value))) == pytest.approx(value, rel=1e-3)
