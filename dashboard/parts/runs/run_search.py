"""The search box over runs: words and conditions, suggestions of both, and mistakes as a sentence."""

import re
from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import tables, words
from dashboard.frames.runs import search
from dashboard.parts import guard, local_time

HELP = """Words are looked for in everything a run says of itself. Conditions:

- `task:tnews`, `model:mini`, `status:failed`, `tag:paper`, `note:"two words"` (a part of the text), `model=tiny` (all)
- `lr=3e-4`, `epochs>=3`, `accuracy>55%`, `duration>10min`, `seed=1..3`: numbers are compared as numbers
- `since:yesterday`, `since:3h`, `before:2026-11-27`, `is:archived`
- `-tag:old` turns a condition round; `task:tnews,afqmc` offers two; quotes keep words together"""
EARLIER = {"experiment": "experiment=", "task": "task=", "status": "status=", "model": "model=", "tags": "tag:"}
"""Filters that earlier links carry as `runs_<name>` -> the condition that says the same."""
_OF_NAMES = re.compile("[·/]")
"""Signs between the parts of computed names."""
_VALUES = 6
"""Values of one kind that are suggested."""


def box(key: str, version: str, frame: pl.DataFrame) -> str:
    """The search box and its suggestions; returns what is in it.

    Args:
        key: of the box, and of the address.
        version: of the store.
        frame: the runs whose values are suggested.
    """
    text = st.text_input(
        "Search",
        key=key,
        bind="query-params",
        placeholder="words and conditions: tnews lr=3e-4 accuracy>0.55 since:yesterday",
        width="stretch",
        help=HELP,
        label_visibility="collapsed",
    )
    _conditions(key, version, frame)
    return text or ""


@guard.fragment
def _conditions(key: str, version: str, frame: pl.DataFrame) -> None:
    """A menu of conditions; its buttons are built once a reader opens it, without the rest of the page."""
    name = f"{key}_suggestions"
    with st.popover("Conditions", icon=":material/filter_list:", key=name, on_change="rerun") as menu:
        if not menu.open:
            return
        st.caption("A click adds a condition to the search.")
        for kind, offered in _suggestions(version, frame).items():
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.markdown(f"**{kind}**", width=70)
                for text in offered:
                    if st.button(text, key=f"{key}_{text}", type="tertiary", on_click=_add, args=(key, text)):
                        st.rerun()


def take_earlier_filters(key: str, script: str) -> None:
    """Open an earlier link anew with its filters as conditions of the search; call it before the box."""
    page = key.partition("_")[0]
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    gone = {f"{page}_{name}": condition for name, condition in EARLIER.items()}
    conditions = [_quoted(condition, ",".join(query.pop(name))) for name, condition in gone.items() if name in query]
    if conditions:
        query[key] = [" ".join([*query.get(key, []), *conditions])]
        st.switch_page(script, query_params=query)


def found(version: str, frame: pl.DataFrame, text: str) -> pl.Series:
    """Row numbers of the runs that a search finds; a mistake is said, and every run is shown.

    A line that is no search but stands in names, such as `lr 3e-4/0.01` of a sweep, finds the runs of these names.

    Args:
        version: of the store.
        frame: `queries.run_table`.
        text: what stands in the box.
    """
    every = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    if not text.strip():
        return every
    mistake: search.SearchError | None = None
    try:
        rows = _found(version, frame, text, _now())
    except search.SearchError as error:
        mistake, rows = error, every.clear()
    if rows.is_empty() and _OF_NAMES.search(text):  # naming every run of a large store takes a while
        names = queries.names(version, tuple(frame["run_id"]))
        said = text.strip().casefold()
        rows = frame["run_id"].is_in([id for id, name in names.items() if said in name.casefold()]).arg_true()
    if mistake is None or not rows.is_empty():
        return rows
    st.warning(f"{mistake} Every run is shown.", icon=":material/search_off:")
    return every


def nothing(version: str, frame: pl.DataFrame, text: str) -> str:
    """What a page says where a search finds no run."""
    terms, more = _terms(version, frame, text)
    why = search.advice(frame, terms, now=_now(), **more) if terms else ""
    return f"None of the {words.count(frame.height, 'run')} matches this search. {why}".strip()


@st.cache_resource(show_spinner=False, max_entries=16)
def _found(version: str, _frame: pl.DataFrame, text: str, now: datetime) -> pl.Series:
    terms, more = _terms(version, _frame, text)
    return search.places(_frame, terms, now=now, **more)


def _terms(version: str, frame: pl.DataFrame, text: str) -> tuple[list[search.Term], dict[str, Any]]:
    """Terms of a search, and what `search.places` needs to know of the store for them."""
    known = queries.param_names(version)["name"].unique().to_list()
    metrics = tables.metric_columns(frame)
    terms = search.parse(text, [*metrics, *known])
    wanted = search.parameters(terms, metrics, known)
    params = queries.params_named(version, tuple(wanted)) if wanted else None
    return terms, {"params": params, "known": known, "words_of": queries.search_texts(version)}


def _now() -> datetime:
    """The reader's present minute: within it an answer is kept."""
    return local_time.now().replace(second=0, microsecond=0)


@st.cache_resource(show_spinner=False, max_entries=4)
def _suggestions(version: str, _frame: pl.DataFrame) -> dict[str, list[str]]:
    return suggestions(_frame)


def suggestions(frame: pl.DataFrame) -> dict[str, list[str]]:
    """Conditions that some runs meet and others do not, by what they are about."""
    offered = {
        "Task": [_quoted("task:", task) for task in _frequent(frame, "task")],
        "Model": [_quoted("model:", model) for model in _frequent(frame, "model")],
        "Status": [_quoted("status:", status) for status in _frequent(frame, "status")],
        "Tag": [_quoted("tag:", tag) for tag in tables.all_tags(frame)[:_VALUES]],
        "Time": ["since:today", "since:yesterday", "since:7d"],
        "Score": _score(frame),
    }
    return {kind: conditions for kind, conditions in offered.items() if conditions}


def _frequent(frame: pl.DataFrame, column: str) -> list[str]:
    counts = frame[column].drop_nulls().value_counts(sort=True)
    return counts[column].head(_VALUES).to_list() if counts.height > 1 else []


def _score(frame: pl.DataFrame) -> list[str]:
    """Scores above the median of the first main metric that runs have."""
    for name in tables.MAIN:
        middle = frame[name].drop_nulls().drop_nans().median() if name in frame.columns else None
        if isinstance(middle, float):
            return [f"{name.removeprefix('dev/')}>{middle:.3g}"]
    return []


def _quoted(condition: str, value: str) -> str:
    return f'{condition}"{value}"' if " " in value else f"{condition}{value}"


def _add(key: str, condition: str) -> None:
    before = (st.session_state.get(key) or "").strip()
    if condition not in before.split():
        st.session_state[key] = f"{before} {condition}".strip()
