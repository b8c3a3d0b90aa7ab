"""How far a smooth approximation is from its function: exact errors, their orders, and equal widths of two kernels.

At a kink of size S the error is S w T(|x|/w): its supremum S w E|Y|/2 is of first order in the width, its area
S w^2 Var/2 of second. At a jump the supremum is half the jump for every width (convergence is never uniform) and the
area |J| w E|Y| is of first order. Cauchy has no area error, Student none at a kink: their tails are too heavy.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from engine.smoothing.convolution import Smoothed
from engine.smoothing.kernels import Kernel, check_width, find_kernel
from engine.smoothing.piecewise_linear import PiecewiseLinear, Staircase

Curve = Callable[[np.ndarray], np.ndarray]


def supremum_error(g: Smoothed) -> float:
    """Supremum of |g - f| over all x: closed form at a single knot, otherwise found to about 1e-12.

    Raises:
        ValueError: if f is a user's own function, whose breaks are unknown.
    """
    f = _known(g)
    if f.has_jumps:
        return _jump_supremum(g, f)
    assert isinstance(f, PiecewiseLinear)
    if len(f.knots) == 1:
        return abs(f.kinks[0]) * g.width * g.kernel.mean_absolute / 2
    return max(_refine_supremum(g, f), *(abs(float(g(knot) - f(knot))) for knot in f.knots))


def _jump_supremum(g: Smoothed, f: PiecewiseLinear | Staircase) -> float:
    """Errors on both sides of every jump, and the largest elsewhere."""
    if isinstance(f, Staircase):
        return abs(f.height) / 2
    sides = []
    for knot, jump in zip(f.knots, f.jumps, strict=True):
        middle = float(g(knot) - f(knot))  # f takes the mean at a jump
        sides += [abs(middle + jump / 2), abs(middle - jump / 2)]
    return max(_refine_supremum(g, f), *sides)


def _refine_supremum(g: Smoothed, f: PiecewiseLinear) -> float:
    """Largest |g - f| on a grid around the knots, each local maximum refined."""
    offsets = np.concatenate([[0.0], np.geomspace(1e-4, 1e3, 120) * g.width])
    gaps = np.diff(f.knots)
    spread = np.concatenate(
        [k + s * np.linspace(0, 1, 33)[1:-1] for k, s in zip(f.knots[:-1], gaps, strict=True)] or [[]]
    )
    grid = np.unique(np.concatenate([spread, *(k + sign * offsets for k in f.knots for sign in (-1, 1))]))
    grid = grid[~np.isin(grid, f.knots)]
    errors = np.abs(g(grid) - f(grid))
    peaks = np.argsort(errors)[-4:]
    low, high = grid[np.maximum(peaks - 1, 0)], grid[np.minimum(peaks + 1, len(grid) - 1)]
    return max(float(errors.max()), _largest_between(lambda x: np.abs(g(x) - f(x)), low, high))


def _largest_between(curve: Curve, low: np.ndarray, high: np.ndarray) -> float:
    """Largest value of a curve in the intervals low..high, (k,) each, with one peak in an interval.

    All intervals are narrowed together, to a sixteenth at a time, around the largest of 33 points: a dozen calls of the
    curve instead of hundreds.
    """
    steps, column, best = np.linspace(0, 1, 33)[:, None], np.arange(len(low)), -np.inf
    for _ in range(11):
        grid = low + steps * (high - low)  # (33, k)
        values = curve(grid.ravel()).reshape(grid.shape)
        top = values.argmax(axis=0)
        best = max(best, float(values.max()))
        low, high = grid[np.maximum(top - 1, 0), column], grid[np.minimum(top + 1, 32), column]
    return best


def area_error(g: Smoothed) -> float:
    """Integral of |g - f| over all x, or over one period for floor and its kin; infinite where it diverges.

    Raises:
        ValueError: if f is a user's own function, whose breaks are unknown.
    """
    f = _known(g)
    if isinstance(f, Staircase):
        return _period_area(g, f)
    if _diverges(f, g.kernel):
        return math.inf
    kinked = any(kink != 0 for kink in f.kinks)
    if len(f.knots) == 1 and not (kinked and f.has_jumps):
        if f.has_jumps:
            return abs(f.jumps[0]) * g.width * g.kernel.mean_absolute
        return abs(f.kinks[0]) * g.width**2 * g.kernel.variance / 2
    return _panel_area(g, f)


def _diverges(f: PiecewiseLinear, kernel: Kernel) -> bool:
    """Whether g - f falls off like 1/|x| or slower: heavy tails and a lasting change of slope or of level."""
    bend = math.fsum(f.kinks)
    rise = math.fsum(f.jumps) - math.fsum(kink * knot for kink, knot in zip(f.kinks, f.knots, strict=True))
    lasting_bend = abs(bend) > 1e-12
    lasting_rise = abs(rise) > 1e-12 and not kernel.has_first_moment
    return not math.isfinite(kernel.variance) and (lasting_bend or lasting_rise)


def _tail_difference(g: Smoothed, f: PiecewiseLinear, x: np.ndarray) -> np.ndarray:
    """G - f without the cancellation of large values: only tails and excesses."""
    total = np.zeros_like(x)
    for knot, jump, kink in zip(f.knots, f.jumps, f.kinks, strict=True):
        u = (x - knot) / g.width
        total += -jump * np.sign(u) * g.kernel.tail(np.abs(u)) + kink * g.width * g.kernel.excess(np.abs(u))
    return total


def _panel_area(g: Smoothed, f: PiecewiseLinear) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(10)
    far = 1e7 if math.isinf(g.kernel.reach) else 45.0
    offsets = np.concatenate([[0.0], np.geomspace(1e-6, far, 260) * g.width, [g.width]])  # the uniform one ends at w
    edges = np.unique(np.concatenate([k + sign * offsets for k in f.knots for sign in (-1, 1)]))
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (nodes + 1)
    return float((np.abs(_tail_difference(g, f, x)) * half * weights).sum())


def _period_area(g: Smoothed, f: Staircase) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(10)
    breaks = [g.width, 0.5] if g.width < 0.5 else [0.5]  # the uniform kernel ends there
    inside = np.unique(np.concatenate([np.geomspace(1e-9, 0.5, 200)[:-1], breaks]))
    edges = np.concatenate([[0.0], inside, 1 - inside[-2::-1], [1.0]]) - f.shift
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (nodes + 1)
    return float((np.abs(g(x) - f(x)) * half * weights).sum())


def predicted_order(g: Smoothed, *, measure: str) -> float | None:
    """Power of the width with which an error goes to 0, or None where the error is infinite.

    Heavy tails (Student between balanced kinks, Cauchy anywhere) add a factor log(1/width) to the power.

    Args:
        g: a smoothed named or piecewise-linear function.
        measure: "supremum" or "area".

    Raises:
        ValueError: if the measure is another word, or f is a user's own function.
    """
    f = _known(g)
    if measure not in ("supremum", "area"):
        raise ValueError(f"measure must be 'supremum' or 'area', got {measure!r}")
    if measure == "supremum":
        return 0.0 if f.has_jumps else 1.0
    if math.isinf(area_error(g)):
        return None
    return 1.0 if f.has_jumps else 2.0


def gate_supremum_error(kernel: str | Kernel, *, width: float) -> tuple[float, float]:
    """Largest distance of the gate x Phi(x/w) below ReLU, and the |x| where it is reached.

    Returns:
        (error, |x|); (w/pi, inf) for Cauchy, whose gate stays w/pi below ReLU even at infinity.

    Example:
        >>> gate_supremum_error("logistic", width=1.0)  # Swish: W(1/e) and 1 + W(1/e)
        (0.278464542..., 1.278464542...)
    """
    shape, w = find_kernel(kernel), check_width(width)
    if shape.name == "cauchy":
        return w / math.pi, math.inf

    def slope(u: float) -> float:  # derivative of u Q(u)
        at = np.array(u)
        return float(shape.tail(at) - u * shape.density(at))

    peak = float(brentq(slope, 1e-9, min(shape.reach, 5.0) * (1 - 1e-12), xtol=1e-15, rtol=1e-14))
    return w * peak * float(shape.tail(np.array(peak))), w * peak


def matching_width(source: str | Kernel, target: str | Kernel, *, width: float = 1.0, by: str = "supremum") -> float:
    """Width of the target kernel that equals the source kernel of the given width in one respect.

    Args:
        source: kernel of the given width.
        target: kernel whose width is sought.
        width: of the source.
        by: "supremum" (equal error at a kink: equal E|Y|), "variance" (equal area error) or "peak" (equal density at 0,
            hence equal slope of the smoothed step).

    Raises:
        ValueError: if one of the kernels lacks the moment, or `by` is another word.

    Example:
        >>> matching_width("logistic", "gaussian", by="variance")  # pi / sqrt 3
        1.8137993642...
    """
    one, two, w = find_kernel(source), find_kernel(target), check_width(width)
    if by == "peak":
        at = np.array(0.0)
        return w * float(two.density(at)) / float(one.density(at))
    if by not in ("supremum", "variance"):
        raise ValueError(f"by must be 'supremum', 'variance' or 'peak', got {by!r}")
    for kernel in (one, two):
        if not math.isfinite(kernel.mean_absolute if by == "supremum" else kernel.variance):
            moment = "first moment" if by == "supremum" else "variance"
            raise ValueError(f"the {kernel.name} kernel has no {moment}: match by 'peak' instead")
    if by == "supremum":
        return w * one.mean_absolute / two.mean_absolute
    return w * math.sqrt(one.variance / two.variance)


def minmax_width(
    kernel: str | Kernel, target: str | Kernel, *, target_width: float = 1.0, of: str = "step"
) -> tuple[float, float]:
    """Width at which a family of one kernel comes uniformly closest to that of another.

    At the best width the largest difference above and the largest below are equal in size.

    Args:
        kernel: whose width is sought.
        target: kernel approximated.
        target_width: of the target.
        of: what is compared: "step" (Phi), "relu" (the convolution) or "gate" (x Phi).

    Returns:
        (width, largest absolute difference).

    Raises:
        ValueError: on an unknown kernel or `of`, or Cauchy with "relu" (no convolution) or "gate" (no finite fit).

    Example:
        >>> width, error = minmax_width("student", "logistic", of="relu")  # SquarePlus for SoftPlus: b = width^2
        >>> width**2, error
        (1.52382103251..., 0.07593144993...)
    """
    one, two, scale = find_kernel(kernel), find_kernel(target), check_width(target_width)
    if of not in ("step", "relu", "gate"):
        raise ValueError(f"of must be 'step', 'relu' or 'gate', got {of!r}")
    if of != "step" and "cauchy" in (one.name, two.name) and one.name != two.name:
        raise ValueError(f"the cauchy kernel has no {of} at a finite distance from another kernel's")

    def difference(u: np.ndarray, w: float) -> np.ndarray:
        if of == "relu":
            return np.asarray(w * one.excess(u / w) - two.excess(u))
        gap = two.tail(u) - one.tail(u / w)
        return np.asarray(gap * u if of == "gate" else gap)

    def extremes(w: float) -> tuple[float, float]:
        return _extremes(lambda u: difference(u, w))

    best = float(brentq(lambda w: sum(extremes(w)), 1e-2, 1e2, xtol=1e-13, rtol=1e-13))
    high, low = extremes(best)
    return scale * best, max(high, -low) * (1.0 if of == "step" else scale)


def _extremes(curve: Curve) -> tuple[float, float]:
    """Largest and smallest value of a curve on u >= 0, refined around the best points of a grid."""
    grid = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 1500)])
    values = curve(grid)
    found = []
    for sign in (1, -1):
        peak = int(np.argmax(sign * values))
        low, high = grid[[max(peak - 1, 0)]], grid[[min(peak + 1, len(grid) - 1)]]
        refined = _largest_between(lambda u, sign=sign: sign * curve(u), low, high)  # type: ignore[misc]
        found.append(sign * max(sign * float(values[peak]), refined))
    return found[0], found[1]


def largest_difference(one: Curve, two: Curve, *, low: float = -12.0, high: float = 12.0) -> float:
    """Largest |one - two| on an interval, the best point of a grid refined: for GELU's approximations."""
    grid = np.linspace(low, high, 4801)
    values = np.abs(one(grid) - two(grid))
    peak = int(np.argmax(values))
    refined = minimize_scalar(
        lambda x: -abs(float(one(np.array(x)) - two(np.array(x)))),
        bounds=(grid[max(peak - 1, 0)], grid[min(peak + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return max(float(values[peak]), -float(refined.fun))


def _known(g: Smoothed) -> PiecewiseLinear | Staircase:
    if isinstance(g.f, PiecewiseLinear | Staircase):
        return g.f
    raise ValueError("exact errors need a named function or knots; a user's own function has unknown breaks")
