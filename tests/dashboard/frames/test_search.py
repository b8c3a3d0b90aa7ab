"""Search of runs: words, conditions, numbers as numbers, times, and mistakes as sentences."""

import json
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.frames.runs import search

NOW = datetime(2026, 11, 28, 1, 30, tzinfo=timezone(timedelta(hours=8)))  # 27 November, 17:30 in UTC
RUNS = pl.DataFrame(
    [
        ("r1", None, "tnews", "mini-zh", "finished", ["paper"], 0.56, 400.0, 1, "--learning-rate 0.0003",
         datetime(2026, 11, 27, 16, 30)),
        ("r2", "好的", "afqmc", "tiny", "failed", [], None, 30.0, 2, "--learning-rate 0.001",
         datetime(2026, 11, 27, 3)),
        ("r3", None, "tnews", "ngram", "finished", ["paper", "old"], 0.48, 5.0, 3, "", datetime(2026, 11, 20)),
    ],
    schema=["run_id", "name", "task", "model", "status", "tags", "dev/accuracy", "duration_s", "seed", "command",
            "started_at"],
    orient="row",
).with_columns(
    **dict.fromkeys(("experiment", "recipe", "note", "host"), pl.lit("x")), archived=pl.col("run_id") == "r3"
)  # fmt: skip
STORED = (
    *(("r1", "learning_rate", 0.0003), ("r2", "learning_rate", 0.001), ("r3", "learning_rate", None)),
    *(("r1", "fgm", True), ("r2", "activation", "gelu"), ("r3", "alphas", [0.5, 2])),
)
PARAMS = pl.DataFrame(
    [(run, name, json.dumps(value)) for run, name, value in STORED], schema=["run_id", "name", "value"], orient="row"
)
KNOWN = ("learning_rate", "fgm", "activation", "alphas")


def found(text, now=NOW):
    terms = search.parse(text, ["dev/accuracy", *KNOWN])
    rows = search.matching(RUNS, terms, now=now, params=PARAMS, known=KNOWN)
    kept = search.matching(RUNS, terms, now=now, params=PARAMS, known=KNOWN, words_of=search.texts(RUNS))
    assert kept.equals(rows)
    assert rows.columns == RUNS.columns
    return rows["run_id"].to_list()


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", ["r1", "r2", "r3"]),
        ("TNEWS", ["r1", "r3"]),
        ("tnews ngram", ["r3"]),
        ("好的", ["r2"]),
        ("3e-4", ["r1"]),  # the command says 0.0003
        ("s2", ["r2"]),
        ("lr=3e-4", ["r1"]),
        ("learning_rate=0.00030", ["r1"]),
        ("learning-rate>5e-4", ["r2"]),
        ("lr<=3e-4", ["r1"]),
        ("lr!=3e-4", ["r2", "r3"]),
        ("alphas=2", ["r3"]),
        ("fgm=true", ["r1"]),
        ("activation:GEL", ["r2"]),
        ("accuracy>0.55", ["r1"]),
        ("accuracy>55%", ["r1"]),
        ("dev/accuracy<=0.48", ["r3"]),
        ("-accuracy>0.5", ["r2", "r3"]),
        ("task:tnews status:finished", ["r1", "r3"]),
        ("task=tnew", []),
        ("-task:tnews", ["r2"]),
        ("tag:paper -tag:old", ["r1"]),
        ("status:failed", ["r2"]),
        ("task:afqmc,ngram,tnews model=ngram,tiny", ["r2", "r3"]),
        ("tag:old,new", ["r3"]),
        ("seed>=2", ["r2", "r3"]),
        ("duration>1min", ["r1"]),
        ("is:archived", ["r3"]),
        ('note:"x" model:mini', ["r1"]),
        ("since:today", ["r1"]),  # since midnight where the reader is, 16:00 in UTC
        ("since:yesterday", ["r1", "r2"]),
        ("since:2h", ["r1"]),
        ("before:2026-11-21", ["r3"]),
        ("since:2026-11-28T00:00", ["r1"]),
        ("lr = 3e-4", ["r1"]),
        ("lr==3e-4", ["r1"]),
        ("learning rate=3e-4", ["r1"]),
        ("lr 3e-4", ["r1"]),
        ("3e-4 lr", ["r1"]),
        ("tnews · mini-zh · lr 3e-4 · s1", ["r1"]),  # the name of a run, as lists show it
        ("seed 2", ["r2"]),
        ("seed=1..2", ["r1", "r2"]),
        ("seed:2-3", ["r2", "r3"]),
        ("seed=1,3", ["r1", "r3"]),
        ("lr=3e-4,1e-3", ["r1", "r2"]),
        ("lr=5e-4..1", ["r2"]),
        ("activation=relu,gelu", ["r2"]),
        ("accuracy > 55 %", ["r1"]),
        ("accuracy>55", ["r1"]),  # no fraction lies above 1
        ("accuracy≥0.48 accuracy≤48%", ["r3"]),
        ("dev accuracy<50%", ["r3"]),
        ("accuracy\uff1e0.55", ["r1"]),  # as Chinese keyboards write it
        ("task：tnews \uff4c\uff52\uff1d3e-4", ["r1"]),
        ("note: x", ["r1", "r2", "r3"]),
        ("'mini-zh'", ["r1"]),
        ("tag:Paper", ["r1", "r3"]),
        ("not tag:paper", ["r2"]),
        ("NOT tnews", ["r2"]),
        ("!task:tnews", ["r2"]),
        ("task<>tnews", ["r2"]),
        ("task:tnews AND seed=3", ["r3"]),
        ("failed", ["r2"]),
        ("model:mini*", ["r1"]),
        ("since:2 hours", ["r1"]),
        ("duration<1 min", ["r2", "r3"]),
        ("http://localhost:8501/run?run=r2", ["r2"]),
    ],
)
def test_a_search_finds(text, runs):
    assert found(text) == runs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lrr=3", "called `lrr`. Did you mean `lr=3`?"),
        ("accuracy>much", "needs a number after `>`, got `much`"),
        ("lr>much", "needs a number after `>`, got `much`"),
        ("task:", "needs a value after `:`, as in `task:tnews`"),
        ("task>tnews", "`task` is a text"),
        ("since:whenever", "needs a time: `today`"),
        ("since:9999999w", "needs a time"),
        ("is:new", "`is:archived` is"),
        ("status:done", "a run is running, finished, failed, interrupted or lost"),
        ("tnews OR afqmc", "a comma offers several values"),
        ("seed>1,2", "needs one number; several go with `=`: `seed=1,2`"),
        ("accuracy>", "as in `accuracy>0.55`"),
        ("racy>0.5", "Did you mean `accuracy>0.5`?"),
        ("没有=3", 'put them in quotes: `"没有=3"`'),
        ("tnwes", "`tnwes` finds none. Did you mean `tnews`?"),
        ("task:tnews tag:papers", "`tag:papers` finds none. Did you mean `tag:paper`?"),
        ("yesterday", "`yesterday` finds none. Did you mean `since:yesterday`?"),
        ("qqqq", "`qqqq` finds none."),
        ("task:afqmc tag:paper", "Alone they find: `task:afqmc` 1 run, `tag:paper` 2 runs."),
        ("accuracy>0.9", "`accuracy>0.9` finds none."),
    ],
)
def test_a_mistake_and_a_search_that_finds_nothing_are_told_in_a_sentence(text, sentence):
    try:
        assert found(text) == []
        said = search.advice(RUNS, search.parse(text), now=NOW, params=PARAMS, known=KNOWN)
    except search.SearchError as mistake:
        said = str(mistake)
    assert sentence in said
    assert said.endswith((".", "?"))


def test_only_the_parameters_that_are_asked_for_are_read():
    terms = search.parse("tnews lr=3e-4 accuracy>0.5 activation:gelu")
    assert search.parameters(terms, ["dev/accuracy"], KNOWN) == ["activation", "learning_rate"]


def test_a_script_may_store_a_parameter_under_its_short_name():
    params = pl.concat([PARAMS, pl.DataFrame({"run_id": ["r2"], "name": ["lr"], "value": ["0.0003"]})])
    for known in (("lr",), ("learning_rate", "lr")):
        stored = params.filter(pl.col("name").is_in(known))
        terms = search.parse("lr=3e-4", known)
        assert search.parameters(terms, [], known) == list(known)
        rows = search.matching(RUNS, terms, now=NOW, params=stored, known=known)
        assert rows["run_id"].to_list() == ["r1", "r2"][-len(known) :]


def test_a_parameter_that_training_logs_too_is_the_parameter():
    frame = RUNS.with_columns(pl.lit(0.0).alias("train/learning_rate"), pl.lit(0.7).alias("test/fgm"))
    for text, runs in (
        ("lr=3e-4", ["r1"]),
        ("train/learning_rate=0", ["r1", "r2", "r3"]),
        ("fgm=0.7", ["r1", "r2", "r3"]),
    ):
        rows = search.matching(frame, search.parse(text), now=NOW, params=PARAMS, known=KNOWN)
        assert rows["run_id"].to_list() == runs


def test_nan_is_neither_greater_nor_smaller():
    frame = RUNS.with_columns(pl.lit(float("nan")).alias("dev/accuracy"))
    for text in ("accuracy>0", "accuracy<1", "accuracy!=1"):
        assert search.matching(frame, search.parse(text), now=NOW).is_empty()


@given(st.text())
def test_any_line_is_searched_or_refused_with_a_sentence(text):
    try:
        rows = found(text, datetime(2026, 11, 28, tzinfo=UTC))
    except search.SearchError:
        return
    assert set(rows) <= {"r1", "r2", "r3"}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_finds_itself_however_it_is_written(value):
    params = pl.DataFrame({"run_id": ["r1"], "name": ["learning_rate"], "value": [json.dumps(value)]})
    for text in (repr(value), f"{value:.12e}"):
        terms = search.parse(f"lr={text}")
        assert search.matching(RUNS, terms, now=NOW, params=params, known=KNOWN)["run_id"].to_list() == ["r1"]
