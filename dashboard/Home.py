"""The dashboard's entry: `streamlit run dashboard/Home.py`. Only the frame; every page is a file of its own."""

from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard import queries, rooms
from dashboard.parts import guard, headings, inside, libraries

HERE = Path(__file__).parent
inside.stay_inside()
st.set_page_config(page_title=headings.NAME, page_icon=headings.ICON, layout="wide", initial_sidebar_state="collapsed")
st.logo(str(HERE / "logo.svg"), size="large")
headings.stylesheet()


def room_page(room: rooms.Room) -> st.Page:
    """The page of a room."""
    visibility: Literal["visible", "hidden"] = "hidden" if room.hidden else "visible"
    default = room is rooms.ROOMS[0]
    script = f"app_pages/{room.script}.py"
    return st.Page(script, title=room.title, icon=room.icon, default=default, visibility=visibility)


def moved_page(address: str) -> st.Page:
    """An address of an earlier version: goes on to the page that shows it now, with the link's own choices."""
    script, choice = rooms.MOVED[address]

    def go_on(script: str, choice: dict[str, str]) -> None:
        st.switch_page(f"app_pages/{script}.py", query_params={**st.query_params.to_dict(), **choice})

    return st.Page(partial(go_on, script, choice), title=address, url_path=address, visibility="hidden")


libraries.keep()
labs = [st.Page(f"app_pages/{lab.script}.py", title=lab.title, icon=lab.icon) for lab in rooms.LABS]
moved = [moved_page(address) for address in rooms.MOVED]
opened = st.navigation({"": [*map(room_page, rooms.ROOMS), *moved], "Labs": labs}, position="top")
with guard.page(opened.title):
    queries.all_runs(queries.store_version())
    opened.run()
libraries.load_ahead()
