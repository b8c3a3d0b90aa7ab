import polars as pl

from dashboard.figures import words
from dashboard.frames.comparison import unseen_scores
from store import runs
from store.ingest import ingest


def test_scores_on_unseen_rows_are_found_for_the_configurations_shown():
    board = pl.DataFrame(
        [
            ("tnews", "a", "dev", "accuracy", 0.55, 0.01, 3),
            ("tnews", "a", "dev", "unseen_accuracy", 0.52, 0.02, 3),
            ("tnews", "a", "test", "unseen_accuracy", 0.1, None, 1),
            ("tnews", "b", "dev", "unseen_accuracy", 0.2, None, 1),
        ],
        schema=["task", "config_hash", "split", "metric", "mean", "sd", "n"],
        orient="row",
    )
    unseen = unseen_scores.unseen_means(board)
    assert unseen["metric"].to_list() == ["accuracy"] * 3
    measured = pl.DataFrame(
        {"row": ["ngram", "x"], "task": ["tnews", "afqmc"], "config_hash": ["a", "c"], "value": [1, 2]}
    )
    found = unseen_scores.of_measured(measured, unseen, split="dev")
    assert found.rows() == [("ngram", "tnews", 0.52, 0.02, 3)]
    assert found.columns == ["row", "task", "value", "sd", "n"]
    assert unseen_scores.readable(found).to_dicts() == [
        {"Task": "tnews", "Model": "ngram", "On unseen rows": 52.0, "sd": "2.00", "Seeds": 3}
    ]
    one = found.with_columns(sd=pl.lit(None, pl.Float64), n=pl.lit(1))
    assert unseen_scores.readable(one)["sd"].to_list() == [words.UNSET]


def test_the_score_on_unseen_rows_stands_beside_the_score_on_all():
    table = pl.DataFrame(
        [
            ("dev/accuracy", "A", 0.55),
            ("dev/accuracy", "B", 0.60),
            ("dev/loss", "A", 1.0),
            ("dev/unseen_accuracy", "A", 0.52),
        ],
        schema=["metric", "configuration", "mean"],
        orient="row",
    )
    assert unseen_scores.beside(table).rows() == [
        ("dev/accuracy", "A", 0.55, 0.52),
        ("dev/accuracy", "B", 0.60, None),
        ("dev/loss", "A", 1.0, None),
    ]


def test_compare_shows_them_in_a_column_and_says_what_its_sentence_is_about(tmp_path, open_page):
    db, ids = tmp_path / "x.duckdb", []
    fields = {"task": "tnews", "model": "ngram", "dataset": "tnews", "data_source": "files"}
    for rate, unseen in ((0.1, 0.52), (0.2, 0.51)):
        config = {"learning_rate": rate}
        with runs.start("clue", config=config, command="", config_hash=f"{rate}", db=db, follow=False, **fields) as run:
            run.summary({"dev/accuracy": 0.55, "dev/unseen_accuracy": unseen})
            ids.append(run.run_id)
    ingest(db, force=True)
    page = open_page("compare", db, runs=",".join(ids))
    assert not page.exception
    (shown,) = [table.value for table in page.dataframe if "On unseen rows" in table.value.columns]
    assert sorted(shown["On unseen rows"]) == ["51.00 %", "52.00 %"]
    assert set(shown["Metric"]) == {"dev accuracy"}
    assert any("The sentence above is about all rows." in caption.value for caption in page.caption)


def test_the_leaderboard_shows_them_under_its_table(tmp_path, open_page):
    db = tmp_path / "x.duckdb"
    fields = {"task": "tnews", "model": "ngram", "dataset": "tnews", "data_source": "files"}
    with runs.start("clue", config={}, command="", config_hash="a", db=db, follow=False, **fields) as run:
        run.summary({"dev/accuracy": 0.55, "dev/unseen_accuracy": 0.52})
    ingest(db, force=True)
    page = open_page("leaderboard", db)
    assert not page.exception
    (shown,) = [table.value for table in page.dataframe if "On unseen rows" in table.value.columns]
    assert shown["On unseen rows"].to_list() == [52.0]
