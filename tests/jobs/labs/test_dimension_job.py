"""The dimension jobs on small sizes: what they store, what they print, what they refuse."""

import dataclasses
import json

import polars as pl
import pytest

from engine.dimension.entropy import dimension_for
from jobs import cli
from jobs.dimension.attention import attention, crossing
from jobs.dimension.config import Attention, Entropy, Skipgram
from jobs.dimension.entropy import entropy
from jobs.dimension.skipgram import skipgram
from store import queries
from store.ingest import ingest


def measured(db, tbl):
    ingest(db, force=True)
    queries.refresh(db)
    return queries.measurements(tbl, db=db)


def test_entropy_stores_measurement_and_theory(tmp_path):
    db = tmp_path / "x.duckdb"
    entropy(Entropy(db=db, vocabularies=(128,), dims=(8, 64), repeats=3))
    frame = measured(db, "entropy").filter(form="pairs", scaled=False)
    value = {(row["n_components"], row["source"]): row["value"] for row in frame.iter_rows(named=True)}
    assert value[8, "measured"] == pytest.approx(value[8, "exact"], rel=0.03)
    assert value[64, "measured"] >= 0 > value[64, "exact"]
    threshold = measured(db, "entropy_threshold").filter(form="pairs")["value"][0]
    assert threshold == pytest.approx(dimension_for(128))
    assert measured(db, "retrieval")["value"].is_between(0, 1).all()


def test_attention_stores_fits_and_the_head_size_that_is_enough(tmp_path, capsys):
    db = tmp_path / "x.duckdb"
    config = Attention(db=db, lengths=(16,), head_sizes=(2, 6, 15), patterns=("permutation", "dense"), steps=400)
    attention(config)
    kl = measured(db, "attention_fit").filter(metric="kl")
    values = {(row["pattern"], row["head_size"]): row["value"] for row in kl.iter_rows(named=True)}
    assert values["permutation", 6] < 0.01 < values["dense", 6]
    assert values["dense", 15] < 1e-3
    need = measured(db, "attention_need").filter(law="measured")
    needs = dict(need.select("pattern", "value").rows())
    assert needs["permutation"] < needs["dense"] <= 15
    assert "8.33 ln L" in capsys.readouterr().out


def test_crossing_interpolates_and_says_when_there_is_none():
    assert crossing([(2, 1.0), (8, 0.01)], 0.1) == pytest.approx(4.0)
    assert crossing([(2, 0.01), (8, 0.001)], 0.1) == 2.0
    assert crossing([(2, 1.0), (8, 0.5)], 0.1) is None


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "data" / "tnews"
    folder.mkdir(parents=True)
    sentences = ["一二三一二三四五", "红黄蓝红黄蓝绿白", "一二三四五六", "红绿蓝黄白黑"]
    for name, times in (("train", 12), ("dev", 3)):
        rows = [
            {"label": "100", "label_desc": "news_story", "sentence": f"{text}{mark}", "keywords": "", "id": n}
            for n, (text, mark) in enumerate((t, i) for i in range(times) for t in sentences)
        ]
        (folder / f"{name}.json").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return tmp_path / "data"


def test_skipgram_stores_every_metric_beside_the_rule(tmp_path, texts):
    db = tmp_path / "x.duckdb"
    config = Skipgram(db=db, data_dir=texts, vocabularies=(12,), dims=(1, 6), steps=150, repeats=2)
    skipgram(config)
    frame = measured(db, "skipgram")
    kept = dict(frame.filter(metric="held_out").select("n_components", "value").rows())
    assert kept[6] > kept[1]
    assert set(frame["metric"]) >= {"loss", "kept", "share", "held_out", "neighbours", "norm_product"}
    assert frame.filter(metric="share")["value"].max() <= 1.0
    rule = measured(db, "skipgram_rule").filter(pl.col("rule") == "8.33 ln N")
    assert rule["value"][0] == pytest.approx(8.33 * 2.4849, rel=1e-3)
    run = queries.run("latest", db=db)
    assert (run["data_source"], run["dataset"], run["status"]) == ("files", "tnews", "finished")


@pytest.mark.parametrize(
    ("function", "config", "message"),
    [
        (entropy, Entropy(vocabularies=(1,)), "one word has no entropy"),
        (entropy, Entropy(dims=(1,)), "2 or more"),
        (attention, Attention(lengths=(2,)), "--lengths"),
        (skipgram, Skipgram(vocabularies=(1,)), "predicts nothing"),
        (skipgram, Skipgram(task="tnew"), "did you mean 'tnews'"),
        (skipgram, Skipgram(held_out=1.0), "--held-out"),
    ],
)
def test_bad_flags_are_refused_before_a_run_is_stored(function, config, message, tmp_path):
    db = tmp_path / "x.duckdb"
    with pytest.raises(cli.InputError, match=message):
        function(dataclasses.replace(config, db=db))
    assert not db.with_suffix("").exists()
