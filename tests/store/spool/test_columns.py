"""Lines read in columns say what the same lines say one by one."""

import math
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.spool import columns
from store.spool.columns import stretches, unpack
from store.spool.lines import decode, encode

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["step", "at", "line", "name", "value", 'a":b', "train/loss"]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
USUAL = st.builds(
    lambda values, step, epoch: {"log": values, "step": step, "epoch": epoch, "at": 1.5},
    st.dictionaries(NAMES, FLOATS, max_size=3), st.integers(-(2**63), 2**63 - 1), st.none() | FLOATS,
)  # fmt: skip
ODD = st.sampled_from(
    [
        {"log": {"a": "NaN"}, "step": 1, "epoch": None, "at": 1.5},
        {"log": {"a": 3}, "step": 1, "epoch": None, "at": 1.5},
        {"log": {"a": None}, "step": 1, "epoch": None, "at": 1.5},
        {"log": {"a": 0.5}, "step": None, "epoch": None, "at": 1.5},
        {"log": {"a": 0.5}, "step": 1.5, "epoch": None, "at": 1.5},
        {"log": {"a": 0.5}, "step": 2**63, "epoch": None, "at": 1.5},
        {"log": {"a": 0.5}, "step": 1, "at": 1.5},
        {"log": {}, "step": 1, "epoch": 2.0, "at": 1.5},
        {"log": 7, "step": 1, "epoch": 2.0, "at": 1.5},
        {"beat": 0.5, "at": 1.5},
    ]
)


def points(lines):
    """What the stretches of lines say, in the form of the records of each line."""
    found = []
    for stretch in stretches(lines):
        if stretch.points is None:
            found += stretch.records
            continue
        records = [{"log": {}} for _ in stretch.lines]
        for line, name, step, epoch, at, value in stretch.points.select(*columns.POINTS).iter_rows():
            records[line] |= {"step": step, "epoch": epoch, "at": at}
            records[line]["log"][name] = value
        found += records
    return found


@settings(max_examples=150, deadline=None)
@given(records=st.lists(st.lists(USUAL, min_size=1, max_size=4) | st.lists(ODD, max_size=1), max_size=5))
def test_columns_and_records_agree(records):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "MANY", 1)
        patch.setattr(columns, "PIECE", 3)
        lines = [encode(record)[:-1] for group in records for record in group]
        expected = [decode(line) for line in lines]
        for record in expected:
            del record["crc"]
        found = [{name: value for name, value in record.items() if name != "crc"} for record in points(lines)]
        assert [repr_of(record) for record in found] == [repr_of(record) for record in expected]


def repr_of(record):
    """Names in any order, 3 as 3.0; a line without values holds no points, so its step is nothing anybody sees."""
    values = record.get("log")
    if values == {}:
        return "nothing"
    if isinstance(values, dict):
        numbers = ((name, float(value) if type(value) is int else value) for name, value in values.items())
        record = record | {"log": sorted(numbers)}
    return repr(sorted(record.items()))


def test_floats_are_exact_to_the_last_bit():
    rng = random.Random(5)
    values = [struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0] for _ in range(20_000)]
    values = [value for value in values if math.isfinite(value)] + [5e-324, 2.2250738585072014e-308, -0.0, 1e22, 1e23]
    lines = [encode({"log": {"a": value}, "step": 1, "epoch": None, "at": 1.5})[:-1] for value in values]
    (stretch,) = stretches(lines)
    assert stretch.points is not None
    assert struct.pack(f"<{len(values)}d", *stretch.points["value"]) == struct.pack(f"<{len(values)}d", *values)


def test_a_name_that_comes_late_is_found_and_a_flipped_bit_is_noticed():
    lines = [encode({"log": {"a": 0.5}, "step": step, "epoch": None, "at": 1.5})[:-1] for step in range(500)]
    lines[400] = encode({"log": {"b": 0.25}, "step": 400, "epoch": 1.0, "at": 1.5})[:-1]
    (whole,) = stretches(lines)
    assert whole.points.filter(line=400).select("name", "epoch", "value").rows() == [("b", 1.0, 0.25)]
    lines[200] = lines[200].replace(b"0.5", b"0.4")
    first, bad, rest = stretches(lines)
    assert (len(first.lines), bad.records, len(rest.lines)) == (200, [None], 299)
    assert first.points["step"].to_list() == list(range(200))


def test_many_steps_of_one_line_become_points():
    record = {"many": {"loss": [0.5, None, "NaN"], "at": [1, 2.5, None]}, "steps": [3, 4, 7], "at": 1.5}
    points = unpack(record)
    assert points.select("name", "step").rows() == [("loss", 3), ("loss", 7), ("at", 3), ("at", 4)]
    assert points["value"].to_list() == pytest.approx([0.5, math.nan, 1.0, 2.5], nan_ok=True)
    assert set(points["at"]) == {1.5}
    assert points["epoch"].null_count() == len(points)
    assert dict(points.schema) == columns.POINTS


@pytest.mark.parametrize(
    "change", [{"steps": [1, 2]}, {"steps": [1, 2, 2**63]}, {"steps": [1, 2, 3.5]}, {"steps": "abc"},
               {"many": {"a": 7}}, {"many": {"a": ["x", 1, 2]}}, {"many": 7}, {"at": "now"}, {"at": None}],
)  # fmt: skip
def test_many_steps_that_make_no_sense_are_refused(change):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        unpack({"many": {"a": [0.5, 1.0, 2.0]}, "steps": [1, 2, 3], "at": 1.5} | change)
