"""All runs: filter, sort, choose columns, select rows, tag, note, archive."""

import hashlib

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import tables, words
from dashboard.parts import downloads, headings, links, run_tables

SIZE = 50
DEFAULT = [*(name for name in tables.RUN_COLUMNS[1:] if name != "metric"), "seed", "tags"]
EQUAL = ("experiment", "task", "status", "model")

headings.title(
    "Runs",
    "Every stored run: find some, see their curves, name, tag, compare or delete them.",
    note="""Every stored run, fifty a page. The filters, the order, the columns and the selected rows are part of this
page's address, so a link shows somebody else the same list. Select rows to compare, tag, annotate or archive them.""",
)

version = queries.store_version()
everything = tables.headline(queries.run_table(version))
if everything.is_empty():
    headings.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
    st.stop()


def filters() -> pl.DataFrame:
    """The runs that match the widgets."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search", key="runs_text", bind="query-params", placeholder="words of id, task, note, tag", width=250
        )
        equal = {
            column: st.multiselect(
                words.name(column),
                tables.values(everything, column),
                key=f"runs_{column}",
                bind="query-params",
                width=165,
            )
            for column in EQUAL
        }
        tags = st.multiselect("Tags", tables.all_tags(everything), key="runs_tags", bind="query-params", width=165)
        archived = st.toggle("Archived too", key="runs_archived", bind="query-params")
    return tables.matching(everything, text=text, equal=equal, tags=tags, archived=archived)


def order_and_columns(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Sort by the chosen column; the columns to show."""
    sortable = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Sort by",
            sortable,
            index=sortable.index("started_at"),
            format_func=words.name,
            key="runs_sort",
            bind="query-params",
            width=220,
        )
        ascending = st.toggle("Ascending", key="runs_ascending", bind="query-params")
        choices = [name for name in frame.columns if name != "run_id"]
        columns = st.multiselect(
            "Columns",
            choices,
            default=DEFAULT,
            format_func=words.name,
            key="runs_columns",
            bind="query-params",
            width="stretch",
        )
    return tables.ordered(frame, column, descending=not ascending), ["run_id", *columns]


def select(shown: pl.DataFrame, columns: list[str]) -> list[str]:
    """Draw the table; returns the ids selected on all pages of the list, which also stand in the URL."""
    ids = shown["run_id"].to_list()
    before = [run_id for run_id in st.query_params.get("selected", "").split(",") if run_id]
    digest = hashlib.blake2b(",".join(ids).encode(), digest_size=6).hexdigest()
    table = run_tables.in_percent(shown.select(columns))
    event = st.dataframe(
        table,
        key=f"runs_table_{digest}",
        column_config=run_tables.run_columns(table),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [index for index, run_id in enumerate(ids) if run_id in before]}},
        height=min(36 * (len(ids) + 1) + 4, 640),
        alt="Runs that match the filters",
        placeholder="",
    )
    chosen = [ids[row] for row in event.selection.rows if row < len(ids)]
    after = [run_id for run_id in before if run_id not in ids] + chosen
    if after:
        st.query_params["selected"] = ",".join(after)
    elif "selected" in st.query_params:
        del st.query_params["selected"]
    return after


def act(selected: list[str]) -> None:
    """Open, compare, tag, annotate or archive the selected runs."""
    if not selected:
        st.caption("Select rows to open, compare, tag, annotate or archive them.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(selected)} selected**")
        links.page_link("run", "Open", icon=":material/monitoring:", run=selected[0])
        if len(selected) > 1:
            links.page_link("compare", "Compare", icon=":material/compare_arrows:", runs=",".join(selected))
        with st.popover("Tag", icon=":material/sell:"):
            tag = st.text_input("Tag", key="runs_new_tag")
            add, remove = st.columns(2)
            if add.button("Add", key="runs_add_tag", disabled=not tag.strip(), width="stretch"):
                change(selected, add_tag=tag.strip())
            if remove.button("Remove", key="runs_remove_tag", disabled=not tag.strip(), width="stretch"):
                change(selected, remove_tag=tag.strip())
        with st.popover("Note", icon=":material/edit_note:"):
            note = st.text_area("Note (replaces the old one)", key="runs_new_note")
            if st.button("Save", key="runs_save_note"):
                change(selected, note=note)
        if st.button("Archive", icon=":material/archive:", key="runs_archive"):
            change(selected, archived=True)
        if st.button("Restore", icon=":material/unarchive:", key="runs_restore"):
            change(selected, archived=False)


def change(selected: list[str], **edit: str | bool) -> None:
    """Write one edit for every selected run and show the list anew."""
    queries.edit_runs(selected, **edit)
    st.toast(f"Changed {words.count(len(selected), 'run')}.", icon=":material/check:")
    st.rerun()


found, columns = order_and_columns(filters())
if found.is_empty():
    st.info(f"None of the {everything.height:,} runs matches these filters.", icon=":material/filter_alt_off:")
    st.stop()
pages = -(-found.height // SIZE)
number = 1
actions = st.container()
with st.container(horizontal=True, vertical_alignment="center"):
    st.caption(f"{found.height:,} of {everything.height:,} runs")
    if pages > 1:
        number = st.pagination(pages, key="runs_page", bind="query-params")
    downloads.download(found.select(columns), "runs", label="All as CSV")
selected = select(tables.page(found, min(number, pages), SIZE), columns)
with actions:
    act(selected)
