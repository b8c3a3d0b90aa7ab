"""A first task file for a data file: look into its rows, guess what each column is, and write it with comments."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.text.tasks import TASKS, Kind
from jobs.cli import InputError
from jobs.clue.data.own import load, tables, tags
from jobs.clue.data.own.classes import MOST_CLASSES as MOST_NAMED

LOOKED_AT = 5000
MOST_CLASSES = 200
"""values of a label that is told by them alone; a column that is called like a label may have more"""
SHOWN = 6
_LABELS = ("label", "labels", "category", "class", "target", "tag", "intent", "标签", "类别", "分类", "标注", "意图")
_ANSWERS = ("answer", "answers", "label", "答案")
_PASSAGES = ("context", "passage", "content", "text", "材料", "文章", "原文", "篇章")
_QUESTIONS = ("question", "query", "问题", "题目", "问")
_PAIRS = (("premise", "hypothesis"), ("query", "title"), ("query", "document"), ("text", "text_pair"))
_OPTIONS = ("choice", "choices", "options", "选项", "候选")
_TRAIN, _DEV = ("train", "training"), ("dev", "valid", "validation", "val")
"""names of files"""
_OPTION = re.compile(r"(?:option|opt|choice|ending|选项|候选|答案选项)?[\s_-]*([A-Ha-h0-9一二三四五六])")
"""one of several columns of choices: A, option1, 选项B"""


_REMARKS = {
    "train": "  # .csv .tsv .json .jsonl .parquet, also .gz",
    "data": "  # a data set of the hub, or a folder of one",
    "dev": "  # without it a tenth of train is held out, always the same rows",
    "test": "  # rows to predict at the end",
}


@dataclass(frozen=True, slots=True)
class Column:
    """What a column looks like."""

    name: str
    values: list[Any]
    """those that are not empty"""

    @property
    def distinct(self) -> int:
        """Different values."""
        return len({str(value) for value in self.values})

    @property
    def length(self) -> float:
        """Mean characters of its texts, 0 where it holds something else."""
        texts = [len(value) for value in self.values if isinstance(value, str)]
        return sum(texts) / len(texts) if texts and len(texts) == len(self.values) else 0.0

    @property
    def has_entities(self) -> bool:
        """Whether it holds entities with their places, as objects or as JSON."""
        return bool(self.values) and all(_is_entities(value) for value in self.values[:50])

    @property
    def has_tags(self) -> bool:
        """Whether it holds a list of tags such as B-PER."""
        return bool(self.values) and all(map(tags.are_tags, self.values[:50]))


@dataclass(frozen=True, slots=True)
class Guess:
    """A task that the columns allow."""

    kind: Kind
    fields: str
    """as the task file writes them"""
    label: str
    texts: tuple[str, ...]
    """columns that the model reads"""


def write(data: Path) -> Path:
    """Look into a data file, write `<its name>.toml` into the current folder, and say what was found.

    Raises:
        InputError: if the file cannot be read, no task can be made of its columns, or the task file is already there.
    """
    name = _name(data)
    target = Path(f"{name}.toml")
    if target.exists():
        raise InputError(f"{target} is already there; move it or write your own")
    notes: list[str] = []
    source = load.dataset(str(data))["train"] if data.is_dir() else tables.rows(data, notes=notes)
    rows = [row for _, row in islice(source, LOOKED_AT)]
    if not rows:
        raise InputError(f"{data}: no rows below the names of the columns")
    names = dict.fromkeys(column for row in rows for column in row)
    columns = [Column(name, [row[name] for row in rows if not is_empty(row.get(name))]) for name in names]
    guess = guess_task(columns)
    if guess is None:
        raise InputError(f"{data}: {_why_none(columns)}; the columns are {', '.join(c.name for c in columns)}")
    _refuse_a_first_row(data, columns, guess)
    target.write_text(_render(name, guess, _files(data), columns), encoding="utf-8")
    for note in notes:
        print(f"note: {note}")
    _show(data, len(rows), columns, guess)
    article = "an" if guess.kind == "entities" else "a"
    print(f"{target}: {article} {guess.kind} task; look it over, then: python -m jobs.clue --task {target}")
    return target


def _name(data: Path) -> str:
    """A name for the task: the file's, the folder's where the file is only called train; none of CLUE's."""
    stem = data.name.split(".")[0]
    if stem.lower() in _TRAIN:
        stem = data.resolve().parent.name
    name = "".join(char if char.isalnum() or char in "-_" else "-" for char in stem).strip("-_") or "mine"
    return f"my-{name}" if name in TASKS or name == "all" else name


def _files(data: Path) -> dict[str, str]:
    """Key of the task file -> file: the one that was looked into, and those of dev and test beside it."""

    def written(path: Path) -> str:
        return path.name if path.resolve().parent == Path.cwd() else str(path.resolve())

    if data.is_dir():
        return {"data": written(data)}
    found = {"train": written(data)}
    stem, ending = data.name.split(".")[0], "".join(data.suffixes)
    if stem.lower() in _TRAIN:
        for key, names in (("dev", _DEV), ("test", ("test",))):
            beside = next((path for name in names if (path := data.with_name(name + ending)).is_file()), None)
            if beside:
                found[key] = written(beside)
    return found


def guess_task(columns: Sequence[Column]) -> Guess | None:
    """The likeliest task of a table, None if there is none."""
    by_name = {column.name: column for column in columns}
    entities = next((column.name for column in columns if column.has_entities), "")
    texts = sorted((c for c in columns if c.length > 0 and c.name != entities), key=lambda c: -c.length)
    if entities and texts:
        return Guess("entities", json.dumps([texts[0].name], ensure_ascii=False), entities, (texts[0].name,))
    tagged = _tagged(columns)
    if tagged:
        return Guess("entities", json.dumps([tagged[0]], ensure_ascii=False), tagged[1], (tagged[0],))
    passage, question, answer, options = (
        next((name for name in names if name in by_name), "") for names in (_PASSAGES, _QUESTIONS, _ANSWERS, _OPTIONS)
    )
    choices: str | list[str] = options or _option_columns(columns)
    if question and answer and choices:
        read: dict[str, str | list[str]] = {"passage": passage} if passage else {}
        return _named("choice", {**read, "question": question, "choice": choices}, answer)
    if passage and question and answer and _stands_in(by_name[answer], by_name[passage]):
        return _named("span", {"context": passage, "question": question}, answer)
    label = _label(columns)
    texts = [column for column in texts if column.name != label]
    if not label or not texts:
        return None
    pair = _pair([column.name for column in texts if column.length > texts[0].length / 4])
    if pair:
        return Guess("pair", json.dumps(pair, ensure_ascii=False), label, pair)
    return Guess("classification", json.dumps([texts[0].name], ensure_ascii=False), label, (texts[0].name,))


def _tagged(columns: Sequence[Column]) -> tuple[str, str] | None:
    """A column of tokens and one with a tag each."""
    for tag in (column for column in columns if column.has_tags):
        for tokens in columns:
            sides = list(zip(map(tags.texts_of, tokens.values), map(tags.texts_of, tag.values), strict=False))
            if tokens.name != tag.name and sides and all(a and b and len(a) == len(b) for a, b in sides[:50]):
                return tokens.name, tag.name
    return None


def _option_columns(columns: Sequence[Column]) -> list[str]:
    """Two or more columns that are called the same but for a letter or a number at the end."""
    groups: dict[str, list[str]] = {}
    for column in columns:
        found = _OPTION.fullmatch(column.name.strip())
        if found:
            groups.setdefault(column.name.strip()[: found.start(1)], []).append(column.name)
    return next((names for names in groups.values() if len(names) > 1), [])


def _stands_in(answer: Column, passage: Column) -> bool:
    """Whether the answers are texts of the passages (or name a place in them), not classes."""
    if any(isinstance(value, dict | list) or str(value)[:1] in "[{" for value in answer.values[:50]):
        return True
    pairs = list(zip(map(str, answer.values), map(str, passage.values), strict=False))
    return sum(text in context for text, context in pairs) > len(pairs) / 2


def _pair(names: Sequence[str]) -> tuple[str, ...]:
    """Two columns that are called the same but for their end: text1 and text2, 句子A and 句子B."""
    for first, second in ("12", "ab", "AB", "01", "一二", "甲乙"):
        for name in names:
            other = name[:-1] + second
            if name.endswith(first) and other in names:
                return name, other
    return next((pair for pair in _PAIRS if set(pair) <= set(names)), ())


def _named(kind: Kind, fields: dict[str, str | list[str]], label: str) -> Guess:
    written = ", ".join(f"{name} = {json.dumps(column, ensure_ascii=False)}" for name, column in fields.items())
    first = next(iter(fields.values()))
    return Guess(kind, f"{{{written}}}", label, (first,) if isinstance(first, str) else tuple(first))


def _label(columns: Sequence[Column]) -> str:
    """A column called like a label, else the one with the fewest values that repeat."""
    plain = [c for c in columns if not any(isinstance(value, list | dict) for value in c.values)]
    usable = [c for c in plain if 2 <= c.distinct <= MOST_NAMED and c.distinct <= max(2, len(c.values) // 2)]
    named = [c.name for name in _LABELS for c in usable if c.name.lower() == name]
    if named:
        return named[0]
    usable = [c for c in usable if c.distinct <= MOST_CLASSES]
    return min(usable, key=lambda c: (c.distinct, c.length)).name if usable else ""


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: no value, only spaces, or not a number."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def _why_none(columns: Sequence[Column]) -> str:
    """Why no task can be made of the columns."""
    if len(columns) == 1:
        return "only one column was found (the first row names the columns, apart by a comma, semicolon, tab or |)"
    if max(len(column.values) for column in columns) < 2:
        return "only one row was found; a file has a row for each example"
    named = next((c for name in _LABELS for c in columns if c.name.lower() == name), None)
    if named is None or _label(columns):
        return f"no column looks like a label (2 to {MOST_CLASSES} values that repeat) beside a column of texts"
    if not named.values:
        what = "is empty"
    elif any(isinstance(value, list | dict) for value in named.values):
        what = "holds lists or objects that are neither entities nor tags; a row of a class task has one label"
    elif named.distinct == 1:
        what = f"has only one class, {str(named.values[0])!r}"
    else:
        what = f"has {named.distinct:,} values in {len(named.values):,} rows, which are no classes"
    return f"column {named.name!r} {what}"


def _refuse_a_first_row(data: Path, columns: Sequence[Column], guess: Guess) -> None:
    """Refuse a table whose first row is data: the name of its label column is one of the labels."""
    label = next(column for column in columns if column.name == guess.label)
    if guess.kind == "classification" and tags.are_tags([str(value) for value in label.values]):
        raise InputError(f"{data}: a token and its tag a row are not read; {tables.TAGGED}")
    if guess.kind in ("classification", "pair") and label.name in map(str, label.values):
        raise InputError(
            f"{data}: the first row must name the columns, but its {label.name!r} is also a label below; put a row of "
            "names above it (text,label)"
        )


def _is_entities(value: Any) -> bool:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    if isinstance(value, dict):
        return all(isinstance(item, dict) for item in value.values())
    return isinstance(value, list) and all(isinstance(item, list | dict) and len(item) >= 3 for item in value)


def _render(name: str, guess: Guess, files: dict[str, str], columns: Sequence[Column]) -> str:
    lengths = sorted(sum(len(str(c.values[i])) for c in columns if c.name in guess.texts and i < len(c.values))
                     for i in range(max(len(c.values) for c in columns)))  # fmt: skip
    longest = lengths[int(0.99 * (len(lengths) - 1))] + 3
    window = 512 if guess.kind == "span" else next((size for size in (32, 64, 128, 256) if size >= longest), 512)
    lines = [
        f"name = {_quoted(name)}",
        f"kind = {_quoted(guess.kind)}  # classification, pair, choice, span or entities",
        f"fields = {guess.fields}  # columns that the model reads",
        f"label = {_quoted(guess.label)}  # column of the answers",
    ]
    for key, remark in _REMARKS.items():
        example = '"dev.csv"' if key == "dev" else '"test.csv"'
        if key in files:
            lines.append(f"{key} = {_quoted(files[key])}{remark if key in ('train', 'data') else ''}")
        elif key in ("dev", "test") and "data" not in files:
            lines.append(f"# {key} = {example}{remark}")
    lines += [
        f"max_length = {window}  # tokens; 99 % of the rows looked at have {longest:,} or fewer",
        '# metric = "macro_f1"  # what chooses the checkpoint' if guess.kind in ("classification", "pair") else "",
        '# encoding = "gb18030"  # found out where it is not named' if "data" not in files else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _show(data: Path, rows: int, columns: Sequence[Column], guess: Guess) -> None:
    print(f"{data}: the first {rows:,} rows" if rows == LOOKED_AT else f"{data}: {rows:,} rows")
    for column in columns:
        example = str(column.values[0]).replace("\n", " ")[:24] if column.values else ""
        role = "label" if column.name == guess.label else "text" if column.name in guess.texts else ""
        print(f"  {column.name:<16} {column.distinct:>6,} values  {role:<6} {example}")
    values = next(column.values for column in columns if column.name == guess.label)
    if guess.kind in ("classification", "pair"):
        counts = Counter(map(str, values)).most_common()
        shown = ", ".join(f"{label} {count:,}" for label, count in counts[:SHOWN])
        print(f"classes: {shown}{f' and {len(counts) - SHOWN} more' if len(counts) > SHOWN else ''}")
