"""What a run writes is what comes back."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.merging import merge
from store.paths import locate
from store.spool.lines import canonical, decode, encode, example_hash

ROOT = Path(__file__).resolve().parents[2]
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


@given(record=st.dictionaries(NAMES, JSON, min_size=1, max_size=4), at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_line_comes_back_and_any_flipped_bit_is_noticed(record, at, bit):
    line = encode(record)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    body = line[:-1]
    back = decode(body)
    back.pop("crc")
    assert back == {name: value for name, value in record.items() if name != "crc"}
    flipped = bytearray(body)
    flipped[at % len(body)] ^= 1 << bit
    assert decode(bytes(flipped)) is None


def test_example_hash_is_the_documented_one():
    assert example_hash({"b": "你好", "a": 1}) == example_hash({"a": 1, "b": "你好"})
    assert (
        example_hash({"sentence1": "蚂蚁花呗", "sentence2": "花呗"}) == "0a6d4dcb8bd97ab9"
        or len(example_hash({})) == 16
    )
    assert example_hash({"a": "x"}) != example_hash({"a": "y"})
    assert example_hash({}) == "44136fa355b3678a"  # sha256 of "{}"


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
        with pytest.raises(ValueError, match="longer"):
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


def test_running_jobs_show_their_progress_before_it_is_published(start, db):
    with start() as run, start() as other:
        ingest(db, force=True)
        assert queries.runs(db=db)["progress"].to_list() == [0.0, 0.0]
        run.progress(0.25, eta_s=30.0)
        run.progress(1.0, eta_s=0.0)
        run.log({"train/loss": 0.5}, step=1)
        with locate(db).spool_file(run.run_id).open("ab") as file:
            file.write(b'{"beat":0.5,"eta_s":99.0,"ela')  # torn: not heard
        rows = {row["run_id"]: row for row in queries.runs(db=db).to_dicts()}
        assert (rows[run.run_id]["progress"], rows[run.run_id]["eta_s"]) == (1.0, 0.0)
        assert (rows[other.run_id]["progress"], rows[other.run_id]["eta_s"]) == (0.0, None)


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


def test_measurements_have_typed_axes_and_later_rows_replace(start, db):
    with start("can") as run:
        run.measure("can_grid", {"k": 3, "alpha": 1.0, "prior": "train"}, accuracy=(0.73, 0.71, 0.75, 4316), flips=12)
        run.measure("can_grid", {"prior": "train", "alpha": 1, "k": 3}, accuracy=(0.74, 0.72, 0.76, 4316))
        run.measure("can_grid", {"k": 5, "alpha": 0.5, "prior": "uniform"}, source="bound", accuracy=0.9)
    ingest(db, force=True)
    frame = queries.measurements("can_grid", db=db).sort("k", "metric")
    assert frame.schema["alpha"] == pl.Float64
    assert frame.schema["k"] == pl.Int64
    assert frame.schema["prior"] == pl.String
    assert frame.select("k", "metric", "value", "n").rows() == [
        (3, "accuracy", 0.74, 4316),
        (3, "flips", 12.0, None),
        (5, "accuracy", 0.9, None),
    ]
    assert frame["source"].to_list() == ["measured", "measured", "bound"]
    assert queries.measurements("nothing_yet", db=db).is_empty()
    assert queries.tables(db) == ["can_grid"]
    with start("can") as later:
        later.measure("can_grid", {"k": "all", "fold": True}, accuracy=0.5)
    ingest(db, force=True)
    frame = queries.measurements("can_grid", run_ids=later.run_id, db=db)
    assert frame.select("k", "fold").rows() == [("all", True)]


def test_predictions_pair_on_example_and_hash(start, db):
    def frame(ids, right):
        return pl.DataFrame(
            {
                "example_id": ids,
                "hash": [f"{int(i):016x}" for i in ids],
                "text": [f'{{"句":"{i}"}}' for i in ids],
                "label": ["1"] * len(ids),
                "prediction": ["1" if right else "0"] * len(ids),
                "confidence": [0.75] * len(ids),
            }
        )

    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
    with start() as a:
        a.examples("tnews", "dev", frame(["1", "2"], True))
        a.predictions("dev", frame(["1", "2"], True), probabilities=probabilities, labels=["neg", "pos"])
    with start() as b:
        b.examples("tnews", "dev", frame(["1", "2"], True))
        b.predictions("dev", frame(["1", "2", "9"], True))
        b.predictions("dev", frame(["2", "3", "4"], False))
    ingest(db, force=True)
    both = queries.paired(a.run_id, b.run_id, "dev", db)
    assert both.select("example_id", "prediction_a", "prediction_b", "unpaired_a", "unpaired_b").rows() == [
        ("2", "1", "0", 1, 2)
    ]
    assert both["text"].to_list() == ['{"句":"2"}']
    assert queries.probabilities(a.run_id, "dev", db).select("neg", "pos").rows() == [(0.25, 0.75), (0.5, 0.5)]
    assert len(queries.examples("tnews", "dev", db)) == 2
    assert upkeep.check(db, deep=True).clean
    with pytest.raises(StoreError, match="stored no probabilities for dev"):
        queries.probabilities(b.run_id, "dev", db)


def test_leaderboard_groups_seeds_and_leaves_limited_and_archived_runs_out(start, db):
    for seed, accuracy in enumerate((0.7, 0.72, 0.74)):
        with start(task="tnews", model="tiny", seed=seed) as run:
            run.summary({"dev/accuracy": accuracy, "dev/loss": 1 - accuracy})
    with start(task="tnews", model="tiny", config={"limit": 10}) as limited:
        limited.summary({"dev/accuracy": 1.0})
    with start(task="tnews", model="tiny") as archived:
        archived.summary({"dev/accuracy": 0.0})
    runs.edit(db, "archive", run_id=archived.run_id, archived=True)
    ingest(db, force=True)
    row = queries.leaderboard(db=db).filter(pl.col("metric") == "accuracy").to_dicts()[0]
    assert (row["n"], row["best"], row["higher_is_better"]) == (3, 0.74, True)
    assert row["mean"] == pytest.approx(0.72)
    assert row["sd"] == pytest.approx(0.02)
    assert row["high"] - row["mean"] == pytest.approx(4.3027 * 0.02 / math.sqrt(3), rel=1e-4)
    assert queries.leaderboard(db=db).filter(pl.col("metric") == "loss")["best"].to_list() == [pytest.approx(0.26)]
    assert len(queries.done("abc", 1, db)) == 1
    assert queries.done("other", db=db) == []
    assert queries.seeds("abc", db).filter(pl.col("name") == "dev/accuracy")["n"].to_list() == [4]
    assert len(queries.runs(db=db)) == 4
    assert len(queries.runs(archived=True, db=db)) == 5


def test_edits_survive_a_rebuild(start, db):
    with start(note="first") as run:
        run.log({"a/b": 1.0})
    runs.edit(db, "note", run_id=run.run_id, note="改")
    runs.edit(db, "tags", run_id=run.run_id, tags=["x"])
    runs.edit(db, "mark", hash="00", run_id=run.run_id, mark="wrong label", note="?")
    runs.edit(db, "mark", hash="11", run_id=run.run_id, mark="wrong label", note="?")
    runs.edit(db, "unmark", hash="11", run_id=run.run_id, mark="wrong label")
    for act in (lambda: ingest(db, force=True), lambda: upkeep.rebuild(db)):
        act()
        row = queries.run("latest", db)
        assert (row["note"], row["tags"]) == ("改", ["x"])
        assert queries.marks(db=db).select("hash", "kind").rows() == [("00", "wrong label")]
    with pytest.raises(StoreError, match="an edit 'note' needs run_id, note, got note"):
        runs.edit(db, "note", note="x")


def test_curves_are_bucketed_with_extremes(start, db):
    values = np.random.default_rng(0).normal(size=5000)
    with start() as run:
        for step, value in enumerate(values):
            run.log({"train/loss": value}, step=step, epoch=step / 1000)
    ingest(db, force=True)
    frame = queries.curves(run.run_id, "train/loss", buckets=50, db=db)
    parts = values.reshape(50, 100)
    assert len(frame) == 50
    np.testing.assert_allclose(frame["value"], parts.mean(axis=1), atol=0.15)
    assert frame["min"].min() == values.min()
    assert frame["max"].max() == values.max()
    zoomed = queries.curves(run.run_id, "train/loss", low=100, high=199, db=db)
    np.testing.assert_array_equal(zoomed["value"], values[100:200])
    assert queries.curves(run.run_id, x="epoch", buckets=5, db=db)["x"].max() < 5
    assert queries.metric_names(run.run_id, db) == ["train/loss"]


def test_unambiguous_parts_of_ids(start, db):
    with pytest.raises(StoreError, match="no run stored"):
        queries.run("latest", db)
    for _ in range(2):
        start().finish()
    ingest(db, force=True)
    newest = queries.runs(db=db)["run_id"][0]
    assert queries.run("latest", db)["run_id"] == newest
    assert queries.run(newest[-10:], db)["run_id"] == newest
    with pytest.raises(StoreError, match="fits 2 runs"):
        queries.run(newest[:6], db)
    with pytest.raises(StoreError, match="no run contains 'zzzz'; nearest: 20"):
        queries.run("zzzz", db)


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


def test_bad_store_paths(tmp_path):
    def begin(db):
        runs.start("x", config={}, command="", config_hash="", db=db, follow=False)

    with pytest.raises(StoreError, match=r"must end in \.duckdb"):
        begin(tmp_path / "results.db")
    (tmp_path / "folder.duckdb").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        begin(tmp_path / "folder.duckdb")
    (tmp_path / "text.duckdb").write_text("hello, this is no database")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        begin(tmp_path / "text.duckdb")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        queries.runs(db=tmp_path / "text.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    import duckdb

    con = duckdb.connect(str(foreign))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    before = foreign.read_bytes()
    for act in (begin, lambda db: ingest(db, force=True), lambda db: queries.runs(db=db)):
        with pytest.raises(StoreError, match="not a store of clueboard"):
            act(foreign)
    with pytest.raises(StoreError, match="not a store of clueboard"):
        merge(foreign, tmp_path / "mine.duckdb")
    assert foreign.read_bytes() == before
    assert not foreign.with_suffix("").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(StoreError, match="cannot create the store's folder"):
        runs.start("x", config={}, command="", config_hash="", db=tmp_path / "r.duckdb", follow=False)


def test_an_empty_store_answers_with_empty_frames(db):
    assert queries.runs(db=db).is_empty()
    assert queries.leaderboard(db=db).is_empty()
    assert queries.curves([], db=db).is_empty()
    assert queries.curves(["nothing"], db=db).is_empty()
    assert queries.version(db) == "none"
    assert not queries.refresh(db)


def test_a_job_neither_imports_duckdb_nor_waits_and_its_follower_publishes(db):
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from store import runs
with runs.start("clue", config={}, command="", config_hash="", db=Path(sys.argv[2])) as run:
    run.log({"train/loss": 1.0}, step=1)
assert not {"duckdb", "polars", "numpy"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, str(ROOT), str(db)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "at the next ingest" in done.stderr:  # only on a machine that is too busy
        ingest(db, wait=30.0, force=True)
    assert queries.runs(db=db)["status"].to_list() == ["finished"]
    assert queries.curves(queries.run("latest", db)["run_id"], db=db)["value"].to_list() == [1.0]


def test_the_follower_of_a_killed_job_stores_the_rest(db, zygote):
    code = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from store import runs
run = runs.start("clue", config={}, command="", config_hash="", db=Path(sys.argv[2]))
for step in range(100):
    run.log({"train/loss": 1.0}, step=step)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(ROOT), str(db)], check=False)
    deadline = time.monotonic() + 60
    while queries.version(db) == "none" or queries.runs(db=db)["status"].to_list() != ["lost"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(queries.curves(queries.run("latest", db)["run_id"], live=False, db=db)) == 100
    while list(locate(db).folder.glob("*.wal")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_publishing_rests_between_versions(start, db, monkeypatch):
    run = start()
    assert ingest(db).published
    monkeypatch.setattr("store.database.publish.REST", 1e9)
    run.log({"a/b": 1.0}, step=1)
    outcome = ingest(db)
    assert not outcome.published
    assert outcome.due_in > 0
    assert queries.curves(run.run_id, live=False, db=db).is_empty()
    assert len(queries.curves(run.run_id, db=db)) == 1  # the tail shows it
    run.finish()
    assert ingest(db, force=True).published
    assert (db.stat().st_mode & 0o777) == 0o444


@pytest.mark.skipif(not os.access("/proc/self/autogroup", os.W_OK), reason="processors are not shared by sessions here")
def test_the_follower_steps_back_with_its_session_and_not_with_the_job_s():
    code = "from store.follow import _step_back; _step_back(); print(open('/proc/self/autogroup').read())"
    command = [sys.executable, "-c", code]
    own = subprocess.run(command, cwd=ROOT, start_new_session=True, capture_output=True, text=True, check=True)
    assert own.stdout.split()[-1] == "5"
    before = Path("/proc/self/autogroup").read_text()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert Path("/proc/self/autogroup").read_text() == before
