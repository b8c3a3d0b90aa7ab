"""Lists of runs as tables: filters, order, headline score, readable texts; saved queries; small texts of the pages."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures import tables, words
from dashboard.frames.runs import run_rows
from dashboard.parts import downloads, saved_queries

RUNS = pl.DataFrame(
    {
        "run_id": ["c", "b", "a"],
        "experiment": ["clue", "can", "clue"],
        "task": ["afqmc", "afqmc", None],
        "model": ["tiny", None, "ngram"],
        "recipe": ["blog", None, None],
        "note": ["好的", "", None],
        "command": ["python -m jobs.clue", "python -m jobs.can", "python"],
        "host": ["h", "h", "h"],
        "tags": [["x", "y"], ["y"], []],
        "archived": [False, False, True],
        "dev/accuracy": [0.7, None, None],
        "dev/em": [None, 0.5, None],
    }
)


def ids(frame):
    return frame["run_id"].to_list()


def test_headline_takes_the_first_metric_a_run_has():
    frame = tables.headline(RUNS)
    assert frame["score"].to_list() == [0.7, 0.5, None]
    assert frame["metric"].to_list() == ["accuracy", "em", None]
    assert tables.headline(RUNS, "test")["score"].null_count() == 3


TEXTS = ("run_id", "parent_run_id", "metric", "config_hash")
FAMILY = dict.fromkeys(TEXTS, pl.String) | {"score": pl.Float64}


def family(*children, parent=(None, None, "p")):
    """A parent and its children, each (score, metric, configuration)."""
    rows = [("parent", None, parent), *((f"child{i}", "parent", child) for i, child in enumerate(children))]
    flat = [(run_id, of, metric, config, score) for run_id, of, (score, metric, config) in rows]
    return tables.with_means(pl.DataFrame(flat, schema=FAMILY, orient="row"))


def test_a_parent_of_seeds_has_the_mean_score_of_its_children():
    found = family((0.5, "accuracy", "a"), (0.7, "accuracy", "a"))
    assert found["score"].to_list() == [pytest.approx(0.6), 0.5, 0.7]
    assert found["metric"].to_list() == ["accuracy"] * 3
    assert found["mean_of"].to_list() == [2, None, None]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"score": 0.6, "metric": "accuracy"}
    assert run_rows.cells(row | {"mean_of": 2}, ["score", "metric"], now) == ("mean 60.00 %", "accuracy")
    assert run_rows.cells(row | {"mean_of": None}, ["score"], now) == ("60.00 %",)


@pytest.mark.parametrize(
    "children",
    [
        [(0.5, "accuracy", "a"), (0.7, "accuracy", "b")],  # a sweep
        [(0.5, "accuracy", "a"), (0.7, "em", "a")],  # several tasks
        [(0.5, "accuracy", "a"), (None, None, "a")],  # one that diverged, failed or is still running
        [],
    ],
)
def test_a_parent_of_other_children_has_no_mean(children):
    assert family(*children)["score"][0] is None
    assert family(*children)["mean_of"].null_count() == 1 + len(children)


def test_a_parent_keeps_a_score_of_its_own():
    found = family((0.5, "accuracy", "a"), (0.7, "accuracy", "a"), parent=(0.9, "accuracy", "p"))
    assert found["score"][0] == 0.9
    assert found["mean_of"][0] is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12710.4, "12,710"),
        (0.00003, "3e-5"),
        (1234.56, "1,235"),
        (-98765, "\N{MINUS SIGN}98,765"),
        (-0.00003, "\N{MINUS SIGN}3e-5"),
        (9999.96, "10,000"),
        (2.5e9, "2.5e+9"),
        (None, "–"),
    ],
)  # fmt: skip
def test_a_number_is_short_and_read_at_once(value, shown):
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["c", "b"]),
        ({"archived": True}, ["c", "b", "a"]),
        ({"text": "TINY blog"}, ["c"]),
        ({"text": "好"}, ["c"]),
        ({"text": "y jobs.can"}, ["b"]),
        ({"tags": ["x"]}, ["c"]),
        ({"tags": ["y"]}, ["c", "b"]),
        ({"equal": {"experiment": ["clue"]}, "archived": True}, ["c", "a"]),
        ({"equal": {"task": []}}, ["c", "b"]),
        ({"text": "(unbalanced"}, []),
    ],
)
def test_filters(filters, expected):
    assert ids(tables.matching(RUNS, **filters)) == expected


def test_missing_values_are_last_in_either_order():
    assert ids(tables.ordered(RUNS, "dev/accuracy", descending=True))[0] == "c"
    assert ids(tables.ordered(RUNS, "dev/accuracy", descending=False))[0] == "c"


def test_pages_cover_every_row_once():
    frame = pl.DataFrame({"run_id": range(7)})
    assert [row for number in (1, 2, 3) for row in ids(tables.page(frame, number, 3))] == list(range(7))


def test_values_and_tags_are_sorted_and_distinct():
    assert tables.values(RUNS, "task") == ["afqmc"]
    assert tables.all_tags(RUNS) == ["x", "y"]


def test_classes_that_are_numbers_are_in_numerical_order():
    counts = pl.DataFrame({"label": ["10", "2"], "prediction": ["2", "other"]})
    assert tables.class_order(counts) == ["2", "10", "other"]


@pytest.mark.parametrize(
    ("n", "shown"), [(1, "1 byte"), (999, "999 bytes"), (18_030_040, "18.0 MB"), (2**31, "2.1 GB")]
)
def test_the_size_of_a_file_is_short(n, shown):
    assert words.size(n) == shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"sentence1": "甲", "sentence2": "乙"}', "甲 ｜ 乙"),
        ('{"choice": ["一", "二"]}', "一 / 二"),
        ('{"span": [1, 2]}', "[1, 2]"),
        ("plain", "plain"),
        (None, ""),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_texts_are_readable(text, line):
    assert tables.readable_text(text) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.84, "0.8 s"),
        (59.4, "59 s"),
        (130, "2 min 10 s"),
        (11_100, "3 h 05 min"),
        (95_963_340, "1,110 d 16 h"),
        (None, "–"),
        (float("inf"), "–"),
    ],
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


def test_times_ago_are_counted_in_utc():
    moment = datetime.now(UTC) - timedelta(minutes=3)
    assert words.ago(moment).startswith("3 min 0")
    assert words.ago(moment.replace(tzinfo=None)).startswith("3 min 0")
    assert words.ago(None) == "–"


def test_percent_and_numbers():
    assert words.percent(0.7361) == "73.61 %"
    assert words.percent(float("nan")) == "–"
    assert words.number(1234567.0) == "1,234,567"


def test_csv_opens_with_chinese_and_lists():
    content = downloads.to_csv(pl.DataFrame({"text": ["花呗"], "tags": [["a", "b"]]}))
    assert content.startswith(b"\xef\xbb\xbf")
    assert "花呗,\"['a', 'b']\"" in content.decode("utf-8-sig")


def test_saved_queries_survive_and_can_be_forgotten(tmp_path):
    assert saved_queries.load(tmp_path / "results") == {}
    saved_queries.save(tmp_path / "results", "数", "SELECT 1")
    saved_queries.save(tmp_path / "results", "two", "SELECT 2")
    assert saved_queries.load(tmp_path / "results") == {"two": "SELECT 2", "数": "SELECT 1"}
    saved_queries.save(tmp_path / "results", "two", None)
    assert list(saved_queries.load(tmp_path / "results")) == ["数"]
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["saved_queries.json"]


@pytest.mark.parametrize("content", ["{", json.dumps([1]), ""])
def test_a_damaged_file_of_saved_queries_counts_as_none(tmp_path, content):
    (tmp_path / "saved_queries.json").write_text(content)
    assert saved_queries.load(tmp_path) == {}


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("dev/macro_f1", "dev macro F1"),
        ("started_at", "Started"),
        ("train/tokens_per_second", "train tokens per second"),
        ("em", "exact match"),
    ],
)
def test_stored_names_are_written_as_words(stored, read):
    assert words.name(stored) == read


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        *[(stored, "–") for stored in (None, "null", '""', "[]")],
        *[('"tiny"', "tiny"), ('["tnews", "afqmc"]', "tnews, afqmc"), ("true", "yes"), ("0.001", "0.001")],
        *[('{"a": 1}', '{"a": 1}'), ("no json", "no json")],
    ],
)
def test_stored_parameters_are_written_without_json(stored, read):
    assert words.setting(stored) == read


def test_values_are_percent_only_where_the_metric_is_a_fraction():
    assert words.value("dev/accuracy", 0.504355) == "50.44 %"
    assert words.value("train/loss", 0.50438) == "0.5044"
    assert words.between("dev/accuracy", 0.4981, 0.5085) == "49.81 to 50.85"
    assert words.between("dev/accuracy", None, None) == "–"
    assert words.count(1, "run") == "1 run"
    assert words.together(("ngram", "ngram", None)) == "ngram"


FIELD = st.text(st.sampled_from('"\\\n\t ,:{}花a|'), max_size=3) | st.sampled_from([1, None, ["a"], {"a": "b"}])
WRITTEN = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.builds(lambda a, b: json.dumps({"a b": a, 'c"': b}, ensure_ascii=False), FIELD, FIELD),
    st.dictionaries(st.sampled_from(["a b", "c"]), FIELD, max_size=2).map(json.dumps),
    st.sampled_from(
        [
            '{"a b": "x", "a b": "y"}',
            '{"a b": "}',
            '{"a b": "x", "z", "c\\"": "y": "w"}',
            '{"a b": "x", "c\\"": "y"} ',
            '{"a b": "x\n", "c\\"": "y"}',
            "{}",
            "[1]",
        ]
    ),
)


@given(st.lists(WRITTEN, max_size=6))
def test_texts_read_at_once_are_those_read_one_by_one(texts):
    at_once = tables.readable_texts(pl.Series(texts, dtype=pl.String))
    assert at_once.to_list() == [tables.readable_text(text) for text in texts]
    same = [json.dumps({"a b": "x", 'c"': "花"}, ensure_ascii=False), *texts]
    assert tables.readable_texts(pl.Series(same))[0] == "x ｜ 花"


def test_a_text_too_deep_to_read_stays_as_it_is():
    deep = "[" * 100_000
    assert tables.readable_texts(pl.Series([deep])).to_list() == [deep]


def test_half_an_emoji_is_shown_as_a_question_mark():
    halved = [json.dumps({"sentence": text}) for text in ("花\ud83d", "花")]
    assert tables.readable(pl.DataFrame({"text": halved}))["text"].to_list() == ["花?", "花"]
