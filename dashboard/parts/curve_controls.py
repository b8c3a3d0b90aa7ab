"""Controls of every page with curves: over what, how smooth, on which scales, and which range is read from the store.

A box drawn in a plot becomes the range: the curves are then read again, so that a part shows in full detail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from dashboard.figures import words


@dataclass(frozen=True, slots=True)
class View:
    """How curves are drawn."""

    x: Literal["step", "epoch", "time"]
    smoothing: float
    log_x: bool
    log_y: bool
    low: float | None
    high: float | None

    @property
    def range(self) -> str:
        """Over what and which part of it, in words: `step from 20 to 60`."""
        ends = [f" {word} {end:g}" for word, end in (("from", self.low), ("to", self.high)) if end is not None]
        return self.x + "".join(ends)


def controls(page: str, metrics: Sequence[str], *, default: Sequence[str]) -> tuple[View, list[str]]:
    """The widgets in one line, what is rarely changed folded; every choice is part of the URL as `<page>_<name>`.

    Args:
        page: prefix of the widgets' keys.
        metrics: curves that can be drawn; none offers no choice of them.
        default: those drawn at first.

    Returns:
        How curves are drawn, and which.
    """
    keys: dict[str, Any] = {"bind": "query-params"}
    chosen = _follow(page, list(default))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{page}_curve_controls"):
        x = st.segmented_control(
            "Over", ["step", "epoch", "time"], default="step", key=f"{page}_x", required=True,
            label_visibility="collapsed", **keys,
        )  # fmt: skip
        log_y = st.toggle("Log y", key=f"{page}_log_y", **keys)
        with st.popover("Curves, smoothing, range", icon=":material/tune:", type="tertiary"):
            if metrics:
                chosen = st.multiselect(
                    "Curves", list(metrics), default=chosen, format_func=words.name, key=f"{page}_curves", **keys
                )
            smoothing = st.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key=f"{page}_smoothing", **keys)
            with st.container(horizontal=True):
                low = st.number_input("From", value=None, key=f"{page}_low", width=110, placeholder="start", **keys)
                high = st.number_input("To", value=None, key=f"{page}_high", width=110, placeholder="end", **keys)
            log_x = st.toggle("Log x", key=f"{page}_log_x", **keys)
        if len(chosen) < len(metrics):
            label = f"{len(chosen)} of {words.count(len(metrics), 'metric')}: show all"
            st.button(label, key=f"{page}_all", type="tertiary", on_click=_draw, args=(page, list(metrics)))
        if low is not None or high is not None:
            st.button("Whole range", icon=":material/zoom_out_map:", key=f"{page}_whole", on_click=_whole, args=(page,))
    return View(x or "step", smoothing, log_x, log_y, low, high), chosen


def _follow(page: str, default: list[str]) -> list[str]:
    """The curves drawn at first; where a reader has left them as they were, those that a job logs later join them."""
    before, chosen = st.session_state.get(f"{page}_curves_before"), st.session_state.get(f"{page}_curves")
    st.session_state[f"{page}_curves_before"] = default
    if chosen is not None and chosen == before != default:
        st.session_state[f"{page}_curves"] = default
    return default


def _draw(page: str, metrics: list[str]) -> None:
    st.session_state[f"{page}_curves"] = metrics


def zoom(page: str, ends: Sequence[float | str]) -> None:
    """The box that was drawn in a chart, from one end to the other, becomes the range."""
    low, high = sorted(map(float, ends))
    st.session_state[f"{page}_low"], st.session_state[f"{page}_high"] = _rounded(low, high)


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Ends with three digits more than their distance needs."""
    digits = max(0, 3 - len(str(int(high - low))))
    return round(low, digits), round(high, digits)


def _whole(page: str) -> None:
    st.session_state[f"{page}_low"] = st.session_state[f"{page}_high"] = None
