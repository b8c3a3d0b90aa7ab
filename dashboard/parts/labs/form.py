"""What a chapter of a lab consists of: one description, which every chapter fills in and one function shows."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st

from dashboard.parts import headings
from dashboard.parts.labs import numbers
from dashboard.parts.labs.numbers import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A question to answer before looking."""

    question: str
    answers: tuple[str, ...]
    right: str
    because: str
    """why, one or two sentences (Markdown)"""
    measured: str = ""
    """day on which its numbers were measured, where they are quoted from docs/RESULTS.md"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the picture says, with the numbers of the moment (Markdown)."""

    see: str
    """how to read the picture; `{name}` stands for a number that the reader can drag"""
    theory: str
    """the value or law that is proven or derived, and its condition"""
    measured: str
    """what was drawn or stored, with the number of draws and the interval"""
    apart: str
    """where theory and measurement differ, and why"""
    drag: Mapping[str, Number] = field(default_factory=dict)
    """name in `see` -> the number"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A chapter, from its question to its reference."""

    question: str
    chinese: str
    lead: str
    """one sentence of one line: the question that the picture answers, or what it shows"""
    guess: Guess
    picture: Callable[[], Reading | None]
    """draws controls and figures and says what they show; None where nothing is stored to show"""
    beside: bool = False
    """The words stand beside the picture: for one figure that needs no more than half of the page."""
    good_for: str
    formula: str
    code: str
    """about five lines of Python that do it without this project"""
    reference: str
    """who found it, with the post's number in brackets: [8728]"""
    more: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    """heading -> a further part, drawn only once it is opened; the link keeps what is open"""
    inside: Mapping[str, str] = field(default_factory=dict)
    """beginning of the keys of a part's widgets -> its heading: a link to one of them opens the part"""


def show(chapter: Chapter, *, key: str, tab: str) -> None:
    """The page of a chapter.

    Args:
        chapter: what it says.
        key: `<lab>_<chapter>`, with which the keys of its own widgets begin.
        tab: what the browser's tab is called.
    """
    headings.title(chapter.question, chapter.lead, tab=tab, beside=chapter.chinese)
    picture, words = st.columns([3, 2], gap="medium") if chapter.beside else (st.container(), st.container())
    with picture:
        reading = chapter.picture()
    with words:
        _guess(chapter.guess, f"{key}_predict")
        _reading(reading, f"{key}_see", wide=not chapter.beside)
    st.markdown(f"**Good for.** {chapter.good_for[0].upper()}{chapter.good_for[1:]}")
    _open_linked(chapter, key)
    for number, (name, draw) in enumerate(chapter.more.items(), 1):
        part = st.expander(name, key=f"{key}_more_{number}", on_change="rerun", bind="query-params")
        if part.open:
            with part:
                draw()
    with st.expander("Take it along: formula, code, reference", icon=":material/content_copy:"):
        with st.container(horizontal=True, horizontal_alignment="center"):  # one below the other where it is narrow
            for line in re.split(r"\\q?quad\s*", chapter.formula):
                st.latex(line, width="content")
        st.code(chapter.code.strip(), language="python", wrap_lines=True)
        st.markdown(chapter.reference)


def _open_linked(chapter: Chapter, key: str) -> None:
    """Open the parts whose widgets the link names."""
    headings_ = list(chapter.more)
    for start, name in chapter.inside.items():
        if any(widget.startswith(start) for widget in st.query_params):
            st.session_state.setdefault(f"{key}_more_{headings_.index(name) + 1}", True)


def _guess(guess: Guess, key: str) -> None:
    """The question; the answer and its reason appear with the reader's own."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="guess"):
        asked = f"Guess: {guess.question}"
        st.markdown(f":material/quiz: {asked}", width="content")
        answer = st.pills(asked, guess.answers, key=key, label_visibility="collapsed")
    if answer is not None:
        source = f" :gray[(Measured {guess.measured}, docs/RESULTS.md.)]" if guess.measured else ""
        st.markdown(f"{'Right' if answer == guess.right else 'No'}: **{guess.right}**. {guess.because}{source}")


def _reading(reading: Reading | None, key: str, *, wide: bool = False) -> None:
    """What one sees, what theory says, what was measured, where they part: a short paragraph each."""
    if reading is None:
        return
    parts = {"Theory": reading.theory, "Measured": reading.measured, "Where they part": reading.apart}
    paragraphs = [f"**{name}.** {text[0].upper()}{text[1:]}" for name, text in parts.items()]
    see = f"**You see.** {reading.see[0].upper()}{reading.see[1:]}"
    if not wide:
        numbers.sentence(see, reading.drag, key=key)
        st.markdown("\n\n".join(paragraphs))
        return
    left, right = st.columns(2, gap="medium")
    with left:
        numbers.sentence(see, reading.drag, key=key)
        st.markdown(paragraphs[0])
    right.markdown("\n\n".join(paragraphs[1:]))
