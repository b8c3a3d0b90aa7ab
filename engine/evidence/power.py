"""How many examples or seeds it would take to see a difference.

For two classifiers on the same examples the deciding quantity is the rate at which they disagree in correctness, `D`;
with accuracy difference `d` the exact-in-the-limit McNemar size is (Connor, 1987)

    n = (z_(1-level/2) sqrt(D) + z_power sqrt(D - d^2))^2 / d^2.

For seeds it is the power of the paired t-test, from the noncentral t distribution.
"""

import math

from scipy.special import nctdtr, ndtri, stdtrit

MOST_SEEDS = 100_000


def examples_needed(difference: float, disagreement: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Examples that McNemar's test needs to see an accuracy difference.

    Args:
        difference: accuracy of B minus that of A, a fraction; its sign does not matter.
        disagreement: share of examples that exactly one of the two gets right; at least |difference|.
        power: probability of finding the difference.
        level: two-sided significance level.

    Raises:
        ValueError: if difference is 0 or exceeds disagreement, or a probability is outside (0, 1).

    Example:
        >>> examples_needed(0.006, 0.10)  # 0.6 points, disagreeing on a tenth of the examples
        21801
    """
    _check_levels(power, level)
    d = abs(difference)
    if d == 0:
        raise ValueError("difference must not be 0: no number of examples shows a difference that is not there")
    if not d <= disagreement <= 1:
        raise ValueError(f"disagreement must lie between |difference|={d:g} and 1, got {disagreement:g}")
    z_level, z_power = float(ndtri(1 - level / 2)), float(ndtri(power))
    return math.ceil((z_level * math.sqrt(disagreement) + z_power * math.sqrt(disagreement - d**2)) ** 2 / d**2)


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
    if difference == 0:
        raise ValueError("difference must not be 0: no number of seeds shows a difference that is not there")
    if sd < 0:
        raise ValueError(f"sd must not be negative, got {sd:g}")
    if sd == 0:
        return 2
    effect, low, high = abs(difference) / sd, 1, 2
    while seed_power(high, effect, level=level) < power:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            raise ValueError(f"an effect of {effect:.2g} standard deviations needs more than {MOST_SEEDS} seeds")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seed_power(middle, effect, level=level) >= power else (middle, high)
    return high


def _check_levels(power: float, level: float) -> None:
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"power and level must lie strictly between 0 and 1, got {power:g} and {level:g}")
