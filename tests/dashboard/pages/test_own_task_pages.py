"""A task of one's own on the pages: facts, leaderboard, comparison, examples and CAN, like the tasks of CLUE."""

import csv

import pytest

from jobs.clue import start
from jobs.clue.config import Config
from jobs.evaluate import start as evaluate
from jobs.evaluate.config import Config as Average
from store import queries

TEXTS = {"物流": "快递迟迟没有送到", "质量": "用了两天屏幕就坏了", "退款": "退款一直没有到账"}


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    with (folder / "data.csv").open("w", encoding="gbk", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["投诉", "类别"])
        writer.writerows([f"{text}，订单{i}号", label] for i in range(80) for label, text in TEXTS.items())
    (folder / "mine.toml").write_text(
        'name = "complaints"\nkind = "classification"\nfields = ["投诉"]\nlabel = "类别"\ntrain = "data.csv"\n'
        'metric = "macro_f1"\n',
        encoding="utf-8",
    )
    path = folder / "x.duckdb"
    for seed in (1, 2):
        start.run(Config(task=(str(folder / "mine.toml"),), model="ngram", seed=seed, db=path))
    queries.refresh(db=path)
    return path


@pytest.mark.parametrize(
    ("page", "query", "shown"),
    [
        ("leaderboard", {}, "complaints"),
        ("leaderboard", {"leaderboard_view": "Tasks", "tasks_task": "complaints"}, "complaints"),
        ("examples", {"runs": "latest", "examples_show": "all"}, "，订单"),
        ("runs", {}, "complaints"),
    ],
)
def test_a_task_of_ones_own_stands_on_the_pages(open_page, db, page, query, shown):
    at = open_page(page, db, **query)
    assert not at.exception
    tables = [frame.value.to_string() for frame in at.dataframe]
    texts = [element.proto.body for kind in ("html", "markdown") for element in at.get(kind)]
    texts += [item.label for item in at.expander] + [item.proto.json for item in at.get("bidi_component")]
    assert any(shown in text for text in [*tables, *texts])


def test_sizes_and_balance_stand_there_also_when_the_newest_run_is_an_average(open_page, db):
    ids = tuple(queries.runs(db=db).filter(model="ngram")["run_id"])
    evaluate.run(Average(ensemble=ids, db=db))
    queries.refresh(db=db)
    at = open_page("leaderboard", db, leaderboard_view="Tasks", tasks_task="complaints")
    assert not at.exception
    assert {"216", "24"} <= {item.value for item in at.metric}
    assert not any("are no classes" in caption.value for caption in at.caption)
