"""One plain sentence about a comparison, built from its numbers.

With three seeds or more a side it speaks of training again and other examples: "B is better than A by 1.2 points of
accuracy (95% 0.3 to 2.1, p = 0.012), trained again and on other examples (5 seeds each, 2,000 examples)." With fewer it
is about these trained models, and begins by saying so. A sentence names a winner only where the interval leaves out 0
and p is below the level.
"""

import math

from engine.arrays import number
from engine.evidence.intervals import Interval, check_confidence
from engine.evidence.joint import Joint


def verdict(
    name_a: str,
    name_b: str,
    difference: Interval,
    *,
    p_value: float,
    metric: str = "accuracy",
    joint: Joint | None = None,
    confidence: float = 0.95,
    unit: str = "examples",
) -> str:
    """Say who is better, by how much, and how sure that is.

    Args:
        name_a: what A is called.
        name_b: what B is called.
        difference: metric of B minus metric of A, as a fraction, with bounds and the number of paired examples;
            `joint.decisive` where there is a joint comparison.
        p_value: p of the test that belongs to the difference, after any correction.
        metric: name of the metric in words.
        joint: the comparison over seeds and examples that the difference comes from; None where there are no seeds.
        confidence: the level of the interval; p is held against 1 - confidence.
        unit: what was counted.
    """
    check_confidence(confidence)
    unit = unit.removesuffix("s") if difference.n == 1 else unit
    on = f"on {difference.n:,} {unit}"
    if joint is not None and joint.speaks_of_training:
        on = f"trained again and on other {unit} ({_seeds(joint)}, {difference.n:,} {unit})"
    decided = _decided(difference, p_value, 1 - confidence)
    if difference.value == 0:
        bounds = f"{confidence:.0%} {_points(difference.low)} to {_points(difference.high)}"
        text = f"{name_b} and {name_a} score the same {metric} ({bounds}) {on}"
    elif decided:
        better, worse = (name_b, name_a) if difference.value > 0 else (name_a, name_b)
        shown = _of_winner(difference)
        bounds = f"{confidence:.0%} {_points(shown.low)} to {_points(shown.high)}, {format_p(p_value)}"
        text = f"{better} is better than {worse} by {_points(shown.value)} points of {metric} ({bounds}) {on}"
    else:
        bounds = f"{confidence:.0%} {_points(difference.low)} to {_points(difference.high)}, {format_p(p_value)}"
        text = (
            f"no difference is shown between {name_b} and {name_a} {on}: "
            f"{_points(difference.value, sign=True)} points of {metric} ({bounds})"
        )
    first = "" if joint is None else caveat(joint, decided=decided)
    return f"{first}: {text}." if first else f"{text[0].upper()}{text[1:]}."


def format_p(p_value: float) -> str:
    """`p = 0.031`, or `p < 0.001`."""
    if p_value != p_value:
        return "p unknown"
    p_value = number(p_value, name="p_value", low=0, high=1)
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def caveat(joint: Joint, *, decided: bool) -> str:
    """What a reader must know before the result: too few seeds, or seeds that leave it open; "" where nothing does."""
    if joint.again is None and min(joint.seeds) > 1:
        return "One example says nothing about training again, so this is about these trained models"
    if joint.again is None:
        few = "One seed each" if joint.seeds == (1, 1) else "One seed of one of the two"
        return f"{few}, so this is about these trained models and not about training again"
    if not joint.speaks_of_training:
        again = _of_winner(joint.again) if decided else joint.again
        low, high = _points(again.low, sign=True), _points(again.high, sign=True)
        return (
            f"Two seeds do not show what training again would change (their interval: {low} to {high} points), "
            "so this is about these trained models"
        )
    if decided or not _decided(joint.weights, joint.weights_p, 0.05):
        return ""
    return "The spread between seeds leaves it open"


def _seeds(joint: Joint) -> str:
    a, b = joint.seeds
    return f"{a} seeds each" if a == b else f"{a} and {b} seeds"


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
