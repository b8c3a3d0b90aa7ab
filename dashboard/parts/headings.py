"""What every page begins with: name of the tab, heading, one visible sentence, help sign; and the empty state."""

from pathlib import Path

import streamlit as st

from dashboard.parts import commands

NAME = "clueboard"
ICON = str(Path(__file__).parents[1] / "icon.svg")
STYLE = Path(__file__).parents[1] / "style.css"


def stylesheet() -> None:
    """Put the stylesheet on the page, in a place of its own.

    Streamlit puts HTML that is nothing but a style where it puts toasts, and what a callback of a fragment says takes
    the first place there: the page would lose its look until it runs as a whole.
    """
    with st.container(key="stylesheet"):
        st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style><span hidden></span>")


def title(
    name: str,
    sentence: str,
    *,
    tab: str = "",
    chinese: str = "",
    note: str = "",
    formula: str = "",
    source: str = "",
    beside: str = "",
) -> None:
    """Heading of a page, one sentence that says what it answers, and a help sign with the rest.

    Args:
        name: the heading.
        sentence: what the page answers (Markdown), always visible.
        tab: what the browser's tab is called; the heading where empty.
        chinese: the Chinese name of the topic, if it has one.
        note: how to read the page, two or three sentences (Markdown), behind the help sign.
        formula: the page's formula (LaTeX without dollar signs), behind it too.
        source: where the method or the numbers come from (Markdown), behind it too.
        beside: a few words beside the heading, always visible (Markdown).
    """
    st.set_page_config(page_title=f"{tab or name} — {NAME}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="page_heading"):
        st.title(name, anchor=False, width="content")
        if beside:
            st.markdown(f":gray[{beside}]", width="content")
        if note or formula or source:
            help_sign(chinese=chinese, note=note, formula=formula, source=source)
    with st.container(key="page_sentence"):
        st.markdown(sentence)


def help_sign(*, chinese: str = "", note: str = "", formula: str = "", source: str = "") -> None:
    """The sign beside a heading: how to read the page, its formula, its source."""
    with st.popover("Help", icon=":material/help:", type="tertiary"):
        if chinese:
            st.caption(chinese)
        st.markdown(note)
        if formula:
            st.latex(formula)
        if source:
            st.caption(f"Source: {source}")


def empty(command: str, what: str = "Nothing is stored here yet.") -> None:
    """Designed empty state: what is missing and the command that fills it, as it runs in a shell."""
    st.info(f"{what} This command fills it:", icon=":material/inbox:")
    st.code(commands.of_this_store(command), language="bash", wrap_lines=True)
