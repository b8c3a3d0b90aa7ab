"""What can be done with chosen runs: compare, rename, tag, note, archive, delete, and bring back."""

from collections.abc import Callable, Sequence

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.parts import links
from store.errors import StoreError

LOCAL = ("localhost", "127.0.0.1", "::1")


def may_delete() -> bool:
    """Whether runs may be deleted here: the server listens on this machine only."""
    return str(st.get_option("server.address")) in LOCAL


def bar(version: str, chosen: Sequence[str], key: str) -> None:
    """Buttons for the chosen runs."""
    runs = queries.rows_of(version, chosen)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{len(chosen)} selected**", width="content")
        links.page_link("run", "Open", icon=":material/monitoring:", run=chosen[0])
        if len(chosen) > 1:
            links.page_link("compare", "Compare", icon=":material/compare_arrows:", runs=",".join(chosen[:20]))
        if len(chosen) == 1:
            _rename(version, chosen[0], key)
        _tag(version, runs, key)
        with st.popover("Note", icon=":material/edit_note:", type="tertiary"):
            before = str(runs["note"][0] or "") if runs.height == 1 else ""
            note = st.text_area("Note (replaces the old one)", before, key=f"{key}_new_note")
            if st.button("Save", key=f"{key}_save_note"):
                done(lambda: queries.edit_runs(chosen, note=note), f"Noted on {words.count(len(chosen), 'run')}.")
        archived = bool(runs.height) and bool(runs["archived"].all())
        name = "Unarchive" if archived else "Archive"
        icon = ":material/unarchive:" if archived else ":material/archive:"
        if st.button(name, icon=icon, key=f"{key}_archive", type="tertiary"):
            done(lambda: queries.edit_runs(chosen, archived=not archived), f"{name}d {_count(chosen)}.")
        if may_delete() and st.button("Delete", icon=":material/delete:", key=f"{key}_delete", type="tertiary"):
            done(lambda: _delete(chosen), "")


def _delete(chosen: Sequence[str]) -> None:
    queries.delete_runs(chosen)
    st.session_state["runs_just_deleted"] = list(chosen)
    st.query_params.pop("selected", None)


def undo(key: str) -> None:
    """After a deletion: what was deleted, and the button that brings it back."""
    gone: list[str] = st.session_state.get("runs_just_deleted", [])
    if not gone:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="run_undo"):
        st.markdown(f":material/delete: Deleted {_count(gone)}.", width="content")
        if st.button("Undo", key=f"{key}_undo", icon=":material/undo:"):
            done(lambda: _restore(gone), f"Restored {_count(gone)}.")


def _restore(gone: Sequence[str]) -> None:
    queries.restore_runs(gone)
    st.session_state.pop("runs_just_deleted")


def deleted(version: str, key: str) -> None:
    """Runs that were deleted earlier and can still be brought back."""
    gone = queries.deleted_runs(version)
    if gone.is_empty() or not may_delete():
        return
    labels = {
        row["run_id"]: words.together((row["name"], row["task"], row["model"], row["run_id"]))
        for row in gone.iter_rows(named=True)
    }
    back = st.multiselect("Deleted runs", list(labels), format_func=lambda run_id: labels[run_id], key=f"{key}_gone")
    if st.button("Restore", key=f"{key}_restore_gone", icon=":material/restore_from_trash:", disabled=not back):
        done(lambda: queries.restore_runs(back), f"Restored {_count(back)}.")


def _rename(version: str, run_id: str, key: str) -> None:
    with st.popover("Rename", icon=":material/edit:", type="tertiary"):
        before = queries.name(version, run_id)
        name = st.text_input("Name", before, key=f"{key}_name_{run_id}", help="empty: named by its parameters again")
        if st.button("Rename", key=f"{key}_rename", disabled=name.strip() == before):
            done(lambda: queries.rename_run(run_id, name), "Renamed.")


def rename_now(named: dict[str, str]) -> None:
    """Give a run the name that was written into a list; a store that cannot be written is a sentence."""
    try:
        queries.rename_run(named["id"], named["name"])
    except StoreError as error:
        st.toast(f"{error}.", icon=":material/error:")


def _tag(version: str, runs: pl.DataFrame, key: str) -> None:
    """Tags that exist are offered; others are typed."""
    with st.popover("Tag", icon=":material/sell:", type="tertiary"):
        tag = st.selectbox(
            "Tag",
            queries.all_tags(version),
            index=None,
            key=f"{key}_new_tag",
            accept_new_options=True,
            placeholder="choose or type one",
        )
        name = (tag or "").strip()
        ids = runs["run_id"].to_list()
        with st.container(horizontal=True):
            if st.button("Add", key=f"{key}_add_tag", disabled=not name):
                done(lambda: queries.edit_runs(ids, add_tag=name), f"Tagged {_count(ids)}.")
            if st.button("Remove", key=f"{key}_remove_tag", disabled=not name):
                done(lambda: queries.edit_runs(ids, remove_tag=name), f"Took the tag from {_count(ids)}.")


def done(act: Callable[[], None], message: str) -> None:
    """Do it, say so, and show the list anew; a store that cannot be written is a sentence."""
    try:
        act()
    except StoreError as error:
        st.error(str(error), icon=":material/error:")
        return
    if message:
        st.toast(message, icon=":material/check:")
    st.rerun()


def _count(ids: Sequence[str]) -> str:
    return words.count(len(ids), "run")
