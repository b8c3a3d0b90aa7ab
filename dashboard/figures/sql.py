"""Plot of any query result with chosen columns."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style

KINDS = ("line", "scatter", "bar", "histogram")
MAX_POINTS = 20_000
MAX_SERIES = 30
"""Rows and series drawn at most; a plot of more says nothing and blocks the browser."""


def plot(frame: pl.DataFrame, *, kind: str, x: str, y: Sequence[str] = (), color: str | None = None) -> go.Figure:
    """Draw columns of a result.

    Args:
        frame: the result.
        kind: one of `KINDS`.
        x: column of the horizontal axis (of a histogram: the values counted).
        y: columns of the vertical axis, one series each; none for a histogram.
        color: column that splits the rows into series.

    Raises:
        ValueError: for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    frame = frame.head(MAX_POINTS)
    groups = [(None, frame)] if color is None else list(frame.group_by(color, maintain_order=True))[:MAX_SERIES]
    figure = go.Figure()
    for key, part in groups:
        label = None if key is None else str(key[0])
        for column in y if kind != "histogram" else (None,):
            figure.add_trace(_trace(part.sort(x) if kind == "line" else part, kind, x, column, label))
    if kind in ("bar", "histogram"):
        figure.update_layout(barmode="group" if kind == "bar" else "overlay")
    return style.finish(figure, x=x, y="rows" if kind == "histogram" else ", ".join(y), height=420)


def _trace(
    frame: pl.DataFrame, kind: str, x: str, y: str | None, label: str | None
) -> go.Scatter | go.Bar | go.Histogram:
    name = " ".join(part for part in (y, label) if part) or x
    if kind == "histogram" or y is None:
        return go.Histogram(x=frame[x], name=label or x, opacity=0.8)
    if kind == "bar":
        return go.Bar(x=frame[x], y=frame[y], name=name)
    mode = "lines+markers" if kind == "line" and frame.height < 60 else "lines" if kind == "line" else "markers"
    return go.Scatter(x=frame[x], y=frame[y], name=name, mode=mode)


def usual_kind(frame: pl.DataFrame) -> str:
    """What a result is drawn as at first: bars where its first column is of texts, else a line."""
    names = plottable(frame)
    return "bar" if names and frame[names[0]].dtype in (pl.String, pl.Categorical, pl.Boolean) else "line"


def numeric(frame: pl.DataFrame) -> list[str]:
    """Columns that a vertical axis can show."""
    return [name for name, dtype in frame.schema.items() if dtype.is_numeric() or dtype == pl.Boolean]


def plottable(frame: pl.DataFrame) -> list[str]:
    """Columns that a horizontal axis can show."""
    return [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
