"""Piecewise-linear functions with jumps and kinks: what `engine.smoothing.convolution` smooths.

f(x) = value + slope x + sum of J_i [x > k_i] + sum of S_i max(x - k_i, 0), where (value, slope) is the line left of all
knots, J_i the jump and S_i the change of slope at knot k_i. Periodic ones (floor, ceil, round, sawtooth) are a line
plus a multiple of floor(x + shift).
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import number, numbers
from engine.names import look_up


@dataclass(frozen=True, slots=True)
class PiecewiseLinear:
    """A piecewise-linear function with finitely many knots; at a jump its value is the mean of both sides."""

    name: str
    knots: tuple[float, ...]
    jumps: tuple[float, ...]
    kinks: tuple[float, ...]
    value: float = 0.0
    slope: float = 0.0

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Evaluate at x, any shape."""
        points = numbers(x, name="x", dtype=np.float64)
        result = self.value + self.slope * points
        for knot, jump, kink in zip(self.knots, self.jumps, self.kinks, strict=True):
            result = result + jump * np.heaviside(points - knot, 0.5) + kink * np.maximum(points - knot, 0)
        return np.asarray(result)

    @property
    def right_slope(self) -> float:
        """Slope right of all knots."""
        return self.slope + math.fsum(self.kinks)

    @property
    def has_jumps(self) -> bool:
        """Whether any jump is not 0; then no smoothing converges uniformly."""
        return any(jump != 0 for jump in self.jumps)


@dataclass(frozen=True, slots=True)
class Staircase:
    """slope x + value + height floor(x + shift): floor, ceil, round and sawtooth."""

    name: str
    height: float
    shift: float = 0.0
    slope: float = 0.0
    value: float = 0.0

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Evaluate at x, any shape; at a jump the mean of both sides."""
        points = numbers(x, name="x", dtype=np.float64)
        moved = points + self.shift
        steps = np.floor(moved) - 0.5 * (moved == np.floor(moved))
        return np.asarray(self.value + self.slope * points + self.height * steps)

    @property
    def has_jumps(self) -> bool:
        """Always: there is one in every period."""
        return True


def leaky_relu(slope: float = 0.01) -> PiecewiseLinear:
    """Function max(x, 0) + slope min(x, 0)."""
    slope = number(slope, name="slope", low=-1e100, high=1e100)
    return PiecewiseLinear("leaky_relu", (0.0,), (0.0,), (1 - slope,), slope=slope)


def clip(low: float = -1.0, high: float = 1.0, *, name: str = "clip") -> PiecewiseLinear:
    """Function min(max(x, low), high).

    Raises:
        ValueError: if low is not below high.
    """
    low = number(low, name="low")
    high = number(high, name="high")
    if not low < high:
        raise ValueError(f"clip needs low < high, got {low} and {high}")
    return PiecewiseLinear(name, (low, high), (0.0, 0.0), (1.0, -1.0), value=low)


def indicator(low: float = -1.0, high: float = 1.0) -> PiecewiseLinear:
    """1 between low and high, 0 elsewhere.

    Raises:
        ValueError: if low is not below high.
    """
    low = number(low, name="low")
    high = number(high, name="high")
    if not low < high:
        raise ValueError(f"indicator needs low < high, got {low} and {high}")
    return PiecewiseLinear("indicator", (low, high), (1.0, -1.0), (0.0, 0.0))


FUNCTIONS: dict[str, Callable[..., PiecewiseLinear | Staircase]] = {
    "relu": lambda: PiecewiseLinear("relu", (0.0,), (0.0,), (1.0,)),
    "leaky_relu": leaky_relu,
    "abs": lambda: PiecewiseLinear("abs", (0.0,), (0.0,), (2.0,), slope=-1.0),
    "sign": lambda: PiecewiseLinear("sign", (0.0,), (2.0,), (0.0,), value=-1.0),
    "step": lambda: PiecewiseLinear("step", (0.0,), (1.0,), (0.0,)),
    "clip": clip,
    "hard_tanh": lambda: clip(-1.0, 1.0, name="hard_tanh"),
    "relu6": lambda: clip(0.0, 6.0, name="relu6"),
    "indicator": indicator,
    "max": lambda level=0.0: PiecewiseLinear("max", (level,), (0.0,), (1.0,), value=level),
    "floor": lambda: Staircase("floor", 1.0),
    "ceil": lambda: Staircase("ceil", 1.0, value=1.0),
    "round": lambda: Staircase("round", 1.0, shift=0.5),
    "sawtooth": lambda: Staircase("sawtooth", -1.0, slope=1.0),
}
"""Makers of the named functions; leaky_relu, clip, indicator and max take their parameters as keywords."""


def named(name: str, **parameters: float) -> PiecewiseLinear | Staircase:
    """The named function; `leaky_relu` takes slope, `clip` and `indicator` low and high, `max` level (max(x, level)).

    Raises:
        ValueError: if there is no such name, or the function does not take a parameter.
    """
    maker = look_up(FUNCTIONS, name, what="function")
    try:
        return maker(**parameters)
    except TypeError:
        raise ValueError(f"{name} does not take {', '.join(parameters)}") from None


def from_knots(
    knots: Sequence[Sequence[float]], *, left_slope: float = 0.0, right_slope: float = 0.0, name: str = "knots"
) -> PiecewiseLinear:
    """The function through given knots, straight between them.

    Args:
        knots: (x, y) or, at a jump, (x, y left, y right), with x increasing.
        left_slope: of the function left of the first knot.
        right_slope: of the function right of the last knot.
        name: shown in messages.

    Raises:
        ValueError: if there is no knot, one is not two or three finite numbers, or x does not increase.

    Example:
        >>> from_knots([(-1, -1), (1, 1)])([-3, 0.5, 3])
        array([-1. ,  0.5,  1. ])
    """
    left_slope = number(left_slope, name="left_slope")
    right_slope = number(right_slope, name="right_slope")
    rows = [_knot(knot) for knot in knots]
    if not rows:
        raise ValueError("a function needs at least one knot (x, y)")
    for (before, *_), (after, *_) in itertools.pairwise(rows):
        if not before < after:
            raise ValueError(f"knots must have increasing x, got {after:g} after {before:g}")
    slopes = [left_slope]
    slopes += [(b[1] - a[2]) / (b[0] - a[0]) for a, b in itertools.pairwise(rows)] + [right_slope]
    if not all(map(math.isfinite, slopes)):
        raise ValueError(f"slopes must be finite, got {slopes}")
    kinks = tuple(after - before for before, after in itertools.pairwise(slopes))
    value = rows[0][1] - left_slope * rows[0][0]
    jumps = tuple(right - left for _, left, right in rows)
    return PiecewiseLinear(name, tuple(row[0] for row in rows), jumps, kinks, value=value, slope=left_slope)


def parse_knots(text: str) -> PiecewiseLinear:
    """Read a function from text such as `-1:0, 0:0/1, 2:3; slopes 0 1`.

    Each knot is x:y, or x:left/right at a jump; `; slopes a b` gives the slopes outside (0 and 0 without it).

    Raises:
        ValueError: if the text does not have that form, or the knots do not increase.
    """
    body, _, tail = text.partition(";")
    try:
        knots = [[float(x), *map(float, y.split("/"))] for x, y in (part.split(":") for part in body.split(","))]
        left, right = map(float, tail.replace("slopes", "").split()) if tail.strip() else (0.0, 0.0)
    except ValueError:
        raise ValueError(f"expected knots like '-1:0, 0:0/1, 2:3; slopes 0 1', got {text!r}") from None
    return from_knots(knots, left_slope=left, right_slope=right)


def _knot(knot: Any) -> tuple[float, float, float]:
    if not isinstance(knot, Iterable):
        raise ValueError(f"a knot is (x, y) or (x, left, right), got {knot!r}")
    try:
        row = [math.nan if isinstance(entry, str) else float(entry) for entry in knot]
    except (TypeError, ValueError):
        row = []
    if len(row) not in (2, 3) or not all(map(math.isfinite, row)):
        raise ValueError(f"a knot is two or three finite numbers (x, y) or (x, left, right), got {list(knot)}")
    return row[0], row[1], row[-1]
