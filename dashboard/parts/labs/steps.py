"""A derivation in steps: one is shown at a time, the link keeps which, and a button goes on to the next.

The figure of a step stands above its formula and its words, so that it is seen at once.
"""

from collections.abc import Callable, Mapping

import streamlit as st

from dashboard.parts.labs import lesson


def walk(key: str, steps: Mapping[str, Callable[[], lesson.Picture | None]]) -> None:
    """Choose a step, show it, and offer the next one.

    Args:
        key: of the choice; a part of the link.
        steps: short name -> what writes the step and returns its figure, if it has one.
    """
    names = list(steps)
    st.session_state.setdefault(key, st.query_params.get(key, names[0]))
    if st.session_state[key] not in names:
        st.session_state[key] = names[0]
    step = st.segmented_control("Step", names, key=key, bind="query-params", required=True) or names[0]
    above = st.container()
    picture = steps[step]()
    if picture is not None:
        with above:
            lesson.titled(picture.figure, picture.title, key=picture.key, alt=picture.alt)
    after = names[names.index(step) + 1 :]
    st.button(
        f"Next: {after[0]}" if after else "Last step",
        icon=":material/arrow_downward:",
        key=f"{key}_next",
        disabled=not after,
        on_click=_go,
        args=(key, after[0] if after else step),
    )


def _go(key: str, step: str) -> None:
    st.session_state[key] = step
