"""Measured and published whitening scores in one form: row, dataset, setting (none, whitened, reduced), value."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

POOLINGS = {"P1": "cls", "P2": "pooler", "P3": "last-avg", "P4": "first-last-avg"}
CHINESE = ("atec", "bq", "lcqmc", "pawsx", "stsb-zh")
ENGLISH = ("sts12", "sts13", "sts14", "sts15", "sts16", "stsb", "sickr")
_CHINESE_VARIANT = re.compile(r"(P\d) (none|whitening(?:-(\d+))?)(?: beta=gamma=([\d.]+))?")
_ENGLISH_VARIANT = re.compile(r"whitening(?:-(\d+))? \((NLI|target)\)(?:, (re-measured, \w+))?")
SCHEMA: Mapping[str, type[pl.DataType]] = {
    "row": pl.String,
    "dataset": pl.String,
    "setting": pl.String,
    "value": pl.Float64,
    "text": pl.String,
}


def measured(scores: pl.DataFrame, *, average: str, statistics: str, reduced: int | None) -> pl.DataFrame:
    """Scores of one run: row (pooling), dataset, setting, value, low, high, n, n_components.

    Args:
        scores: rows of `whitening_scores` with the metric spearman.
        average: mean, wmean or all.
        statistics: where mean and covariance come from.
        reduced: the number of components shown as `reduced`; None shows none.
    """
    chosen = scores.filter(
        (pl.col("average") == average)
        & ((pl.col("whitening") == "none") | ((pl.col("statistics") == statistics) & (pl.col("beta") == 1)))
        & ((pl.col("whitening") == "none") | (pl.col("gamma") == 1))
    )
    full = pl.col("n_components") == pl.col("n_components").max().over("dataset", "pooling", "whitening")
    setting = (
        pl.when(pl.col("whitening") == "none")
        .then(pl.lit("none"))
        .when(full & (pl.col("n_components") != (reduced or 0)))
        .then(pl.lit("whitened"))
        .when(pl.col("n_components") == (reduced or 0))
        .then(pl.lit("reduced"))
    )
    columns = ["dataset", "setting", "value", "low", "high", "n", "n_components"]
    return chosen.with_columns(setting=setting, row=pl.col("pooling")).drop_nulls("setting").select("row", *columns)


def reductions(scores: pl.DataFrame) -> list[int]:
    """Numbers of components below the full one that a run has scores for, largest first."""
    whitened = scores.filter(pl.col("whitening") != "none")
    full = pl.col("n_components").max().over("dataset", "pooling", "statistics")
    return sorted(whitened.filter(pl.col("n_components") < full)["n_components"].unique(), reverse=True)


def published(figures: pl.DataFrame, *, model: str) -> pl.DataFrame:
    """Published figures of a model: row (pooling, or statistics and variant), dataset, setting, value, text."""
    rows = []
    for figure in figures.filter((pl.col("model") == model) & (pl.col("metric") == "spearman")).iter_rows(named=True):
        row, setting = place(figure["variant"] or "")
        text = f"{model}, {figure['variant']}: {figure['source']}"
        rows.append((row, figure["dataset"], setting, figure["value"], text))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def place(variant: str) -> tuple[str, str]:
    """Row and setting of a published variant such as `P4 whitening-256` or `whitening (target)`."""
    chinese = _CHINESE_VARIANT.fullmatch(variant)
    if chinese:
        pooling, kind, k, knobs = chinese.groups()
        setting = "none" if kind == "none" else "reduced" if k else "whitened"
        return POOLINGS[pooling] + (f", beta = gamma = {knobs}" if knobs else ""), setting
    english = _ENGLISH_VARIANT.fullmatch(variant)
    if english:
        k, statistics, again = english.groups()
        row = f"whitened, {statistics}, {again}" if again else f"first-last-avg, {statistics} statistics"
        return row, "reduced" if k else "whitened"
    return variant.removesuffix(" (theirs)"), "none"


def gains(scores: pl.DataFrame) -> pl.DataFrame:
    """Differences to the raw vectors with a verdict: helps or hurts where the interval leaves out zero."""
    verdict = (
        pl.when(pl.col("low") > 0).then(pl.lit("helps")).when(pl.col("high") < 0).then(pl.lit("hurts"))
    ).otherwise(pl.lit("unclear"))
    columns = ["dataset", "pooling", "n_components", "statistics", "beta", "gamma", "value", "low", "high", "n"]
    return scores.with_columns(verdict=verdict).select(*columns, "verdict").sort("dataset", "pooling", "n_components")


def published_gains(figures: pl.DataFrame) -> pl.DataFrame:
    """Points that whitening changes in the Chinese evaluation (post 8321): dataset, full, reduced, text (the row)."""
    chosen = figures.filter(pl.col("source").str.contains("archives/8321"), pl.col("metric") == "spearman")
    rows = [(row["model"], row["dataset"], *place(row["variant"] or ""), row["value"]) for row in chosen.to_dicts()]
    frame = pl.DataFrame(rows, schema=["model", "dataset", "pooling", "setting", "value"], orient="row")
    places = ["none", "whitened", "reduced"]
    wide = frame.pivot("setting", index=["model", "dataset", "pooling"], values="value", aggregate_function="first")
    wide = wide.with_columns(pl.lit(None, pl.Float64).alias(name) for name in places if name not in wide.columns)
    return wide.select(
        "dataset",
        full=100 * (pl.col("whitened") - pl.col("none")),
        reduced=100 * (pl.col("reduced") - pl.col("none")),
        text=pl.format("{}, {}", "model", "pooling"),
    ).drop_nulls("full")


def beside(measured_scores: pl.DataFrame, gains_of: pl.DataFrame, papers: pl.DataFrame, *, row: str) -> pl.DataFrame:
    """One table: a row a data set, published and measured scores side by side, and the gain with its interval.

    Args:
        measured_scores: as `measured` makes them, of one pooling.
        gains_of: rows of `gains` of the same pooling and statistics, full width.
        papers: as `published` makes them; for English sets any row of the fixed pooling with the target's statistics.
        row: the pooling.
    """
    names = [*CHINESE, *ENGLISH]
    own = papers.filter((pl.col("row") == row) | (pl.col("row") == f"{row}, target statistics"))
    columns = {}
    for prefix, frame in (("published", own), ("here", measured_scores)):
        for setting in ("none", "whitened", "reduced"):
            part = frame.filter(setting=setting).unique("dataset", keep="first", maintain_order=True)
            columns[f"{prefix} {setting}"] = dict(part.select("dataset", 100 * pl.col("value")).iter_rows())
    changed = {found["dataset"]: found for found in gains_of.iter_rows(named=True)}
    present = [*dict.fromkeys(name for found in (*columns.values(), changed) for name in found)]
    ordered = [name for name in names if name in present] + [name for name in present if name not in names]
    rows = []
    for name in ordered:
        found = changed.get(name, {})
        span = {
            key: 100 * found[part] if found else None
            for key, part in (("gain", "value"), ("from", "low"), ("to", "high"))
        }
        rows.append({"set": name, **{key: values.get(name) for key, values in columns.items()}, **span,
                     "verdict": found.get("verdict"), "pairs": found.get("n")})  # fmt: skip
    kinds = dict.fromkeys([*columns, "gain", "from", "to"], pl.Float64)
    return pl.DataFrame(rows, schema={"set": pl.String, **kinds, "verdict": pl.String, "pairs": pl.Int64})
