"""Whatever happens in whatever order: a rebuild and a merge bring what is stored live."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import queries, runs, upkeep
from store.ingest import ingest
from store.merging import merge

NAMES = st.sampled_from(["a", "dev/b"])
LOG = st.tuples(st.just("log"), st.dictionaries(NAMES, st.integers(0, 9).map(float), min_size=1), st.integers(0, 5))
MANY = st.tuples(
    st.just("many"), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9).map(float)), min_size=1, max_size=120)
)
STEPS = [
    LOG,
    MANY,
    st.tuples(st.just("resume"), st.integers(-1, 5)),
    st.tuples(st.just("say"), NAMES, st.integers(0, 9).map(float)),
    st.tuples(st.just("edit"), st.sampled_from(["note", "tags", "archive"]), st.integers(0, 1)),
    *(st.tuples(st.just(what)) for what in ("ingest", "compact", "merge")),
]


def play(db, other, steps):
    """Act out a history on one run; returns what its summary must be: the value written last among those that stand."""
    run = runs.start("x", config={}, command="", config_hash="", db=db, follow=False)
    points, said = [], {}
    for what, *rest in steps:
        if what == "log":
            run.log(rest[0], step=rest[1])
            points += [(name, rest[1], value) for name, value in rest[0].items()]
        elif what == "many":
            run.log_many([{"a": value} for _, value in rest[0]], steps=[step for step, _ in rest[0]])
            points += [("a", step, value) for step, value in rest[0]]
        elif what == "say":
            run.summary({rest[0]: rest[1]})
            said[rest[0]] = rest[1]
        elif what == "resume":
            run.finish("interrupted")
            run = runs.resume(run.run_id, rest[0], db, follow=False)
            points = [point for point in points if point[1] <= rest[0]]
        elif what == "edit":
            value = {"note": str(rest[1]), "tags": [str(rest[1])], "archive": bool(rest[1])}[rest[0]]
            runs.edit(db, rest[0], run_id=run.run_id, **{"archived" if rest[0] == "archive" else rest[0]: value})
        elif what == "ingest":
            ingest(db)
        elif what == "compact":
            run.finish("interrupted")
            upkeep.compact(db)
            run = runs.resume(run.run_id, 9, db, follow=False)
        else:
            merge(db, other)
    run.finish()
    return run.run_id, {name: value for name, _, value in points} | said, points


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.one_of(STEPS), max_size=9))
def test_live_rebuilt_and_merged_agree(tmp_path_factory, everything, steps):
    folder = tmp_path_factory.mktemp("history")
    db, other = folder / "one.duckdb", folder / "two.duckdb"
    run_id, summary, points = play(db, other, steps)
    ingest(db, force=True)
    live = everything(db)
    assert dict(queries.summary(run_id, db).select("name", "value").iter_rows()) == summary
    stored = queries.table_of_run("metrics", run_id, db).select("name", "step", "value").rows()
    assert sorted(stored) == sorted(points)
    upkeep.rebuild(db)
    assert everything(db) == live
    merge(db, other)
    assert everything(other) == live


def test_the_last_value_is_the_one_written_last(db, start):
    with start() as run:
        run.log({"loss": 1.0}, step=9)
        run.log_many([{"loss": 2.0}, {"loss": 3.0}], steps=[9, 2])
        run.log({"loss": 4.0}, step=1)
    ingest(db, force=True)
    assert queries.summary(run.run_id, db)["value"].to_list() == [4.0]
    run = runs.resume(run.run_id, 2, db, follow=False)
    run.finish()
    ingest(db, force=True)
    assert queries.summary(run.run_id, db)["value"].to_list() == [4.0]
    upkeep.rebuild(db)
    assert queries.summary(run.run_id, db)["value"].to_list() == [pytest.approx(4.0)]
