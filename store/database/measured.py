"""Tables of measurements: the axes that the project's own have, and the typed columns that a table's axes become.

Names of axes are data. As columns of an SQL view they must differ by more than their case, so a later one that does
not gets a number; as columns of a frame they keep their names.
"""

from collections.abc import Mapping

import duckdb
import polars as pl

from store.database.sql import frame, literal, quote
from store.runs import RESERVED_TABLES

FIXED = ("metric", "source", "value", "low", "high", "n")
_TEXT, _WHOLE, _NUMBER, _TRUTH = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN"
_KINDS = {_TEXT: pl.String, _WHOLE: pl.Int64, _NUMBER: pl.Float64, _TRUTH: pl.Boolean}


def _axes(*, text: str = "", whole: str = "", number: str = "", truth: str = "") -> dict[str, str]:
    named = ((_TEXT, text), (_WHOLE, whole), (_NUMBER, number), (_TRUTH, truth))
    return {axis: kind for kind, names in named for axis in names.split()}


DECLARED: dict[str, dict[str, str]] = {
    "attention_fit": _axes(text="pattern", whole="head_size length"),
    "attention_need": _axes(text="pattern law", whole="length"),
    "benchmark": _axes(text="suite name peer"),
    "can_choice": _axes(text="half prior"),
    "can_gain": _axes(text="choice"),
    "can_grid": _axes(text="prior uncertainty", whole="k iterations", number="threshold alpha"),
    "can_methods": _axes(text="method"),
    "can_simulation": _axes(text="axis", number="at"),
    "entropy": _axes(text="form", whole="n_components vocabulary", truth="scaled"),
    "entropy_threshold": _axes(text="form", whole="vocabulary"),
    "init_edges": _axes(text="rule", whole="fan_in fan_out"),
    "init_layers": _axes(text="activation rule", whole="layer fan_in fan_out"),
    "init_matrices": _axes(text="name", whole="fan_in fan_out"),
    "init_matrix_spectra": _axes(text="name", whole="fan_in fan_out", number="left right"),
    "init_spectra": _axes(text="rule", whole="fan_in fan_out", number="left right"),
    "init_training": _axes(text="variant optimizer rule", whole="step", number="learning_rate"),
    "init_training_best": _axes(text="variant optimizer rule"),
    "jl_dimension": _axes(text="bound", whole="n_samples", number="eps"),
    "jl_distortion": _axes(text="data kind", whole="n_components"),
    "jl_histogram": _axes(text="data kind", whole="n_components", number="left right"),
    "jl_worst": _axes(text="data kind", whole="n_components i j rank"),
    "layer_pairs": _axes(text="dataset whitening statistics average", whole="first second n_components"),
    "lsh_bands": _axes(whole="bands rows", number="cosine"),
    "lsh_curve": _axes(whole="n_bits", number="cosine"),
    "lsh_recall": _axes(text="data", whole="candidates n_bits n_neighbors"),
    "pca_distortion": _axes(text="data method", whole="n_components"),
    "retrieval": _axes(text="dataset pooling vectors backend", whole="n_components k keys"),
    "seed_scores": _axes(text="task scored_by"),
    "skipgram": _axes(whole="n_components vocabulary"),
    "skipgram_pip": _axes(whole="n_components vocabulary"),
    "skipgram_rule": _axes(text="rule", whole="vocabulary"),
    "smoothing_error": _axes(text="function kernel", number="width"),
    "smoothing_order": _axes(text="function kernel error"),
    "smoothing_regression": _axes(text="target activation"),
    "staircase": _axes(text="schedule", whole="step"),
    "staircase_final": _axes(text="schedule"),
    "svd_error": _axes(text="matrix method", whole="rank oversampling power_iterations"),
    "task_facts": _axes(text="split label"),
    "whitening_scores": _axes(
        text="dataset pooling whitening statistics average", whole="n_components", number="beta gamma",
        truth="transductive",
    ),
    "whitening_statistics": _axes(text="dataset pooling statistics"),
}  # fmt: skip
"""Axes of the tables that the project's own jobs measure and its pages read."""


WORDS: dict[str, dict[str, str]] = {
    "attention_fit": {"pattern": "permutation sparse banded dense"},
    "attention_need": {"pattern": "permutation sparse banded dense"},
    "entropy": {"form": "pairs rows"},
    "init_training": {"variant": "plain residual norm residual_norm"},
    "init_training_best": {"variant": "plain residual norm residual_norm"},
    "layer_pairs": {"whitening": "none whitened", "average": "mean wmean all"},
    "smoothing_regression": {"target": "smooth kinked"},
    "svd_error": {"method": "optimum range_finder repaired post_orthonormal post_raw"},
    "whitening_scores": {"average": "mean wmean all"},
}
"""The only words that an axis of a declared table takes, where the pages tell them apart."""


METRICS: dict[str, str] = {"init_matrices": "forward backward variance product smallest largest"}
"""The only metrics of a declared table, where a page needs one of them in every row."""


def without_odd_cells(tbl: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a declared table that its job can have measured; others were written by something of the same name.

    A number of an axis is there and finite, unless no row has it (an older job knew no such axis), and a word is one
    of those that the axis takes.
    """
    axes = DECLARED.get(tbl, {})
    if not axes or rows.is_empty():
        return rows
    rows = rows.filter(pl.any_horizontal(pl.col(list(axes)).is_not_null()))
    if tbl in METRICS:
        rows = rows.filter(pl.col("metric").is_in(METRICS[tbl].split()))
    for axis, kind in axes.items():
        words = WORDS.get(tbl, {}).get(axis)
        if words is not None:
            rows = rows.filter(pl.col(axis).is_in(words.split()))
        elif kind != _TEXT and rows[axis].null_count() < rows.height:
            rows = rows.filter(pl.col(axis).is_finite() if kind == _NUMBER else pl.col(axis).is_not_null())
    return rows


def axes_of(con: duckdb.DuckDBPyConnection, tbl: str) -> dict[str, str]:
    """Axis -> DuckDB type: the declared ones, which no value of another type changes, and those found."""
    found = con.execute("SELECT axis, kind FROM raw.axes WHERE tbl = ? ORDER BY ALL", [tbl]).fetchall()
    return dict(sorted({**dict(found), **DECLARED.get(tbl, {})}.items()))


def is_free(tbl: str) -> bool:
    """Whether a table of measurements may have a view of its name: a line from elsewhere may say anything."""
    return tbl.isidentifier() and tbl == tbl.lower() and tbl not in RESERVED_TABLES


def column_names(axes: Mapping[str, str]) -> dict[str, str]:
    """Axis -> its column in a frame: its own name, but `axis/value` for one called like a column of every table."""
    taken = {"run_id", *FIXED}
    return {axis: f"axis/{axis}" if axis in taken else axis for axis in axes}


def measurements(
    con: duckdb.DuckDBPyConnection, tbl: str, run_ids: list[str] | None, experiment: str | None
) -> pl.DataFrame:
    """run_id, the axes as typed columns, metric, source, value, low, high, n; the same columns without a row."""
    axes = axes_of(con, tbl)
    columns = [f"{_typed(axis, kind)} AS axis{number}" for number, (axis, kind) in enumerate(axes.items())]
    rows = frame(
        con,
        f"SELECT {', '.join(['r.run_id', *columns, *(f'c.{name}' for name in FIXED)])} "
        "FROM raw.cells c JOIN raw.shown r USING (run_no) "
        "WHERE c.tbl = $1 AND ($2 IS NULL OR list_contains($2, r.run_id)) AND ($3 IS NULL OR r.experiment = $3)",
        [tbl, run_ids, experiment],
    )
    names = column_names(axes)
    return rows.rename({f"axis{number}": names[axis] for number, axis in enumerate(axes)})


def view(tbl: str, axes: Mapping[str, str]) -> str:
    """Statement that makes the view of a table, its axes as typed columns."""
    names = _view_names(axes)
    columns = [f"{_typed(axis, kind)} AS {quote(names[axis])}" for axis, kind in axes.items()]
    fields = ", ".join(["r.run_id", *columns, *(f"c.{name}" for name in FIXED)])
    return (
        f"CREATE OR REPLACE VIEW main.{quote(tbl)} AS SELECT {fields} FROM raw.cells c JOIN raw.shown r USING (run_no) "
        f"WHERE c.tbl = {literal(tbl)}"
    )


def _typed(axis: str, kind: str) -> str:
    pointer = "/" + axis.replace("~", "~0").replace("/", "~1")
    return f"TRY_CAST(json_extract_string(c.axes, {literal(pointer)}) AS {kind})"


def _view_names(axes: Mapping[str, str]) -> dict[str, str]:
    taken, names = {"run_id", *FIXED}, dict[str, str]()
    for axis in axes:
        own = axis.replace("\0", "␀") or "axis"
        name, number = own, 2
        while name.lower() in taken:
            name, number = f"{own}_{number}", number + 1
        taken.add(name.lower())
        names[axis] = name
    return names
