"""Gain of CAN and its neighbours on synthetic classifiers, one fault varied at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs import cli, progress, tracking
from jobs.can.config import Simulate

if TYPE_CHECKING:
    from engine.can.simulation import Outcome, Setting

AXES: dict[str, tuple[float, ...]] = {
    "n_classes": (2, 3, 5, 10, 15, 30, 60, 119, 250),
    "accuracy": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "temperature": (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
    "class_bias": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
    "prior_shift": (0.0, 0.1, 0.25, 0.5, 0.75, 1.0),
    "n_confident": (30, 100, 300, 1000, 3000, 10_000),
    "imbalance": (0.0, 0.25, 0.5, 1.0, 1.5, 2.0),
}
WHOLE = ("n_classes", "n_confident")
FIELDS = ("can", "can_test_prior", "sinkhorn", "saerens_em", "accuracy", "calibration_error", "uncertain", "gap")


def simulate(config: Simulate) -> None:
    """Run every point and store its means with intervals over repeats."""
    from engine.can.simulation import Setting

    if config.repeats < 2:
        raise cli.InputError(f"--repeats must be at least 2 for an interval, got {config.repeats}")
    if config.test_rows < 100:
        raise cli.InputError(f"--test-rows must be at least 100, got {config.test_rows}")
    base = Setting(n_test=config.test_rows)
    repeats = min(3, config.repeats) if config.quick else config.repeats
    points = [(axis, value) for axis, values in AXES.items() for value in (values[::3] if config.quick else values)]
    with tracking.start(config, experiment="can", task="simulation", data_source="simulated", device="cpu") as run:
        print(f"run {run.run_id}")
        for axis, value in progress.track(points, "simulate", run=run):
            outcomes = repeat(base, axis, value, repeats, config.seed)
            found = summarise(outcomes)
            run.measure("can_simulation", {"axis": axis, "at": float(value)}, **found)
            gain, low, high, n = found["can"]
            progress.say(
                f"{axis:<12} {value:>8g}   CAN {100 * gain:+.2f} points (95 % {100 * low:+.2f} to {100 * high:+.2f}, "
                f"{n} problems)"
            )


def repeat(base: Setting, axis: str, value: float, repeats: int, seed: int) -> list[Outcome]:
    """Independent problems of one point; the same seeds at every point, so that points can be compared."""
    from engine.can.simulation import outcome
    from engine.can.simulation import simulate as draw

    setting = replace(base, **{axis: int(value) if axis in WHOLE else value})  # type: ignore[arg-type]
    return [outcome(draw(setting, rng=np.random.default_rng([seed, index]))) for index in range(repeats)]


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """Mean and t interval over repeats; a field that no repeat has is left out."""
    from engine.evidence.intervals import mean_interval

    found: dict[str, Any] = {}
    for name in FIELDS:
        values = np.array([getattr(item, name) for item in outcomes])
        values = values[np.isfinite(values)]
        if len(values) > 1:
            found[name] = mean_interval(values)
    return found
