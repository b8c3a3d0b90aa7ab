"""The first screen of a comparison: one sentence with one sign, where the two differ, the way to the examples."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.figures import words
from dashboard.frames.comparison.configurations import Configuration
from dashboard.frames.comparison.paired_predictions import Evidence
from dashboard.parts import links
from engine.evidence import slices

SIGNS = {
    "better": ":green[:material/arrow_upward:]",
    "worse": ":red[:material/arrow_downward:]",
    "open": ":gray[:material/drag_handle:]",
}
"""By what the sentence says of the configuration beside the baseline."""


def outcome(item: Evidence) -> str:
    """better, worse or open: what the sentence says, by the same interval and p-value."""
    low, high = item.difference.low, item.difference.high
    if not (low > 0 or high < 0) or not item.p_decisive < 0.05:
        return "open"
    return "better" if low > 0 else "worse"


def show(found: Sequence[Evidence], caveats: Sequence[str]) -> None:
    """A line a comparison, below what weakens all of them."""
    if caveats:
        st.markdown(f":orange[:material/warning: {'. '.join(caveats)}.]")
    for item in found:
        st.markdown(f"{SIGNS[outcome(item)]} **{words.inline(item.sentence)}**")


def where_they_differ(
    split: str,
    a: Configuration,
    b: Configuration,
    tested: tuple[list[slices.Slice], dict[str, Mapping[str, str | list[str]]], int],
) -> str:
    """Slices that stand out, each with a link to its examples, and all that the two decide apart; says it in words.

    Args:
        split: dev or test.
        a: the baseline.
        b: the configuration beside it.
        tested: of the two, as `cached_comparisons.slices_together` gives it.
    """
    found, filters, flips = tested
    ids = ",".join([*a.run_ids, *b.run_ids])
    order = {"runs": ids, "examples_split": split, "examples_order": "most telling first"}
    said = f"Where do {b.name} and {a.name} differ? {slices.conclusion(found)}"
    if not flips and not any(item.stands_out for item in found):
        said = f"{b.name} and {a.name} get the same examples right."
    with st.container(horizontal=True, vertical_alignment="center"):
        links.page_link(
            "examples",
            f"**See the {flips:,} examples that differ**" if flips else "See the examples",
            icon=":material/difference:",
            **order | ({"examples_show": "flips"} if flips else {}),
        )
        for item in found:
            if item.stands_out:
                links.page_link(
                    "examples",
                    words.inline(item.name),
                    icon=":material/filter_alt:",
                    **order | dict(filters[item.name]),
                )
        st.caption(words.inline(said), width="stretch")
    return said
