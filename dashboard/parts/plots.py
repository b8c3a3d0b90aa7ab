"""A figure on a page, with what takes it elsewhere: PNG by the plot's own button, HTML and CSV beside it."""

from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

PICTURE: dict[str, Any] = {"toImageButtonOptions": {"format": "png", "scale": 3}, "displaylogo": False}
DRAWING = {"toImageButtonOptions": {"format": "svg"}, "displaylogo": False}
"""The page's plot saves itself as PNG, the saved HTML file's plot as SVG."""


def show(figure: go.Figure, *, key: str, alt: str, place: Any = st, **options: Any) -> Any:
    """Draw a figure, with a small menu that saves it.

    Args:
        figure: drawn as it is.
        key: of the chart; also the names of the files.
        alt: what a reader who cannot see it is told.
        place: the container it is drawn in.
        options: further options of `st.plotly_chart`, such as on_select.

    Returns:
        What `st.plotly_chart` returns: the selection, where `on_select` asks for one.
    """
    config = {**PICTURE, "toImageButtonOptions": {**PICTURE["toImageButtonOptions"], "filename": key}}
    event = place.plotly_chart(figure, key=key, alt=alt, config=config, **options)
    with place.popover("Save", icon=":material/download:", type="tertiary", key=f"{key}_save"):
        st.caption("PNG: the camera above the plot.")
        st.download_button(
            "HTML with SVG button",
            data=lambda: to_html(figure),
            file_name=f"{key}.html",
            mime="text/html",
            key=f"{key}_html",
            on_click="ignore",
        )
        st.download_button(
            "Data as CSV",
            data=lambda: data(figure).write_csv(include_bom=True).encode(),
            file_name=f"{key}.csv",
            mime="text/csv",
            key=f"{key}_csv",
            on_click="ignore",
        )
    return event


def bare(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a small figure of a grid: no menu beside it, and the plot's own buttons only while it is pointed at."""
    st.plotly_chart(figure, key=key, alt=alt, config={**PICTURE, "displayModeBar": False})


def to_html(figure: go.Figure) -> str:
    """The figure as one file that opens without a network."""
    saved = go.Figure(figure).update_layout(template="plotly_white")
    return str(saved.to_html(include_plotlyjs=True, config=DRAWING))


def data(figure: go.Figure) -> pl.DataFrame:
    """What is drawn, one row a point: trace, x, y, and z of heat maps, all as text where types are mixed."""
    rows: list[dict[str, str]] = []
    for number, trace in enumerate(figure.data):
        name = str(trace.name or number)
        if trace.type == "parcoords":
            columns = {str(axis.label): list(axis["values"]) for axis in trace.dimensions}
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
            points = zip(_values(trace.x, trace.y), _values(trace.y, trace.x), strict=False)
            rows += [{"trace": name, "x": str(x), "y": str(y)} for x, y in points]
    return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame({"trace": []})


def _values(values: Any, like: Any) -> list[Any]:
    """The values of an axis; their numbers where the trace leaves them out."""
    if values is not None:
        return list(values)
    return list(range(len(like))) if like is not None else []
