"""One plain sentence about a comparison, built from its numbers.

"B is better than A by 0.6 points of accuracy (95% 0.1 to 1.1, p = 0.02) on 4,316 examples; over 5 seeds the difference
is within noise (+0.3 points, -0.2 to +0.8, p = 0.31)." A sentence claims a winner only where the test does: the
interval leaves out 0 and p is below the level.
"""

import math

from engine.evidence.intervals import Interval
from engine.evidence.seeds import SeedComparison


def verdict(
    name_a: str,
    name_b: str,
    difference: Interval,
    *,
    p_value: float,
    metric: str = "accuracy",
    seeds: SeedComparison | None = None,
    confidence: float = 0.95,
    unit: str = "examples",
) -> str:
    """Say who is better, by how much, and how sure that is.

    Args:
        name_a: what A is called.
        name_b: what B is called.
        difference: metric of B minus metric of A, as a fraction, with bounds and the number of paired examples.
        p_value: p of the test that belongs to the difference (McNemar, permutation), after any correction.
        metric: name of the metric in words.
        seeds: result over seeds, if there is one.
        confidence: the level of the interval; p is held against 1 - confidence.
        unit: what was counted.
    """
    level = 1 - confidence
    bounds = f"{confidence:.0%} {_points(difference.low)} to {_points(difference.high)}, {format_p(p_value)}"
    on = f"on {difference.n:,} {unit}"
    if difference.value == difference.low == difference.high == 0:
        text = f"{name_b} and {name_a} score the same {metric} {on}"
    elif _decided(difference, p_value, level):
        better, worse = (name_b, name_a) if difference.value > 0 else (name_a, name_b)
        shown = _of_winner(difference)
        bounds = f"{confidence:.0%} {_points(shown.low)} to {_points(shown.high)}, {format_p(p_value)}"
        text = f"{better} is better than {worse} by {_points(shown.value)} points of {metric} ({bounds}) {on}"
    else:
        text = (
            f"no difference is shown between {name_b} and {name_a} {on}: "
            f"{_points(difference.value, sign=True)} points of {metric} ({bounds})"
        )
    return text[0].upper() + text[1:] + (f"; {_over_seeds(name_a, name_b, seeds, level)}" if seeds else "") + "."


def format_p(p_value: float) -> str:
    """`p = 0.031`, or `p < 0.001`."""
    if math.isnan(p_value):
        return "p unknown"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def _over_seeds(name_a: str, name_b: str, seeds: SeedComparison, level: float) -> str:
    n = seeds.difference.n
    if n < 2 or math.isnan(seeds.p_value):
        return "one seed each says nothing about the spread between seeds"
    decided = _decided(seeds.difference, seeds.p_value, level)
    shown = _of_winner(seeds.difference) if decided else seeds.difference
    low, high = _points(shown.low, sign=True), _points(shown.high, sign=True)
    bounds = f"{_points(shown.value, sign=True)} points, {low} to {high}, {format_p(seeds.p_value)}"
    if not decided:
        return f"over {n} seeds the difference is within noise ({bounds})"
    winner = name_b if seeds.difference.value > 0 else name_a
    return f"over {n} seeds {winner} stays ahead ({bounds})"


def _of_winner(difference: Interval) -> Interval:
    """The difference with the sign that makes the better one's lead positive."""
    if difference.value > 0:
        return difference
    return Interval(-difference.value, -difference.high, -difference.low, difference.n)


def _decided(difference: Interval, p_value: float, level: float) -> bool:
    outside = difference.low > 0 or difference.high < 0
    return outside and not math.isnan(p_value) and p_value < level


def _points(fraction: float, *, sign: bool = False) -> str:
    """A fraction in percentage points, one digit, two where it would read 0.0."""
    digits = 1 if abs(fraction) >= 0.0005 or fraction == 0 else 2
    return f"{100 * fraction:{'+' if sign else ''}.{digits}f}"
