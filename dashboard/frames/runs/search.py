"""Search of runs: words and conditions in one line, such as `花呗 task:tnews lr=3e-4 accuracy>0.55 since:yesterday`.

A word must occur in what a run says of itself; a condition names a column, tag, metric or parameter. Numbers are
compared as numbers: `lr=3e-4` finds 0.0003, `accuracy>55%` is `accuracy>0.55`, `duration>10min` is in seconds. A minus
before a word or condition turns it round, a comma offers several texts: `task:tnews,afqmc`. `parse` and `matching`
raise `SearchError` with a sentence for the reader.
"""

import difflib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

TEXT = {
    **{name: name for name in ("task", "model", "recipe", "status", "experiment", "dataset", "note", "name", "host")},
    **{"data": "data_source", "id": "run_id", "run": "run_id", "parent": "parent_run_id", "device": "device"},
    **{"data_source": "data_source", "run_id": "run_id", "command": "command", "commit": "git_commit"},
}
"""What a condition may name -> the column of `runs`, compared as text."""
NUMBERS = {"seed": "seed", "duration": "duration_s", "duration_s": "duration_s", "progress": "progress"}
"""The same for columns of numbers."""
TIMES = ("since", "before")
ALIASES = {"lr": "learning_rate", "batch": "batch_size", "rows": "limit", "length": "max_length", "acc": "accuracy"}
_TEXTS = "\ntexts"
SEARCHED = ("run_id", "name", "experiment", "task", "model", "recipe", "note", "command", "host")
SPLITS = ("dev", "test", "train")
_TOKEN = re.compile(r'(?:[^\s"“”]|"[^"]*"|“[^”]*”)+')
_TERM = re.compile(r"^([^\W\d][\w./-]*)(>=|<=|!=|=|>|<|:)(.*)$", re.DOTALL)
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_NEAR = 1e-9
"""Relative distance up to which two numbers are the same."""


class SearchError(ValueError):
    """What is wrong with a search, as a sentence."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word (without a name), or a condition."""

    value: str
    name: str = ""
    operator: str = ""
    negated: bool = False

    @property
    def text(self) -> str:
        """The term as it is written."""
        return f"{'-' * self.negated}{self.name}{self.operator}{self.value}"


def parse(text: str) -> list[Term]:
    """Words and conditions of a line."""
    terms = []
    for token in _TOKEN.findall(text.replace("：", ":").replace("\uff1d", "=")):
        negated = token.startswith("-") and len(token) > 1 and not token[1].isdigit()
        bare = token[negated:]
        found = _TERM.match(bare)
        if found is None or bare.startswith(('"', "“")) or found[3].startswith("//"):
            terms.append(Term(_unquoted(bare), negated=negated))
            continue
        name, operator, value = found[1], found[2], _unquoted(found[3])
        if not value.strip():
            raise SearchError(f"`{token}` needs a value after `{operator}`, as in `{name}{operator}{_example(name)}`.")
        terms.append(Term(value, ALIASES.get(name.casefold(), name), operator, negated))
    return [term for term in terms if term.value]


def parameters(terms: Iterable[Term], metrics: Sequence[str], params: Sequence[str]) -> list[str]:
    """The parameters that the terms ask for: only their values have to be read.

    Args:
        terms: of a search.
        metrics: names of summary columns, `dev/accuracy`.
        params: names of stored parameters.
    """
    return sorted({place for term in terms if (place := _place(term, metrics, params)) in params})


def matching(
    frame: pl.DataFrame,
    terms: Sequence[Term],
    *,
    now: datetime,
    params: pl.DataFrame | None = None,
    known: Sequence[str] = (),
    words_of: pl.Series | None = None,
) -> pl.DataFrame:
    """The runs that every term finds.

    Args:
        frame: columns of `runs`, and a column for each summary metric.
        terms: of `parse`.
        now: the reader's present moment with its zone, for `since:yesterday`; stored times are in UTC.
        params: run_id, name, value (json text) of the parameters that `parameters` named.
        known: names of all stored parameters.
        words_of: `texts` of the frame, of a caller that keeps them.
    """
    metrics = [name for name in frame.columns if "/" in name]
    conditions = [_condition(term, metrics, params, known, now) for term in terms]
    if all(term.name for term in terms):
        return frame.filter(*conditions)
    read = frame.with_columns((texts(frame) if words_of is None else words_of).alias(_TEXTS))
    return read.filter(*conditions).drop(_TEXTS)


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
        found = pl.any_horizontal(pl.col("tags").list.contains(tag) for tag in _choices(term))
    elif place == "is":
        found = _state(term)
    elif place in TEXT.values():
        found = _as_text(pl.col(place), term)
    elif place in (*NUMBERS.values(), *metrics):
        found = _as_number(pl.col(place).cast(pl.Float64), term)
    else:
        ids = _runs_with(term, place, params)
        found = pl.col("run_id").is_in(ids)
    found = found.fill_null(value=False)
    return ~found if term.negated else found


def _place(term: Term, metrics: Sequence[str], params: Sequence[str]) -> str:
    """The column, metric or parameter that a term is about, "" for a word."""
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
    if term.name in metrics:
        return term.name
    for split in SPLITS:
        if f"{split}/{name}" in metrics:
            return f"{split}/{name}"
    for param in (term.name, name, name.replace("-", "_")):
        if param in params:
            return param
    offered = [*TEXT, *NUMBERS, *TIMES, "tag", *params, *(metric.partition("/")[2] for metric in metrics), *ALIASES]
    near = difflib.get_close_matches(name, offered, n=1)
    more = f" Did you mean `{near[0]}{term.operator}{term.value}`?" if near else ""
    raise SearchError(f"No run has a column, metric or parameter called `{term.name}`.{more}")


def _has_word(word: str) -> pl.Expr:
    """A word in the texts of a run; a number also as a parameter of the command spells it."""
    haystack, lowered = pl.col(_TEXTS), word.lower()
    found = haystack.str.contains(lowered, literal=True)
    if re.fullmatch(r"s\d{1,9}", lowered):
        found = found | (pl.col("seed") == int(lowered[1:]))
    number = _number(lowered)
    if number is not None and ("e" in lowered or "." in lowered):
        spelled = {repr(number), f"{number:g}", f"{number:f}".rstrip("0")}
        found = found | pl.any_horizontal(haystack.str.contains(f" {text}", literal=True) for text in spelled)
    return found


def _state(term: Term) -> pl.Expr:
    if term.value.casefold() != "archived" or term.operator not in (":", "="):
        raise SearchError(f"`{term.text}` is not known: `is:archived` is.")
    return pl.col("archived")


def _as_text(column: pl.Expr, term: Term) -> pl.Expr:
    """`=` asks for the whole text, `:` for a part of it, both in any case; commas separate texts that all do."""
    lowered = column.cast(pl.String).str.to_lowercase()
    values = [value.lower() for value in _choices(term)]
    if term.operator == ":":
        return pl.any_horizontal(lowered.str.contains(value, literal=True) for value in values)
    if term.operator == "=":
        return lowered.is_in(values)
    if term.operator == "!=":
        return ~lowered.is_in(values).fill_null(value=False)
    raise SearchError(f"`{term.text}`: `{term.name}` is a text; compare it with `:` (contains), `=` or `!=`.")


def _choices(term: Term) -> list[str]:
    return [value for value in term.value.split(",") if value] or [term.value]


def _as_number(column: pl.Expr, term: Term) -> pl.Expr:
    value = _number(term.value)
    if value is None:
        raise SearchError(f"`{term.text}` needs a number after `{term.operator}`, got `{term.value}`.")
    near = (column - value).abs() <= _NEAR * max(abs(value), 1e-300)
    return {
        "=": near,
        ":": near,
        "!=": ~near,
        ">": (column > value) & ~near,
        "<": (column < value) & ~near,
        ">=": (column > value) | near,
        "<=": (column < value) | near,
    }[term.operator] & column.is_not_nan()


def _runs_with(term: Term, name: str, params: pl.DataFrame | None) -> list[str]:
    """Ids of runs whose parameter meets a condition: as numbers where both are, else as text."""
    if params is None:
        return []
    rows = params.filter(pl.col("name") == name)
    if term.operator in (">", "<", ">=", "<=") and _number(term.value) is None:
        raise SearchError(f"`{term.text}` needs a number after `{term.operator}`, got `{term.value}`.")
    kept = [text for text in rows["value"].unique() if _meets(_plain(text), term)]
    return rows.filter(pl.col("value").is_in(kept))["run_id"].to_list()


def _meets(value: object, term: Term) -> bool:
    if isinstance(value, list):
        return any(_meets(item, term) for item in value)
    wanted = _number(term.value)
    if wanted is not None and isinstance(value, int | float) and not isinstance(value, bool):
        near = math.isclose(float(value), wanted, rel_tol=_NEAR)
        return {
            "=": near,
            ":": near,
            "!=": not near,
            ">": value > wanted and not near,
            "<": value < wanted and not near,
            ">=": value > wanted or near,
            "<=": value < wanted or near,
        }[term.operator]
    written, text = _written(value), term.value.casefold()
    if term.operator == ":":
        return text in written
    if term.operator in ("=", "!="):
        return (text == written) == (term.operator == "=")
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


def _number(text: str) -> float | None:
    """`0.55` of `55%` or `0.55`, seconds of `10min`; None for other words."""
    found = re.fullmatch(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(%|[a-z]*)\s*", text.casefold())
    if found is None or (found[2] not in ("", "%") and found[2] not in _UNITS):
        return None
    value = float(found[1]) * (0.01 if found[2] == "%" else _UNITS.get(found[2], 1))
    return value if math.isfinite(value) else None


def _moment(term: Term, now: datetime) -> datetime:
    """The moment that `since:` and `before:` name, in UTC without a zone, as stored times are."""
    value = term.value.casefold().strip()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": 1}
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(min|m|h|d|w)", value)
    try:
        if value in days:
            local = midnight - timedelta(days=days[value])
        elif ago:
            local = now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        else:
            local = datetime.fromisoformat(value)
            local = local if local.tzinfo else local.replace(tzinfo=now.tzinfo)
        return local.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        what = "`today`, `yesterday`, `3h`, `2d`, `1w` or a date such as `2026-11-27`"
        raise SearchError(f"`{term.text}` needs a time: {what}.") from error


def _unquoted(text: str) -> str:
    return re.sub(r'["“”]', "", text)


def _example(name: str) -> str:
    lowered = name.casefold()
    return {"since": "yesterday", "before": "2026-11-27", "tag": "paper", "status": "failed"}.get(
        lowered, "tnews" if lowered in TEXT else "3e-4"
    )
