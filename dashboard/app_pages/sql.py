"""A console that can only read: schema, examples, saved queries, history, result as table and plot."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import sql as figures
from dashboard.figures import words
from dashboard.parts import downloads, headings, plots, saved_queries
from store.errors import StoreError

FEW = 12  # rows that are shown without empty ones below
LIMIT = 100_000
SECONDS = 10.0
HISTORY = 30

headings.title(
    "SQL",
    "Ask the store anything: one read-only statement, its result as table and plot.",
    note=f"""One `SELECT`, `EXPLAIN`, `DESCRIBE` or `SHOW` against the store, in DuckDB's dialect. It runs in a process
of its own that can only read this database: no files, no extensions, at most {SECONDS:.0f} seconds and {LIMIT:,} rows.
The statement and the plot are part of this page's address.""",
    source="[DuckDB's SELECT](https://duckdb.org/docs/stable/sql/statements/select); the schema is on this page",
)

version = queries.store_version()
if queries.all_runs(version).is_empty() and queries.published(version).is_empty():
    headings.empty("python -m jobs.clue --task afqmc", "There is nothing to query yet.")
    st.stop()


def put(statement: str) -> None:
    """Put a statement into the editor, which runs it."""
    st.session_state["sql"] = statement


def schema_browser() -> None:
    """The columns of a table or view."""
    columns = queries.schema(version)
    names = columns["table_name"].unique(maintain_order=True).to_list()
    table = st.selectbox("Table or view", names, index=names.index("runs"), key="sql_table", bind="query-params")
    st.dataframe(
        columns.filter(table_name=table).select("column_name", pl.col("data_type").str.to_lowercase()),
        key="sql_schema",
        hide_index=True,
        height=330,
        column_config={"column_name": "Column", "data_type": "Type"},
        alt=f"Columns of {table}",
    )
    st.button(
        "First rows",
        icon=":material/table_rows:",
        key="sql_peek",
        on_click=put,
        args=(f"SELECT * FROM {table} LIMIT 100",),
    )


def pick(names: dict[str, str], key: str) -> None:
    """One link-like button a query."""
    for index, (name, statement) in enumerate(names.items()):
        st.button(name, key=f"sql_{key}_{index}", on_click=put, args=(statement,), type="tertiary", help=statement)


def library() -> None:
    """Schema, example queries, saved ones, and what was run in this session."""
    schema, examples, mine, history = st.tabs(["Schema", "Examples", "Saved", "History"])
    with schema:
        schema_browser()
    with examples:
        pick(saved_queries.EXAMPLES, "example")
    with mine:
        kept = saved_queries.load(queries.folder())
        pick(kept, "saved")
        if kept:
            name = st.selectbox("Forget", list(kept), index=None, key="sql_forget")
            if name and st.button("Forget it", icon=":material/delete:", key="sql_forget_it"):
                saved_queries.save(queries.folder(), name, None)
                st.rerun()
        else:
            st.caption("Nothing is saved yet: name a query below the editor.")
    with history:
        past = st.session_state.get("sql_history", [])
        pick({" ".join(statement.split())[:60]: statement for statement in reversed(past)}, "past")
        if not past:
            st.caption("Nothing was run in this session yet.")


def editor() -> str:
    """The statement in the editor."""
    default = next(iter(saved_queries.EXAMPLES.values()))
    statement = st.text_area(
        "Statement", default, key="sql", bind="query-params", height=190, help="Ctrl+Enter runs it"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("Run", type="primary", icon=":material/play_arrow:", key="sql_run")
        name = st.text_input(
            "Save as", key="sql_name", placeholder="name of this query", label_visibility="collapsed", width=170
        )
        if st.button("Save", icon=":material/bookmark_add:", key="sql_save", disabled=not name.strip()):
            saved_queries.save(queries.folder(), name.strip(), statement)
            st.toast("Saved.", icon=":material/check:")
    return statement


def run(statement: str) -> pl.DataFrame | None:
    """The result, or its error as a sentence."""
    past = st.session_state.setdefault("sql_history", [])
    if statement not in past[-1:]:
        st.session_state["sql_history"] = [*past, statement][-HISTORY:]
    try:
        with st.spinner("Running…"):
            return queries.sql(version, statement, limit=LIMIT, timeout=SECONDS)
    except StoreError as error:
        st.error(str(error), icon=":material/error:")
        return None


def show_plot(frame: pl.DataFrame) -> None:
    """Pickers for kind and columns, and the plot."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = figures.KINDS.index(figures.usual_kind(frame))
        kind = st.selectbox("Plot", figures.KINDS, index=usual, key="sql_kind", bind="query-params", width=130)
        x = st.selectbox("X", figures.plottable(frame), key="sql_x", bind="query-params", width=170)
        numbers, columns = figures.numeric(frame), figures.plottable(frame)
        of = (kind, x, *columns)
        if st.session_state.get("sql_color_of", of if "sql_color" in st.query_params else None) != of:
            st.session_state["sql_color"] = figures.usual_color(frame, x) if kind == "bar" and x else None
        st.session_state["sql_color_of"] = of
        default = figures.usual_y(frame, x or "")
        y = st.multiselect(
            "Y", numbers, default=default, key="sql_y", bind="query-params", width=260, disabled=kind == "histogram"
        )
        color = st.selectbox("Colour", columns, index=None, key="sql_color", bind="query-params", width=170)
    if x is None or (kind != "histogram" and not y):
        st.caption("Choose a column for each axis.")
        return
    said = "number of rows" if kind == "histogram" else ", ".join(y)
    plots.show(
        figures.plot(frame, kind=kind, x=x, y=y, color=color),
        key="sql_plot",
        title=f"{said} against {x}",
        alt=f"{kind} plot of the result over {x}",
    )


queries.expect_sql()
main, side = st.columns([5, 2], gap="medium")
with side:
    library()
with main:
    statement = editor()
    result = run(statement) if statement.strip() else None
    if result is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"{words.count(result.height, 'row')} × {words.count(result.width, 'column')}"
                + (" (cut at the limit)" if result.height >= LIMIT else "")
            )
            downloads.download(result, "query")
        table, plot = st.tabs(["Table", "Plot"], key="sql_tab", bind="query-params")
        if table.open:
            with table:
                high: Any = "content" if result.height <= FEW else 480
                st.dataframe(result, key="sql_result", alt="Result of the query", height=high, placeholder="")
        if plot.open:
            with plot:
                show_plot(result)
queries.expect_sql()  # of the next statement
