"""What a task's examples look like to a model: tokens, lengths, class balance.

Token rows are made by the same code as for training, with a vocabulary of all characters of the shown examples, so that
nothing is unknown: a pretrained model's own vocabulary may keep English words and numbers in larger pieces.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words
from dashboard.figures.unchecked import Figure
from dashboard.frames import stored_json
from engine.text.encode import encode
from engine.text.tasks import Example, TaskSpec, texts_in
from engine.text.tokenizer import SPECIALS, WordPiece, build_vocabulary

UNCUT = 100_000
"""A window that cuts nothing."""


def as_examples(spec: TaskSpec, frame: pl.DataFrame) -> list[Example]:
    """Examples of stored rows (example_id, text): those whose text holds the task's fields."""
    found = []
    for example_id, text in frame.select("example_id", "text").iter_rows():
        fields = _fields(text)
        if all(name in fields for name in spec.fields):
            found.append(Example(example_id=example_id, fields=fields, group=example_id))
    return found


def _fields(text: str | None) -> dict[str, Any]:
    try:
        fields = stored_json.read(text or "null")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def tokenizer_for(examples: Sequence[Example]) -> WordPiece:
    """A tokenizer that knows every character of these examples, and those that the input formats add."""
    texts = [text for example in examples for text in texts_in(example.fields)]
    return WordPiece(build_vocabulary([*texts, "；||_[]，无效答案"], min_count=1, max_size=60_000))


def token_rows(spec: TaskSpec, examples: Sequence[Example]) -> list[list[list[str]]]:
    """Per example its rows (one, or one a choice, or one a window), each a list of spelled tokens."""
    tokenizer = tokenizer_for(examples)
    rows = encode(spec, examples, tokenizer)
    spelled: list[list[list[str]]] = [[] for _ in examples]
    for index in range(rows.n_rows):
        spelled[int(rows.example[index])].append([tokenizer.token(int(token)) for token in rows.row(index)])
    return spelled


def lengths(spec: TaskSpec, examples: Sequence[Example]) -> np.ndarray:
    """Tokens of the longest row of each example before anything is cut, int64 (examples,)."""
    rows = encode(spec, examples, tokenizer_for(examples), max_length=UNCUT)
    longest = np.zeros(len(examples), dtype=np.int64)
    np.maximum.at(longest, rows.example, rows.lengths)
    return longest


def length_histogram(values: np.ndarray, *, max_length: int, bins: int = 40, height: int = 300) -> go.Figure:
    """Histogram of lengths; what lies right of the window is cut off."""
    width = max(1, -(-int(np.ptp(values) + 1) // bins))  # whole tokens: else some bars hold one length more
    counts, edges = np.histogram(values, bins=np.arange(int(values.min()), int(values.max()) + width + 1, width) - 0.5)
    middles = (edges[:-1] + edges[1:]) / 2
    colors = [style.BAD if middle > max_length else style.MEASURED for middle in middles]
    figure = Figure().add_bar(
        x=middles, y=counts, width=np.diff(edges) * 0.94, marker={"color": colors}, name="examples", showlegend=False
    )
    style.finish(figure, x="tokens before cutting", y="examples", height=height)
    return style.reference_line(figure, max_length, f"window of {max_length}", axis="x")


def lengths_said(values: np.ndarray, *, max_length: int, split: str = "dev") -> str:
    """`3.1 % of the first 1,000 dev examples exceed the window of 128 tokens`, or that all fit into it."""
    cut = int((values > max_length).sum())
    first = f"the first {words.count(len(values), f'{split} example')}"
    if not cut:
        return f"All of {first} fit into the window of {max_length} tokens"
    return f"{words.percent(cut / len(values), 1)} of {first} exceed the window of {max_length} tokens"


def balance_said(counts: pl.DataFrame, *, titles: Mapping[str, str] | None = None) -> str:
    """`The most frequent class: sports, 11.2 % of the examples; the rarest: stock, 0.3 %`.

    Args:
        counts: split, label, count.
        titles: readable names of labels.
    """
    total = counts.group_by("label").agg(pl.col("count").sum()).sort("count", "label", descending=[True, False])
    shares = total.with_columns(share=pl.col("count") / pl.col("count").sum())
    most, least = shares.row(0, named=True), shares.row(-1, named=True)
    if most["count"] == least["count"]:
        return f"Every class has the same share: {words.percent(most['share'], 1)} of the examples"
    high, low = (
        f"{(titles or {}).get(end['label'], end['label'])}, {words.percent(end['share'], 1)}" for end in (most, least)
    )
    return f"The most frequent class: {high} of the examples; the rarest: {low}"


def class_balance(counts: pl.DataFrame, *, titles: dict[str, str] | None = None, height: int = 300) -> go.Figure:
    """Share of every class, one bar a split.

    Args:
        counts: split, label, count.
        titles: readable names of labels.
        height: in pixels.
    """
    shares = counts.with_columns(share=pl.col("count") / pl.col("count").sum().over("split"))
    order = (
        shares.group_by("label").agg(pl.col("share").max()).sort("share", "label", descending=[True, False])["label"]
    )
    figure = Figure()
    for index, split in enumerate(shares["split"].unique(maintain_order=True)):
        part = dict(shares.filter(split=split).select("label", "share").iter_rows())
        names = [(titles or {}).get(label, label) for label in order]
        values = [part.get(label, 0.0) for label in order]
        figure.add_bar(x=names, y=values, name=split, marker={"color": style.SEQUENCE[index]})
    axes: dict[str, Any] = {"x_axis": {"type": "category"}, "y_axis": style.PERCENT}
    return style.finish(figure, x="class", y="share of the examples", height=height, legend=True, **axes)


def marked(tokens: Sequence[str]) -> str:
    """Tokens as Markdown: special tokens coloured, everything else escaped."""
    return " ".join(f":blue-badge[{_escape(token)}]" if token in SPECIALS else _escape(token) for token in tokens)


def _escape(token: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_{}[]()#+-.!|<>$~:&" else char for char in token)
