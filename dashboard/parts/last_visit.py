"""When this browser was here before: kept by the browser itself, told to the page once a session."""

from datetime import UTC, datetime

import streamlit as st

_KEY = "home_last_visit"
_SCRIPT = """
export default function ({ setTriggerValue }) {
  if (sessionStorage.getItem("clueboard-visit-told")) return;
  sessionStorage.setItem("clueboard-visit-told", "1");
  const before = localStorage.getItem("clueboard-visit");
  localStorage.setItem("clueboard-visit", String(Date.now() / 1000));
  if (before) setTriggerValue("before", Number(before));
}
"""
_mount = st.components.v2.component("last_visit", js=_SCRIPT, isolate_styles=False)


def moment() -> datetime | None:
    """The visit before this session, in UTC without a zone as stored times are; None on the first visit."""

    def remember() -> None:
        told = st.session_state[_KEY].get("before")
        if isinstance(told, int | float):
            st.session_state["last_visit"] = datetime.fromtimestamp(told, UTC).replace(tzinfo=None)

    _mount(key=_KEY, on_before_change=remember, height=1)
    found = st.session_state.get("last_visit")
    return found if isinstance(found, datetime) else None
