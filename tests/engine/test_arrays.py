"""What the checks of arrays accept, make of it and refuse, each in one sentence with the argument's name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as random_arrays

from engine.arrays import (
    broadcast,
    check_products,
    flags,
    lengths,
    number,
    numbers,
    rescaled,
    unit,
    whole,
    whole_number,
)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bool", "f8"])
def test_integers_and_booleans_become_doubles(kind):
    found = numbers(np.array([[0, 1], [1, 1]], kind), name="x", shape=("n", "d"))
    assert found.dtype == np.float64
    assert found.tolist() == [[0, 1], [1, 1]]


def test_float_types_stay_and_half_precision_becomes_single():
    assert numbers(np.ones(2, np.float32), name="x").dtype == np.float32
    assert numbers(np.ones(2, np.float16), name="x").dtype == np.float32
    assert numbers(np.ones(2, np.float32), name="x", dtype=np.float64).dtype == np.float64
    assert numbers(3, name="x").shape == ()


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["a"], {}, "x must hold real numbers, got <U1"),
        ([1j], {}, "x must hold real numbers, got complex128"),
        ([[1, 2], [3]], {}, "x must be an array of numbers, got rows of different lengths"),
        (np.ma.masked_equal([1, 2], 2), {}, "x has masked entries"),
        ([1.0, np.nan], {}, "x must be finite, got nan at index 1"),
        (np.full((3, 2, 2), np.inf), {}, r"x must be finite, got inf at index \[0, 0, 0\]"),
        ([[1.0, 2.0], [np.inf, 0.0]], {}, "x has NaN or infinite entries in 1 rows, the first is row 1"),
        ([1.0], {"shape": ("n", "d")}, r"x must have shape \(n, d\), got \(1,\)"),
        (np.ones((2, 3)), {"shape": ("n", "n")}, r"x must have shape \(n, n\), got \(2, 3\)"),
        ([], {"empty": False}, r"x must not be empty, got shape \(0,\)"),
        ([-1.0], {"low": 0}, r"x must lie at or above 0, got -1\.\.-1"),
        ([0.5, 2.0], {"low": 0, "high": 1}, r"x must lie in 0\.\.1, got 0\.5\.\.2"),
        (np.array([1e300]), {"dtype": np.float32}, "x must be finite, got inf at index 0"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        numbers(values, name="x", **options)


def test_whole_numbers_and_flags():
    assert whole([1.0, 2.0], name="y").dtype == np.int64
    assert flags([0, 1.0], name="z").tolist() == [False, True]
    for call, message in [
        (lambda: whole([1.5], name="y"), "y must hold whole numbers, got 1.5 at index 0"),
        (lambda: whole([np.nan], name="y"), "y must hold whole numbers, got nan"),
        (lambda: whole(["1"], name="y"), "y must hold whole numbers, got <U1"),
        (lambda: whole(np.array([2**63], np.uint64), name="y"), "y must lie below 2"),
        (lambda: whole([3], name="y", low=0, high=2), r"y must lie in 0\.\.2, got 3\.\.3"),
        (lambda: flags([2], name="z"), "z must hold only yes"),
        (lambda: flags(["y"], name="z"), "z must hold only yes"),
        (lambda: whole_number(2.5, name="k"), "k must be a whole number, 0 or more, got 2.5"),
        (lambda: whole_number("3", name="k"), "k must be a whole number"),
        (lambda: whole_number(7, name="k", low=1, high=3), r"in 1\.\.3, got 7"),
        (lambda: number(np.nan, name="t", above=0), "t must be a finite number above 0, got nan"),
        (lambda: number("1", name="t"), "t must be a finite number, got '1'"),
        (
            lambda: broadcast(a=np.ones(2), b=np.ones(3)),
            r"a and b must have shapes that broadcast, got \(2,\) and \(3,\)",
        ),
        (
            lambda: check_products(np.full((1, 2), 1e200), np.full((1, 2), 1e200), "a", "b"),
            "products of a and b overflow",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


entries = st.integers(-1000, 1000).map(float)


@given(random_arrays(np.float64, (4, 3), elements=entries), st.integers(-1000, 1000))
def test_lengths_and_units_do_not_depend_on_the_scale(rows, power):
    part, powers = rescaled(rows)
    np.testing.assert_array_equal(np.ldexp(part, powers[:, None]), rows)
    assert ((np.abs(part).max(axis=1) >= 0.5) | ~rows.any(axis=1)).all()
    moved = np.ldexp(rows, power)
    np.testing.assert_allclose(lengths(moved), np.ldexp(lengths(rows), power), rtol=1e-14)
    np.testing.assert_allclose(unit(moved), unit(rows), rtol=1e-14)
    np.testing.assert_allclose(lengths(unit(moved)), rows.any(axis=1), rtol=1e-14)


def test_lengths_are_those_of_numpy_and_reach_the_ends_of_the_range():
    rows = np.random.default_rng(0).standard_normal((5, 7))
    np.testing.assert_allclose(lengths(rows), np.linalg.norm(rows, axis=1), rtol=1e-14)
    np.testing.assert_allclose(lengths(np.array([[3e300, 4e300], [3e-300, 4e-300]])), [5e300, 5e-300])
