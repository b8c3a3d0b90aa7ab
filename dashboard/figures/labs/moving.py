"""Frames that the browser plays and drags through by itself: no answer of the server is needed while it moves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures import style, unchecked
from dashboard.figures.many_curves import packed

QUICK = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}
PLAY = {"frame": {"duration": 60, "redraw": True}, "fromcurrent": True, "transition": {"duration": 0}}


AT_ONCE = QUICK | {"frame": {"duration": 0, "redraw": False}}
"""As QUICK, for traces that need no new layout."""
BARE_SLIDER = {"font": {"color": "rgba(0,0,0,0)"}, "ticklen": 0, "minorticklen": 0}
"""No marks at the steps, whose texts would lie upon one another: the value stands above the slider."""


class Moving(unchecked.Figure):
    """A figure whose frames go to the browser as they are.

    Plotly makes an object for every trace of every frame, checks it and copies it: half of the time of such a figure.
    """

    _plain: tuple[Mapping[str, Any], ...] = ()

    @property
    def frames(self) -> tuple[Mapping[str, Any], ...]:
        """Dictionaries as plotly.js reads them."""
        return self._plain

    @frames.setter
    def frames(self, frames: Sequence[Mapping[str, Any]]) -> None:
        self._plain = tuple(frames)

    def to_dict(self) -> dict[str, Any]:
        """What is sent."""
        return {**super().to_dict(), "frames": list(self._plain)}


def animate(
    figure: Moving,
    frames: Sequence[Sequence[Any]],
    labels: Sequence[str],
    *,
    traces: Sequence[int],
    start: int = 0,
    prefix: str = "",
    redraw: bool = True,
) -> Moving:
    """Add frames, a slider to drag through them and a button that plays them.

    Args:
        figure: finished, drawn as at `start`; changed in place and returned.
        frames: of each frame, the new data of the traces that move.
        labels: of each frame, written above the slider.
        traces: indices of the traces that move.
        start: frame that is shown first.
        prefix: before each label.
        redraw: whether a frame draws the plot anew, as bars and traces that become empty need it; else it moves twice
            as fast.
    """
    names = [str(number) for number in range(len(frames))]
    figure.frames = [
        {"name": name, "data": [_packed(trace) for trace in data], "traces": list(traces)}
        for name, data in zip(names, frames, strict=True)
    ]
    move = QUICK if redraw else AT_ONCE
    steps = [
        {"label": label, "method": "animate", "args": [[name], move]} for name, label in zip(names, labels, strict=True)
    ]
    slider = {
        "active": start,
        "steps": steps,
        "currentvalue": {"prefix": prefix, "xanchor": "left", "font": {"size": 14, "color": style.NEUTRAL}},
        **BARE_SLIDER,
        "x": 0.3,
        "len": 0.7,
        "pad": {"t": 52, "b": 0},
    }
    play = {"label": "▶", "method": "animate", "args": [None, PLAY]}
    stop = {"label": "❚❚", "method": "animate", "args": [[None], QUICK]}
    buttons = {
        "type": "buttons",
        "direction": "left",
        "buttons": [play, stop],
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 72, "r": 0},
    }
    margin = figure.layout.margin.to_plotly_json() | {"b": 125}
    figure.update_layout(sliders=[slider], updatemenus=[buttons], margin=margin)
    return figure


def _packed(trace: Mapping[str, Any]) -> dict[str, Any]:
    """A trace with its arrays in single precision, which no screen tells from double."""
    return {
        name: packed(values.astype(np.float32)) if isinstance(values, np.ndarray) else values
        for name, values in trace.items()
    }
