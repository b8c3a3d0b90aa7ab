"""FewCLUE on the leaderboard: a table of its own, whose scores are means over five training sets."""

import pytest

from engine.text.tasks import CLUE, FEWCLUE, tasks_of
from store import runs
from store.ingest import ingest


@pytest.fixture
def store(tmp_path):
    db = tmp_path / "results.duckdb"
    about = {"model": "tiny", "recipe": "modern", "data_source": "files", "command": "python -m jobs.clue", "seed": 1}
    for task, hash_ in (("afqmc", "a"), ("bustm", "b")):
        with runs.start("clue", config={}, db=db, follow=False, task=task, config_hash=hash_, **about) as run:
            run.summary({"test/accuracy": 0.6123})
            if task == "bustm":
                axes = {"split": "mean", "scored_on": "test", "by": "accuracy"}
                run.measure("few_shot_scores", axes, score=(0.6123, 0.55, 0.67, 5), sd=0.045)
    ingest(db, force=True)
    return db


def heads(table):
    return {column["title"] for column in table["columns"]}


def test_the_benchmarks_have_tables_of_their_own(store, open_page, listed):
    clue = listed(open_page("leaderboard", store, leaderboard_split="test"), "leaderboard_measured")
    few = listed(
        open_page("leaderboard", store, leaderboard_split="test", leaderboard_benchmark=FEWCLUE), "leaderboard_measured"
    )
    assert set(tasks_of(CLUE)) <= heads(clue)
    assert not set(tasks_of(FEWCLUE)) & heads(clue)
    assert set(tasks_of(FEWCLUE)) <= heads(few)
    assert not set(tasks_of(CLUE)) & heads(few)


def test_a_benchmark_opens_on_the_split_that_its_papers_report(store, open_page, listed):
    app = open_page("leaderboard", store)
    assert app.segmented_control(key="leaderboard_split").value == "dev"
    app = app.segmented_control(key="leaderboard_benchmark").set_value(FEWCLUE).run()
    assert "Human" in str(listed(app, "leaderboard_measured")["rows"])
    assert app.segmented_control(key="leaderboard_split").value == "test"
    app = app.segmented_control(key="leaderboard_benchmark").set_value(CLUE).run()
    assert app.segmented_control(key="leaderboard_split").value == "dev"
    app = open_page("leaderboard", store, leaderboard_benchmark=FEWCLUE)
    assert app.segmented_control(key="leaderboard_split").value == "test"
    app = open_page("leaderboard", store, leaderboard_benchmark=FEWCLUE, leaderboard_split="dev")
    assert app.segmented_control(key="leaderboard_split").value == "dev"


def test_a_score_says_that_it_is_over_five_training_sets(store, open_page, listed):
    app = open_page("leaderboard", store, leaderboard_split="test", leaderboard_benchmark=FEWCLUE)
    assert "61.23 ± 4.50 (5)" in str(listed(app, "leaderboard_measured")["rows"])
    assert any("FewCLUE's training sets" in item.value for item in app.caption)
    assert any("five training sets" in item.value for item in app.markdown)
    assert "Human" in str(listed(app, "leaderboard_measured")["rows"])
