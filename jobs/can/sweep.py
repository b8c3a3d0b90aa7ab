"""The grid of CAN settings over one set of predictions, its cross-fitted choice, and the neighbours."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs import cli, progress, tracking
from jobs.can import inputs, report
from jobs.can.config import KS, PUBLISHED, Sweep

if TYPE_CHECKING:
    from engine.can.evaluation import CrossFit, Gain
    from jobs.can.inputs import Predictions
    from store.runs import Run


def sweep(config: Sweep) -> None:
    """Check the input, then run the grid."""
    predictions = load(config)
    if len(predictions.labels) < 2:
        raise cli.InputError(f"a sweep needs at least 2 labelled rows, got {len(predictions.labels)}")
    priors = inputs.priors(predictions, config.priors, config.prior)
    grid = grid_points(config, len(predictions.names), tuple(priors))
    fields = {**predictions.about, "device": "cpu"}
    with tracking.start(config, experiment="can", parent=predictions.parent, **fields) as run:
        print(report.heading(predictions, run.run_id))
        run_grid(run, config, predictions, priors, grid)


def load(config: Sweep) -> Predictions:
    """The predictions that the flags name, a run's or files'."""
    if config.run and config.probs:
        raise cli.InputError("--run and --probs exclude each other: whose predictions are to be corrected?")
    if config.run:
        if config.labels or config.logits:
            raise cli.InputError("--labels and --logits belong to --probs; a stored run has its own")
        return inputs.from_run(config.run, split=config.split, db=config.db)
    if not config.probs:
        raise cli.InputError("expected --run RUN, or --probs FILE with --labels FILE")
    if not config.labels:
        raise cli.InputError("--probs needs --labels FILE: without labels nothing can be scored")
    return inputs.from_files(config.probs, config.labels, logits=config.logits)


def grid_points(config: Sweep, n_classes: int, priors: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every combination; the one nearest to the published setting first, because the first wins ties.

    Raises:
        InputError: if a flag has no value or one that cannot be used with so many classes.
    """
    from engine.can.correct import usable_k

    for name in ("ks", "thresholds", "alphas", "iterations"):
        if not getattr(config, name):
            raise cli.InputError(f"--{name}: give at least one value")
    ks = config.ks
    if ks == KS and config.uncertainty != "any_k":
        ks = (2,) if n_classes == 2 else tuple(k for k in KS if k < n_classes)
    with cli.input_errors("--ks"):
        ks = tuple(dict.fromkeys(usable_k(k, n_classes, config.uncertainty) for k in ks))
    for alpha in config.alphas:
        if not alpha > 0:
            raise cli.InputError(f"--alphas: must be positive, got {alpha:g}")
    for count in config.iterations:
        if count < 1:
            raise cli.InputError(f"--iterations: must be at least 1, got {count}")
    names = ("k", "threshold", "alpha", "iterations", "prior")
    points = [
        dict(zip(names, point, strict=True))
        for point in itertools.product(ks, config.thresholds, config.alphas, config.iterations, priors)
    ]
    return sorted(points, key=lambda point: sum(point[name] != value for name, value in PUBLISHED.items()))


def run_grid(
    run: Run, config: Sweep, predictions: Predictions, priors: dict[str, np.ndarray], grid: list[dict[str, Any]]
) -> None:
    """Correct, score, choose and store."""
    from engine.can.correct import alternating_normalization, uncertain_rows
    from engine.can.evaluation import cross_fit, evaluate

    probs, labels, rng = predictions.probs, predictions.labels, np.random.default_rng(config.seed)
    before, n_classes = probs.argmax(axis=1), probs.shape[1]
    candidates = np.empty((len(grid), len(labels)), dtype=np.int64)
    gains = []
    for index, point in enumerate(progress.track(grid, "sweep", run=run)):
        unsure = uncertain_rows(probs, k=point["k"], threshold=point["threshold"], uncertainty=config.uncertainty)
        corrected = correct(probs, priors, point, config.uncertainty, alternating_normalization)
        candidates[index] = corrected.argmax(axis=1)
        gain = evaluate(
            labels,
            before,
            candidates[index],
            n_classes=n_classes,
            touched=unsure,
        )
        gains.append(gain)
        run.measure("can_grid", {**point, "uncertainty": config.uncertainty}, **cells(gain))
    choice = cross_fit(labels, candidates, rng=rng, before=before)
    honest = evaluate(labels, before, choice.preds, n_classes=n_classes)
    store_choice(run, grid, choice, honest, gains[choice.tuned])
    store_predictions(run, config, predictions, priors, grid, choice)
    store_reference(run, predictions, priors, grid[choice.tuned])
    methods = report.compare(config, predictions, priors)
    for score in methods:
        run.measure(
            "can_methods",
            {"method": score.method},
            **cells(score.gain),
            calibration_error=tuple(score.calibration_error),
            log_loss=score.log_loss,
        )
    print(report.report(predictions, grid, gains, choice, honest, methods))


def correct(
    probs: np.ndarray, priors: dict[str, np.ndarray], point: dict[str, Any], uncertainty: Any, method: Any
) -> np.ndarray:
    """Probabilities corrected by one grid point."""
    settings = {name: point[name] for name in ("k", "threshold", "alpha", "iterations")}
    return np.asarray(method(probs, priors[point["prior"]], uncertainty=uncertainty, **settings))


def cells(gain: Gain) -> dict[str, Any]:
    """What is stored of a scored correction."""
    values: dict[str, Any] = {
        "accuracy_before": tuple(gain.accuracy_before),
        "accuracy": tuple(gain.accuracy),
        "gain": tuple(gain.gain),
        "macro_f1_before": gain.macro_f1_before,
        "macro_f1": gain.macro_f1,
        "p_value": gain.p_value,
        "corrected": gain.corrected,
        "flips": gain.flips,
        "flips_to_right": gain.flips_to_right,
        "flips_to_wrong": gain.flips_to_wrong,
    }
    for name in ("accuracy_confident", "accuracy_uncertain"):
        interval = getattr(gain, name)
        if interval is not None:
            values[name] = tuple(interval)
    return values


def store_choice(run: Run, grid: list[dict[str, Any]], choice: CrossFit, honest: Gain, tuned: Gain) -> None:
    """The cross-fitted gain, the tuned one, and which grid points they come from."""
    for half, index in zip(("first", "second", "tuned"), (*choice.chosen, choice.tuned), strict=True):
        point = dict(grid[index]) if index is not None else {"prior": "none"}  # none: left as it was
        run.measure("can_choice", {"half": half, "prior": point.pop("prior")}, applied=int(index is not None), **point)
    run.measure("can_gain", {"choice": "cross-fitted"}, **cells(honest))
    run.measure("can_gain", {"choice": "tuned"}, **cells(tuned))
    run.summary(
        {
            "dev/accuracy_before": honest.accuracy_before.value,
            "dev/accuracy": honest.accuracy.value,
            "dev/macro_f1": honest.macro_f1,
            "dev/gain": honest.gain.value,
            "dev/gain_tuned": tuned.gain.value,
            "dev/p_value": honest.p_value,
        }
    )


def store_predictions(
    run: Run,
    config: Sweep,
    predictions: Predictions,
    priors: dict[str, np.ndarray],
    grid: list[dict[str, Any]],
    choice: CrossFit,
) -> None:
    """Every row as corrected by the setting that was chosen on the other half, beside the run it comes from."""
    import polars as pl

    from engine.can.correct import alternating_normalization

    first, second = (
        predictions.probs
        if index is None
        else correct(predictions.probs, priors, grid[index], config.uncertainty, alternating_normalization)
        for index in choice.chosen
    )
    probs = np.where(choice.half[:, None], second, first)
    names = np.array(predictions.names)
    frame = predictions.ids.with_columns(
        pl.Series("label", names[predictions.labels]),
        pl.Series("prediction", names[choice.preds]),
        pl.Series("confidence", probs.max(axis=1).astype(np.float64)),
    )
    run.predictions(config.split, frame, probabilities=probs, labels=predictions.names)


def store_reference(run: Run, predictions: Predictions, priors: dict[str, np.ndarray], point: dict[str, Any]) -> None:
    """What `apply` needs: the uncorrected probabilities, the prior and the setting that was best on all labels."""
    import polars as pl

    table, about = run.folder / "reference.parquet", run.folder / "reference.json"
    pl.DataFrame(predictions.probs.astype(np.float32), schema=list(predictions.names)).write_parquet(table)
    content = {**point, "prior_values": priors[point["prior"]].tolist(), "labels": list(predictions.names)}
    about.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    run.artifact(table.name, "reference", table)
    run.artifact(about.name, "reference", about)
