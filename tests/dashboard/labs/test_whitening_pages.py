"""The whitening pages on an empty store and on runs of the whitening job over generated vectors."""

import json

import numpy as np
import polars as pl
import pytest

from dashboard.figures.labs import whitening as figures
from dashboard.frames.labs import stored_vectors, whitening_tables
from dashboard.parts.labs import typed_sentences
from engine.embeddings.trigrams import hashed_trigrams
from engine.embeddings.whitening import WhiteningAccumulator, fit_whitening
from store import queries, runs
from store.ingest import ingest

PAGES = ("whitening", "whitening_vectors", "whitening_sentences", "whitening_layers")
WORDS = ("花呗", "借呗", "怎么", "还款", "额度", "利息", "开通", "关闭")
WIDTH = 16


def pairs(rows: int = 60) -> pl.DataFrame:
    """Generated pairs: the more words they share, the higher the score."""
    rng = np.random.default_rng(0)
    table = []
    for _ in range(rows):
        words = list(rng.choice(WORDS, 5))
        shared = int(rng.integers(0, 6))
        table.append(("", "".join(words), "".join(words[:shared] + list(rng.choice(WORDS, 5 - shared))), float(shared)))
    return pl.DataFrame(table, schema=["subset", "sentence1", "sentence2", "gold"], orient="row")


def measure_scores(run) -> None:
    """Scores of two sets under two poolings, as the job stores them."""
    for dataset in ("bq", "stsb-zh"):
        for pooling, base in (("first-last-avg", 0.3), ("cls", 0.2)):
            for whitening, k, gain in (("none", WIDTH, None), ("whitened", WIDTH, 0.05), ("whitened", 8, -0.02)):
                value = base + (gain or 0.0)
                estimates = {"spearman": (value, value - 0.03, value + 0.03, 60)}
                if gain is not None:
                    estimates["gain"] = (gain, gain - 0.01, gain + 0.01, 60)
                axes = {"dataset": dataset, "pooling": pooling, "whitening": whitening, "n_components": k}
                knob = 0.0 if whitening == "none" else 1.0
                statistics = "none" if whitening == "none" else "target"
                more = {"statistics": statistics, "transductive": statistics == "target", "beta": knob, "gamma": knob}
                for average in ("mean", "wmean", "all"):
                    run.measure("whitening_scores", {**axes, **more, "average": average}, **estimates)
        axes = {"dataset": dataset, "pooling": "cls", "statistics": "target"}
        run.measure("whitening_statistics", axes, rank=WIDTH, effective_rank=9.5, mean_cosine=0.8)


def keep_vectors(run) -> None:
    """Vectors of pairs and their statistics, in the files that the job writes."""
    frame = pairs()
    first, second = (hashed_trigrams(frame[side].to_list(), width=WIDTH) for side in ("sentence1", "sentence2"))
    accumulator = WhiteningAccumulator()
    accumulator.update(np.concatenate([first, second]))
    state = {f"target/{name}": value for name, value in accumulator.state().items()}
    path = run.folder / "embeddings-bq-native.npz"
    np.savez(path, first=first, second=second, **state)
    run.artifact(path.name, "embeddings", path)
    path = run.folder / "pairs-bq.parquet"
    frame.write_parquet(path)
    run.artifact(path.name, "pairs", path)


def measure_layers(run) -> None:
    """Every pair of three hidden states, and a search at three dimensions."""
    for first in range(3):
        for second in range(first, 3):
            for whitening in ("none", "whitened"):
                axes = {"dataset": "bq", "first": first, "second": second, "whitening": whitening, "average": "mean"}
                run.measure("layer_pairs", axes, spearman=(0.1 * (first + second), 0.0, 1.0, 60))
    for kind, k, recall in (("raw", 16, 1.0), ("whitened", 16, 1.0), ("whitened", 8, 0.6)):
        axes = {"dataset": "bq", "pooling": "native", "vectors": kind, "n_components": k, "backend": "blocked", "k": 10}
        run.measure("retrieval", axes, recall=recall, mrr=recall / 2, ms_per_query=0.01 * k, bytes=100.0 * k)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with one run that has everything the pages show."""
    db = tmp_path_factory.mktemp("whitening") / "results.duckdb"
    fields = {"model": f"hashed:{WIDTH}", "dataset": "bq", "task": "bq", "data_source": "files", "db": db}
    config = {"encoder": f"hashed:{WIDTH}"}
    with runs.start("whitening", config=config, command="x", config_hash="w", follow=False, **fields) as run:
        measure_scores(run)
        measure_layers(run)
        keep_vectors(run)
    ingest(db, force=True)
    return db


def charts(app) -> dict[str, dict]:
    return {chart.proto.id.rsplit("-", 1)[-1]: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_store_names_the_command(page, empty_store, open_page):
    app = open_page(page, empty_store)
    assert not app.exception
    assert any("python -m jobs.whitening" in code.value for code in app.code)


@pytest.mark.parametrize("page", PAGES)
def test_a_filled_store_is_shown(page, store, open_page):
    app = open_page(page, store)
    assert not app.exception
    assert not app.error
    assert charts(app) or len(app.dataframe)


def test_one_table_has_measured_and_published_scores_side_by_side(store, open_page):
    app = open_page("whitening", store)
    (table,) = [frame.value for frame in app.dataframe]
    bq = pl.from_pandas(table).filter(set="bq").row(0, named=True)
    assert [round(bq[f"here {name}"], 2) for name in ("none", "whitened", "reduced")] == [30.0, 35.0, 28.0]
    assert [round(bq[f"published {name}"], 2) for name in ("none", "whitened", "reduced")] == [38.81, 32.29, 37.67]
    assert set(table["verdict"].dropna()) <= {"helps", "hurts", "unclear"}
    figure = next(spec for spec in charts(open_page("whitening", store, more=True)).values() if len(spec["data"]) == 4)
    assert {trace["name"] for trace in figure["data"]} == {"none", "whitened", "reduced", "published"}


def test_sliders_answer_from_the_stored_vectors(store, open_page):
    app = open_page("whitening_vectors", store)
    before = {metric.label: metric.value for metric in app.metric}
    app.slider(key="whitening_vectors_gamma").set_value(0.0).run()
    app.slider(key="whitening_vectors_beta").set_value(0.0).run()
    app.slider(key="whitening_vectors_components").set_value(WIDTH).run()
    assert not app.exception
    after = {metric.label: metric.value for metric in app.metric}
    assert after["Spearman, whitened"] == after["Spearman, raw"] == before["Spearman, raw"]
    assert before["Mean cosine, whitened"] != before["Mean cosine, raw"]
    app = open_page("whitening_vectors", store, more=True)
    worst = next(frame.value for frame in app.dataframe if "gap" in frame.value.columns)
    assert worst["gap"].abs().to_list() == sorted(worst["gap"].abs(), reverse=True)


def test_typed_sentences_have_a_cosine_under_every_setting(store, open_page):
    app = open_page("whitening_sentences", store)
    app.text_input(key="whitening_sentences_first").set_value("花呗怎么还款呢").run()
    app.text_input(key="whitening_sentences_second").set_value("花呗怎么还款呢").run()
    assert not app.exception
    cosines = next(frame.value for frame in app.dataframe if "share" in frame.value.columns)
    assert len(cosines) == 4
    assert cosines["cosine"].to_list() == pytest.approx([1.0] * 4)
    near = [frame.value for frame in app.dataframe if list(frame.value.columns) == ["cosine", "sentence"]]
    assert len(near) == 2
    assert len(near[0]) == 10
    app.text_input(key="whitening_sentences_second").set_value(" ").run()
    assert "Type two sentences" in app.info[0].value


def test_layers_and_search_are_drawn(store, open_page):
    app = open_page("whitening_layers", store, more=True)
    specs = list(charts(app).values())
    assert sum(trace["type"] == "heatmap" for spec in specs for trace in spec["data"]) == 2
    assert len(specs) == 6


def test_kept_vectors_are_scored_as_the_engine_does(store):
    (run_id,) = queries.runs(db=store)["run_id"]
    artifacts = queries.artifacts(run_id, db=store)
    assert stored_vectors.available(artifacts) == {"bq": ["native"]}
    stored = stored_vectors.load(artifacts, "bq", "native")
    everything = np.concatenate([stored.first, stored.second])
    expected = fit_whitening(everything, n_components=4)
    found = stored.statistics["target"].finish(n_components=4)
    np.testing.assert_allclose(
        stored_vectors.cosines(stored, found), stored_vectors.cosines(stored, expected), atol=1e-5
    )
    full = stored.statistics["target"].finish(n_components=found.rank)
    curve = stored_vectors.curve(stored, full)
    value, low, high = stored_vectors.score(stored.pairs, stored_vectors.cosines(stored, full))
    last = curve.row(-1, named=True)
    assert (last["k"], last["value"]) == (found.rank, pytest.approx(value, abs=1e-6))
    assert low < value < high
    texts, vectors = stored.sentences()
    np.testing.assert_array_equal(vectors, hashed_trigrams(texts, width=WIDTH))


def test_one_component_of_one_sign_has_no_score(store, open_page):
    app = open_page("whitening_vectors", store)
    app.slider(key="whitening_vectors_beta").set_value(0.0).run()
    app.slider(key="whitening_vectors_components").set_value(1).run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Spearman, whitened"] == "–"


@pytest.mark.parametrize(
    ("variant", "place"),
    [
        ("P4 none", ("first-last-avg", "none")),
        ("P2 whitening", ("pooler", "whitened")),
        ("P1 whitening-384", ("cls", "reduced")),
        ("P4 whitening-256 beta=gamma=0", ("first-last-avg, beta = gamma = 0", "reduced")),
        ("whitening (target)", ("first-last-avg, target statistics", "whitened")),
        ("whitening-256 (NLI)", ("first-last-avg, NLI statistics", "reduced")),
        ("whitening (NLI), re-measured, all", ("whitened, NLI, re-measured, all", "whitened")),
        ("first-last-avg (theirs)", ("first-last-avg", "none")),
        ("flow (target)", ("flow (target)", "none")),
    ],
)
def test_published_variants_find_their_place(variant, place):
    assert whitening_tables.place(variant) == place


def test_a_missing_cell_is_a_dash():
    scores = pl.DataFrame(
        [("cls", "bq", "none", 0.5), ("cls", "bq", "whitened", 0.25), ("cls", "atec", "none", 0.1)],
        schema=["row", "dataset", "setting", "value"],
        orient="row",
    )
    assert figures.table(scores, ["bq", "atec", "pawsx"]).rows() == [("cls", "50.00 / 25.00", "10.00 / –", "")]
    alone = figures.table(scores.with_columns(row=pl.col("setting")), ["bq", "atec"]).rows()
    assert alone == [("none", "50.00", "10.00"), ("whitened", "25.00", "")]


def test_only_encoders_can_take_new_sentences(tmp_path):
    assert typed_sentences.can_encode("hashed")
    assert not typed_sentences.can_encode("mine.npy")
    assert typed_sentences.encode("hashed:8", "native", ("花呗",), tmp_path / "x.duckdb").shape == (1, 8)
    with pytest.raises(ValueError, match=r"error: --encoder .*expected"):
        typed_sentences.encode("no-such-run", "cls", ("花呗",), tmp_path / "x.duckdb")
