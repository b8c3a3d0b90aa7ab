"""A plotly figure that takes traces and settings as they are; a trace is a `scatter` unless it says otherwise.

Plotly checks every property of a trace twice and copies its arrays, which is half of the time of a page of figures. The
figures here are written by the project alone, and a test lets plotly check what the pages send.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl


class Figure(go.Figure):  # type: ignore[misc]
    """Plotly's figure without its checks; columns of polars become arrays."""

    def __init__(self, data: Any = None, layout: Any = None) -> None:
        if isinstance(data, Mapping) and "data" in data:  # a copy, or what a cache kept
            data, layout = data["data"], data.get("layout")
        traces = data if isinstance(data, list | tuple) else [] if data is None else [data]
        super().__init__([_plain(trace) for trace in traces], layout, _validate=False)
        self._data_validator.validate_coerce = partial(self._data_validator.validate_coerce, _validate=False)

    def add_trace(self, trace: Any, row: int | None = None, col: int | None = None, **_: Any) -> "Figure":
        """Add a trace (its properties, or one of plotly's) to the plot at this row and column, where there are some."""
        place = {} if row is None else {"rows": [row], "cols": [col]}
        return self.add_traces([_plain(trace)], **place)  # type: ignore[no-any-return]

    def add_scatter(self, row: int | None = None, col: int | None = None, **trace: Any) -> "Figure":
        """Add points or a line."""
        return self.add_trace({"type": "scatter", **trace}, row, col)

    def add_bar(self, row: int | None = None, col: int | None = None, **trace: Any) -> "Figure":
        """Add bars."""
        return self.add_trace({"type": "bar", **trace}, row, col)

    def add_heatmap(self, row: int | None = None, col: int | None = None, **trace: Any) -> "Figure":
        """Add a heat map."""
        return self.add_trace({"type": "heatmap", **trace}, row, col)

    def add_box(self, row: int | None = None, col: int | None = None, **trace: Any) -> "Figure":
        """Add a box plot."""
        return self.add_trace({"type": "box", **trace}, row, col)

    def add_histogram(self, row: int | None = None, col: int | None = None, **trace: Any) -> "Figure":
        """Add a histogram."""
        return self.add_trace({"type": "histogram", **trace}, row, col)


def _plain(value: Any) -> Any:
    """A trace as plotly would have made it: lists, arrays of numpy, dictionaries and scalars."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items() if part is not None}
    if hasattr(value, "to_plotly_json"):
        return value.to_plotly_json()
    if isinstance(value, pl.Series):
        return value.to_list() if value.dtype == pl.String else value.to_numpy()
    if isinstance(value, tuple):
        return [*value]
    return value
