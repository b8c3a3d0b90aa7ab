"""What chapters that explain have in common: the reading beside a picture, a guess first, the code to take along."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from dashboard.parts import plots


def reading(*, see: str, theory: str, measured: str, apart: str = "") -> None:
    """What one sees, what theory says, what was measured here and where they part: a short paragraph each.

    Args:
        see: how to read the picture (Markdown), with the numbers of the moment.
        theory: the value or law that is proven or derived, and its condition.
        measured: what was drawn or stored, with the number of draws and the interval.
        apart: where theory and measurement differ, and why; nothing where they do not.
    """
    parts = (("You see", see), ("Theory", theory), ("Measured", measured), ("Where they part", apart))
    st.markdown("\n\n".join(f"**{name}.** {text[0].upper()}{text[1:]}" for name, text in parts if text))


def predict(question: str, answers: Sequence[str], *, right: str, because: str, key: str) -> None:
    """A question to guess before looking; the answer and its reason appear with the guess.

    Args:
        question: what surprises.
        answers: to choose from.
        right: the one that is true.
        because: why, one or two sentences (Markdown).
        key: of the widget.
    """
    guess = st.segmented_control(f"Guess first: {question}", answers, key=key)
    if guess is not None:
        st.markdown(f"{'Right' if guess == right else 'No'}: **{right}**. {because}")


def take_along(code: str, *, reference: str) -> None:
    """A few lines of Python that do it without this project, and where the method comes from (Markdown)."""
    with st.expander("Take it along: the code and the reference", icon=":material/content_copy:"):
        st.code(code.strip(), language="python", wrap_lines=True)
        st.markdown(reference)


def titled(figure: go.Figure, title: str, *, key: str, alt: str) -> None:
    """A figure below the sentence that says what it shows; a long one breaks on a narrow screen."""
    st.markdown(f"**{title}**")
    plots.show(figure, key=key, alt=alt)
