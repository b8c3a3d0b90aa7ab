"""A figure on a page, with a menu that takes it elsewhere: SVG, PDF, PNG, its data, an interactive file."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.parts import downloads
from dashboard.reports import figure_files

import_module("pandas")
# Whole, before a figure is made: plotly takes what another session has half imported at a cold start.

PICTURE: dict[str, Any] = {"toImageButtonOptions": {"format": "png", "scale": 3}, "displaylogo": False}
DRAWING: dict[str, Any] = figure_files.DRAWING
"""What the camera above a plot saves: PNG, or SVG where the server has no browser to draw one."""


def show(figure: go.Figure, *, key: str, alt: str, title: str, place: Any = st, **options: Any) -> Any:
    """Draw a figure, with a small menu that saves it.

    Args:
        figure: drawn as it is.
        key: of the chart; also the names of the files.
        alt: what a reader who cannot see it is told.
        title: its finding or the question it answers, above it.
        place: the container it is drawn in.
        options: further options of `st.plotly_chart`, such as on_select.

    Returns:
        What `st.plotly_chart` returns: the selection, where `on_select` asks for one.
    """
    if not title:
        raise ValueError(f"the figure {key} needs a title: its finding or the question that it answers")
    look = PICTURE if figure_files.has_browser() else DRAWING
    config = {**look, "toImageButtonOptions": {**look["toImageButtonOptions"], "filename": key}}
    with place.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_plot_head"):
        st.markdown(f"**{title}**", width="stretch")
        with st.popover("Save", icon=":material/download:", type="tertiary", key=f"{key}_save"):
            _menu(figure, key)
    return place.plotly_chart(figure, key=key, alt=alt, config=config, **options)


def _menu(figure: go.Figure, key: str) -> None:
    """A button a format; the file is made on the click."""
    if figure_files.has_browser():
        with st.container(horizontal=True):
            for form, mime in figure_files.TYPES.items():
                _button(form.upper(), partial(figure_files.picture, figure, form), key, form, mime)
        st.caption("At the width of a paper's text; drawn on the server, which takes a few seconds.")
    else:
        st.caption("SVG: the camera above the plot. PDF and PNG need a Chromium on the server.")
    with st.container(horizontal=True):
        _button("Data as CSV", lambda: downloads.to_csv(figure_files.data(figure)), key, "csv", "text/csv")
        parquet = "application/vnd.apache.parquet"
        _button("Data as Parquet", lambda: figure_files.to_parquet(figure), key, "parquet", parquet)
    _button("Interactive HTML", lambda: figure_files.to_html(figure), key, "html", "text/html")


def _button(label: str, build: Callable[[], bytes | str], key: str, ending: str, mime: str) -> None:
    name = f"{key}.{ending}"
    st.download_button(label, data=build, file_name=name, mime=mime, key=f"{key}_{ending}", on_click="ignore")


def bare(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a small figure of a grid: no menu beside it, and the plot's own buttons only while it is pointed at."""
    st.plotly_chart(figure, key=key, alt=alt, config={**PICTURE, "displayModeBar": False})
