"""What a page says when the store holds something awkward: never a traceback, always a sentence."""

import json

import duckdb
import polars as pl
import pytest

from store import queries, runs

PAGES = ("home", "runs", "run", "leaderboard", "tasks", "compare", "examples", "explore", "sql")
SOME = [page if page in ("run", "compare") else pytest.param(page, marks=pytest.mark.slow) for page in PAGES]
ROWS = 200


def answers(first=0, rows=ROWS, wrong=3):
    """Predictions of `rows` examples from number `first` on; every `wrong`-th is wrong."""
    numbers = range(first, first + rows)
    return pl.DataFrame(
        {
            "example_id": [str(i) for i in numbers],
            "hash": [f"{i:016x}" for i in numbers],
            "label": [str(i % 2) for i in numbers],
            "prediction": [str((i + (i % wrong == 0)) % 2) for i in numbers],
            "confidence": [0.5 + (i % 50) / 100 for i in numbers],
        }
    )


def add_run(db, name, *, predictions=None, points=(), train=None, **summary):
    """One finished run on AFQMC whose configuration is its name."""
    config = {"task": "afqmc", "name": name}
    run = runs.start(
        "clue", config=config, command="python -m jobs.clue", config_hash=name, db=db, task="afqmc", model=name,
        dataset="afqmc", data_source="files", seed=1, versions={}, follow=False,
    )  # fmt: skip
    with run:
        for step, value in enumerate(points):
            run.log({"train/loss": value}, step=step)
        for split, rows in (("dev", predictions), ("train", train)):
            if rows is not None:
                texts = [
                    json.dumps({"sentence1": key, "sentence2": "借呗"}, ensure_ascii=False) for key in rows["hash"]
                ]
                shown = rows.select("example_id", "hash", text=pl.Series(texts))
                run.examples("afqmc", split, shown)
        if predictions is not None:
            run.predictions("dev", predictions)
        run.summary({f"dev/{metric}": value for metric, value in summary.items()})
    return run.run_id


def said(app):
    return " ".join(str(item.value) for item in [*app.markdown, *app.info, *app.warning, *app.caption, *app.error])


@pytest.fixture
def db(tmp_path):
    return tmp_path / "results.duckdb"


def test_predictions_missing_for_one_run_are_named(db, open_page):
    ids = add_run(db, "full", predictions=answers()), add_run(db, "bare", accuracy=0.5)
    queries.refresh(db)
    assert "B: bare is not compared with A: full" in said(open_page("compare", db, runs=",".join(ids)))
    assert "stored no labelled predictions" in said(open_page("compare", db, runs=",".join(ids)))
    assert "Only A: full is shown" in said(open_page("examples", db, runs=",".join(ids)))
    assert "stored no dev predictions" in said(open_page("examples", db, runs=ids[1]))


def test_rows_without_a_partner_are_counted_and_few_common_rows_are_refused(db, open_page):
    ids = {
        "all": add_run(db, "all", predictions=answers()),
        "most": add_run(db, "most", predictions=answers(first=4, wrong=5)),
        "other": add_run(db, "other", predictions=answers(first=100)),
    }
    queries.refresh(db)
    near = said(open_page("compare", db, runs=f"{ids['all']},{ids['most']}"))
    assert "Without a partner: 4 rows of A: all, 4 rows of B: most" in near
    assert "on 196 examples" in near
    shown = said(open_page("examples", db, runs=f"{ids['all']},{ids['most']}", examples_show="all"))
    assert "without a partner: 4 rows of A: all, 4 rows of B: most" in shown
    assert "196 of 196 examples" in shown
    for page in ("compare", "examples"):
        far = said(open_page(page, db, runs=f"{ids['all']},{ids['other']}"))
        assert "100 of 200 rows are the same, and a paired test needs 95%" in far


def test_rows_that_train_and_dev_share_are_warned_of(db, open_page):
    ids = (
        add_run(db, "a", predictions=answers(), train=answers(rows=30)),
        add_run(db, "b", predictions=answers(wrong=5)),
    )
    queries.refresh(db)
    seen = "30 of the rows that are scored are in the training data too"
    assert seen in said(open_page("compare", db, runs=",".join(ids)))
    clean = said(open_page("compare", db, runs=",".join(ids), compare_unseen="true"))
    assert "on 170 examples" in clean
    assert "30 of 200 dev rows" in said(open_page("run", db, run=ids[0], run_tab="Predictions"))


@pytest.mark.parametrize("page", SOME)
def test_nan_infinity_and_a_run_of_one_point_are_shown(page, db, open_page):
    ids = [
        add_run(db, "nan", predictions=answers(), points=(float("nan"), float("inf"), 1.0), accuracy=float("nan")),
        add_run(db, "one", predictions=answers(wrong=5), points=(0.5,), accuracy=0.8),
    ]
    queries.refresh(db)
    for query in (
        {"run": ids[0]},
        {"run": ids[1], "run_tab": "Related runs"},
        {"runs": ",".join(ids), "compare_all": "true"},
    ):
        app = open_page(page, db, **query)
        assert not app.error


@pytest.mark.parametrize("page", SOME)
def test_a_new_version_under_the_open_page_is_taken_up(page, db, open_page):
    ids = [add_run(db, name, predictions=answers(wrong=n), points=(1.0, 0.5)) for n, name in ((3, "a"), (5, "b"))]
    queries.refresh(db)
    app = open_page(page, db, runs=",".join(ids), run=ids[0])
    add_run(db, "c", predictions=answers(wrong=7), points=(1.0, 0.5))
    runs.edit(db, "archive", run_id=ids[0], archived=True)
    queries._refreshed.clear()
    queries.refresh(db)
    app.run()
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("page", SOME)
def test_a_store_of_a_newer_schema_is_one_sentence(page, db, open_page):
    add_run(db, "a", predictions=answers())
    queries.refresh(db)
    db.chmod(0o644)
    with duckdb.connect(str(db)) as con:
        con.execute("UPDATE raw.meta SET value = '999' WHERE key = 'schema'")
    app = open_page(page, db)
    assert "newer" in app.error[0].value
    assert "cannot be read" in app.error[0].value


def test_a_seed_that_ran_twice_is_no_further_evidence(db, open_page):
    ids = [add_run(db, name, predictions=answers(wrong=n)) for name, n in (("a", 3), ("a", 3), ("b", 5))]
    queries.refresh(db)
    app = open_page("compare", db, runs=",".join(ids))
    assert f"the same configuration and seed: {ids[0]}." in said(app)
    assert "**A: a** · afqmc · 1 run, seed 1" in said(app)


def test_examples_of_the_same_content_stand_beside_each_other(db, open_page):
    twice = answers(rows=4).with_columns(hash=pl.Series(["same", "same", "c", "d"]))
    run_id = add_run(db, "a", predictions=twice)
    queries.refresh(db)
    app = open_page("examples", db, runs=run_id, examples_show="all")
    assert len(app.expander) == 4
    assert "4 of 4 examples" in said(app)
