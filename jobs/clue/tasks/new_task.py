"""A first task file for a data file: look into its rows, guess what each column is, and write it with comments."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.text.tasks import Kind
from jobs.cli import InputError
from jobs.clue.data.own import tables

LOOKED_AT = 5000
MOST_CLASSES = 200
SHOWN = 6
_LABELS = ("label", "labels", "category", "class", "target", "tag", "intent", "标签", "类别", "分类", "标注", "意图")
_ANSWERS = ("answer", "answers", "label", "答案")
_PASSAGES = ("context", "passage", "content", "text", "材料", "文章", "原文", "篇章")
_QUESTIONS = ("question", "query", "问题", "题目", "问")
_PAIRS = (("premise", "hypothesis"), ("query", "title"), ("query", "document"), ("text", "text_pair"))
_OPTIONS = ("choice", "choices", "options", "选项", "候选")


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
    name = "".join(char if char.isalnum() or char in "-_" else "-" for char in data.name.split(".")[0]) or "mine"
    target = Path(f"{name}.toml")
    if target.exists():
        raise InputError(f"{target} is already there; move it or write your own")
    notes: list[str] = []
    rows = [row for _, row in islice(tables.rows(data, notes=notes), LOOKED_AT)]
    if not rows:
        raise InputError(f"{data}: no rows below the names of the columns")
    columns = [Column(c, [row[c] for row in rows if row.get(c) not in (None, "")]) for c in rows[0]]
    guess = guess_task(columns)
    if guess is None:
        raise InputError(
            f"{data}: no column looks like a label (2 to {MOST_CLASSES} values that repeat) beside a text; the "
            f"columns are {', '.join(column.name for column in columns)}"
        )
    beside = data.resolve()
    train = beside.name if beside.parent == Path.cwd() else str(beside)
    target.write_text(_render(name, guess, train, columns), encoding="utf-8")
    for note in notes:
        print(f"note: {note}")
    _show(data, len(rows), columns, guess)
    print(f"{target}: a {guess.kind} task; look it over, then: python -m jobs.clue --task {target}")
    return target


def guess_task(columns: Sequence[Column]) -> Guess | None:
    """The likeliest task of a table, None if there is none."""
    by_name = {column.name: column for column in columns}
    entities = next((column.name for column in columns if column.has_entities), "")
    texts = sorted((c for c in columns if c.length > 0 and c.name != entities), key=lambda c: -c.length)
    if entities and texts:
        return Guess("entities", json.dumps([texts[0].name], ensure_ascii=False), entities, (texts[0].name,))
    passage, question, answer, options = (
        next((name for name in names if name in by_name), "") for names in (_PASSAGES, _QUESTIONS, _ANSWERS, _OPTIONS)
    )
    if passage and question and answer:
        if options:
            return _named("choice", {"passage": passage, "question": question, "choice": options}, answer)
        lettered = [name for name in by_name if name.strip().upper() in ("A", "B", "C", "D", "E")]
        if len(lettered) > 1:
            return _named("choice", {"passage": passage, "question": question, "choice": lettered}, answer)
        return _named("span", {"context": passage, "question": question}, answer)
    label = _label(columns)
    texts = [column for column in texts if column.name != label]
    if not label or not texts:
        return None
    pair = _pair([column.name for column in texts if column.length > texts[0].length / 4])
    if pair:
        return Guess("pair", json.dumps(pair, ensure_ascii=False), label, pair)
    return Guess("classification", json.dumps([texts[0].name], ensure_ascii=False), label, (texts[0].name,))


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
    usable = [c for c in columns if 2 <= c.distinct <= MOST_CLASSES and c.distinct <= max(2, len(c.values) // 2)]
    named = [c.name for name in _LABELS for c in usable if c.name.lower() == name]
    if named:
        return named[0]
    return min(usable, key=lambda c: (c.distinct, c.length)).name if usable else ""


def _is_entities(value: Any) -> bool:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    if isinstance(value, dict):
        return all(isinstance(item, dict) for item in value.values())
    return isinstance(value, list) and all(isinstance(item, list | dict) and len(item) >= 3 for item in value)


def _render(name: str, guess: Guess, train: str, columns: Sequence[Column]) -> str:
    lengths = sorted(sum(len(str(c.values[i])) for c in columns if c.name in guess.texts and i < len(c.values))
                     for i in range(max(len(c.values) for c in columns)))  # fmt: skip
    longest = lengths[int(0.99 * (len(lengths) - 1))] + 3
    window = 512 if guess.kind == "span" else next((size for size in (32, 64, 128, 256) if size >= longest), 512)
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in vars_of(name, guess, train).items()}
    return (
        f"name = {quoted['name']}\n"
        f"kind = {quoted['kind']}  # classification, pair, choice, span or entities\n"
        f"fields = {guess.fields}  # columns that the model reads\n"
        f"label = {quoted['label']}  # column of the answers\n"
        f"train = {quoted['train']}  # .csv .tsv .json .jsonl .parquet, also .gz\n"
        '# dev = "dev.csv"  # without it a tenth of train is held out, always the same rows\n'
        '# test = "test.csv"  # rows to predict at the end\n'
        f"max_length = {window}  # tokens; 99 % of the rows looked at have {longest:,} or fewer\n"
        '# metric = "macro_f1"  # what chooses the checkpoint\n'
        '# encoding = "gb18030"  # found out where it is not named\n'
    )


def vars_of(name: str, guess: Guess, train: str) -> dict[str, str]:
    """The texts of the task file that need quotes."""
    return {"name": name, "kind": guess.kind, "label": guess.label, "train": train}


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
