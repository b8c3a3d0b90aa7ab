"""Choice of several runs that lives in the URL as `?runs=<id>,<id>`: what Compare and Examples are opened with."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words

OFFERED = 100
"""Newest runs in the list; older ones are reached by a link or from the Runs page."""


def pick_runs(
    key: str,
    *,
    most: int,
    label: str = "Runs",
    experiment: str | None = None,
    suggest: Callable[[pl.DataFrame], list[str]] | None = None,
) -> list[dict[str, object]]:
    """Multiselect over the newest runs; ids in the URL that are gone or ambiguous are named in a warning.

    A page that is opened without a choice starts from the suggestion.

    Args:
        key: prefix of the widget's key.
        most: largest number of runs.
        label: of the widget.
        experiment: only runs of this experiment.
        suggest: the ids to start from, of the rows of `runs` that are not archived, newest first.

    Returns:
        Rows of `runs`, in the order chosen.
    """
    version = queries.store_version()
    widget, seen = f"{key}_runs", f"{key}_runs_url"
    wanted = [part for part in st.query_params.get("runs", "").split(",") if part]
    if not wanted and suggest and seen not in st.session_state:
        wanted = suggest(queries.run_list(version, experiment=experiment))[:most]
        if wanted:
            st.query_params["runs"] = ",".join(wanted)
    rows = {row["run_id"]: row for row in _offered(version, experiment).iter_rows(named=True)}
    linked = _linked(version, wanted)
    rows = {row["run_id"]: row for row in linked} | rows
    if st.session_state.get(seen) != wanted:
        st.session_state[widget] = [str(row["run_id"]) for row in linked][:most]
        st.session_state[seen] = wanted

    def remember() -> None:
        chosen = st.session_state[widget]
        st.session_state[seen] = chosen
        if chosen:
            st.query_params["runs"] = ",".join(chosen)
        elif "runs" in st.query_params:
            del st.query_params["runs"]

    named = labels(version, list(rows.values()))
    chosen = st.multiselect(
        label,
        sorted(rows, reverse=True),
        format_func=lambda run_id: named[run_id],
        key=widget,
        max_selections=most,
        on_change=remember,
        placeholder="choose runs, or select rows on the Runs page",
    )
    return [rows[run_id] for run_id in chosen]


def _offered(version: str, experiment: str | None) -> pl.DataFrame:
    return queries.run_list(version, experiment=experiment, limit=OFFERED)


def _linked(version: str, wanted: Sequence[str]) -> list[dict[str, object]]:
    places = queries.places(version)
    whole = queries.all_runs(version)[[places[part] for part in wanted if part in places]].iter_rows(named=True)
    found, gone = [], []
    for part in wanted:
        row = next(whole) if part in places else queries.find_run(version, part)
        found.append(row) if row else gone.append(part)
    if gone:
        names = ", ".join(gone)
        st.warning(f"The link names runs that are not in this store: {names}.", icon=":material/link_off:")
    return found


def pick_run(
    experiment: str | None, key: str, *, label: str = "Run", task: str | None = None, hidden_label: bool = False
) -> str | None:
    """Select box over the newest runs of an experiment; the choice lives in the URL as `?<key>=<run id>`.

    Any unambiguous part of an id works in the link, and so does a run that is not among those offered. Call
    `empty(...)` where this returns None: there is no such run.
    """
    version = queries.store_version()
    frame = queries.run_list(version, experiment=experiment, task=task, limit=OFFERED)
    rows = {row["run_id"]: row for row in frame.iter_rows(named=True)}
    wanted = st.query_params.get(key)
    if wanted:
        found = queries.find_run(version, wanted)
        if found is None:
            instead = " The newest run is shown instead." if rows else ""
            st.warning(
                f"The link names run {wanted!r}, which is not in this store.{instead}", icon=":material/link_off:"
            )
        else:
            rows = rows | {found["run_id"]: found}
            wanted = found["run_id"]
    if not rows:
        return None
    ids = list(rows)
    named = labels(version, list(rows.values()))
    widget = f"{key}_pick"
    chosen = wanted if wanted in rows else ids[0]
    if st.session_state.get(widget) not in ids or (wanted in rows and st.session_state.get(f"{widget}_url") != wanted):
        st.session_state[widget] = chosen
        st.session_state[f"{widget}_url"] = chosen

    def remember() -> None:
        st.query_params[key] = st.session_state[f"{widget}_url"] = st.session_state[widget]

    picked = st.selectbox(
        label,
        ids,
        format_func=lambda run_id: named[run_id],
        key=widget,
        on_change=remember,
        label_visibility="collapsed" if hidden_label else "visible",
    )
    return str(picked)


def labels(version: str, rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Run id -> name in a picker, with the mark of sample data.

    Only a final status is named: a label must not change while the page is open.
    """
    named = queries.names(version, tuple(str(row["run_id"]) for row in rows))
    found = {}
    for row in rows:
        run_id, status = str(row["run_id"]), str(row.get("status") or "")
        marks = ("sample data" if row.get("data_source") == "sample" else None,
                 status if status not in ("", "finished", "running") else None)  # fmt: skip
        found[run_id] = words.together((named.get(run_id, run_id), *marks))
    return found
