"""A lab is one page of chapters; only the chosen chapter is imported and computed.

How to write a chapter, `dashboard/chapters/<lab>/<key>.py`:

1. `CHAPTER = Chapter(...)` at its end (`parts/labs/form.py`) fills in every part; a test demands them all.
2. Its `picture` draws controls and figures and returns a `Reading`: what one sees, theory, what was measured, where
   they part, each with the numbers of the moment. Nothing stored: say so with the command, and return None.
3. Whatever is not needed to answer the question is a part of `more`, which is drawn only when it is opened.
4. Widgets' keys begin with the lab's key and are unique in it; `bind="query-params"` makes the choice part of the link.
5. It reads through `dashboard.queries`, computes with `engine`, draws with `dashboard.figures`: no formula of its own.
6. Cached functions stand at the top of the module and take all that they need as arguments.
7. One line in `dashboard/rooms.py` puts it into its lab, in reading order; `/<lab>?chapter=<key>` opens it.
8. `links.chapter_link("can", "sweep", "Every setting", can_run=run_id)` links to it from anywhere.
"""

import importlib
import os
from collections.abc import Callable

import streamlit as st
from streamlit.errors import FragmentHandledException

from dashboard import queries, rooms
from dashboard.parts import links
from dashboard.parts.labs import form
from store.errors import StoreError

FAILED = "chapters_failed"  # chapter -> version of the store with which it could not be drawn, and why


def show_lab(key: str) -> None:
    """The page of a lab: its chapters as links, then the chapter that the address asks for."""
    lab = rooms.lab_of(key)
    _drop_empty_choices()
    chapter = rooms.chapter_of(lab, st.query_params.to_dict())
    module = importlib.import_module(f"dashboard.chapters.{lab.key}.{chapter.key}")
    _contents(lab, chapter)
    about = {"key": f"{lab.key}_{chapter.key}", "tab": f"{chapter.name} · {lab.title}"}
    _show(f"{lab.key}/{chapter.key}", lambda: form.show(module.CHAPTER, **about))
    _onward(lab, chapter)


def _drop_empty_choices() -> None:
    """Begin anew without what a link names but gives no value: a required choice would be None."""
    empty = [name for name, value in st.query_params.items() if not value and name not in st.session_state]
    for name in empty:
        del st.query_params[name]
    if empty:
        st.rerun()


def _show(name: str, draw: Callable[[], None]) -> None:
    """The chapter; without the stored measurements, and with a sentence why, where it cannot draw with them."""
    version, failed = queries.store_version(), st.session_state.setdefault(FAILED, {})
    if failed.get(name, ("", ""))[0] == version:
        st.warning(
            f"The stored measurements of this chapter do not fit together ({failed[name][1]}): the run may be "
            "unfinished, or of another program. The chapter is shown without them.",
            icon=":material/rule:",
        )
        with queries.without_measurements():
            draw()
        return
    try:
        draw()
    except (StoreError, FragmentHandledException):
        raise
    except Exception as error:
        if os.environ.get("CLUEBOARD_DEBUG"):
            raise
        failed[name] = version, " ".join(str(error).split())[:120] or type(error).__name__
        st.rerun()  # in a run of its own: what the chapter drew so far is gone, and its widgets begin anew


def _contents(lab: rooms.Lab, chosen: rooms.Chapter) -> None:
    """The chapters of the lab, the open one marked."""
    with st.container(horizontal=True, gap="small", key="chapters"):
        st.markdown(f"**{lab.title}** {lab.chinese}", width="content")
        for number, chapter in enumerate(lab.chapters, 1):
            _link(lab, chapter, f"{number} {chapter.name}", chosen)
        for chapter in lab.further:
            _link(lab, chapter, f"+ {chapter.name}", chosen)


def _link(lab: rooms.Lab, chapter: rooms.Chapter, label: str, chosen: rooms.Chapter) -> None:
    mark = "chapter_open" if chapter == chosen else f"chapter_{chapter.key}"
    with st.container(key=mark, width="content"):
        links.chapter_link(lab.key, chapter.key, label)


def _onward(lab: rooms.Lab, chosen: rooms.Chapter) -> None:
    """Link to the next chapter."""
    order = (*lab.chapters, *lab.further)
    after = order[order.index(chosen) + 1 :]
    if after:
        st.divider()
        links.chapter_link(lab.key, after[0].key, f"Next: {after[0].name}", icon=":material/arrow_forward:")
