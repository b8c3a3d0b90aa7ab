"""Page tests ingest their runs themselves; a store with a task of one's own."""

import csv
from pathlib import Path

import pytest

from store import queries


@pytest.fixture(scope="module", autouse=True)
def _no_follower(no_follower: None) -> None:
    pass


@pytest.fixture(scope="session")
def own_task(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two n-gram runs on a task of one's own, 240 complaints in three classes: the database and their ids.

    Do not write into it.
    """
    from jobs.clue import start  # with torch
    from jobs.clue.config import Config

    folder = tmp_path_factory.mktemp("own")
    texts = {"物流": "快递迟迟没有送到", "质量": "用了两天屏幕就坏了", "退款": "退款一直没有到账"}
    with (folder / "data.csv").open("w", encoding="gbk", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["投诉", "类别"])
        writer.writerows([f"{text}，订单{i}号", label] for i in range(80) for label, text in texts.items())
    (folder / "mine.toml").write_text(
        'name = "complaints"\nkind = "classification"\nfields = ["投诉"]\nlabel = "类别"\ntrain = "data.csv"\n'
        'metric = "macro_f1"\n',
        encoding="utf-8",
    )
    db = folder / "x.duckdb"
    for seed in (1, 2):
        start.run(Config(task=(str(folder / "mine.toml"),), model="ngram", seed=seed, db=db))
    return db, queries.runs(db=db)["run_id"].to_list()
