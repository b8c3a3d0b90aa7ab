"""A figure of a chapter below the sentence that says what it shows."""

from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.parts import plots


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that is drawn later, with the sentence that says what it shows."""

    figure: go.Figure
    title: str
    key: str
    alt: str


def titled(figure: go.Figure, title: str, *, key: str, alt: str) -> None:
    """A figure below the sentence that says what it shows."""
    plots.show(figure, key=key, title=title, alt=alt)
