"""Search of runs: words and conditions in one line, such as `花呗 task:tnews lr=3e-4 accuracy>0.55 since:yesterday`.

A word must occur in what a run says of itself; a condition names a column, tag, metric or parameter. Numbers are
compared as numbers: `lr=3e-4` finds 0.0003, `accuracy>55%` is `accuracy>0.55`, `duration>10min` is in seconds. A minus
before a word or condition turns it round, a comma offers several values, `seed=1..3` a range. `parse` and `matching`
raise `SearchError` with a sentence for the reader.
"""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from dashboard.figures import tables, words
from dashboard.frames.runs.search_terms import (
    ALIASES,
    SECONDS,
    SPLITS,
    SearchError,
    Term,
    choices,
    number,
    parse,
    ranges,
)

__all__ = ["SearchError", "Term", "advice", "matching", "parameters", "parse", "texts"]

TEXT = {
    **{name: name for name in ("task", "model", "recipe", "status", "experiment", "dataset", "note", "name", "host")},
    **{"data": "data_source", "id": "run_id", "run": "run_id", "parent": "parent_run_id", "device": "device"},
    **{"data_source": "data_source", "run_id": "run_id", "command": "command", "commit": "git_commit"},
}
"""What a condition may name -> the column of `runs`, compared as text."""
NUMBERS = {"seed": "seed", "duration": "duration_s", "duration_s": "duration_s", "progress": "progress"}
"""The same for columns of numbers."""
TIMES = ("since", "before")
DAYS = {"today": 0, "yesterday": 1}
STATUS = ("running", "finished", "failed", "interrupted", "lost")
_TEXTS, _PLACE = "\ntexts", "\nplace"
SEARCHED = ("run_id", "name", "experiment", "task", "model", "recipe", "status", "note", "command", "host")
_NEAR = 1e-9
"""Relative distance up to which two numbers are the same."""


def parameters(terms: Iterable[Term], metrics: Sequence[str], params: Sequence[str]) -> list[str]:
    """The parameters that the terms ask for: only their values have to be read.

    Args:
        terms: of a search.
        metrics: names of summary columns, `dev/accuracy`.
        params: names of stored parameters.
    """
    wanted = {place for term in terms if (place := _place(term, metrics, params)) in params}
    return sorted(wanted | {name for place in wanted for name in _aliases(place) if name in params})


def matching(frame: pl.DataFrame, terms: Sequence[Term], **more: Any) -> pl.DataFrame:
    """The runs that every term finds; `more` is what `places` takes."""
    return frame[places(frame, terms, **more)]


def places(
    frame: pl.DataFrame,
    terms: Sequence[Term],
    *,
    now: datetime,
    params: pl.DataFrame | None = None,
    known: Sequence[str] = (),
    words_of: pl.Series | None = None,
) -> pl.Series:
    """Row numbers of the runs that every term finds: of 100,000 runs, their 40 columns take longer than the search.

    Args:
        frame: columns of `runs`, and a column for each summary metric.
        terms: of `parse`.
        now: the reader's present moment with its zone, for `since:yesterday`; stored times are in UTC.
        params: run_id, name, value (json text) of the parameters that `parameters` named.
        known: names of all stored parameters.
        words_of: `texts` of the frame, of a caller that keeps them.
    """
    metrics = tables.metric_columns(frame)
    conditions = [_condition(term, metrics, params, known, now) for term in terms]
    read = frame.lazy()
    if not all(term.name for term in terms):
        read = read.with_columns((texts(frame) if words_of is None else words_of).alias(_TEXTS))
    return read.with_row_index(_PLACE).filter(*conditions).select(_PLACE).collect().to_series()


def advice(frame: pl.DataFrame, terms: Sequence[Term], **more: Any) -> str:
    """Why a search finds nothing, as a sentence: the term that no run meets and what may be meant, or what each finds.

    Args:
        frame: as for `matching`.
        terms: of `parse`.
        more: what else `places` takes.
    """
    found = {term: len(places(frame, [term], **more)) for term in terms}
    for term, count in found.items():
        if count == 0:
            near = _nearest(frame, term)
            return f"`{term.text}` finds none." + (f" Did you mean `{near}`?" if near else "")
    if len(found) < 2:
        return ""
    counts = ", ".join(f"`{term.text}` {words.count(count, 'run')}" for term, count in found.items())
    return f"Alone they find: {counts}."


def _nearest(frame: pl.DataFrame, term: Term) -> str | None:
    """The term with a value that some run has."""
    meant = {day: f"since:{day}" for day in DAYS} | {"archived": "is:archived"}
    if not term.name and term.value.casefold() in meant:
        return meant[term.value.casefold()]
    columns = [TEXT.get(term.name, "")] if term.name else ["task", "model", "status", "experiment", "name"]
    values = {
        value
        for column in columns
        if column in frame.columns
        for value in frame[column].drop_nulls().unique().to_list()
    }
    if term.name in ("", "tag", "tags"):
        values |= set(frame["tags"].explode().drop_nulls().to_list())
    lowered = {value.casefold(): value for value in values}
    near = difflib.get_close_matches(term.value.casefold(), list(lowered), n=1)
    return f"{'-' * term.negated}{term.name}{term.operator}{lowered[near[0]]}" if near else None


def texts(frame: pl.DataFrame) -> pl.Series:
    """What a word is looked for in: the texts of each run, in lower case."""
    columns = [pl.col(name).fill_null("") for name in SEARCHED if name in frame.columns]
    joined = pl.concat_str([*columns, pl.col("tags").list.join(" ").fill_null("")], separator=" ")
    return frame.select(joined.str.to_lowercase()).to_series()


def _condition(
    term: Term,
    metrics: Sequence[str],
    params: pl.DataFrame | None,
    known: Sequence[str],
    now: datetime,
) -> pl.Expr:
    place = _place(term, metrics, known)
    if not term.name:
        found = _has_word(term.value)
    elif place in TIMES:
        moment = _moment(term, now)
        found = pl.col("started_at") >= moment if place == "since" else pl.col("started_at") < moment
    elif place == "tag":
        tags = pl.col("tags").list.eval(pl.element().str.to_lowercase())
        found = pl.any_horizontal(tags.list.contains(tag.lower()) for tag in choices(term.value))
    elif place == "is":
        found = _state(term)
    elif place in TEXT.values():
        _check_status(term, place)
        found = _as_text(pl.col(place), term)
    elif place in (*NUMBERS.values(), *metrics):
        bare = [name for name in (term.name, term.name.casefold()) if name in metrics]  # a run may have only this one
        column = pl.coalesce(pl.col(name).cast(pl.Float64) for name in dict.fromkeys((place, *bare)))
        found = _as_number(column, term, percent=place in metrics and words.is_fraction(place))
    else:
        ids = _runs_with(term, place, params)
        found = pl.col("run_id").is_in(ids)
    found = found.fill_null(value=False)
    return ~found if term.negated else found


def _place(term: Term, metrics: Sequence[str], params: Sequence[str]) -> str:
    """The column, metric or parameter that a term is about, "" for a word.

    Scores come before parameters of their name, and those before what training logs of itself: `learning_rate` is what
    a run was started with, not the `train/learning_rate` of its last step.
    """
    if not term.name:
        return ""
    name = term.name.casefold()
    if name in ("tag", "tags"):
        return "tag"
    if name in (*TIMES, "is"):
        return name
    for names in (TEXT, NUMBERS):
        if name in names:
            return names[name]
    if "/" in term.name and term.name in metrics:
        return term.name
    *scored, logged = (f"{split}/{name}" for split in SPLITS)
    meant = (term.name, name, name.replace("-", "_"), *_aliases(term.name))
    for wanted, known in ((scored, metrics), (meant, params), ((term.name, name, logged), metrics)):
        if place := next((place for place in wanted if place in known), ""):
            return place
    offered = [*TEXT, *NUMBERS, *TIMES, "tag", *params, *(metric.partition("/")[2] for metric in metrics), *ALIASES]
    near = difflib.get_close_matches(name, offered, n=1) or [
        other for other in offered if len(name) > 1 and name in other
    ]
    written = f"{near[0] if near else term.name}{term.operator}{term.value}"
    more = f"Did you mean `{written}`?" if near else f'To look for these words, put them in quotes: `"{written}"`.'
    raise SearchError(f"No run has a column, metric or parameter called `{term.name}`. {more}")


def _aliases(param: str) -> list[str]:
    """Other names of a parameter, under which scripts store it: `lr` of learning_rate."""
    return [alias for alias, name in ALIASES.items() if name == param]


def _has_word(word: str) -> pl.Expr:
    """A word in the texts of a run; a number also as a parameter of the command spells it."""
    haystack, lowered = pl.col(_TEXTS), word.lower()
    found = haystack.str.contains(lowered, literal=True)
    if re.fullmatch(r"s\d{1,9}", lowered):
        found = found | (pl.col("seed") == int(lowered[1:]))
    amount = number(lowered)
    if amount is not None and ("e" in lowered or "." in lowered):
        spelled = {repr(amount), f"{amount:g}", f"{amount:f}".rstrip("0")}
        found = found | pl.any_horizontal(haystack.str.contains(f" {text}", literal=True) for text in spelled)
    return found


def _state(term: Term) -> pl.Expr:
    if term.value.casefold() != "archived" or term.operator not in (":", "="):
        raise SearchError(f"`{term.text}` is not known: `is:archived` is.")
    return pl.col("archived")


def _check_status(term: Term, place: str) -> None:
    """A word that is no status, such as `done`, is a mistake: no run will ever have it."""
    if place == "status" and not any(value.lower() in name for value in choices(term.value) for name in STATUS):
        raise SearchError(f"`{term.text}`: a run is {', '.join(STATUS[:-1])} or {STATUS[-1]}.")


def _as_text(column: pl.Expr, term: Term) -> pl.Expr:
    """`=` asks for the whole text, `:` for a part of it, both in any case; commas separate texts that all do."""
    lowered = column.cast(pl.String).str.to_lowercase()
    values = [value.lower() for value in choices(term.value)]
    if term.operator == ":":
        return pl.any_horizontal(lowered.str.contains(value, literal=True) for value in values)
    if term.operator == "=":
        return lowered.is_in(values)
    if term.operator == "!=":
        return ~lowered.is_in(values).fill_null(value=False)
    raise SearchError(f"`{term.text}`: `{term.name}` is a text; compare it with `:` (contains), `=` or `!=`.")


def _as_number(column: pl.Expr, term: Term, *, percent: bool) -> pl.Expr:
    """Compare numbers; of a fraction that is shown in percent, a number above 1 is meant in percent."""
    wanted = [(low / 100 if percent and low > 1 else low, high / 100 if percent and high > 1 else high)
              for low, high in _wanted(term)]  # fmt: skip
    low, high = _with_room(*wanted[0])
    near = pl.any_horizontal(column.is_between(*_with_room(*ends)) for ends in wanted)
    return {
        "=": near,
        ":": near,
        "!=": ~near,
        ">": column > high,
        "<": column < low,
        ">=": column >= low,
        "<=": column <= high,
    }[term.operator] & column.is_not_nan()


def _with_room(low: float, high: float) -> tuple[float, float]:
    """The ends of a range, so far outside that the same number written otherwise lies within."""
    return low - _NEAR * max(abs(low), 1e-300), high + _NEAR * max(abs(high), 1e-300)


def _wanted(term: Term) -> list[tuple[float, float]]:
    """Both ends of the ranges that a condition names: the same number where it asks for more or less."""
    wanted = ranges(term.value)
    if wanted is None:
        raise SearchError(f"`{term.text}` needs a number after `{term.operator}`, got `{term.value}`.")
    if term.operator in (">", "<", ">=", "<=") and (len(wanted) > 1 or wanted[0][0] < wanted[0][1]):
        raise SearchError(f"`{term.text}` needs one number; several go with `=`: `{term.name}={term.value}`.")
    return wanted


def _runs_with(term: Term, name: str, params: pl.DataFrame | None) -> list[str]:
    """Ids of runs whose parameter meets a condition: as numbers where both are, else as text."""
    if params is None:
        return []
    rows = params.filter(pl.col("name").is_in([name, *_aliases(name)]))
    if term.operator in (">", "<", ">=", "<="):
        _wanted(term)
    kept = [text for text in rows["value"].unique() if _meets(_plain(text), term)]
    return rows.filter(pl.col("value").is_in(kept))["run_id"].to_list()


def _meets(value: object, term: Term) -> bool:
    if isinstance(value, list):
        return any(_meets(item, term) for item in value)
    wanted = ranges(term.value)
    if wanted is not None and isinstance(value, int | float) and not isinstance(value, bool):
        low, high = _with_room(*wanted[0])
        near = any(least <= value <= most for least, most in (_with_room(*ends) for ends in wanted))
        return {
            "=": near,
            ":": near,
            "!=": not near,
            ">": value > high,
            "<": value < low,
            ">=": value >= low,
            "<=": value <= high,
        }[term.operator]
    written, offered = _written(value), [text.casefold() for text in choices(term.value)]
    if term.operator == ":":
        return any(text in written for text in offered)
    if term.operator in ("=", "!="):
        return (written in offered) == (term.operator == "=")
    return False


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).casefold()


def _plain(text: str | None) -> object:
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


def _moment(term: Term, now: datetime) -> datetime:
    """The moment that `since:` and `before:` name, in UTC without a zone, as stored times are."""
    value = term.value.casefold().strip()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ago = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({'|'.join(SECONDS)})", value)
    try:
        if value in DAYS:
            local = midnight - timedelta(days=DAYS[value])
        elif ago:
            local = now - timedelta(seconds=float(ago[1]) * SECONDS[ago[2]])
        else:
            local = datetime.fromisoformat(value)
            local = local if local.tzinfo else local.replace(tzinfo=now.tzinfo)
        return local.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        what = "`today`, `yesterday`, `3h`, `2d`, `1w` or a date such as `2026-11-27`"
        raise SearchError(f"`{term.text}` needs a time: {what}.") from error
