"""Checkpoints: round trips, single flipped bits, and writes that fail half-way."""

import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import checkpoints, cli

STATE = {
    "model": {"a.weight": torch.arange(6.0).reshape(2, 3), "flag": torch.tensor(True)},
    "optimizer": {0: {"step": torch.tensor(3.0), "first": torch.ones(2, dtype=torch.bfloat16)}, 7: {"x": 1}},
    "average": {},
    "progress": {"step": 3, "share": 0.25, "name": "中文"},
}


def test_nested_states_come_back(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, STATE, about={"best": {"accuracy": 0.7}})
    state, about = checkpoints.load(path)
    assert about == {"best": {"accuracy": 0.7}}
    assert state["progress"] == STATE["progress"]
    assert state["average"] == {}
    assert set(state["optimizer"]) == {0, 7}
    assert state["optimizer"][7] == {"x": 1}
    assert torch.equal(state["optimizer"][0]["first"], STATE["optimizer"][0]["first"])
    assert torch.equal(state["model"]["a.weight"], STATE["model"]["a.weight"])
    assert state["model"]["flag"].dtype == torch.bool
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


def test_arrays_and_tensors_of_the_same_numbers_make_the_same_file(tmp_path):
    arrays = {"classes": np.array([6, 10]), "weights": np.arange(12.0).reshape(3, 4).T, "none": np.zeros((0, 3), bool)}
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    for kind, state in (("linear", arrays), ("deep", tensors)):
        checkpoints.save(tmp_path / kind, {"model": state}, about={"kind": kind})
        as_arrays, as_tensors = (checkpoints.load(tmp_path / kind, arrays_of=of)[0] for of in ((kind,), ("other",)))
        for name, expected in arrays.items():
            np.testing.assert_array_equal(as_arrays["model"][name], expected, strict=True)
            assert torch.equal(as_tensors["model"][name], tensors[name])
    file = tmp_path / "linear"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(cli.InputError, match="its checksum does not match"):
        checkpoints.load(file, arrays_of=("linear",))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(tmp_path, share, bit):
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, STATE, about={"note": "x"})
    content = bytearray(path.read_bytes())
    place = int(share * len(content))
    content[place] ^= 1 << bit
    path.write_bytes(content)
    try:
        state, about = checkpoints.load(path)
    except cli.InputError:
        return
    assert about == {"note": "x"}, "only the padding of the header may change unnoticed"
    assert torch.equal(state["model"]["a.weight"], STATE["model"]["a.weight"])
    assert torch.equal(state["optimizer"][0]["first"], STATE["optimizer"][0]["first"])


def test_a_write_that_fails_keeps_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, STATE, about={"number": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(cli.InputError, match="the checkpoint cannot be written: No space left on device"):
        checkpoints.save(path, STATE, about={"number": 2})
    assert checkpoints.load(path)[1] == {"number": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


def test_what_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(cli.InputError, match="no such checkpoint"):
        checkpoints.load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(cli.InputError, match="is damaged or no checkpoint of a training"):
        checkpoints.load(tmp_path / "text")


def test_what_a_killed_process_left_goes_with_the_next_checkpoint(tmp_path):
    leftover, other = tmp_path / ".last.safetensors.4711", tmp_path / ".best.safetensors.4711"
    for path in (leftover, other):
        path.write_bytes(b"half a checkpoint")
    checkpoints.save(tmp_path / "last.safetensors", STATE, about={})
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "last.safetensors"]
