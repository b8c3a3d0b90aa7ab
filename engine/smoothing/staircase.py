"""Gradient descent on a loss of integers: the floor smoothed, and its kernel narrowed as the descent goes on.

Given integers y = floor(A theta*), find theta from the loss mean (floor(A theta) - y)^2. Its gradient is 0 almost
everywhere. With the floor smoothed by a kernel of width w there is one: wide kernels point far but blur the answer (the
smoothed floor tends to x - 1/2), narrow ones are exact but flat on the treads. Annealing w takes both. The
straight-through estimator (Bengio, Leonard and Courville, 2013, arXiv 1308.3432) is the usual remedy: exact forward,
slope 1 backward.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import number, numbers, whole_number
from engine.smoothing.convolution import smooth
from engine.smoothing.kernels import Kernel, check_width

LARGEST_THETA = 1e12  # beyond, floor(x) and x are the same double
CLIP = 1.0  # longest gradient step before the rate; the slopes of narrow kernels are spikes


@dataclass(frozen=True, slots=True)
class Problem:
    """Integers seen through a floor."""

    inputs: np.ndarray  # A (n, d)
    targets: np.ndarray  # floor(A theta*), (n,)
    solution: np.ndarray  # theta*, (d,)

    def loss(self, theta: np.ndarray) -> np.ndarray:
        """The staircase loss: (..., d) -> (...)."""
        theta = numbers(theta, name="theta", dtype=np.float64)
        self._check(theta)
        return np.asarray(np.square(np.floor(theta @ self.inputs.T) - self.targets).mean(axis=-1))

    def smoothed(self, theta: np.ndarray, *, kernel: str | Kernel, width: float) -> np.ndarray:
        """The loss with the floor smoothed: (..., d) -> (...)."""
        theta = numbers(theta, name="theta", dtype=np.float64)
        self._check(theta)
        steps = smooth("floor", kernel=kernel, width=width)
        return np.asarray(np.square(steps(theta @ self.inputs.T) - self.targets).mean(axis=-1))

    def _check(self, theta: np.ndarray) -> None:
        if theta.shape[-1:] != self.solution.shape:
            raise ValueError(f"theta must have shape (..., {len(self.solution)}), got {theta.shape}")
        if np.abs(theta).max(initial=0.0) > LARGEST_THETA:
            raise ValueError(f"theta must lie within {LARGEST_THETA:g}, got {np.abs(theta).max():.3g}")


@dataclass(frozen=True, slots=True)
class Descent:
    """A descent, step by step."""

    thetas: np.ndarray  # (steps + 1, d)
    losses: np.ndarray  # (steps + 1,) staircase loss
    widths: np.ndarray  # (steps,) of the kernel used for each step


def make_problem(rng: np.random.Generator, *, rows: int = 60, size: int = 8, scale: float = 3.0) -> Problem:
    """A random problem with standard-normal rows and a solution of that scale.

    Raises:
        ValueError: if rows or size is below 1.
    """
    rows = whole_number(rows, name="rows", low=1)
    size = whole_number(size, name="size", low=1)
    scale = number(scale, name="scale", low=-1e15, high=1e15)
    inputs = rng.standard_normal((rows, size)) / np.sqrt(size)
    solution = scale * rng.standard_normal(size)
    return Problem(inputs, np.floor(inputs @ solution), solution)


def anneal(start: float, end: float, steps: int) -> np.ndarray:
    """Widths falling geometrically from start to end, (steps,).

    Raises:
        ValueError: if a width is not positive or steps is below 1.
    """
    steps = whole_number(steps, name="steps", low=1)
    return np.geomspace(check_width(start), check_width(end), steps)


def descend(
    problem: Problem,
    start: np.ndarray,
    *,
    widths: Sequence[float] | np.ndarray,
    kernel: str | Kernel = "gaussian",
    rate: float = 0.5,
    straight_through: bool = False,
) -> Descent:
    """Gradient descent with the smoothed floor of the given widths.

    Args:
        problem: what to solve.
        start: (d,) first theta.
        widths: (steps,) of the kernel at each step.
        kernel: name or kernel.
        rate: length of a step per unit of gradient; gradients are cut at length 1.
        straight_through: ignore the kernel: exact floor forward, slope 1 backward.

    Raises:
        ValueError: on an unknown kernel, a bad width, or a start of another length.
    """
    theta = numbers(start, name="start", dtype=np.float64).copy()
    widths = numbers(widths, name="widths", shape=("steps",), dtype=np.float64)
    rate = number(rate, name="rate")
    if theta.shape != problem.solution.shape:
        raise ValueError(f"start must have shape {problem.solution.shape}, got {theta.shape}")
    problem.loss(theta)  # refuses a start that is too large
    thetas = [theta]
    for width in widths:
        u = problem.inputs @ theta
        if straight_through:
            residual, slope = np.floor(u) - problem.targets, np.ones_like(u)
        else:
            steps = smooth("floor", kernel=kernel, width=float(width))
            residual, slope = steps(u) - problem.targets, steps.derivative(u)
        gradient = 2 * problem.inputs.T @ (residual * slope) / len(u)
        theta = theta - rate * gradient / max(1.0, float(np.linalg.norm(gradient)) / CLIP)
        thetas.append(theta)
    path = np.array(thetas)
    return Descent(path, problem.loss(path), np.asarray(widths, dtype=np.float64))
