"""Large files of one's own: read as a stream, their memory told first; and the split of what has no dev file."""

import gzip
import itertools
import json
import re
from collections import Counter
from random import Random

import hypothesis
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.text.tasks import Example, TaskSpec
from jobs.cli import InputError
from jobs.clue.data.own import json_rows, load, memory, tables
from jobs.clue.data.own.split import split
from jobs.clue.tasks import task_file

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
VALUES = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)


@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=6), st.sampled_from([None, 1]), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_an_array_comes_back_whatever_the_blocks(tmp_path_factory, rows, indent, block):
    path = tmp_path_factory.mktemp("array") / "d.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "BLOCK", block)
        assert [row for _, row in json_rows.rows(path, "utf-8")] == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"a": 1} {"a": 2}]', ":1: expected a comma"),
        ('[{"a": 1},\n]', ":2: not JSON"),
        ('[{"a": 1},\n{"a": ]', ":2: not JSON"),
        ('[{"a": 1},\n{"a": 2}', ":2: expected a comma"),
        ('[{"a": 1}]\n\nx', ":3: more text after the end"),
        ("[", ":1: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1, 2]", ":1: expected a JSON object"),
    ],
)
def test_an_array_that_is_none_is_refused_with_its_line(tmp_path, text, said):
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(InputError, match=re.escape(said) if said[0] == ":" else said):
        list(json_rows.rows(tmp_path / "d.json", "utf-8"))


@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.jsonl", "d.json", "d.csv.gz", "d.json.gz"])
def test_the_first_rows_are_read_without_the_rest(tmp_path, name):
    kind = name.split(".")[1]
    mark = {"csv": ",", "tsv": "\t"}.get(kind, "")
    lines = {
        "json": lambda i: ("," if i else "[") + json.dumps({"text": f"行{i}", "label": "a"}),
        "jsonl": lambda i: json.dumps({"text": f"行{i}", "label": "a"}),
    }.get(kind, lambda i: f"行{i}{mark}a" if i else f"text{mark}label")
    text = "".join(f"{lines(i)}\n" for i in range(60_000)) + (f"a{mark * 3}b\n" if mark else "{")
    (tmp_path / name).write_bytes((gzip.compress if name.endswith("gz") else bytes)(text.encode()))
    found = [row for _, row in itertools.islice(tables.rows(tmp_path / name), 3)]
    assert [row["label"] for row in found] == ["a"] * 3
    with pytest.raises(InputError):
        list(tables.rows(tmp_path / name))


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.json", "d.csv.gz", "d.parquet"])
def test_the_memory_of_a_large_file_is_told_and_too_much_is_refused(tmp_path, monkeypatch, name):
    frame = pl.DataFrame({"text": [f"{i * 7919 % 65521}号快递没有送到" for i in range(5000)], "label": [0, 1] * 2500})
    path = tmp_path / name
    if "parquet" in name:
        frame.write_parquet(path)
    elif "csv" in name:
        text = frame.write_csv().encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    else:
        rows = [json.dumps(row, ensure_ascii=False) for row in frame.to_dicts()]
        path.write_text("[" + ",\n".join(rows) + "]" if name == "d.json" else "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "m.toml").write_text(
        f'name = "m"\nkind = "classification"\nfields = ["text"]\nlabel = "label"\ntrain = "{name}"\n'
    )
    spec = task_file.read(tmp_path / "m.toml")
    assert memory.note(path) == ""
    monkeypatch.setattr(memory, "LARGE", 1000)
    monkeypatch.setattr(memory, "START", 10_000_000)
    said = [note for note in load.load(spec).notes if "of memory as rows" in note]
    assert len(said) == 1
    monkeypatch.setattr(memory, "_free", lambda: 2_000_000)
    with pytest.raises(InputError, match=r"take about 0\.0 GB .* 0\.0 GB are free; --limit N reads the first N rows"):
        load.load(spec)
    assert len(load.load(spec, limit=300).train) == 270  # a limit takes no memory, so nothing is refused


KINDS = {
    "classification": ("text",),
    "pair": ("a", "b"),
    "span": ("context", "question"),
    "choice": ("passage", "question", "choice"),
    "entities": ("text",),
}


@given(st.sampled_from(sorted(KINDS)), st.sampled_from([0.1, 0.2, 0.5]), st.integers(60, 200), st.integers(0, 10**6))
@hypothesis.example(
    "choice", 0.1, 60, 159
)  # passages that are too large for a tenth of a class, not for a tenth of all
@settings(max_examples=60, deadline=None)
def test_a_split_is_whole_grouped_stratified_and_does_not_know_the_order(kind, share, count, seed):
    random = Random(seed)
    fields = KINDS[kind]
    spec = TaskSpec(name="m", title="m", chinese="", description="", kind=kind, layout="table", fields=fields,
                    labels=("0", "1", "2"), metric="", max_length=32)  # fmt: skip
    examples = []
    for number in range(count):
        of_row = {name: f"{name}{random.randrange(12 + 3 * place)}" for place, name in enumerate(fields)}
        examples.append(Example(str(number), of_row, len(of_row[fields[0]]) + int(of_row[fields[0]][-1]) % 3, "x"))

    def text(example):
        return example.fields[fields[0]] if kind in ("span", "choice") else tuple(example.fields.values())

    train, dev = split(spec, examples, share)
    assert sorted([*train, *dev]) == list(range(count))
    assert not {text(examples[n]) for n in train} & {text(examples[n]) for n in dev}
    stratified = kind in ("classification", "pair", "choice")
    for label in {example.label for example in examples} if stratified else {None}:
        own = [n for n in range(count) if label in (None, examples[n].label)]
        sizes = Counter(text(examples[n]) for n in own)
        assert abs(len(set(own) & set(dev)) - share * len(own)) <= max(sizes.values())
    order = random.sample(range(count), count)
    again = split(spec, [examples[n] for n in order], share)[1]
    assert {order[n] for n in again} == set(dev)


def test_a_text_that_stands_in_many_rows_keeps_no_class_out_of_dev():
    spec = TaskSpec(name="m", title="m", chinese="", description="", kind="classification", layout="table",
                    fields=("text",), labels=("0", "1"), metric="", max_length=32)  # fmt: skip
    for often in range(20):  # wherever its hash puts it
        texts = [f"常见{often}"] * 30 + [f"少见{i}" for i in range(30)]
        _, dev = split(spec, [Example(str(i), {"text": text}, 0, "x") for i, text in enumerate(texts)], 0.1)
        assert 0 < len(dev) <= 6
