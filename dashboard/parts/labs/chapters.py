"""A lab is one page of chapters; only the chosen chapter is imported and computed.

How to write a chapter, `dashboard/chapters/<lab>/<key>.py`:

1. `TITLE` is a question, `SENTENCE` one sentence that is always visible: what the chapter answers.
2. `CHINESE`, `NOTE`, `FORMULA` and `SOURCE`, each optional, stand behind the help sign.
3. `def show() -> None:` draws everything below the title. `return` (or `st.stop()`) ends it early.
4. Widgets' keys begin with the lab's key and are unique in it; `bind="query-params"` makes the choice part of the link.
5. It reads through `dashboard.queries`, computes with `engine`, draws with `dashboard.figures`: no formula of its own.
6. Cached functions stand at the top of the module and take all that they need as arguments.
7. One line in `dashboard/rooms.py` puts it into its lab, in reading order; `/<lab>?chapter=<key>` opens it.
8. `links.chapter_link("can", "sweep", "Every setting", can_run=run_id)` links to it from anywhere.
"""

import importlib
from typing import Any

import streamlit as st

from dashboard import rooms
from dashboard.parts import headings, links


def show_lab(key: str) -> None:
    """The page of a lab: its chapters as links, then the chapter that the address asks for."""
    lab = rooms.lab_of(key)
    chapter = rooms.chapter_of(lab, st.query_params.to_dict())
    module = importlib.import_module(f"dashboard.chapters.{lab.key}.{chapter.key}")
    _contents(lab, chapter)
    _heading(lab, chapter, module)
    module.show()
    _onward(lab, chapter)


def _contents(lab: rooms.Lab, chosen: rooms.Chapter) -> None:
    """The chapters of the lab, the open one marked."""
    with st.container(horizontal=True, gap="small", key="chapters"):
        st.markdown(f"**{lab.title}**", width="content")
        for number, chapter in enumerate(lab.chapters, 1):
            mark = "chapter_open" if chapter == chosen else f"chapter_{chapter.key}"
            with st.container(key=mark, width="content"):
                links.chapter_link(lab.key, chapter.key, f"{number} {chapter.name}")


def _heading(lab: rooms.Lab, chapter: rooms.Chapter, module: Any) -> None:
    more = {name: getattr(module, name.upper(), "") for name in ("chinese", "note", "formula", "source")}
    headings.title(module.TITLE, module.SENTENCE, tab=f"{chapter.name} · {lab.title}", **more)


def _onward(lab: rooms.Lab, chosen: rooms.Chapter) -> None:
    """Link to the next chapter."""
    after = lab.chapters[lab.chapters.index(chosen) + 1 :]
    if after:
        st.divider()
        links.chapter_link(lab.key, after[0].key, f"Next: {after[0].name}", icon=":material/arrow_forward:")
