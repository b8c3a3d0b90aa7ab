"""Points placed in the buckets of their curves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import buckets
from store.database.buckets import bucketed

NUMBERS = st.one_of(st.sampled_from([math.nan, math.inf, -math.inf, 0.0]), st.floats(-1e6, 1e6))
POINTS = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 30), NUMBERS), max_size=80)


def placed_one_by_one(points, parts):
    """The same in plain Python: curve -> bucket -> its points in the order of logging."""
    found = {}
    for curve in sorted({curve for curve, *_ in points}):
        mine = [(x, value) for c, x, value in points if c == curve]
        low, high = min(x for x, _ in mine), max(x for x, _ in mine)
        count = parts if len(mine) > parts else buckets.FINE
        for x, value in mine:
            part = min(int((x - low) * (count / (high - low))), count - 1) if high > low else 0
            found.setdefault((curve, part), []).append((x, value))
    return [(curve, found[curve, part]) for curve, part in sorted(found)]


@settings(max_examples=150, deadline=None)
@given(POINTS, st.sampled_from([1, 2, 7, 1000]))
def test_buckets_are_those_of_the_plain_loop(points, parts):
    curve, x, value = (np.array(column) for column in zip(*points, strict=True)) if points else (np.zeros(0),) * 3
    found = bucketed(curve.astype(np.int64), x.astype(float), value.astype(float), parts)
    expected = placed_one_by_one(points, parts)
    assert found.curve.tolist() == [curve for curve, _ in expected]
    for row, (_, inside) in enumerate(expected):
        steps, values = np.array(inside).T
        repeated = len(inside) - 1 if len(set(steps)) == 1 else 0
        newest = values[-1:] if repeated else values
        with np.errstate(all="ignore"):
            assert found.value[row] == pytest.approx(newest.mean(), rel=1e-9, abs=1e-9, nan_ok=True)
        assert found.x[row] == pytest.approx(steps.mean())
        assert found.repeated[row] == repeated
        numbers = newest[~np.isnan(newest)]
        assert found.low[row] == pytest.approx(numbers.min() if len(numbers) else math.nan, nan_ok=True)
        assert found.high[row] == pytest.approx(newest.max(), nan_ok=True)


def test_more_curves_than_a_short_number_counts_keep_apart():
    curve = np.arange(40_000)[::-1].copy()
    found = bucketed(curve, np.zeros(40_000), curve.astype(float), 10)
    np.testing.assert_array_equal(found.curve, np.arange(40_000))
    np.testing.assert_array_equal(found.value, np.arange(40_000.0))
