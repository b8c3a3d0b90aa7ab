"""Frames as tables show them: the headline score of a run, filters and sorting of long lists of runs."""

import json
from collections.abc import Mapping, Sequence

import polars as pl

from dashboard.frames import name_order, stored_json
from engine.text.tasks import TASKS, TaskSpec

RUN_COLUMNS = (
    "run_id",
    "experiment",
    "task",
    "model",
    "recipe",
    "data_source",
    "status",
    "score",
    "metric",
    "started_at",
    "duration_s",
)
"""What a list of runs shows of each, in this order."""
_JSON = json.JSONDecoder()  # asked directly: json.loads takes three times as long for a short text
HEADLINES = ("accuracy", "em", "f1", "spearman", "macro_f1", "loss")
"""Metrics that speak for a run in a table with one score column, the first that it has."""
MAIN = tuple(f"{split}{metric}" for split in ("dev/", "") for metric in HEADLINES)
"""The summary values of these: on dev, and without a split, as scripts of one's own often store them."""
SCORES = tuple(name for name in MAIN if not name.endswith("loss"))
_NO_METRICS = ("progress", "eta_s", "duration_s", "score")
"""Numbers of a run that are no summary values."""


def metric_columns(frame: pl.DataFrame) -> list[str]:
    """Columns of summary values, with a split or without.

    Args:
        frame: columns of `runs`, a column for each summary value, and no parameters.
    """
    schema = frame.schema.items()
    return [name for name, dtype in schema if "/" in name or (dtype.is_float() and name not in _NO_METRICS)]


def headline(frame: pl.DataFrame, split: str = "dev", *, judged_by: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Add `score` (a fraction) and `metric` (its name): the task's metric, else the first of `HEADLINES` that is there.

    On dev a score without a split speaks for a run that has no other.

    Args:
        frame: runs with their summary.
        split: dev or test.
        judged_by: task -> the metric that judges it.
    """
    named = SCORES if split == "dev" else [f"{split}/{metric}" for metric in HEADLINES[:-1]]
    names = [name for name in named if name in frame.columns]
    if not names:
        return frame.with_columns(score=pl.lit(None, pl.Float64), metric=pl.lit(None, pl.String))
    own = [(task, f"{split}/{metric}") for task, metric in (judged_by or {}).items()]
    own = [(task, name) for task, name in own if name in frame.columns and name != names[0]]
    scores = [pl.when(pl.col("task") == task).then(pl.col(name)) for task, name in own] + [pl.col(n) for n in names]
    known = [
        pl.when(score.is_not_null()).then(pl.lit(name.removeprefix(f"{split}/")))
        for score, name in zip(scores, [*(name for _, name in own), *names], strict=True)
    ]
    return frame.with_columns(score=pl.coalesce(scores), metric=pl.coalesce(known))


def with_means(frame: pl.DataFrame) -> pl.DataFrame:
    """Give a parent of seeds the mean score of its children, and add `mean_of`: how many, null for every other run.

    A parent whose children differ in their configuration (a sweep, several tasks) or lack a score keeps none.

    Args:
        frame: every run with run_id, parent_run_id, config_hash and the columns of `headline`.
    """
    children = frame.filter(pl.col("parent_run_id").is_not_null()).group_by(pl.col("parent_run_id").alias("run_id"))
    alike = pl.col("config_hash", "metric").n_unique()
    means = children.agg(alike, mean=pl.col("score").mean(), scored=pl.col("score").is_not_null().all(),
                         of=pl.len(), mean_metric=pl.col("metric").first())  # fmt: skip
    means = means.filter((pl.col("config_hash") == 1) & (pl.col("metric") == 1) & pl.col("scored"))
    joined = frame.join(means.drop("config_hash", "metric", "scored"), on="run_id", how="left", maintain_order="left")
    return joined.with_columns(
        score=pl.coalesce("score", "mean"),
        metric=pl.coalesce("metric", "mean_metric"),
        mean_of=pl.when(pl.col("score").is_null()).then(pl.col("of")),
    ).drop("mean", "of", "mean_metric")


def matching(
    frame: pl.DataFrame,
    *,
    text: str = "",
    equal: dict[str, Sequence[str]] | None = None,
    tags: Sequence[str] = (),
    archived: bool = False,
) -> pl.DataFrame:
    """Rows of a list of runs that match every filter.

    Args:
        frame: columns of `runs`.
        text: words (all of them, in any case) found in the id, experiment, task, model, recipe, note, tags or command.
        equal: column -> allowed values; an empty list allows everything.
        tags: a run must have all of them.
        archived: also those that were archived.
    """
    lazy = frame.lazy()
    if not archived:
        lazy = lazy.filter(~pl.col("archived").fill_null(value=False))
    for column, values in (equal or {}).items():
        if values:
            lazy = lazy.filter(pl.col(column).is_in(list(values)))
    for tag in tags:
        lazy = lazy.filter(pl.col("tags").list.contains(tag))
    if words := text.lower().split():
        fields = ["run_id", "experiment", "task", "model", "recipe", "note", "command", "host"]
        haystack = pl.concat_str(
            [*(pl.col(name).fill_null("") for name in fields), pl.col("tags").list.join(" ").fill_null("")],
            separator=" ",
        ).str.to_lowercase()
        for word in words:
            lazy = lazy.filter(haystack.str.contains(word, literal=True))
    return lazy.collect()


def ordered(frame: pl.DataFrame, column: str, *, descending: bool) -> pl.DataFrame:
    """Sorted by a column with missing values last; the newest first among equals."""
    return frame.sort([column, "run_id"], descending=[descending, True], nulls_last=True)


def page(frame: pl.DataFrame, number: int, size: int) -> pl.DataFrame:
    """Rows of page `number` (counted from 1) of `size` rows."""
    return frame.slice((number - 1) * size, size)


def values(frame: pl.DataFrame, column: str) -> list[str]:
    """Distinct values of a column in alphabetical order, without missing ones."""
    return frame[column].drop_nulls().unique().sort().to_list()


def all_tags(frame: pl.DataFrame) -> list[str]:
    """Distinct tags of all runs in alphabetical order."""
    return frame.select(pl.col("tags").explode().drop_nulls().unique().sort())["tags"].to_list()


def class_order(counts: pl.DataFrame) -> list[str]:
    """Classes that occur as label or prediction, numbers in numerical order."""
    names = set(counts["label"].drop_nulls()) | set(counts["prediction"].drop_nulls())
    return name_order.ordered(names)


def class_titles(task: str | None) -> dict[str, str]:
    """Class -> the class with what it means (`103 sports`); empty where the task has no titles for its classes."""
    spec = TASKS.get(task or "")
    if spec is None or not spec.label_titles:
        return {}
    return {label: f"{label} {title}" for label, title in zip(spec.labels, spec.label_titles, strict=True)}


def with_class_titles(frame: pl.DataFrame, task: str | None) -> pl.DataFrame:
    """Labels and predictions by `class_titles`."""
    titles = class_titles(task)
    return frame.with_columns(pl.col("label", "prediction").replace(titles)) if titles else frame


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace the JSON of `text` by its fields in one line."""
    return frame.with_columns(text=readable_texts(frame["text"]))


def readable_texts(texts: pl.Series) -> pl.Series:
    """`readable_text` of each; those that are written like the first one are read at once."""
    marks = _marks(str(texts.first(ignore_nulls=True)))
    if not marks:
        return pl.Series([readable_text(text) for text in texts], dtype=pl.String)
    first, *between, last = marks
    stripped = texts.str.strip_prefix(first)
    joined = stripped.str.strip_suffix(last)
    for mark in between:
        joined = joined.str.replace(mark, " ｜ ", literal=True)
    plain = texts.str.starts_with(first) & stripped.str.ends_with(last) & ~joined.str.contains(r'["\\\x00-\x1f]')
    if plain.all(ignore_nulls=False):
        return joined
    pairs = zip(texts, joined, plain, strict=True)
    return pl.Series([known if alike else readable_text(text) for text, known, alike in pairs], dtype=pl.String)


def _marks(text: str) -> list[str]:
    """What stands before, between and after the fields of a text that has nothing but strings; empty for others."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(fields, dict) or not fields or not all(isinstance(value, str) for value in fields.values()):
        return []
    if any("｜" in name for name in fields):  # what joins the fields must not be taken for a mark
        return []
    names = [json.dumps(name, ensure_ascii=False) for name in fields]
    return ["{" + f'{names[0]}: "', *(f'", {name}: "' for name in names[1:]), '"}']


def option(text: str | None, answer: str | None, spec: TaskSpec | None) -> str:
    """The option that an answer to a choice is the number of; every other answer as it is.

    Args:
        text: of the example, as stored.
        answer: as stored.
        spec: the task of the example.
    """
    if spec is None or spec.kind != "choice" or answer is None:
        return str(answer)
    try:
        return str(stored_json.read(text or "")[spec.options][int(answer)])
    except (ValueError, KeyError, IndexError, TypeError):
        return answer


def _spoken(value: object) -> str:
    """A field as people read it: texts with a stroke between them."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " / ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def readable_text(text: str | None) -> str:
    """`花呗怎么还款 ｜ 花呗如何还款` of `{"sentence1": ..., "sentence2": ...}`; other text stays as it is."""
    stripped = (text or "").strip()
    try:
        fields, end = _JSON.raw_decode(stripped)
    except (ValueError, RecursionError):
        return text or ""
    if not isinstance(fields, dict) or end < len(stripped):
        return text or ""
    values = fields.values()
    joined = " ｜ ".join(map(_spoken, values))
    return joined.encode(errors="replace").decode()  # half of an emoji, written as \\ud83d, is no text
