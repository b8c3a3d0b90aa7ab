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

from engine.evidence.joint import LEAST_SEEDS, Components

MOST_SEEDS = 100_000
MOST_EXAMPLES = 1_000_000_000
QUADRATURE = (np.arange(400) + 0.5) / 400


def examples_needed(difference: float, mean_square: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Examples that a paired test needs to see a mean difference of these weights.

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
    _check_levels(power, level)
    d = abs(difference)
    if d == 0:
        raise ValueError("difference must not be 0: no number of examples shows a difference that is not there")
    if not d**2 <= mean_square * (1 + 1e-9):
        raise ValueError(f"mean_square must be at least difference^2={d**2:g}, got {mean_square:g}")
    z_level, z_power = float(ndtri(1 - level / 2)), float(ndtri(power))
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
    if seeds < LEAST_SEEDS or examples < 2:
        return 0.0
    between, among = (parts.seed + parts.residual / examples) / seeds, parts.example / examples
    sampling = among + parts.residual / (seeds * examples)
    freedom = (seeds - 1) * (1 if paired else 2)
    ratio = 2 * gammaincinv(freedom / 2, QUADRATURE) / freedom  # estimated over true variance between seeds
    t, u = stdtrit(seeds - 1, 1 - level / 2), stdtrit(examples - 1, 1 - level / 2)
    half = np.sqrt(np.maximum(u**2 * sampling, t**2 * between * ratio + u**2 * among))
    sd = math.sqrt(between + among)
    if sd == 0:
        return float((abs(difference) > half).mean())
    return float((ndtr((difference - half) / sd) + ndtr((-difference - half) / sd)).mean())


def examples_needed_again(
    difference: float, parts: Components, *, seeds: int, paired: bool = True, power: float = 0.8, level: float = 0.05
) -> int | None:
    """Examples with which that many seeds show a difference on training again; None where no number does."""
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
    if seeds < 2:
        return 0.0
    freedom, shift = seeds - 1, abs(effect) * math.sqrt(seeds)
    critical = float(stdtrit(freedom, 1 - level / 2))
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
    _check_levels(power, level)
    if difference == 0 or not math.isfinite(difference):
        raise ValueError(
            f"difference must be finite and not 0, got {difference:g}: no number of seeds shows one that is not there"
        )
    if not (math.isfinite(sd) and sd >= 0):
        raise ValueError(f"sd must be finite and not negative, got {sd:g}")
    if sd == 0:
        return 2
    effect = abs(difference) / sd
    found = _least(lambda n: seed_power(n, effect, level=level) >= power, first=2, most=MOST_SEEDS)
    if found is None:
        raise ValueError(f"an effect of {effect:.2g} standard deviations needs more than {MOST_SEEDS} seeds")
    return found


def _check_levels(power: float, level: float) -> None:
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"power and level must lie strictly between 0 and 1, got {power:g} and {level:g}")
