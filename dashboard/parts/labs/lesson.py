"""A figure of a chapter below the sentence that says what it shows."""

import plotly.graph_objects as go
import streamlit as st

from dashboard.parts import plots


def titled(figure: go.Figure, title: str, *, key: str, alt: str) -> None:
    """A figure below the sentence that says what it shows; a long one breaks on a narrow screen."""
    st.markdown(f"**{title}**")
    plots.show(figure, key=key, alt=alt)
