"""What one run stored, as the sections of a report: facts, scores, curves, predictions, measurements, configuration."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import runs as figures
from dashboard.figures import tables, words
from dashboard.frames import name_order
from dashboard.reports import html_report

WRONG = 50  # wrong predictions listed
ENVIRONMENT = (
    *("host", "pid", "device", "git_commit", "git_dirty"),
    *("dataset", "data_source", "train_fingerprint", "dev_fingerprint"),
)


def facts(run: Mapping[str, Any]) -> pl.DataFrame:
    """What the run is, as Field and Value."""
    shown = (
        "experiment",
        "task",
        "model",
        "recipe",
        "data_source",
        "seed",
        "status",
        "started_at",
        "duration_s",
        "note",
    )
    return pl.DataFrame(
        [(words.heading(name), _fact(run[name])) for name in shown if run[name] not in (None, "")],
        schema=["Field", "Value"],
        orient="row",
    )


def environment(run: Mapping[str, Any]) -> pl.DataFrame:
    """Where the run ran and with which versions, as Field and Value."""
    rows = [(words.heading(name), words.setting_of(run[name])) for name in ENVIRONMENT]
    rows += sorted(json.loads(run["versions"] or "{}").items())
    return pl.DataFrame(rows, schema=["Field", "Value"], orient="row")


def _fact(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return words.duration(value) if isinstance(value, float) else words.setting_of(value)


def parameters(params: pl.DataFrame, *, unset: bool = False) -> pl.DataFrame:
    """Parameter and Value of name and value (JSON text); those that were left unset only if asked for."""
    rows = [
        (name, words.setting(value))
        for name, value in params.sort(name_order.places(params["name"])).select("name", "value").iter_rows()
    ]
    kept = [row for row in rows if unset or row[1] != words.UNSET]
    return pl.DataFrame(kept, schema=["Parameter", "Value"], orient="row")


def scores(summary: pl.DataFrame) -> pl.DataFrame:
    """Metric and Value of a run's summary, dev ones first."""
    ordered = summary.sort(~pl.col("name").str.starts_with("dev/"), name_order.places(summary["name"]))
    rows = [(words.name(name), words.value(name, value)) for name, value in ordered.select("name", "value").iter_rows()]
    return pl.DataFrame(rows, schema=["Metric", "Value"], orient="row")


def wrong_predictions(predictions: pl.DataFrame) -> pl.DataFrame:
    """The wrong predictions that the run was most confident of."""
    wrong = predictions.filter(pl.col("label") != pl.col("prediction")).sort(
        "confidence", descending=True, nulls_last=True
    )
    shown = tables.readable(wrong.head(WRONG))
    return shown.select(
        Example="example_id",
        Label="label",
        Prediction="prediction",
        Confidence=pl.col("confidence").round(3),
        Text="text",
    )


def sections(
    run: Mapping[str, Any],
    *,
    params: pl.DataFrame,
    summary: pl.DataFrame,
    curves: Mapping[str, go.Figure],
    predictions: pl.DataFrame,
    measured: Mapping[str, pl.DataFrame],
) -> list[html_report.Section]:
    """Sections of the report of a run; what the run did not store is left out.

    Args:
        run: a row of `runs`.
        params: name, value (JSON text).
        summary: name, value.
        curves: metric -> figure.
        predictions: dev predictions with their examples.
        measured: name of a table of measurements -> its rows.
    """
    found = [
        html_report.Section(
            "Run", [facts(run), ("code", str(run["command"])), *([run["error"]] if run["error"] else [])]
        )
    ]
    if summary.height:
        found.append(html_report.Section("Scores", [scores(summary)]))
    if curves:
        found.append(html_report.Section("Curves", list(curves.values())))
    if predictions.height:
        counts = figures.confusion_counts(predictions)
        classes = tables.class_order(counts)
        drawn = [figures.confusion(counts, classes)] if 2 <= len(classes) <= 40 else []
        listed = wrong_predictions(predictions)
        text = f"{predictions.height:,} predictions; the {listed.height} wrong ones with the highest confidence:"
        found.append(html_report.Section("Predictions", [*drawn, text, listed]))
    found += [html_report.Section(f"Measured: {words.name(name)}", [frame]) for name, frame in measured.items()]
    found.append(html_report.Section("Configuration", [parameters(params)]))
    found.append(html_report.Section("Environment", [environment(run)]))
    return found
