"""The whitening job: the oracle through its own path, sources of vectors, statistics, artifacts, every refusal."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.embeddings.similarity import cosine_pairs
from engine.embeddings.trigrams import hashed_trigrams
from engine.embeddings.whitening import WhiteningAccumulator
from jobs import tracking
from jobs.cli import InputError
from jobs.whitening import config as whitening
from jobs.whitening import evaluate as evaluation
from jobs.whitening import layers, retrieval, sentence_vectors
from jobs.whitening import sentences as print_sentences
from jobs.whitening.sentence_vectors import Index
from jobs.whitening.sts import sources
from jobs.whitening.sts.sets import sentences
from store import queries, runs
from store.ingest import ingest

ORACLE = Path(__file__).parents[2] / "oracles" / "sts_pipeline.json"
DATA = os.environ.get("CLUE_DATA_DIR", "")
CHECK = Path(DATA) / "sts_en" / "pipeline_check"
WORDS = ("花呗", "借呗", "怎么", "还款", "额度", "利息", "开通", "关闭", "为什么", "可以", "今天", "明天")


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Runs write their spool only, and the cache of encoded sentences is this test's own."""
    start = runs.start

    def start_alone(*args, **kwargs):
        return start(*args, **{**kwargs, "follow": False})

    monkeypatch.setattr(tracking.runs, "start", start_alone)
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Generated pairs in the layout of the Chinese sets: more alike, higher score."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name, size in (("STS-B", 120), ("BQ", 90)):
        base = root / "senteval_cn" / name
        base.mkdir(parents=True)
        for split in ("valid", "test"):
            rows = []
            for _ in range(size):
                words = list(rng.choice(WORDS, 6))
                score = int(rng.integers(0, 6))
                other = words[: score + 1] + list(rng.choice(WORDS, 5 - score))
                rows.append(f"{''.join(words)}\t{''.join(other)}\t{score if name == 'STS-B' else int(score > 2)}")
            (base / f"{name}.{split}.data").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def evaluate(db: Path, **flags) -> pl.DataFrame:
    evaluation.start(whitening.Evaluate(db=db, **{"encoder": "hashed:32", "resamples": 50, **flags}))
    ingest(db, force=True)
    return queries.measurements("whitening_scores", db=db)


def test_scores_are_those_of_the_formulas(tmp_path, folder):
    table = evaluate(tmp_path / "x.duckdb", data=("stsb-zh",), data_dir=folder, components=("none", "8"))
    (data,) = sources.load(["stsb-zh"], data_dir=folder)
    test = data.split("test")[0]
    accumulator = WhiteningAccumulator()
    accumulator.update(hashed_trigrams(sentences(data.parts), width=32))
    fitted = accumulator.finish(n_components=8)
    sides = [fitted.transform(hashed_trigrams(side, width=32).astype(float)) for side in (test.first, test.second)]
    from scipy.stats import spearmanr

    expected = spearmanr(np.round(cosine_pairs(*sides), 8), test.gold).statistic
    row = table.filter(whitening="whitened", average="all", metric="spearman")
    assert row["value"][0] == pytest.approx(expected, abs=1e-6)
    assert row["low"][0] < row["value"][0] < row["high"][0]
    assert (row["n"][0], row["n_components"][0], row["transductive"][0]) == (120, 8, True)
    gain = table.filter(whitening="whitened", average="all", metric="gain")
    raw = table.filter(whitening="none", average="all", metric="spearman")
    assert gain["value"][0] == pytest.approx(row["value"][0] - raw["value"][0])
    assert raw["transductive"][0] is False


def test_one_command_makes_the_whole_table(tmp_path, folder, capsys):
    table = evaluate(tmp_path / "x.duckdb", data_dir=folder, statistics=("target", "test"), gammas=(1.0, 0.5))
    assert set(table["dataset"]) == {"bq", "stsb-zh"}
    assert set(table["statistics"]) == {"none", "target", "test"}
    assert set(table["gamma"]) == {0.0, 0.5, 1.0}
    shown = capsys.readouterr().out
    assert "none / full b1 g1 target" in shown
    assert "transductive" in shown
    statistics = queries.measurements("whitening_statistics", db=tmp_path / "x.duckdb")
    ranks = statistics.filter(metric="rank")["value"].unique().to_list()
    assert max(ranks) <= 32
    row = queries.runs(experiment="whitening", db=tmp_path / "x.duckdb").row(0, named=True)
    assert (row["model"], row["data_source"], row["status"]) == ("hashed:32", "files", "finished")
    assert "none/spearman" in queries.summary([row["run_id"]], tmp_path / "x.duckdb")["name"].to_list()


def test_kept_vectors_give_back_the_whitening(tmp_path, folder):
    db = tmp_path / "x.duckdb"
    evaluate(db, data=("bq",), data_dir=folder, keep_pairs=20)
    (run_id,) = queries.runs(db=db)["run_id"]
    files = tmp_path / "x" / "artifacts" / run_id
    pairs = pl.read_parquet(files / "pairs-bq.parquet")
    with np.load(files / "embeddings-bq-native.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["second"], hashed_trigrams(pairs["sentence2"].to_list(), width=32))
        state = {name: kept[f"target/{name}"] for name in ("count", "shift", "total", "scatter")}
    (data,) = sources.load(["bq"], data_dir=folder)
    everything = hashed_trigrams(sentences(data.parts), width=32)
    np.testing.assert_allclose(WhiteningAccumulator.from_state(state).mean, everything.mean(axis=0), atol=1e-6)
    assert set(queries.artifacts(run_id, db=db)["kind"]) == {"embeddings", "pairs"}


def test_ready_vectors_score_as_the_encoder_that_made_them(tmp_path, folder, capsys):
    print_sentences.start(whitening.Sentences(data="bq", data_dir=folder))
    lines = capsys.readouterr().out.splitlines()
    np.save(tmp_path / "bq.npy", hashed_trigrams(lines, width=32))
    flags = {"data": ("bq",), "data_dir": folder, "components": ("none", "8")}
    ready = evaluate(tmp_path / "a.duckdb", encoder=str(tmp_path / "bq.npy"), **flags)
    made = evaluate(tmp_path / "b.duckdb", **flags)
    assert ready["value"].to_list() == pytest.approx(made["value"].to_list())


def test_statistics_come_from_other_text_or_vectors(tmp_path, folder):
    text = tmp_path / "other.txt"
    text.write_text("\n".join("".join(WORDS[i % 12] + WORDS[i // 5 % 12] + WORDS[i // 9 % 12]) for i in range(300)))
    np.save(tmp_path / "other.npy", hashed_trigrams(text.read_text().split("\n"), width=32))
    tables = [
        evaluate(
            tmp_path / f"{path.suffix[1:]}.duckdb",
            data=("bq",),
            data_dir=folder,
            statistics=("file",),
            statistics_file=path,
            components=("4",),
        )
        for path in (text, tmp_path / "other.npy")
    ]
    assert tables[0]["value"].to_list() == pytest.approx(tables[1]["value"].to_list())
    assert set(tables[0].filter(whitening="whitened")["transductive"]) == {False}


def test_encoded_sentences_are_kept_by_content(tmp_path, folder, monkeypatch):
    (data,) = sources.load(["bq"], data_dir=folder)
    index = Index.of(data)
    calls = []

    class Counting(sentence_vectors.ReadyVectors):
        """An encoder that counts how often it is asked."""

        def __init__(self, fingerprint):
            self.name, self.fingerprint = "counting", fingerprint

        def encode(self, texts, views, *, max_length, advance):
            calls.append(len(texts))
            advance(len(texts))
            return {view: hashed_trigrams(texts, width=8) for view in views}

        def combine(self, pooling, views):
            return np.asarray(views[pooling.views[0]])

    def ask(fingerprint, texts):
        encoder = Counting(fingerprint)
        poolings = [encoder.parse("native")]
        return sentence_vectors.embed_texts(encoder, texts, poolings, max_length=64, title="t")["native"]

    first, again = ask("a", index.texts), ask("a", index.texts)
    np.testing.assert_array_equal(first, again)
    assert calls == [len(index.texts)]
    ask("b", index.texts)
    ask("a", index.texts[:-1])
    assert len(calls) == 3
    for path in (tmp_path / "cache" / "sentences").glob("*.npy"):
        path.write_bytes(path.read_bytes()[:100])  # half a file is no file
    np.testing.assert_array_equal(ask("a", index.texts), first)
    assert len(calls) == 4


def test_retrieval_finds_all_at_full_dimension_and_less_below(tmp_path, folder, capsys):
    db = tmp_path / "x.duckdb"
    flags = {"encoder": "hashed:64", "data": ("bq",), "data_dir": folder, "components": ("none", "full", "16", "2")}
    retrieval.start(whitening.Retrieval(db=db, **flags))
    with pytest.raises(InputError, match=r"--pooling: .*pool with 'cls'"):
        retrieval.start(whitening.Retrieval(db=db, **flags, pooling="cls"))
    ingest(db, force=True)
    table = queries.measurements("retrieval", db=db).filter(backend="blocked")
    recall = {(row["vectors"], row["n_components"]): row["value"] for row in table.filter(metric="recall").to_dicts()}
    full = max(k for kind, k in recall if kind == "whitened")
    assert recall["raw", 64] == recall["whitened", full] == 1.0
    assert recall["whitened", 2] < recall["whitened", 16] < 1.0
    size = {(row["vectors"], row["n_components"]): row["value"] for row in table.filter(metric="bytes").to_dicts()}
    assert size["raw", 64] == 4 * size["whitened", 16]
    assert (table.filter(metric="ms_per_query")["value"] > 0).all()


REFUSED = [
    ({"data": ("bq",), "encoder": "./nowhere"}, "--encoder ./nowhere: no such folder"),
    ({"data": ("bq",), "encoder": "no-one/nothing"}, "--encoder no-one/nothing: not"),
    ({"data": ("bq",), "encoder": "hashed:400"}, r"400 components wanted.*360 sentences \(target.*at most 359"),
    ({"data": ("bq",), "components": ("40",)}, "40 components wanted of vectors of width 32"),
    (
        {"data": ("bq",), "components": ("ful",)},
        "expected none, full, reduced or a positive number; did you mean 'full'",
    ),
    ({"data": ("bq",), "poolings": ("cls",)}, "--poolings: .*has no hidden states to pool with 'cls'"),
    ({"data": ("bq",), "statistics": ("targets",)}, "did you mean 'target'"),
    ({"data": ("bq",), "statistics": ("file",)}, "used together"),
    ({"data": ("bq",), "preset": "bert-whitening"}, "did you mean 'bert-whitening"),
    ({"data": ("bq",), "average": "mena"}, "did you mean 'mean'"),
    ({"data": ("bq",), "encoder": "hashed:x"}, "a number of buckets"),
    ({"data": ("bq",), "resamples": 0}, "must be positive"),
    ({"data": ("bq",), "statistics": ("nli",)}, "lacks ocnli"),
    ({"encoder": "no-such.npy"}, "no such file"),
]


@pytest.mark.parametrize(("flags", "message"), REFUSED)
def test_what_cannot_be_done_is_one_sentence_before_a_run_is_opened(tmp_path, folder, flags, message):
    with pytest.raises(InputError, match=message):
        evaluate(tmp_path / "x.duckdb", data_dir=folder, **flags)
    assert not (tmp_path / "x" / "spool").exists()


def test_vectors_that_do_not_fit_are_refused(tmp_path, folder):
    flags = {"data": ("bq",), "data_dir": folder}
    path = tmp_path / "v.npy"
    for table, message in (
        (np.ones((360, 4), np.float32), "all equal"),
        (np.ones((7, 4)), "has 7 rows, but bq has 360 sentences"),
        (np.full((360, 4), np.nan), "row 0 is not finite"),
        (np.ones(360), "expected a matrix"),
        (np.array([["a"] * 4] * 360), "expected a matrix of numbers"),
    ):
        np.save(path, table)
        with pytest.raises(InputError, match=message):
            evaluate(tmp_path / "x.duckdb", encoder=str(path), **flags)
        assert not (tmp_path / "x" / "spool").exists()
    np.save(path, np.random.default_rng(0).standard_normal((360, 4)))
    np.save(tmp_path / "s.npy", np.ones((20, 7)))
    with pytest.raises(InputError, match="width 7, but those of bq have 4"):
        evaluate(
            tmp_path / "x.duckdb",
            encoder=str(path),
            statistics=("file",),
            statistics_file=tmp_path / "s.npy",
            components=("2",),
            **flags,
        )
    with pytest.raises(InputError, match="vectors of one set"):
        evaluate(tmp_path / "x.duckdb", encoder=str(path), data_dir=folder)
    path.write_text("no array")
    with pytest.raises(InputError, match=r"cannot be read as \.npy"):
        evaluate(tmp_path / "x.duckdb", encoder=str(path), **flags)


def test_layers_need_an_encoder_with_layers(tmp_path, folder):
    with pytest.raises(InputError, match="has no layers to pair"):
        layers.start(whitening.Layers(db=tmp_path / "x.duckdb", data=("bq",), data_dir=folder))


def test_an_unknown_encoder_is_looked_for_among_the_runs(tmp_path, folder):
    with pytest.raises(InputError, match="--encoder 7f3a: expected hashed, a folder"):
        evaluate(tmp_path / "x.duckdb", encoder="run:7f3a", data=("bq",), data_dir=folder)


@pytest.mark.skipif(not CHECK.is_dir(), reason="CLUE_DATA_DIR has no sts_en/pipeline_check")
def test_the_oracle_is_reproduced_through_the_job(tmp_path):
    oracle = json.loads(ORACLE.read_text())
    flags = {"encoder": "hashed", "components": ("none", "full", "64", "32"), "resamples": 2, "keep_pairs": 0}
    table = evaluate(tmp_path / "x.duckdb", data_dir=CHECK, **flags)
    found = {
        (row["dataset"], row["whitening"], row["n_components"], row["average"]): 100 * row["value"]
        for row in table.filter(metric="spearman").to_dicts()
    }
    names = {"sts-b": "stsb", "sick-r": "sickr"}
    checked = 0
    for task, expected in oracle["tasks"].items():
        name = names.get(task, task)
        for setting, scores in expected["results"].items():
            k = int(setting.removeprefix("whiten")) if setting != "raw" else 128
            kind = "none" if setting == "raw" else "whitened"
            wanted = {average: scores[average] for average in ("mean", "wmean", "all")}
            wanted |= scores["subsets"] if len(scores["subsets"]) > 1 else {}
            for average, value in wanted.items():
                assert found[name, kind, k, average] == pytest.approx(value, abs=0.01)
                checked += 1
    assert checked == 7 * 4 * 3 + 4 * sum(len(t["pairs"]) for t in oracle["tasks"].values() if len(t["pairs"]) > 1)
