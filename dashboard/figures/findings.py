"""Titles that say what a chart of two or more settings shows, with a case for data in which there is nothing to say."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import words
from dashboard.figures.runs import LARGEST
from dashboard.frames.numbers import as_number
from engine.evidence.class_report import ClassReport
from engine.evidence.metrics import METRICS, metric_of


def calibration(runs: Sequence[tuple[str, pl.Series, pl.Series]]) -> str:
    """`A is 74 % sure on average and right in 61 % of the cases`, for one or two runs.

    Args:
        runs: (name, confidence, right) of each.
    """
    said = []
    for name, confidence, right in runs:
        both = pl.DataFrame({"confidence": confidence, "right": right.cast(pl.Float64)}).drop_nulls()
        if both.is_empty():
            continue
        sure, share = (words.percent(as_number(both[column].mean()), 0) for column in ("confidence", "right"))
        said.append(f"{name} is {sure} sure on average and right in {share} of the cases")
    return "; ".join(said) or "No confidence is stored with these answers"


def disagreement(counts: pl.DataFrame) -> str:
    """`Most often A says 106 house where B says 104 finance: 32 examples`.

    Args:
        counts: prediction_a, prediction_b, count.
    """
    apart = counts.filter(pl.col("prediction_a") != pl.col("prediction_b")).sort(
        "count", "prediction_a", "prediction_b", descending=[True, False, False]
    )
    if apart.is_empty():
        return "Both give the same answer everywhere"
    most = apart.row(0, named=True)
    how_many = words.count(most["count"], "example")
    return f"Most often A says {most['prediction_a']} where B says {most['prediction_b']}: {how_many}"


def weakest_class(report: ClassReport, classes: Sequence[str], name: str) -> str:
    """`ngram is weakest on 114 stock: F1 0 % on 4 examples`, or on how many classes; those that occur in the labels."""
    f1 = np.where(report.support > 0, np.nan_to_num(report.f1, nan=0.0), np.inf)
    place = int(np.argmin(f1))
    if not np.isfinite(f1[place]):
        return f"Precision, recall and F1 of each class of {name}"
    if np.ptp(f1[np.isfinite(f1)]) == 0:
        return f"{name} is equally good on every class: F1 {words.percent(f1[place], 0)}"
    lowest = f1 == f1[place]
    examples = words.count(int(report.support[lowest].sum()), "example")
    which = classes[place] if lowest.sum() == 1 else f"{lowest.sum()} classes"
    return f"{name} is weakest on {which}: F1 {words.percent(f1[place], 0)} on {examples}"


def differences(rows: pl.DataFrame, baseline: str) -> str:
    """`B: +0.7 points of accuracy against A, 95 % -1.8 to +3.2`, or how many of several intervals leave out 0.

    Args:
        rows: name, metric, value, low, high (fractions).
        baseline: name of what they are compared with.
    """
    if rows.height == 1:
        row = rows.row(0, named=True)
        value, low, high = (words.points(row[name], 1) for name in ("value", "low", "high"))
        return f"{row['name']}: {value} points of {row['metric']} against {baseline}, 95 % {low} to {high}"
    apart = rows.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
    return f"{apart} of {rows.height} intervals against {baseline} leave out 0 points of {rows['metric'][0]}"


def curves(figure: go.Figure, metric: str) -> str:
    """`Lowest dev loss: 1.05 at step 84, B`; only what the figure draws of a metric that has a better end."""
    usual = f"{words.heading(metric)} of the settings over the training"
    lines = [trace for trace in figure.data if trace.fill is None]
    dev = [trace for trace in lines if str(trace.name).endswith(f", dev {words.name(metric)}")]
    spec = metric_of(metric)
    if spec.name not in METRICS:
        return usual
    best: tuple[float, float, str] | None = None
    sign = 1 if spec.higher_is_better else -1
    for trace in dev or lines:
        y = np.asarray(trace.y, dtype=float)
        x = np.asarray(trace.x, dtype=float)
        usable = np.abs(y) < LARGEST
        if usable.any():
            place = int(np.argmax(np.where(usable, sign * y, -np.inf)))
            if best is None or sign * y[place] > sign * best[0]:
                best = float(y[place]), float(x[place]), str(trace.name).split(", ")[0]
    if best is None:
        return usual
    which = f"{'dev ' if dev else ''}{words.name(metric)}"
    word = "Highest" if spec.higher_is_better else "Lowest"
    return f"{word} {which}: {words.value(metric, best[0])}, {best[2]}"
