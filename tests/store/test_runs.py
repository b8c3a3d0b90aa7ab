"""What a run writes is what comes back."""

import json
import math
import os
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.paths import locate
from store.spool.lines import canonical, decode
from store.spool.parsing import Batch

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


many = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


ANYTHING = st.fixed_dictionaries(
    {
        "values": st.dictionaries(NAMES, FLOATS, min_size=1, max_size=5),
        "step": st.integers(0, 2**62),
        "note": TEXT,
        "config": st.dictionaries(NAMES, JSON),
    }
)


@settings(many, max_examples=6)
@given(cases=st.lists(ANYTHING, min_size=5, max_size=5))
def test_round_trip_of_anything(start, db, cases):
    ids = []
    for case in cases:
        with start(note=case["note"], config=case["config"]) as run:
            run.log(case["values"], step=case["step"], epoch=0.5)
            run.summary(dict.fromkeys(case["values"], 0.25))
        ids.append(run.run_id)
    ingest(db, force=True)
    for run_id, case in zip(ids, cases, strict=True):
        check_round_trip(db, run_id, **case)


def check_round_trip(db, run_id, *, values, step, note, config):
    assert queries.run(run_id, db)["note"] == note
    stored = queries.table_of_run("metrics", run_id, db)
    back = {row["name"]: row["value"] for row in stored.to_dicts()}
    assert back.keys() == values.keys()
    assert all(same(back[name], value) for name, value in values.items())
    assert stored["step"].unique().to_list() == [step]
    params = dict(queries.params(run_id, db).select("name", "value").iter_rows())
    assert params == {name: canonical(value) for name, value in config.items()}
    assert queries.summary(run_id, db)["value"].unique().to_list() == [0.25]


def test_a_run_knows_what_happened_to_it(start, db):
    with pytest.raises(ZeroDivisionError), start() as failed:
        1 / 0  # noqa: B018
    with pytest.raises(KeyboardInterrupt), start() as interrupted:
        raise KeyboardInterrupt
    with start(task="tnews", seed=7, tags=["a", "b"], versions={"torch": "2"}) as finished:
        finished.describe(data_source="files", dev_fingerprint="f")
        finished.progress(0.4, eta_s=30.0)
    ingest(db, force=True)
    rows = {row["run_id"]: row for row in queries.runs(db=db).to_dicts()}
    assert rows[failed.run_id]["status"] == "failed"
    assert "ZeroDivisionError" in rows[failed.run_id]["error"]
    assert rows[interrupted.run_id]["status"] == "interrupted"
    row = rows[finished.run_id]
    assert (row["status"], row["progress"], row["task"], row["seed"]) == ("finished", 1.0, "tnews", 7)
    assert (row["tags"], row["data_source"], row["versions"]) == (["a", "b"], "files", '{"torch":"2"}')


def test_ids_sort_as_the_runs_started(start):
    ids = [start().run_id for _ in range(20)]
    assert ids == sorted(set(ids))


def test_last_value_stands_where_the_run_says_nothing(start, db):
    run = start()
    for step, value in enumerate((0.9, 0.7, 0.8)):
        run.log({"dev/accuracy": value, "train/loss": 1 - value}, step=step)
        ingest(db, force=True)
    run.summary({"dev/accuracy": 0.9})
    run.log({"dev/accuracy": 0.1}, step=3)
    run.finish()
    ingest(db, force=True)
    summary = dict(queries.summary(run.run_id, db).select("name", "value").iter_rows())
    assert summary == {"dev/accuracy": 0.9, "train/loss": pytest.approx(0.2)}


def test_many_points_at_once_are_stored_like_single_ones(start, db):
    with start() as run:
        run.log({"train/loss": 9.0}, step=4)
        run.log_many({"train/loss": 1 / (number + 1), "train/rate": math.inf} for number in range(2500))
        run.log_many([{"dev/accuracy": 0.5}, {"dev/accuracy": math.nan}], steps=np.array([10, 20]))
        run.log({"dev/accuracy": 0.75})
        with pytest.raises(StoreError, match="as many steps as rows"):
            run.log_many([{"dev/f1": 0.5}, {"dev/f1": 0.5}], steps=[1])
    ingest(db, force=True)
    stored = queries.table_of_run("metrics", run.run_id, db).sort("step")
    loss, rate, accuracy = (stored.filter(pl.col("name") == f"{name}") for name in (
        "train/loss", "train/rate", "dev/accuracy"))  # fmt: skip
    assert loss["step"].to_list() == list(range(4, 2505))
    assert loss["value"].to_list() == [9.0, *(1 / (number + 1) for number in range(2500))]
    assert rate["value"].unique().to_list() == [math.inf]
    assert accuracy["step"].to_list() == [10, 20, 21]
    assert queries.summary(run.run_id, db).filter(pl.col("name") == "dev/accuracy")["value"].to_list() == [0.75]


def test_many_points_at_once_show_before_they_are_published_and_go_with_a_resume(start, db):
    run = start()
    run.log_many([{"train/loss": 0.5, "dev/accuracy": 0.25}, {"train/loss": 0.25}])
    ingest(db, force=True)
    run.log_many(({"train/loss": 0.125}, {"train/loss": 0.0625}))
    run.log({"train/loss": 2.0})

    def curve(name="train/loss"):
        return queries.curves(run.run_id, name, db=db).select("x", "value").rows()

    assert curve() == [(1, 0.5), (2, 0.25), (3, 0.125), (4, 0.0625), (5, 2.0)]
    assert curve("dev/accuracy") == [(1, 0.25)]
    run.finish("interrupted")
    with runs.resume(run.run_id, 3, db, follow=False) as run:
        assert curve() == [(1, 0.5), (2, 0.25), (3, 0.125)]
    ingest(db, force=True)
    assert curve() == [(1, 0.5), (2, 0.25), (3, 0.125)]


def test_resume_drops_what_came_after_its_step(start, db):
    run = start()
    for step in range(10):
        run.log({"train/loss": float(step)}, step=step)
    ingest(db, force=True)
    for step in range(10, 15):
        run.log({"train/loss": float(step)}, step=step)
    run.finish("interrupted")
    again = runs.resume(run.run_id, 6, db, follow=False)
    again.log({"train/loss": 70.0}, step=7)
    live = queries.curves(run.run_id, db=db)
    assert live["x"].to_list() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert live["value"][-1] == 70.0
    again.finish()
    ingest(db, force=True)
    assert queries.curves(run.run_id, db=db).equals(live)
    assert queries.summary(run.run_id, db)["value"].to_list() == [70.0]
    assert queries.run("latest", db)["status"] == "finished"
    upkeep.rebuild(db)
    assert queries.curves(run.run_id, db=db).equals(live)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda run: run.measure("Can Grid", {}, a=1.0), "needs a free lower-case name like can_grid"),
        (lambda run: run.measure("runs", {}, a=1.0), "needs a free lower-case name"),
        (lambda run: run.measure("grid", {"value": 1}, a=1.0), "an axis of grid cannot be called value"),
        (
            lambda run: run.measure("grid", {}, source="guess", a=1.0),
            "source must be measured, exact or bound, got 'guess'",
        ),
        (lambda run: run.measure("grid", {}, a=(1, 2, 3, 4, 5)), r"must be a value or \(value, low, high, n\)"),
        (lambda run: run.log({"": 1.0}), "a metric's name must be text"),
        (lambda run: run.describe(colour="red"), "a run has no field colour"),
        (lambda run: run.artifact("x", "file", "/etc/passwd"), "an artifact must lie below"),
        (
            lambda run: run.predictions("dev", pl.DataFrame({"hash": ["a"]})),
            "missing: confidence, example_id, label, prediction",
        ),
    ],
)
def test_bad_input_of_a_job(start, act, message):
    with start() as run, pytest.raises(StoreError, match=message):
        act(run)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(StoreError, match="cannot create the store's folder"):
        runs.start("x", config={}, command="", config_hash="", db=tmp_path / "r.duckdb", follow=False)


@dataclass(frozen=True, slots=True)
class Flags:
    rate: float = 0.5
    layers: tuple[int, ...] = (1, 2)


@pytest.mark.parametrize(
    "config", [Flags(), Namespace(rate=0.5, layers=(1, 2)), {"rate": np.float64(0.5), "layers": [1, 2]}]
)
def test_a_config_may_be_what_people_have(start, db, config):
    start(config=config, tags="one tag", seed=np.int64(3), note=Path("a") / "b").finish()
    ingest(db, force=True)
    row = queries.run("latest", db)
    assert dict(queries.params(row["run_id"], db).select("name", "value").iter_rows()) == {
        "rate": "0.5",
        "layers": "[1,2]",
    }
    assert (row["tags"], row["seed"], row["note"]) == (["one tag"], 3, "a/b")


class Odd:
    """A foreign class whose every conversion fails in its own way."""

    def __float__(self):
        raise KeyError("float")

    def __repr__(self):
        raise RuntimeError("repr")


FRAME = pl.DataFrame({"example_id": ["1"], "hash": ["aa"]})
LOOP: dict = {}
LOOP["self"] = LOOP


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"config": "alpha=1"}, "config must be a mapping, a dataclass or a namespace, got 'alpha=1'"),
        ({"config": None}, "config must be a mapping"),
        ({"config": Flags}, "config must be a mapping"),
        ({"config": LOOP}, "config contains itself"),
        ({"tags": 7}, "tags must be words, got 7"),
        ({"tags": {"a": 1}}, "tags must be words"),
        ({"seed": 2**64}, "seed must fit into 64 bits"),
        ({"seed": "first"}, "seed must be a whole number, got 'first'"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"git_dirty": "no"}, "git_dirty must be true or false"),
        ({"note": ["a"]}, r"note must be text, got \['a'\]"),
        ({"versions": "2.0"}, "versions must be a mapping"),
        ({"colour": "red"}, "a run has no field colour"),
        ({"experiment": ""}, "needs the name of its experiment"),
    ],
)
def test_a_run_that_cannot_be_described_is_refused_before_anything_is_written(start, db, fields, message):
    with pytest.raises(StoreError, match=message):
        start(**fields)
    assert not db.with_suffix("").exists()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda run: run.log({"a": 1.0, "b": "high"}), "b must be one number, got 'high'"),
        (lambda run: run.log({"a": 1.0, "b": "0.5"}), "b must be one number"),
        (lambda run: run.log({"a": 1.0, "b": np.zeros(2)}), "b must be one number"),
        (lambda run: run.log({"a": 1.0, "b": 10**400}), "b must be one number"),
        (lambda run: run.log({"a": 1.0, "b": {"c": object()}}), "b/c must be one number"),
        *(
            (lambda run, value=value: run.log({"a": 1.0, "b": value}), "b must be one number")
            for value in (
                1j,
                b"1",
                datetime(2026, 1, 1),
                np.datetime64("2026", "ns"),
                np.timedelta64(5, "ns"),
                np.str_("1"),
                np.complex128(1),
                np.void(b"1"),
                np.ma.masked,
                np.ma.array([1.0], mask=[True]),
                [1.0],
                Odd(),
            )
        ),
        (lambda run: run.log({"a": LOOP}), "nested more than 50 times, or contains itself"),
        (lambda run: run.log({"a": 1.0}, step=np.datetime64("2026", "ns")), "step must be a whole number"),
        (lambda run: run.log({"a": 1.0}, epoch=np.zeros(2)), "epoch must be one number"),
        (lambda run: run.log({"a": 1.0}, epoch="1"), "epoch must be one number, got '1'"),
        (lambda run: run.configure("lr=1"), "parameters must be a mapping"),
        (lambda run: run.artifact(7, "checkpoint", "x"), "name of an artifact must be text, got 7"),
        (lambda run: run.artifact("m", None, "x"), "kind of an artifact must be text, got None"),
        (lambda run: run.predictions(None, FRAME), "split must be text, got None"),
        (lambda run: run.examples(7, "dev", FRAME), "dataset must be text, got 7"),
        (lambda run: run.measure("grid", {"k": np.uint64(2**63)}, a=1.0), "axis k of grid must fit into 64 bits"),
        (lambda run: run.log({"a": 1.0, "\ud800": 1.0}), "must be text that UTF-8 can carry"),
        (lambda run: run.log({"a": 1.0, 3: 1.0}), "a metric's name must be text like 'dev/accuracy', got 3"),
        (lambda run: run.log([1.0]), "expected a mapping of names to numbers"),
        (lambda run: run.log({"a": 1.0}, step=2**64), "step must fit into 64 bits"),
        (lambda run: run.log({"a": 1.0}, step=1.5), "step must be a whole number, got 1.5"),
        (lambda run: run.log({"a": 1.0}, epoch=math.inf), "epoch must be a finite number, got inf"),
        (lambda run: run.log_many([{"a": 1.0}] * 9 + [{"a": "x"}]), "a must be one number, got 'x'"),
        (lambda run: run.log_many([{"a": 1.0}] * 2, steps=[1, 2**63]), "steps must fit into 64 bits"),
        (lambda run: run.log_many([{"a": 1.0}, 7]), "a mapping of names to numbers for each step"),
        (lambda run: run.summary({"a": 1.0, "b": "best"}), "b must be one number"),
        (lambda run: run.measure("grid", {"k": 2**70}, a=1.0), "axis k of grid must fit into 64 bits"),
        (lambda run: run.measure("grid", {"k": 1}, a=(1.0, 0.5, 2.0, 2**70)), "n of a must fit into 64 bits"),
        (lambda run: run.measure("grid", {"k": 1}, a=(1.0, 0.5, 2.0, -1)), "n of a counts what the value is of"),
        (lambda run: run.measure("grid", {"k": 1}, a=1.0, b="x"), "b must be one number"),
        (lambda run: run.progress(math.nan), "progress must be a finite number"),
        (lambda run: run.describe(seed="x"), "seed must be a whole number"),
        (lambda run: run.finish("done"), "a run ends as finished, failed or interrupted, got 'done'"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_of_the_call_is_written(start, layout, act, message):
    run = start()
    before = layout.spool_file(run.run_id).read_bytes()
    with pytest.raises(StoreError, match=message):
        act(run)
    assert layout.spool_file(run.run_id).read_bytes() == before
    run.log({"after": 1.0})
    assert b'"step":1,' in layout.spool_file(run.run_id).read_bytes()  # a refused call takes no step
    run.finish()


VALUES = st.recursive(
    st.none()
    | FLOATS
    | st.integers(-(2**70), 2**70)
    | st.booleans()
    | st.floats(width=32).map(np.float32)
    | FLOATS.map(lambda value: np.array([value])),
    lambda inner: st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
STEPS = st.integers(-(2**63), 2**62) | st.integers(0, 99).map(float) | st.integers(0, 9).map(np.int32)
CALL = st.fixed_dictionaries(
    {
        "values": st.dictionaries(NAMES, VALUES, max_size=3),
        "step": st.none() | STEPS,
        "epoch": st.none() | st.floats(allow_infinity=False) | st.integers(0, 9),
    }
)


def flat(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}/")
        elif value is not None:
            yield prefix + name, float(np.asarray(value).item())


@settings(many, max_examples=20)
@given(calls=st.lists(CALL, max_size=8))
def test_whatever_is_accepted_can_be_read_back(tmp_path_factory, calls):
    db = tmp_path_factory.mktemp("any") / "r.duckdb"
    run = runs.start("x", config={}, command="", config_hash="", db=db, follow=False)
    rows = [call["values"] for call in calls]
    for call in calls:
        run.log(call["values"], step=call["step"], epoch=call["epoch"])
    run.log_many(rows)
    run.finish()
    lines = locate(db).spool_file(run.run_id).read_bytes().split(b"\n")[1:-2]
    records = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [decode(line) for line in lines] == records
    batch = Batch({})
    batch.runs[1] = {"status": "running"}
    batch.add("x.jsonl", 1, b"".join(line + b"\n" for line in lines), 0)
    batch.settle()
    assert batch.damaged == []
    names = {number: name for name, number in batch.names.items()}
    found = [(names[row[1]], row[4]) for row in batch.points.frame().rows()]
    expected = [pair for values in [*rows, *rows] for pair in dict(flat(values)).items()]
    assert Counter((name, repr(value)) for name, value in found) == Counter(
        (name, repr(value)) for name, value in expected
    )


SCALARS = [
    Decimal("0.5"), Fraction(1, 2), np.float16(0.5), np.longdouble(0.5), np.array(0.5), np.array([[0.5]]),
    np.ma.array([0.5]), np.bool_(True), True, np.uint64(2**64 - 1), 2**70, -(2**63), 5e-324, np.float32(1e-45), -0.0,
]  # fmt: skip


def test_numbers_of_every_kind_arrive(start, db):
    with start() as run:
        for step, value in enumerate(SCALARS):
            run.log({"a": value}, step=np.int8(step))
    ingest(db, force=True)
    found = queries.table_of_run("metrics", run.run_id, db).sort("step")["value"].to_list()
    expected = [float(np.asarray(value).item()) if hasattr(value, "dtype") else float(value) for value in SCALARS]
    assert [repr(value) for value in found] == [repr(value) for value in expected]


@pytest.mark.parametrize(
    "pair", [("dev/a", "dev_a"), ("dev" * 20 + "1", "dev" * 20 + "2"), ("..", "花呗" * 40), ("A", "a")]
)
def test_splits_of_any_name_have_files_of_their_own(start, db, pair):
    with start() as run:
        for number, split in enumerate(pair):
            rows = {
                "example_id": ["1"],
                "hash": ["aa"],
                "label": ["1"],
                "prediction": [str(number)],
                "confidence": [0.5],
            }
            frame = pl.DataFrame({**rows, "text": ["{}"]})
            run.examples(split, split, frame)
            run.predictions(split, frame, probabilities=np.array([[0.25, 0.75]]) + number, labels=["no", "yes"])
    ingest(db, force=True)
    assert all(len(path.name.encode()) < 256 for path in locate(db).folder.rglob("*"))
    for number, split in enumerate(pair):
        assert queries.predictions(run.run_id, split, db=db)["prediction"].to_list() == [str(number)]
        assert queries.probabilities(run.run_id, split, db=db)["no"].to_list() == [0.25 + number]
    assert queries.damaged(db).is_empty()
