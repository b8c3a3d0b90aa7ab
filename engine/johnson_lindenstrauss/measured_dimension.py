"""What the lemma's bounds estimate, measured: the smallest number of dimensions at which enough projections succeed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.johnson_lindenstrauss.distortion import distortion
from engine.johnson_lindenstrauss.random_projection import Kind, project


@dataclass(frozen=True, slots=True)
class MeasuredDimension:
    """Outcome of a search."""

    n_components: int
    success: float  # share of trials at n_components that kept all pairs within eps
    trials: int
    evaluated: tuple[int, ...]  # dimensions tried


def success_share(
    x: np.ndarray, *, n_components: int, eps: float, kind: Kind, trials: int, rng: np.random.Generator
) -> float:
    """Share of freshly drawn projections that keep every pair's squared distance within eps."""
    hits = 0
    for _ in range(trials):
        projected = project(x, n_components=n_components, kind=kind, rng=rng)
        hits += distortion(x, projected, n_worst=0, edges=np.array([0.0, 2.0])).largest <= eps
    return hits / trials


def measure_dimension(
    x: np.ndarray,
    *,
    eps: float,
    start: int,
    rng: np.random.Generator,
    kind: Kind = "gaussian",
    share: float = 0.5,
    trials: int = 9,
    precision: float = 0.02,
    watch: Callable[[int], None] | None = None,
) -> MeasuredDimension:
    """Bisect for the smallest n at which a share of the projections keeps all pairs.

    Args:
        x: (N, m) points.
        eps: allowed relative error of squared distances.
        start: first guess; the search widens by doubling and halving from there.
        rng: source of the projections.
        kind: projection.
        share: share of trials that must succeed.
        trials: projections tried at each n.
        precision: relative width at which the search stops; the noise of the trials makes less than 1% pointless.
        watch: called with each n that is tried.
    """
    if not (0 < eps < 1 and start >= 1 and 0 < share <= 1 and trials >= 1):
        raise ValueError(
            f"eps must lie in (0, 1), share in (0, 1], start and trials be 1 or more, got eps={eps}, share={share}, "
            f"start={start}, trials={trials}"
        )
    tried: dict[int, float] = {}

    def enough(n: int) -> bool:
        if n not in tried:
            tried[n] = success_share(x, n_components=n, eps=eps, kind=kind, trials=trials, rng=rng)
            if watch:
                watch(n)
        return tried[n] >= share

    low, high = 0, start
    while not enough(high):
        low, high = high, 2 * high
    while low == 0 and high > 1 and enough(max(high // 2, 1)):
        high = max(high // 2, 1)
    low = low or high // 2
    while high - low > max(1, precision * high):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return MeasuredDimension(high, tried[high], trials, tuple(tried))
