"""A figure on a page, with buttons that take it elsewhere: SVG, PNG, PDF, its data, an interactive file."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.figures import words
from dashboard.parts import downloads, guard, live_chart, pictures
from dashboard.reports import figure_files

import_module("pandas")
# Whole, before a figure is made: plotly takes what another session has half imported at a cold start.

PICTURE: dict[str, Any] = {"toImageButtonOptions": {"format": "png", "scale": 3}, "displaylogo": False}


def show(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    title: str,
    place: Any = st,
    live: bool = False,
    on_box: Callable[[Sequence[float | str]], None] | None = None,
    **options: Any,
) -> Any:
    """Draw a figure, with small buttons that save it.

    Args:
        figure: drawn as it is.
        key: of the chart; also the names of the files.
        alt: what a reader who cannot see it is told.
        title: its finding or the question it answers, above it.
        place: the container it is drawn in.
        live: whether it follows a running job: new points move the chart that is there.
        on_box: called with the two ends, in any order, of the range of x over which a reader drew a box.
        options: further options of `st.plotly_chart`, such as on_select.

    Returns:
        What `st.plotly_chart` returns: the selection, where `on_select` asks for one.
    """
    if not title:
        raise ValueError(f"the figure {key} needs a title: its finding or the question that it answers")
    config = {**PICTURE, "toImageButtonOptions": {**PICTURE["toImageButtonOptions"], "filename": key}}
    moves = _moves(key, live)
    with place.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_plot_head"):
        st.markdown(f"**{words.inline(title)}**", width="stretch")
        with st.container(
            horizontal=True, vertical_alignment="center", width="content", gap=None, key=f"{key}_plot_save"
        ):
            pictures.buttons(key, moves=moves)
            if figure_files.has_browser():
                note = "Save this plot as PDF, as wide as the text of a paper; the server draws it within seconds"
                _button("PDF", partial(figure_files.to_pdf, figure), key, "pdf", "application/pdf", help=note)
            with st.container(width="content"):  # the menu is a fragment, which would take half of the line
                _data(figure, key)
    if moves:
        return live_chart.show(figure, key=f"{key}_live", alt=alt, config=config, on_box=on_box)
    if on_box:
        options |= {"on_select": partial(_box, key, on_box), "selection_mode": "box"}
    return place.plotly_chart(figure, key=key, alt=alt, config=config, **options)


def _box(key: str, on_box: Callable[[Sequence[float | str]], None]) -> None:
    """Tell the range of the box that was drawn."""
    if boxes := st.session_state[key].selection.get("box", []):
        on_box(boxes[0]["x"])


def _moves(key: str, live: bool) -> bool:
    """Whether a chart is drawn as one that moves: also when its job has ended while it was shown."""
    moving: set[str] = st.session_state.setdefault("live_charts", set())
    if live:
        moving.add(key)
    return key in moving and live_chart.possible()


@guard.fragment
def _data(figure: go.Figure, key: str) -> None:
    """What is drawn, as files; the buttons are built once a reader opens the menu, without the rest of the page."""
    name = f"{key}_save"
    with st.popover("Data", type="tertiary", key=name, on_change="rerun") as menu:
        if menu.open:
            _button("CSV", lambda: downloads.to_csv(figure_files.data(figure)), key, "csv", "text/csv")
            parquet = "application/vnd.apache.parquet"
            _button("Parquet", lambda: figure_files.to_parquet(figure), key, "parquet", parquet)
            _button("Interactive HTML", lambda: figure_files.to_html(figure), key, "html", "text/html")


def _button(label: str, build: Callable[[], bytes | str], key: str, ending: str, mime: str, **options: Any) -> None:
    """A file that is made on the click."""
    name, look = f"{key}.{ending}", {"type": "tertiary", **options}
    st.download_button(label, data=build, file_name=name, mime=mime, key=f"{key}_{ending}", on_click="ignore", **look)


def bare(figure: go.Figure, *, key: str, alt: str, live: bool = False) -> None:
    """Draw a small figure of a grid, without a menu and without the plot's own buttons."""
    config = {**PICTURE, "displayModeBar": False}
    if _moves(key, live):
        live_chart.show(figure, key=f"{key}_live", alt=alt, config=config)
    else:
        st.plotly_chart(figure, key=key, alt=alt, config=config)
