"""Links between pages that keep a selection, to runs and to chapters of the labs."""

from collections.abc import Sequence

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard import queries, rooms
from dashboard.figures import words


def page_link(page: str, label: str, *, icon: str | None = None, **query: str | Sequence[str]) -> None:
    """Link to another page (a script below `app_pages`) with its selection; plain text where a page runs alone."""
    try:
        st.page_link(f"app_pages/{page}.py", label=label, icon=icon, query_params=query or None)
    except (StreamlitAPIException, KeyError):
        st.markdown(label)


def chapter_link(lab: str, chapter: str, label: str, *, icon: str | None = None, **query: str) -> None:
    """Link to a chapter of a lab, with values of its widgets."""
    page_link(rooms.lab_of(lab).script, label, icon=icon, chapter=chapter, **query)


def run_link(run_id: str, label: str | None = None) -> None:
    """Link to the page of one run, called by its name."""
    page_link(
        "run",
        words.inline(label or queries.name(queries.store_version(), run_id)),
        icon=":material/monitoring:",
        run=run_id,
    )
