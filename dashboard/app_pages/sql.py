"""A console that can only read: schema, examples, saved queries, history, result as table and plot."""

import polars as pl
import streamlit as st

from dashboard import pieces, queries, saved
from dashboard.figures import sql as figures
from store.errors import StoreError

LIMIT = 100_000
SECONDS = 10.0
HISTORY = 30

pieces.title(
    "SQL",
    what=f"""One `SELECT`, `EXPLAIN`, `DESCRIBE` or `SHOW` against the store, in DuckDB's dialect. It runs in a process
of its own that can only read this database: no files, no extensions, at most {SECONDS:.0f} seconds and {LIMIT:,} rows.
The statement and the plot are part of this page's address.""",
    source="[DuckDB's SELECT](https://duckdb.org/docs/stable/sql/statements/select); the schema is on this page",
)

version = queries.store_version()
if queries.all_runs(version).is_empty() and queries.published(version).is_empty():
    pieces.empty("python -m jobs.clue --task afqmc", "There is nothing to query yet.")
    st.stop()


def put(statement: str) -> None:
    """Put a statement into the editor and run it."""
    st.session_state["sql"] = statement
    st.session_state["sql_ran"] = statement


def schema_browser() -> None:
    """Tables and views with their columns."""
    columns = queries.schema(version)
    for (table,), part in columns.group_by("table_name", maintain_order=True):
        with st.expander(f"`{table}` · {part.height} columns"):
            lines = (f"`{name}` {kind.lower()}" for name, kind in part.select("column_name", "data_type").iter_rows())
            st.markdown("  \n".join(lines))
            st.button("First rows", key=f"sql_peek_{table}", on_click=put, args=(f"SELECT * FROM {table} LIMIT 100",))


def library() -> None:
    """Saved and example queries, and what was run in this session."""
    folder = queries.folder()
    examples, mine, history = st.tabs(["Examples", "Saved", "History"])
    with examples:
        for name, statement in saved.EXAMPLES.items():
            st.button(name, key=f"sql_example_{name}", on_click=put, args=(statement,), width="stretch")
    with mine:
        kept = saved.load(folder)
        for name, statement in kept.items():
            left, right = st.columns([5, 1])
            left.button(name, key=f"sql_saved_{name}", on_click=put, args=(statement,), width="stretch")
            right.button(
                "",
                icon=":material/delete:",
                key=f"sql_forget_{name}",
                on_click=saved.save,
                args=(folder, name, None),
                help="Forget",
            )
        if not kept:
            st.caption("Nothing is saved yet: name a query below the editor.")
    with history:
        past = st.session_state.get("sql_history", [])
        for index, statement in enumerate(reversed(past)):
            first = " ".join(statement.split())[:60]
            st.button(first, key=f"sql_past_{index}", on_click=put, args=(statement,), help=statement, width="stretch")
        if not past:
            st.caption("Nothing was run in this session yet.")


def editor() -> str | None:
    """The statement that was run last."""
    default = next(iter(saved.EXAMPLES.values()))
    statement = st.text_area(
        "Statement", default, key="sql", bind="query-params", height=190, help="Ctrl+Enter runs it"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Run", type="primary", icon=":material/play_arrow:", key="sql_run"):
            st.session_state["sql_ran"] = statement
        name = st.text_input(
            "Save as", key="sql_name", placeholder="name of this query", label_visibility="collapsed", width=260
        )
        if st.button("Save", icon=":material/bookmark_add:", key="sql_save", disabled=not name.strip()):
            saved.save(queries.folder(), name.strip(), statement)
            st.toast("Saved.", icon=":material/check:")
    st.session_state["sql_ran"] = statement if statement != default else st.session_state.get("sql_ran")
    return st.session_state["sql_ran"]


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
        kind = st.selectbox("Plot", figures.KINDS, key="sql_kind", bind="query-params", width=130)
        x = st.selectbox("X", figures.plottable(frame), key="sql_x", bind="query-params", width=170)
        numbers = figures.numeric(frame)
        default = [name for name in numbers if name != x][:1]
        y = st.multiselect(
            "Y", numbers, default=default, key="sql_y", bind="query-params", width=260, disabled=kind == "histogram"
        )
        color = st.selectbox(
            "Colour", figures.plottable(frame), index=None, key="sql_color", bind="query-params", width=170
        )
    if x is None or (kind != "histogram" and not y):
        st.caption("Choose a column for each axis.")
        return
    st.plotly_chart(
        figures.plot(frame, kind=kind, x=x, y=y, color=color), key="sql_plot", alt=f"{kind} plot of the result over {x}"
    )


side, main = st.columns([1, 3])
with side:
    library()
    st.markdown("**Schema**")
    schema_browser()
with main:
    statement = editor()
    result = run(statement) if statement else None
    if result is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"{result.height:,} rows × {result.width} columns"
                + (" (cut at the limit)" if result.height >= LIMIT else "")
            )
            pieces.download(result, "query")
        table, plot = st.tabs(["Table", "Plot"], key="sql_tab", bind="query-params")
        if table.open:
            with table:
                st.dataframe(result, key="sql_result", alt="Result of the query", height=480, placeholder="")
        if plot.open:
            with plot:
                show_plot(result)
