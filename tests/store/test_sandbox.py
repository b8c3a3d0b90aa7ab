"""The SQL console can only read, and not for long."""

import pytest

from store import queries, runs, sandbox
from store.errors import StoreError
from store.ingest import ingest


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store that is only read."""
    db = tmp_path_factory.mktemp("read") / "results.duckdb"
    with runs.start("clue", config={}, command="", config_hash="h", db=db, follow=False) as run:
        for step in range(500):
            run.log({"train/loss": 1.0}, step=step)
    ingest(db, force=True)
    return db


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT run_id FROM runs",
        pytest.param("-- with a comment\nFROM runs SELECT count(*);", marks=pytest.mark.slow),
        pytest.param("WITH a AS (SELECT 1 AS x) SELECT * FROM a", marks=pytest.mark.slow),
        "EXPLAIN ANALYZE SELECT * FROM metrics",
        pytest.param("DESCRIBE metrics", marks=pytest.mark.slow),
        "PIVOT (SELECT name, value FROM metrics) ON name USING sum(value)",
        pytest.param("UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b", marks=pytest.mark.slow),
        "\ufeff ;; /* a /* nested */ comment */ select/**/1;",
        pytest.param("EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM metrics", marks=pytest.mark.slow),
        pytest.param("EXPLAIN (SELECT 1)", marks=pytest.mark.slow),
    ],
)
def test_reading_works(filled, statement):
    assert len(queries.sql(statement, db=filled)) >= 1


FURTHER = [
    ("COPY runs TO '{0}'", "only one SELECT"),
    ("ATTACH '{0}'", "only one SELECT"),
    ("SET enable_external_access = true", "only one SELECT"),
    ("", "expected one statement, got 0"),
    ("SELECT * FROM '/etc/passwd'", "does not exist"),
    ("SELECT * FROM glob('/*')", "disabled"),
    ("EXPLAIN (FORMAT json) COPY runs TO '{0}'", "only one SELECT"),
    ("EXPORT DATABASE '{0}'", "only one SELECT|got 0"),
    ("INSTALL httpfs", "only one SELECT"),
    ("LOAD httpfs", "only one SELECT"),
    ("SET memory_limit = '64GB'", "only one SELECT"),
    ("RESET lock_configuration", "only one SELECT"),
    ("CHECKPOINT", "only one SELECT"),
    ("PRAGMA database_list", "only one SELECT"),
    ("CREATE TEMP TABLE t AS SELECT 1", "only one SELECT"),
    ("INSERT INTO marks VALUES ('a', 'b', 'c', 'd', now())", "only one SELECT"),
    ("DELETE FROM raw.runs", "only one SELECT"),
    ("DROP VIEW runs", "only one SELECT"),
    ("CALL pragma_version()", "only one SELECT"),
    ("PREPARE x AS SELECT 1", "only one SELECT"),
    ("BEGIN", "only one SELECT"),
    ("SELECT 1; SELECT 2", "expected one statement, got 2"),
    ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
    ("SELECT * FROM read_blob('{1}')", "disabled"),
    ("SELECT * FROM parquet_scan('{0}')", "disabled"),
    ("SELECT * FROM sniff_csv('/etc/passwd')", "disabled"),
    ("SELECT * FROM order", "(?i)syntax|does not exist"),
    ("SELECT * FROM statement", "does not exist"),
    ("SELECT nothing FROM runs", "(?i)binder"),
]
"""Statements that the same two walls refuse; each starts a process."""


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("EXPLAIN ANALYZE COPY runs TO '{0}'", "only one SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM raw.runs", "only one SELECT"),
        ("SELECT 1; COPY runs TO '{0}'", "expected one statement, got 2"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled"),
        ("SELECT * FROM query('COPY runs TO ''{0}''')", "(?i)select"),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in FURTHER),
    ],
)
def test_nothing_else_does(filled, tmp_path, statement, message):
    target = tmp_path / "stolen"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError, match=message):
        queries.sql(statement.replace("{0}", str(target)).replace("{1}", str(filled)), db=filled)
    assert sorted(tmp_path.iterdir()) == before
    assert len(queries.runs(db=filled)) == 1


def test_rows_are_limited_and_the_cut_is_said(filled):
    result = sandbox.query("SELECT a.range FROM range(100000) a, range(1000) b", limit=100, db=filled)
    assert (len(result.frame), result.cut) == (100, True)
    result = sandbox.query("SELECT * FROM metrics", limit=500, db=filled)
    assert (len(result.frame), result.cut) == (500, False)


end = sandbox._end


@pytest.fixture
def watched(monkeypatch):
    """The most memory that the child was seen to occupy."""
    seen = [0]
    real = sandbox._resident
    monkeypatch.setattr(sandbox, "_resident", lambda pid: seen.append(real(pid)) or seen[-1])
    return seen


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3",
        "SELECT sum(levenshtein(repeat('ab', 90000), repeat('ba', 90000))) FROM range(3)",  # obeys no interruption
    ],
)
def test_time_is_limited(filled, monkeypatch, statement):
    monkeypatch.setattr(sandbox, "STARTING", 60.0)
    ended = []
    monkeypatch.setattr(sandbox, "_end", lambda process: (ended.append(process.pid), end(process)))
    with pytest.raises(StoreError, match="stopped after 1 seconds"):
        queries.sql(statement, timeout=1.0, db=filled)
    assert sandbox._resident(ended[0]) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT len(range(1000000000))",
        pytest.param("SELECT repeat('x', 2000000000)", marks=pytest.mark.slow),
        pytest.param("SELECT list(range) FROM range(9e8::BIGINT)", marks=pytest.mark.slow),
    ],
)
def test_memory_is_limited(filled, watched, statement):
    with pytest.raises(StoreError, match=r"(?i)memory|seconds"):
        queries.sql(statement, timeout=2.0, db=filled)
    assert 0 < max(watched) < 2 << 30


def test_the_parent_ends_a_process_that_takes_too_much(filled, monkeypatch):
    monkeypatch.setattr(sandbox, "MOST", 1)
    with pytest.raises(StoreError, match="needed more than 1 GB of memory"):
        queries.sql("SELECT 1", db=filled)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": float("nan")}, "timeout must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"limit": -1}, "limit must be"),
    ],
)
def test_options_that_make_no_sense(filled, options, message):
    with pytest.raises(StoreError, match=message):
        sandbox.query("SELECT 1", db=filled, **options)


def test_types_come_through(filled):
    frame = queries.sql(
        "SELECT [1, 2] AS l, {'a': 1} AS s, 1.5::DECIMAL(9, 2) AS d, uuid() AS u, NULL AS n, INTERVAL 1 DAY AS i",
        db=filled,
    )
    assert frame["l"].to_list() == [[1, 2]]
    assert frame.columns == ["l", "s", "d", "u", "n", "i"]


def test_nothing_published_yet(db):
    with pytest.raises(StoreError, match="nothing is published"):
        queries.sql("SELECT 1", db=db)


def test_a_process_started_ahead_answers_one_statement(filled):
    sandbox.prepare(filled)
    spare = sandbox._spares[filled]
    sandbox.prepare(filled)
    assert sandbox._spares[filled] is spare
    assert queries.sql("SELECT 40 + 2 AS x", db=filled)["x"].to_list() == [42]
    assert spare.poll() is not None  # it has answered and is gone
    assert filled not in sandbox._spares
    assert queries.sql("SELECT 1 AS x", db=filled)["x"].to_list() == [1]


def test_a_process_started_ahead_that_died_or_waits_for_nobody_is_replaced(filled):
    sandbox.prepare(filled)
    spare = sandbox._spares[filled]
    spare.kill()
    spare.wait()
    assert queries.sql("SELECT 1 AS x", db=filled)["x"].to_list() == [1]
    sandbox.prepare(filled)
    again = sandbox._spares.pop(filled)
    assert again.communicate(timeout=20) == (b"", None)  # closes its input, as the end of this process would
    assert again.returncode == 0


@pytest.mark.parametrize("statement", ["SELECT 1\0 AS x", "SELECT '\ud800'", b"SELECT 1", None])
def test_what_is_no_text_is_refused(filled, statement):
    with pytest.raises(StoreError, match="a statement must be text in UTF-8 without the character 0"):
        queries.sql(statement, db=filled)
