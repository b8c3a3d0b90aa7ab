"""Curves brought down to buckets, equal parts of the range of x of each.

A step that was logged several times is one point with the newest value; `repeated` counts the earlier ones. Everything
is a pass of numpy over whole columns in the caller's own thread: beside jobs that keep every processor busy, each task
handed to another thread waits until that is given one. Points that are stored in the order of their curves and steps,
as nearly all are, need no sorting.
"""

from typing import Any, NamedTuple

import numpy as np

FINE = 1_000_000_000  # parts of the range of a curve with few points: each point has its own
Array = np.ndarray[Any, Any]


class Buckets(NamedTuple):
    """A row a bucket, by curve and x."""

    curve: Array
    x: Array  # mean
    value: Array  # mean, or the newest of a step that was logged several times
    low: Array
    high: Array  # NaN where one of the values is
    repeated: Array  # earlier values of the one step of the bucket


def bucketed(curve: Array, x: Array, value: Array, buckets: int) -> Buckets:
    """Place points in buckets.

    Args:
        curve: (n,) whole numbers, which curve each point belongs to.
        x: (n,) finite.
        value: (n,), those of each curve in the order of logging.
        buckets: parts of the range of each curve that has more points than this; others show each step.
    """
    blocks = starts_of(curve)
    curves, of_block = np.unique(curve[blocks], return_inverse=True)
    number = np.repeat(of_block, lengths(blocks, len(curve)))
    number, x, value = _sorted(number.astype(np.int16) if len(curves) < 2**15 else number, x, value)
    place, x, value = _sorted(_places(number, x, buckets), x, value)
    starts = starts_of(place)
    count = lengths(starts, len(place))
    with np.errstate(all="ignore"):  # NaN, infinities and what becomes infinite when it is added up
        mean_x, mean = _reduced(np.add, x, starts) / count, _reduced(np.add, value, starts) / count
    low, high = _reduced(np.fmin, value, starts), _reduced(np.maximum, value, starts)
    one_step = _reduced(np.minimum, x, starts) == _reduced(np.maximum, x, starts)
    repeated = np.where(one_step, count - 1, 0)
    newest = value[starts + count - 1]
    mean, low, high = (np.where(repeated > 0, newest, column) for column in (mean, low, high))
    return Buckets(curves[place[starts] // FINE], mean_x, mean, low, high, repeated.astype(np.int32))


def _places(number: Array, x: Array, buckets: int) -> Array:
    """Of points sorted by the number of their curve: that number and the part of the curve's range they fall in."""
    starts = starts_of(number)
    count = lengths(starts, len(number))
    low = _reduced(np.minimum, x, starts)
    width = _reduced(np.maximum, x, starts) - low
    parts = np.where(count <= buckets, FINE, min(buckets, FINE))
    scale = np.divide(parts, width, out=np.zeros(len(starts)), where=width > 0)
    part = np.minimum((x - np.repeat(low, count)) * np.repeat(scale, count), np.repeat(parts - 1.0, count))
    places: Array = number.astype(np.int64) * FINE + part.astype(np.int64)
    return places


def _sorted(key: Array, *columns: Array) -> tuple[Array, ...]:
    """Everything in the order of the key; equal keys stay in theirs."""
    if (key[1:] >= key[:-1]).all():
        return key, *columns
    order = np.argsort(key, kind="stable")
    return key[order], *(column[order] for column in columns)


def starts_of(*keys: Array) -> Array:
    """Where stretches of equal keys begin."""
    changed = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(np.concatenate([[True], changed])) if len(keys[0]) else np.zeros(0, np.int64)


def lengths(starts: Array, total: int) -> Array:
    """How long each stretch is, of `total` keys."""
    return np.diff(starts, append=total)


def _reduced(function: np.ufunc, column: Array, starts: Array) -> Array:
    return function.reduceat(column, starts) if len(starts) else column[:0]
