"""What a sweep says on the terminal: the choice, its honest gain, the neighbours, and what to make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.can.config import PUBLISHED, Sweep

if TYPE_CHECKING:
    from engine.can.evaluation import CrossFit, Gain
    from engine.can.methods import MethodScore
    from engine.evidence.intervals import Interval
    from jobs.can.inputs import Predictions

TWO_CLASSES = (
    "two classes: only k = 2 exists and an uncertain row is one near 0.5, so CAN can only move that threshold a little "
    "towards the rarer class; expect next to nothing"
)

WIDTH = 56  # of the names of settings


def heading(predictions: Predictions, run_id: str) -> str:
    """Which predictions, and what is known against them."""
    about = predictions.about
    name = " ".join(dict.fromkeys(str(about[key]) for key in ("task", "model", "dataset") if about.get(key)))
    lines = [f"run {run_id}: {len(predictions.labels):,} rows, {len(predictions.names)} classes of {name}"]
    if about.get("data_source") == "sample":
        lines.append("sample data: generated sentences, no score of the real task")
    lines += predictions.notes
    if len(predictions.names) == 2:
        lines.append(TWO_CLASSES)
    return "\n".join(lines)


def compare(config: Sweep, predictions: Predictions, priors: dict[str, np.ndarray]) -> list[MethodScore]:
    """CAN in the published setting and its neighbours, with the best known prior."""
    from engine.can.correct import uncertain_rows
    from engine.can.methods import can_probs, neighbour_probs, score_methods

    probs, labels, rng = predictions.probs, predictions.labels, np.random.default_rng(config.seed)
    prior = next(priors[name] for name in ("train", "given", "uniform") if name in priors)
    k = min(int(PUBLISHED["k"]), max(2, len(predictions.names) - 1))
    threshold = PUBLISHED["threshold"]
    corrected = can_probs(probs, prior, k=k, threshold=threshold) | neighbour_probs(probs, labels, prior, rng=rng)
    unsure = uncertain_rows(probs, k=k, threshold=threshold)
    return score_methods(probs, labels, corrected, touched=unsure)


def report(
    predictions: Predictions,
    grid: Sequence[dict[str, Any]],
    gains: Sequence[Gain],
    choice: CrossFit,
    honest: Gain,
    methods: Sequence[MethodScore],
) -> str:
    """The whole report."""
    from engine.can.methods import corrected_p
    from engine.evidence.verdict import verdict

    best = gains[choice.tuned]
    first = "published" if all(grid[0][name] == value for name, value in PUBLISHED.items()) else "first"
    lines = ["", f"{'':{WIDTH}}{'accuracy':>9}  {'gain in points (95 %)':26}{'p':>9}  right  wrong"]
    lines.append(_row("before", honest.accuracy_before, None))
    lines.append(_row(f"{first} setting ({_setting(grid[0])})", gains[0].accuracy, gains[0]))
    kept = choice.chosen.count(None)
    name = "cross-fitted choice" + (f" ({kept} of 2 halves left as they are)" if kept else "")
    lines.append(_row(name, honest.accuracy, honest))
    lines.append(_row(f"tuned on these labels ({_setting(grid[choice.tuned])})", best.accuracy, best))
    confident, uncertain = gains[0].accuracy_confident, gains[0].accuracy_uncertain
    if confident and uncertain:
        lines.append(
            f"\nassumption: {confident.value:.2%} right among the {confident.n:,} confident rows, "
            f"{uncertain.value:.2%} among the {uncertain.n:,} uncertain"
        )
    corrected = corrected_p([score.gain.p_value for score in methods])
    lines += [
        "",
        f"{'method':18}{'accuracy':>9}  {'gain in points (95 %)':26}{'p (Holm)':>9}  {'macro F1':>8}  ECE (95 %)",
    ]
    lines += [
        f"{score.method:18}{score.gain.accuracy.value:>9.2%}  {_points(score.gain.gain):26}{p_value:>9.3g}  "
        f"{score.gain.macro_f1:>8.2%}  {_ece(score.calibration_error)}"
        for score, p_value in zip(methods, corrected, strict=True)
    ]
    lines.append("")
    lines.append(verdict("no correction", "CAN with a cross-fitted setting", honest.gain, p_value=honest.p_value))
    return "\n".join(lines)


def _row(name: str, accuracy: Interval, gain: Gain | None) -> str:
    start = f"{name:<{WIDTH}}{accuracy.value:>9.2%}  "
    if gain is None:
        return start.rstrip()
    return f"{start}{_points(gain.gain):26}{gain.p_value:>9.3g}  {gain.flips_to_right:>5}  {gain.flips_to_wrong:>5}"


def _points(gain: Interval) -> str:
    return f"{100 * gain.value:+.2f} ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"


def _ece(error: Interval) -> str:
    return f"{100 * error.value:.1f} ({100 * error.low:.1f} to {100 * error.high:.1f})"


def _setting(point: dict[str, Any]) -> str:
    return f"k={point['k']} t={point['threshold']:g} a={point['alpha']:g} d={point['iterations']} {point['prior']}"
