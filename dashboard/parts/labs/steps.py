"""A derivation in steps: one is shown at a time, the link keeps which, and a button goes on to the next."""

from collections.abc import Callable, Mapping

import streamlit as st


def walk(key: str, steps: Mapping[str, Callable[[], None]]) -> None:
    """Choose a step, show it, and offer the next one.

    Args:
        key: of the choice; a part of the link.
        steps: short name -> what draws the step.
    """
    names = list(steps)
    st.session_state.setdefault(key, st.query_params.get(key, names[0]))
    if st.session_state[key] not in names:
        st.session_state[key] = names[0]
    step = st.segmented_control("Step", names, key=key, bind="query-params", required=True) or names[0]
    steps[step]()
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
