"""Plot of any query result with chosen columns."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words

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
    frame = frame.drop_nulls(x).head(MAX_POINTS)
    groups = [(None, frame)] if color is None else list(frame.group_by(color, maintain_order=True))[:MAX_SERIES]
    figure = go.Figure()
    for key, part in groups:
        label = None if key is None else words.setting_of(key[0])
        for column in y if kind != "histogram" else (None,):
            name = label if label and len(y) == 1 else " ".join(said for said in (column, label) if said) or x
            figure.add_trace(_trace(part.sort(x) if kind == "line" else part, kind, x, column, name))
    if kind in ("bar", "histogram"):
        figure.update_layout(barmode="group" if kind == "bar" else "overlay")
    if frame[x].dtype == pl.String and kind != "histogram":
        order = frame[x].unique(maintain_order=True).to_list()
        figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    return style.finish(figure, x=x, y="rows" if kind == "histogram" else ", ".join(y), height=420)


def _trace(frame: pl.DataFrame, kind: str, x: str, y: str | None, name: str) -> go.Scatter | go.Bar | go.Histogram:
    if kind == "histogram" or y is None:
        return go.Histogram(x=frame[x], name=name, opacity=0.8)
    if kind == "bar":
        return go.Bar(x=frame[x], y=frame[y], name=name)
    mode = "lines+markers" if kind == "line" and frame.height < 60 else "lines" if kind == "line" else "markers"
    return go.Scatter(x=frame[x], y=frame[y], name=name, mode=mode)


def usual_kind(frame: pl.DataFrame) -> str:
    """What a result is drawn as at first: bars where its first column is of texts, else a line."""
    names = plottable(frame)
    return "bar" if names and frame[names[0]].dtype in (pl.String, pl.Categorical, pl.Boolean) else "line"


def usual_y(frame: pl.DataFrame, x: str) -> list[str]:
    """What is drawn at first: the first measured number, else the first number."""
    names = [name for name in numeric(frame) if name != x]
    return sorted(names, key=lambda name: not frame[name].dtype.is_float())[:1]


def usual_color(frame: pl.DataFrame, x: str) -> str | None:
    """The column of texts that tells rows of the same x apart, which bars would else be piled up of."""
    if frame[x].is_unique().all():
        return None
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String and name != x]
    return min(texts, key=lambda name: int(frame.select(x, name).is_duplicated().sum()), default=None)


def numeric(frame: pl.DataFrame) -> list[str]:
    """Columns that a vertical axis can show."""
    return [name for name, dtype in frame.schema.items() if dtype.is_numeric() or dtype == pl.Boolean]


def plottable(frame: pl.DataFrame) -> list[str]:
    """Columns that a horizontal axis can show."""
    return [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
