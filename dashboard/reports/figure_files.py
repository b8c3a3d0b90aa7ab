"""A figure as a file for a paper, at the width of a text column; its data as CSV and Parquet.

The reader's browser draws SVG and PNG (`parts/pictures.py`); for PDF kaleido needs a browser on the server.
"""

import functools
import io
from typing import Any

import plotly.graph_objects as go
import polars as pl

WIDTH, TALLEST = 624, 520
"""Pixels (96 an inch) of a picture: the 6.5 inches of a text column of A4 or letter paper."""
PNG_SCALE = 4  # 384 dots an inch
DRAWING = {"toImageButtonOptions": {"format": "svg"}, "displaylogo": False}
_AXIS = {"gridcolor": "#ebf0f8", "linecolor": "#ebf0f8", "zerolinecolor": "#ebf0f8", "automargin": True} | {
    "title": {"standoff": 15}
}
PAPER: dict[str, Any] = {
    "template": {"layout": {"xaxis": _AXIS, "yaxis": _AXIS}, "data": {"heatmap": [{"colorbar": {"outlinewidth": 0}}]}},
    "width": WIDTH,
    "margin": {"l": 12, "r": 16, "t": 44, "b": 12},
    "font": {"color": "#16202e", "size": 11},
    "paper_bgcolor": "#ffffff",
    "plot_bgcolor": "#ffffff",
    "updatemenus": [],
    "sliders": [],
}
"""Settings of a figure's layout: dark text on white, as wide as a column of text, without buttons and sliders."""


@functools.cache
def has_browser() -> bool:
    """Whether kaleido has a browser on this machine to draw with."""
    from choreographer.browsers.chromium import Chromium  # starts nothing, but imports asyncio parts

    try:
        return bool(Chromium.find_browser(skip_local=False))
    except Exception:  # a library that fails to look has not found one
        return False


def on_paper(figure: go.Figure) -> go.Figure:
    """The figure as it stands on paper."""
    paper = go.Figure(figure).update_layout(PAPER, height=min(figure.layout.height or 360, TALLEST))
    return paper.update_layout(sliders=PAPER["sliders"], updatemenus=PAPER["updatemenus"], overwrite=True)


def to_pdf(figure: go.Figure) -> bytes:
    """The figure as PDF; needs `has_browser()`."""
    return bytes(on_paper(figure).to_image(format="pdf"))


def to_html(figure: go.Figure) -> str:
    """The figure as one file that opens without a network; its camera saves it as SVG."""
    saved = go.Figure(figure).update_layout(template="plotly_white")
    return str(saved.to_html(include_plotlyjs=True, config=DRAWING))


def to_parquet(figure: go.Figure) -> bytes:
    """`data` as a Parquet file, columns of numbers as numbers."""
    frame = data(figure)
    typed = [_numbers(frame[name]) for name in frame.columns if name != "trace"]
    buffer = io.BytesIO()
    frame.with_columns(typed).write_parquet(buffer)
    return buffer.getvalue()


def _numbers(values: pl.Series) -> pl.Series:
    """A column of text as numbers where all that is there is a number; `None`, which plotly draws as a gap, is null."""
    there = values.replace("None", None)
    numbers = there.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == there.null_count() else values


def data(figure: go.Figure) -> pl.DataFrame:
    """What is drawn, one row a point: trace, x, y, the ends of their intervals, and z of heat maps; all as text."""
    rows: list[dict[str, str]] = []
    for number, trace in enumerate(figure.data):
        name = str(trace.name or number)
        if trace.type == "parcoords":
            columns = dict(map(_axis_of_lines, trace.dimensions))
            rows += [
                {"trace": name, **dict(zip(columns, map(str, point), strict=True))}
                for point in zip(*columns.values(), strict=True)
            ]
        elif trace.type == "heatmap":
            rows += [
                {"trace": name, "x": str(x), "y": str(y), "z": str(z)}
                for y, line in zip(_values(trace.y, trace.z), trace.z, strict=False)
                for x, z in zip(_values(trace.x, line), line, strict=False)
            ]
        elif trace.type == "histogram":
            values = trace.x if trace.x is not None else trace.y
            rows += [{"trace": name, "x": str(value)} for value in _values(values, ())]
        else:
            columns = {"x": _values(trace.x, trace.y), "y": _values(trace.y, trace.x)}
            columns |= _ends(trace, "x", columns["x"]) | _ends(trace, "y", columns["y"])
            rows += [
                {"trace": name, **dict(zip(columns, map(str, point), strict=True))}
                for point in zip(*columns.values(), strict=False)
            ]
    return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame({"trace": []})


def _ends(trace: Any, axis: str, values: list[Any]) -> dict[str, list[Any]]:
    """Both ends of the intervals that a trace draws along an axis."""
    error = getattr(trace, f"error_{axis}", None)
    if error is None or error.array is None:
        return {}
    above = list(error.array)
    below = above if error.arrayminus is None else list(error.arrayminus)
    return {
        f"{axis} low": [value - part for value, part in zip(values, below, strict=True)],
        f"{axis} high": [value + part for value, part in zip(values, above, strict=True)],
    }


def _axis_of_lines(axis: Any) -> tuple[str, list[Any]]:
    """Name and values of an axis of parallel coordinates: words where it has words, logarithms said to be some."""
    values = list(axis["values"])
    ticks = dict(zip(_values(axis.tickvals, ()), _values(axis.ticktext, ()), strict=False))
    told = [ticks.get(value, value) for value in values] if set(values) <= set(ticks) else values
    return f"{axis.name or ''} {axis.label}".strip(), told


def _values(values: Any, like: Any) -> list[Any]:
    """The values of an axis; their numbers where the trace leaves them out."""
    if values is not None:
        return list(values)
    return list(range(len(like))) if like is not None else []
