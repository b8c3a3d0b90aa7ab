"""Coloured signs of a run: its status, the mark of sample data."""

from typing import Any

import streamlit as st

STATUS: dict[str, tuple[str, Any]] = {
    "running": (":material/play_circle:", "blue"),
    "finished": (":material/check_circle:", "green"),
    "failed": (":material/error:", "red"),
    "interrupted": (":material/pause_circle:", "orange"),
    "lost": (":material/help:", "violet"),
}
"""Icon and colour of every status."""


def sample_badge(data_source: str | None) -> None:
    """Mark of a run on the built-in sample: its figures say nothing about the task. Shows nothing for real data."""
    if data_source == "sample":
        st.badge("sample data", icon=":material/science:", color="orange", help="Generated sentences: no real score.")
