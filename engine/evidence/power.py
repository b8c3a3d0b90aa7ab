"""How many examples or seeds it would take to see a difference.

For two systems on the same examples the deciding quantity is the mean square of their differences, `m = E (b - a)^2`;
for right and wrong answers of one run each it is the share of examples that exactly one of them gets right. With a
mean difference `d` the score test needs (Connor, 1987, for right and wrong answers)

    n = (z_(1-level/2) sqrt(m) + z_power sqrt(m - d^2))^2 / d^2.

For training again the power is that of `engine.evidence.joint`, integrated over the chance of the seeds' variance; for
scores of seeds alone it is the power of the paired t-test, from the noncentral t distribution.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import gammaincinv, nctdtr, ndtr, ndtri, stdtrit

from engine.arrays import number, whole_number
from engine.evidence.joint import LEAST_SEEDS, Components

MOST_SEEDS = 100_000
MOST_EXAMPLES = 1_000_000_000
LARGEST_EFFECT = 1e9  # standard deviations: beyond, every number of seeds shows it
QUADRATURE = (np.arange(400) + 0.5) / 400


def examples_needed(difference: float, mean_square: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Examples that a paired test needs to see a mean difference of these trained models.

    Args:
        difference: mean score of B minus that of A, a fraction; its sign does not matter.
        mean_square: mean of the squared differences of the examples, `E (b - a)^2`, with b and a the means over the
            runs
            of a side; for right and wrong answers of one run each the share that exactly one of the two gets right.
        power: probability of finding the difference.
        level: two-sided significance level.

    Raises:
        ValueError: if difference is 0, its square exceeds mean_square, or a probability is outside (0, 1).

    Example:
        >>> examples_needed(0.006, 0.10)  # 0.6 points, disagreeing on a tenth of the examples
        21801
    """
    difference = number(difference, name="difference", low=-1e100, high=1e100)
    mean_square = number(mean_square, name="mean_square", low=0, high=1e100)
    if 0 < abs(difference) < 1e-100:
        raise ValueError(f"difference must be 1e-100 or more, got {difference:g}")
    _check_levels(power, level)
    d = abs(difference)
    if d == 0:
        raise ValueError("difference must not be 0: no number of examples shows a difference that is not there")
    if not min(d, 1e100) ** 2 <= mean_square * (1 + 1e-9):
        raise ValueError(f"mean_square must be at least difference^2, here that of {d:g}, got {mean_square:g}")
    z_level, z_power = -float(ndtri(level / 2)), float(ndtri(power))
    alternative = math.sqrt(max(0.0, mean_square - d**2))
    return math.ceil((z_level * math.sqrt(mean_square) + z_power * alternative) ** 2 / d**2)


def joint_power(
    difference: float, parts: Components, *, seeds: int, examples: int, paired: bool = True, level: float = 0.05
) -> float:
    """Probability that the joint interval over seeds and examples leaves out 0.

    Args:
        difference: true mean difference.
        parts: variances of a seed's effect, of an example's effect, and of the rest.
        seeds: runs of each side.
        examples: examples that all of them answer.
        paired: whether the runs are paired by seed.
        level: 1 - confidence of the interval.
    """
    difference = number(difference, name="difference", low=-1e100, high=1e100)
    seeds = whole_number(seeds, name="seeds", low=1)
    examples = whole_number(examples, name="examples", low=1)
    _check_levels(0.5, level)
    if seeds < LEAST_SEEDS or examples < 2:
        return 0.0
    between, among = (parts.seed + parts.residual / examples) / seeds, parts.example / examples
    sampling = among + parts.residual / (seeds * examples)
    freedom = (seeds - 1) * (1 if paired else 2)
    ratio = 2 * gammaincinv(freedom / 2, QUADRATURE) / freedom  # estimated over true variance between seeds
    t, u = -stdtrit(seeds - 1, level / 2), -stdtrit(examples - 1, level / 2)
    half = np.sqrt(np.maximum(u**2 * sampling, t**2 * between * ratio + u**2 * among))
    sd = math.sqrt(between + among)
    if sd == 0:
        return float((abs(difference) > half).mean())
    return float((ndtr((difference - half) / sd) + ndtr((-difference - half) / sd)).mean())


def examples_needed_again(
    difference: float, parts: Components, *, seeds: int, paired: bool = True, power: float = 0.8, level: float = 0.05
) -> int | None:
    """Examples with which that many seeds show a difference on training again; None where no number does."""
    difference = number(difference, name="difference", low=-1e100, high=1e100)
    seeds = whole_number(seeds, name="seeds", low=1)
    _check_levels(power, level)
    return _least(
        lambda n: joint_power(difference, parts, seeds=seeds, examples=n, paired=paired, level=level) >= power,
        first=2,
        most=MOST_EXAMPLES,
    )


def seeds_needed_again(
    difference: float, parts: Components, *, examples: int, paired: bool = True, power: float = 0.8, level: float = 0.05
) -> int | None:
    """Seeds of each side that show a difference on that many examples; None where no number does."""
    difference = number(difference, name="difference", low=-1e100, high=1e100)
    examples = whole_number(examples, name="examples", low=1)
    _check_levels(power, level)
    return _least(
        lambda s: joint_power(difference, parts, seeds=s, examples=examples, paired=paired, level=level) >= power,
        first=LEAST_SEEDS,
        most=MOST_SEEDS,
    )


def _least(enough: Callable[[int], bool], *, first: int, most: int) -> int | None:
    """Smallest number from first to most that is enough, where more is never worse."""
    if enough(first):
        return first
    low, high = first, 2 * first
    while not enough(high):
        low, high = high, 2 * high
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def seed_power(seeds: int, effect: float, *, level: float = 0.05) -> float:
    """Power of the two-sided paired t-test with that many seeds, effect = mean difference / sd of the differences."""
    seeds = whole_number(seeds, name="seeds", low=1)
    effect = number(effect, name="effect")
    _check_levels(0.5, level)
    if seeds < 2:
        return 0.0
    freedom, shift = seeds - 1, min(abs(effect), LARGEST_EFFECT) * math.sqrt(seeds)
    critical = -float(stdtrit(freedom, level / 2))
    return float(1 - nctdtr(freedom, shift, critical) + nctdtr(freedom, shift, -critical))


def seeds_needed(difference: float, sd: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Seeds of each configuration that the paired t-test needs to see a mean difference.

    Args:
        difference: mean difference of the scores; its sign does not matter.
        sd: standard deviation of the seed-by-seed differences.
        power: probability of finding the difference.
        level: two-sided significance level.

    Returns:
        The least number of seeds, at least 2.

    Raises:
        ValueError: if difference is 0, sd is negative, or more than 100,000 seeds would be needed.
    """
    difference = number(difference, name="difference", low=-1e100, high=1e100)
    sd = number(sd, name="sd", low=0)
    _check_levels(power, level)
    if difference == 0:
        raise ValueError("difference must not be 0: no number of seeds shows one that is not there")
    if sd == 0:
        return 2
    effect = abs(difference) / sd
    found = _least(lambda n: seed_power(n, effect, level=level) >= power, first=2, most=MOST_SEEDS)
    if found is None:
        raise ValueError(f"an effect of {effect:.2g} standard deviations needs more than {MOST_SEEDS} seeds")
    return found


def _check_levels(power: float, level: float) -> None:
    power, level = number(power, name="power"), number(level, name="level")
    if 0 < level < 1e-15:
        raise ValueError(f"level must be at least 1e-15, got {level:g}")
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"power and level must lie strictly between 0 and 1, got {power:g} and {level:g}")
