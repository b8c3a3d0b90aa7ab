"""A figure of a chapter below the sentence that says what it shows."""

import plotly.graph_objects as go

from dashboard.parts import plots


def titled(figure: go.Figure, title: str, *, key: str, alt: str) -> None:
    """A figure below the sentence that says what it shows."""
    plots.show(figure, key=key, title=title, alt=alt)
