"""All runs as a workbench: search, list, charts, groups; and what can be done with the chosen ones."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import run_grid, tables, words
from dashboard.frames.comparison import configurations
from dashboard.frames.runs import run_rows
from dashboard.parts import downloads, guard, headings, local_time, plots, saved_queries
from dashboard.parts.runs import run_actions, run_list, run_search

SIZE = 50
NEWS_EVERY = 3  # seconds
CHARTS = 4  # drawn at first
GROUPS = 60  # listed
PLACE = "\nplace"  # column of row numbers: no parameter is called so
NO_VIEW = ("selected", "runs_page")  # parts of the address that a saved view leaves out

headings.title(
    "Runs",
    "Every stored run: find some, see their curves, then name, tag, compare or delete them.",
    note="""The search box takes words and conditions (`lr=3e-4`, `accuracy>0.55`, `task:tnews`, `since:yesterday`).
List and charts show the same runs: the chosen ones, or all of the page where none is chosen. Seeds of one configuration
share a colour, and charts draw them as their mean with a band from the lowest to the highest. Search, order, columns,
groups and choices are part of the address: a link shows somebody else the same.""",
    formula=r"\bar{x} \pm t_{n-1,\,0.975}\; s / \sqrt{n} \qquad (n\ \text{runs of a group})",
)

run_search.take_earlier_filters("runs_text", "app_pages/runs.py")
version = queries.store_version()


def look_for_news() -> None:
    """Show the page anew when a run began, ended or was published since."""
    if queries.store_version() != version:
        st.rerun()


KNOWN_PARAMS = queries.table_and_params(version)[1]
everything = queries.scored(version)
if everything.is_empty():
    headings.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
    run_actions.undo("runs")
    run_actions.deleted(version, "runs")
    guard.fragment(run_every=NEWS_EVERY)(look_for_news)()
    st.stop()
COLORS = queries.colors(version)


def ids_in_link(name: str) -> list[str]:
    """Run ids that the address names."""
    return [run_id for run_id in st.query_params.get(name, "").split(",") if run_id]


def put_in_link(name: str, ids: list[str]) -> None:
    """Write run ids into the address."""
    if ids:
        st.query_params[name] = ",".join(ids)
    elif name in st.query_params:
        del st.query_params[name]


def choose(what: dict[str, list[str]]) -> None:
    """The reader chose rows: those of other pages of the list stay."""
    kept = [run_id for run_id in ids_in_link("selected") if run_id not in what["among"]]
    put_in_link("selected", kept + what["ids"])


def toggle(name: str) -> Callable[[str], None]:
    """Take a run into a list of the address, or out of it."""

    def act(run_id: str) -> None:
        ids = ids_in_link(name)
        put_in_link(name, [other for other in ids if other != run_id] if run_id in ids else [*ids, run_id])

    return act


def sort_by(column: str) -> None:
    """A click on a head: sort by it, or turn the order round."""
    same = st.session_state.get("runs_sort") == column
    st.session_state["runs_ascending"] = not st.session_state.get("runs_ascending", False) if same else False
    st.session_state["runs_sort"] = column


def top_row() -> tuple[str, str, str | None]:
    """Search, what is shown, and the groups."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text = run_search.box("runs_text", version, everything)
        view = st.segmented_control(
            "View",
            ["Charts", "Table"],
            default="Charts",
            key="runs_view",
            bind="query-params",
            required=True,
            label_visibility="collapsed",
        )
        groups = [*run_rows.GROUPS, *KNOWN_PARAMS]
        group = st.selectbox(
            "Group by",
            groups,
            index=None,
            key="runs_group",
            bind="query-params",
            placeholder="group by …",
            format_func=words.name,
            label_visibility="collapsed",
            width=150,
        )
    return text, str(view), group


def settings() -> tuple[str, bool, list[str], bool]:
    """Order, columns and archived runs, folded; returns column, ascending, columns, archived."""
    sortable = [name for name, dtype in everything.schema.items() if not dtype.is_nested()] + KNOWN_PARAMS
    beside = ("run_id", "name", "metric", "mean_of")  # the row's link, and what its score is
    offered = [name for name in everything.columns if name not in beside] + KNOWN_PARAMS
    with st.popover("Columns and order", icon=":material/tune:", type="tertiary"):
        columns = st.multiselect(
            "Columns",
            offered,
            key="runs_columns",
            bind="query-params",
            format_func=words.name,
            placeholder="those that say most",
        )
        sort = st.selectbox(
            "Sort by",
            sortable,
            index=sortable.index("started_at"),
            format_func=words.name,
            key="runs_sort",
            bind="query-params",
        )
        ascending = st.toggle("Ascending", key="runs_ascending", bind="query-params")
        archived = st.toggle("Include archived", key="runs_archived", bind="query-params")
        run_actions.deleted(version, "runs")
    return str(sort), ascending, columns, archived


def views() -> None:
    """Views saved by name: the search, order, columns and groups of this page."""
    with st.popover("Saved views", icon=":material/bookmark:", type="tertiary"):
        kept = saved_queries.load(queries.folder(), "views")
        for name, query in kept.items():
            st.page_link("app_pages/runs.py", label=name, query_params=parse_qsl(query))
        name = st.text_input("Save this view as", key="runs_view_name")
        if st.button("Save", key="runs_view_save", disabled=not name.strip()):
            shown = [(key, value) for key, value in st.query_params.to_dict().items() if key not in NO_VIEW]
            saved_queries.save(queries.folder(), name.strip(), urlencode(shown), "views")
            st.rerun()
        forgotten = st.selectbox("Forget", list(kept), index=None, key="runs_view_forget") if kept else None
        if forgotten and st.button("Forget it", key="runs_view_forget_it"):
            saved_queries.save(queries.folder(), forgotten, None, "views")
            st.rerun()


def with_params(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The runs with typed parameters as further columns."""
    wanted = tuple(sorted({name for name in names if name in KNOWN_PARAMS}))
    if not wanted or frame.is_empty():
        return frame
    stored = queries.params_named(version, wanted).filter(pl.col("run_id").is_in(frame["run_id"].to_list()))
    typed = configurations.parameter_values(stored)
    missing = [name for name in wanted if name not in typed.columns]
    joined = frame.join(typed, on="run_id", how="left", maintain_order="left")
    return joined.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)


def whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Every column of the runs in these rows, and the parameters that they are sorted and grouped by."""
    return everything[rows[PLACE]].hstack(rows.select(name for name in rows.columns if name in KNOWN_PARAMS))


def columns_of(shown: pl.DataFrame, columns: list[str], *, compact: bool) -> tuple[pl.DataFrame, list[str]]:
    """The columns that are listed: the chosen ones, or score, what differs between these runs, and the usual ones."""
    if columns:
        return with_params(shown, columns), columns
    if compact:
        return shown, ["score", "started_at"]
    params = configurations.parameter_values(queries.params(version, tuple(shown["run_id"])))
    told = [name for name in run_rows.differing(params) if name not in shown.columns][: run_rows.MOST_DIFFERING]
    if told:
        shown = shown.join(params.select("run_id", *told), on="run_id", how="left", maintain_order="left")
    status, score, *rest, tags = run_rows.USUAL
    tagged = bool((shown["tags"].list.len() > 0).any())
    return shown, [status, score, *told, *rest, *([tags] if tagged else [])]


def show_list(shown: pl.DataFrame, columns: list[str], sort: tuple[str, bool], *, compact: bool) -> None:
    """The list of this page."""
    frame, listed = columns_of(shown, columns, compact=compact)
    names = queries.names(version, tuple(shown["run_id"]))
    chosen, hidden, pinned = (set(ids_in_link(name)) for name in ("selected", "hidden", "pinned"))
    now = local_time.now()
    rows = [
        run_list.Row(
            row["run_id"],
            names[row["run_id"]],
            COLORS[row["config_hash"]],
            run_rows.cells(row, listed, now),
            title=f"{row['run_id']} {row['status']}" + (f": {row['note']}" if row["note"] else ""),
            chosen=row["run_id"] in chosen,
            hidden=row["run_id"] in hidden,
            pinned=row["run_id"] in pinned,
        )
        for row in frame.iter_rows(named=True)
    ]
    heads = [
        run_list.Column(
            words.heading(name),
            run_rows.kind(name, frame.schema[name]) if name != "score" else "number",
            sort=None if name == "tags" else name,
        )
        for name in listed
    ]
    on: dict[str, Callable[[Any], None]] = {
        "choose": choose,
        "hide": toggle("hidden"),
        "pin": toggle("pinned"),
        "rename": run_actions.rename_now,
        "sort": sort_by,
    }
    run_list.show(rows, heads, key="runs_list", label="Runs that the search finds", sort=sort, compact=compact, on=on)


def mean_text(row: dict[str, Any], metric: str) -> str:
    """Mean of a group with its interval, and how many of its seeds diverged."""
    gone = words.diverged(row[f"{metric} diverged"], row[f"{metric} n"])
    return run_rows.spread(metric, row[metric], row[f"{metric} ±"], gone)


def show_groups(frame: pl.DataFrame, by: str) -> None:
    """One row a group: mean over its runs with an interval; a click lists the runs."""
    column = run_rows.GROUPS.get(by, by)
    metrics = run_rows.main_metrics(frame)
    names = queries.names(version, tuple(frame["run_id"].head(2000)))
    frame = frame.filter(pl.col("run_id").is_in(list(names)))
    grouped = run_rows.groups(frame, column, metrics, names, COLORS, queries.diverged(version, tuple(metrics)))
    grouped = grouped.head(GROUPS)
    rows = [
        run_list.Row(
            ",".join(row["run_ids"][:SIZE]),
            row["name"],
            row["color"],
            (str(row["n"]), *(mean_text(row, name) for name in metrics)),
            href=f"runs?selected={','.join(row['run_ids'][:SIZE])}",
        )
        for row in grouped.iter_rows(named=True)
    ]
    heads = [
        run_list.Column("Runs", "number"),
        *(run_list.Column(words.heading(name), "number", help="mean ± 95 % interval of the mean") for name in metrics),
    ]

    def open_group(ids: str) -> None:
        put_in_link("selected", ids.split(","))
        st.session_state["runs_group"] = None

    run_list.show(
        rows,
        heads,
        key="runs_groups",
        label=f"Runs by {by}",
        heading=words.heading(by),
        compact=True,
        on={"open": open_group},
    )


def show_charts(drawn: pl.DataFrame, group: str | None) -> bool:
    """A chart a metric, with all runs that are shown; returns whether the charts look for news themselves."""
    ids = tuple(drawn["run_id"])
    running = bool(drawn["status"].eq("running").any())
    read: Any = queries.live_metric_names_of if running else queries.metric_names
    metrics = run_grid.ordered(read(ids) if running else read(version, ids))
    if not metrics:
        st.info("None of these runs logged a curve: *Table* shows their settings and scores.", icon=":material/info:")
        return False
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        x = st.segmented_control(
            "Over",
            ["step", "epoch", "time"],
            default="step",
            key="runs_x",
            required=True,
            bind="query-params",
            label_visibility="collapsed",
        )
        smoothing = st.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key="runs_smoothing", bind="query-params", width=130)
        log_y = st.toggle("Log y", key="runs_log_y", bind="query-params")
    column = run_rows.GROUPS.get(group or "config", group)
    lines = run_grid.lines(drawn, queries.names(version, ids), COLORS, column if column != "tags" else None)
    shown = metrics if st.session_state.get("runs_every_chart") else metrics[:CHARTS]

    def draw() -> None:
        if running:
            look_for_news()
        options: dict[str, Any] = {"x": x, "buckets": run_grid.BUCKETS}
        if running:
            frame = queries.live_curves(ids, tuple(shown), **options)
        else:
            frame = queries.curves(version, ids, tuple(shown), **options)
        for number, column in zip(range(len(shown)), st.columns(2) * len(shown), strict=False):
            part = frame.filter(name=shown[number])
            figure = run_grid.chart(part, lines, metric=shown[number], x=str(x), smoothing=smoothing, log_y=log_y)
            with column:
                alt = f"{words.name(shown[number])} of these runs"
                plots.bare(figure, key=f"runs_chart_{shown[number]}", alt=alt, live=running)

    guard.fragment(run_every=2 if running else None)(draw)()
    if len(metrics) > CHARTS:
        st.toggle(f"All {len(metrics)} metrics", key="runs_every_chart", bind="query-params")
    return running


text, view, group = top_row()
tools = st.container(horizontal=True, vertical_alignment="center", gap="small")
with tools:
    sort, ascending, columns, archived = settings()
    views()
found = run_search.found(version, everything, text)
put_away = len(found)
if not archived and "is:archived" not in text:
    found = found.filter(~everything["archived"].gather(found))
run_actions.undo("runs")
if found.is_empty():
    why = run_search.nothing(version, everything, text) if not put_away else (
        f"Only archived runs match: {words.count(put_away, 'run')}. `is:archived` in the search shows them."
    )  # fmt: skip
    st.info(why, icon=":material/filter_alt_off:")
    guard.fragment(run_every=NEWS_EVERY)(look_for_news)()
    st.stop()
by = [name for name in dict.fromkeys(("run_id", sort)) if name in everything.columns]
keys = with_params(everything.select(by)[found].with_columns(found.alias(PLACE)), [sort, group or ""])
newest_first = sort == "started_at" and not ascending  # as the store hands them out
ordered = keys if newest_first else tables.ordered(keys, sort, descending=not ascending)
pinned = ids_in_link("pinned")
if pinned:
    ordered = ordered.sort(pl.col("run_id").is_in(pinned), descending=True, maintain_order=True)
pages = -(-len(found) // SIZE)
with tools:
    st.caption(f"{len(found):,} of {everything.height:,} runs", width="content")
    number = 1
    if pages > 1 and not group:
        number = st.pagination(pages, key="runs_page", bind="query-params")
    downloads.download(lambda: whole(keys), "runs", label="CSV")
selected = [run_id for run_id in ids_in_link("selected") if run_id in queries.places(version)]
acts = st.empty()  # there also without a choice, so that the charts below keep their place
if selected:
    with acts.container():
        run_actions.bar(version, selected, "runs")
shown = whole(tables.page(ordered, min(number, pages), SIZE))
hidden = ids_in_link("hidden")
drawn = whole(ordered.filter(pl.col("run_id").is_in(selected))) if selected else shown
drawn = drawn.filter(~pl.col("run_id").is_in(hidden))
followed = False
if view == "Table":
    if group:
        show_groups(whole(ordered), group)
    else:
        show_list(shown, columns, (sort, ascending), compact=False)
else:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        if group:
            show_groups(whole(ordered), group)
        else:
            show_list(shown, columns, (sort, ascending), compact=True)
    with right:
        if drawn.is_empty():
            st.info("Every run of this page is hidden from the charts.", icon=":material/visibility_off:")
        else:
            followed = show_charts(drawn, group)
if not followed:  # two that look would disturb each other
    guard.fragment(run_every=NEWS_EVERY)(look_for_news)()
