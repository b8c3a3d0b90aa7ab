"""Errors of smooth approximations against the width: numerical convolution beside closed forms and predicted orders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.names import look_up
from engine.smoothing.convolution import Smoothed, smooth
from engine.smoothing.errors import area_error, predicted_order, supremum_error
from engine.smoothing.kernels import KERNELS, check_width
from engine.smoothing.piecewise_linear import FUNCTIONS, PiecewiseLinear
from engine.smoothing.quadrature import convolve
from jobs import cli, progress, tracking

if TYPE_CHECKING:
    from jobs.smoothing.config import Errors
    from store.runs import Run


def errors(config: Errors) -> None:
    """Check the input, measure every pair of function and kernel."""
    check(config)
    pairs = [(f, kernel) for f in config.functions for kernel in config.kernels]
    with tracking.start(config, experiment="smoothing", task="errors", device="cpu") as run:
        print(f"run {run.run_id}")
        print(
            f"{'function':<11} {'kernel':<9} {'largest error':>22} {'slope':>7} {'predicted':>9}   area: slope, order"
        )
        with progress.Bar(len(pairs), "errors", run=run) as bar:
            for f, kernel in pairs:
                bar.write(measure_pair(run, config, f, kernel))
                bar.advance()


def check(config: Errors) -> None:
    """Refuse unknown names, and fewer than two widths."""
    with cli.input_errors("--functions"):
        for f in config.functions:
            look_up(FUNCTIONS, f, what="function")
    with cli.input_errors("--kernels"):
        for kernel in config.kernels:
            look_up(KERNELS, kernel, what="kernel")
    with cli.input_errors("--widths"):
        for width in config.widths:
            check_width(width)
    if len(set(config.widths)) < 2:
        raise cli.InputError(f"--widths: a slope needs at least two different widths, got {config.widths}")


def measure_pair(run: Run, config: Errors, f: str, kernel: str) -> str:
    """Store the errors of one function under one kernel at every width; one line that sums them up."""
    axes = {"function": f, "kernel": kernel}
    try:
        curves = [smooth(f, kernel=kernel, width=width) for width in sorted(config.widths)]
    except ValueError:
        return f"{f:<11} {kernel:<9} {'diverges: no first moment':>22}"
    found: dict[str, list[float]] = {"supremum": [], "area": []}
    for g in curves:
        exact = {"supremum": supremum_error(g), "area": area_error(g)}
        measured = measure(g)
        if math.isinf(exact["area"]):
            del measured["area"], exact["area"]
        run.measure("smoothing_error", {**axes, "width": g.width}, **dict[str, Any](measured))
        run.measure("smoothing_error", {**axes, "width": g.width}, source="exact", **dict[str, Any](exact))
        for name, value in measured.items():
            found[name].append(value)
    cells = []
    for name, values in found.items():
        order = predicted_order(curves[0], measure=name)
        if order is None:
            cells.append("none, infinite")
            continue
        slope = float(np.polyfit(np.log([g.width for g in curves]), np.log(values), 1)[0])
        run.measure("smoothing_order", {**axes, "error": name}, order=slope)
        run.measure("smoothing_order", {**axes, "error": name}, source="exact", order=order)
        cells.append(f"{slope:z7.4f} {order:9g}")
    span = f"{found['supremum'][0]:.3g} … {found['supremum'][-1]:.3g}"
    return f"{f:<11} {kernel:<9} {span:>22} {cells[0]:>17}   {cells[1]}"


def measure(g: Smoothed) -> dict[str, float]:
    """Supremum and area of |f * kernel - f| by quadrature on panels around the breaks of f; no closed form is used."""
    f = g.f
    knots = np.array(f.knots if isinstance(f, PiecewiseLinear) else [-getattr(f, "shift", 0.0)])
    periodic = not isinstance(f, PiecewiseLinear)
    reach = 0.5 if periodic else 30.0
    offsets = np.unique(np.concatenate([[0.0, g.width], np.geomspace(1e-4, 1e4, 60) * g.width]))
    offsets = np.append(offsets[offsets < reach], reach)
    edges = np.unique(np.concatenate([knot + sign * offsets for knot in knots for sign in (-1, 1)]))
    nodes, weights = np.polynomial.legendre.leggauss(6)
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (nodes + 1)
    breaks = _breaks(g)
    difference = np.abs(convolve(f, x, kernel=g.kernel, width=g.width, breaks=breaks) - f(x))
    sides = np.concatenate([knots + side * 1e-9 * g.width for side in (-1, 0, 1)])
    at_knots = np.abs(convolve(f, sides, kernel=g.kernel, width=g.width, breaks=breaks) - f(sides))
    return {
        "supremum": float(max(difference.max(), at_knots.max())),
        "area": float((difference * half * weights).sum()),
    }


def _breaks(g: Smoothed) -> list[float]:
    """Breaks of f; of a staircase those near enough to matter."""
    if isinstance(g.f, PiecewiseLinear):
        return list(g.f.knots)
    shift = float(getattr(g.f, "shift", 0.0))
    count = math.ceil(min(g.kernel.reach, 60.0) * g.width) + 2
    return [k - shift for k in range(-count, count + 1)]
