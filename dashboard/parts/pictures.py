"""Buttons that save the plot below them as a picture at the width of a paper's text, drawn at once in the browser.

What is saved is what is seen, its zoom and without the traces that the legend hides, in dark text on white also from a
dark page.
"""

from pathlib import Path

import streamlit as st

from dashboard.reports import figure_files

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_mount = st.components.v2.component("pictures", js=_SCRIPT, isolate_styles=False)


def buttons(key: str, *, moves: bool) -> None:
    """Two buttons, SVG and PNG.

    Args:
        key: of the chart; also the name of the file.
        moves: whether it is one of `live_chart`.
    """
    data = {
        "chart": f"{key}_live" if moves else key,
        "name": key,
        "paper": figure_files.PAPER,
        "tallest": figure_files.TALLEST,
        "scale": {"svg": 1, "png": figure_files.PNG_SCALE},
    }
    _mount(key=f"{key}_pictures", data=data)
