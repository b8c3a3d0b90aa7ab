"""The Johnson-Lindenstrauss jobs: every mode on small sizes, files and whitening runs as data, and every refusal."""

import numpy as np
import polars as pl
import pytest

from engine.johnson_lindenstrauss.bounds import jl_dim
from engine.johnson_lindenstrauss.hashing import collision_probability
from jobs import cli
from jobs.johnson_lindenstrauss.bounds import bounds
from jobs.johnson_lindenstrauss.config import Bounds, Distortion, Lsh, Pca, Svd
from jobs.johnson_lindenstrauss.distortion import distortion, pca
from jobs.johnson_lindenstrauss.lsh import lsh
from jobs.johnson_lindenstrauss.svd import svd
from store import queries, runs
from store.ingest import ingest

MODES = {"bounds": (Bounds, bounds), "distortion": (Distortion, distortion), "lsh": (Lsh, lsh)}
MODES |= {"svd": (Svd, svd), "pca": (Pca, pca)}


def measured(db, tbl):
    ingest(db, force=True)
    queries.refresh(db)
    return queries.measurements(tbl, db=db)


def test_bounds_store_the_ladder_and_a_minimum_below_it(tmp_path, capsys):
    db = tmp_path / "x.duckdb"
    bounds(Bounds(db=db, samples=(40,), eps=(0.5,), trials=3))
    frame = measured(db, "jl_dimension")
    ladder = dict(frame.filter(metric="n_components").select("bound", "value").rows())
    assert ladder["post24"] == jl_dim(40, eps=0.5, bound="post24")
    assert ladder["exact_union"] == jl_dim(40, eps=0.5)
    assert ladder["measured"] < ladder["exact_union"]
    assert frame.filter(bound="measured")["n"].to_list() == [3, 3]
    assert set(frame.filter(bound="post24")["source"]) == {"bound"}
    assert "post24" in capsys.readouterr().out


def test_distortion_stores_measurements_beside_their_exact_spread(tmp_path):
    db = tmp_path / "x.duckdb"
    config = Distortion(db=db, data=("one_hot",), kinds=("rademacher", "sparse"), dims=(64,), n_samples=60)
    distortion(config)
    frame = measured(db, "jl_distortion")
    sd = {(row["kind"], row["source"]): row["value"] for row in frame.filter(metric="sd").iter_rows(named=True)}
    for kind in ("rademacher", "sparse"):
        assert sd[kind, "measured"] == pytest.approx(sd[kind, "exact"], rel=0.3)
    assert sd["sparse", "measured"] > 2 * sd["rademacher", "measured"]
    histogram = measured(db, "jl_histogram").filter(kind="rademacher")
    assert histogram["value"].sum() == 60 * 59 / 2
    assert measured(db, "jl_worst").filter(kind="sparse").height == 5


def test_a_file_is_read_and_fingerprinted(tmp_path):
    db, path = tmp_path / "x.duckdb", tmp_path / "vectors.npy"
    np.save(path, np.random.default_rng(0).standard_normal((30, 20)).astype(np.float32))
    distortion(Distortion(db=db, data=(str(path),), kinds=("gaussian",), dims=(8,), repeats=2))
    assert measured(db, "jl_distortion")["data"].unique().to_list() == ["vectors"]
    run = queries.run("latest", db=db)
    assert run["data_source"] == "files"
    assert run["train_fingerprint"]


def test_the_sentence_vectors_of_a_whitening_run_are_read(tmp_path):
    db = tmp_path / "x.duckdb"
    rng = np.random.default_rng(0)
    with runs.start("whitening", config={}, command="", config_hash="h", db=db, follow=False) as run:
        path = run.folder / "embeddings-stsb-cls.npz"
        first = rng.standard_normal((25, 16))
        np.savez(path, first=first, second=np.concatenate([first[:5], rng.standard_normal((20, 16))]))
        run.artifact(path.name, "embeddings", path)
    ingest(db, force=True)
    queries.refresh(db)
    pca(Pca(db=db, run=run.run_id, dims=(4,), repeats=1))
    frame = measured(db, "pca_distortion")
    assert frame["data"].unique().to_list() == ["stsb-cls"]
    stored = queries.runs(experiment="johnson_lindenstrauss", db=db)
    assert stored["parent_run_id"].to_list() == [run.run_id]


def test_lsh_stores_both_readings_and_the_recall(tmp_path):
    db = tmp_path / "x.duckdb"
    config = Lsh(db=db, cosines=(0.5, 0.771), bits=(256,), rows=(4,), bands=(8,), pairs=200, n_samples=300)
    lsh(config)
    curve = measured(db, "lsh_curve").filter(pl.col("cosine") == 0.771, pl.col("source") == "measured")
    values = dict(curve.select("metric", "value").rows())
    assert values["collision"] == pytest.approx(float(collision_probability(0.771)), abs=0.01)
    assert values["raw_cosine"] == pytest.approx(0.5605, abs=0.02)
    assert values["repaired_cosine"] == pytest.approx(0.771, abs=0.02)
    bands = measured(db, "lsh_bands")
    both = bands.pivot(on="source", index="cosine", values="value")
    assert (both["measured"] - both["exact"]).abs().max() < 0.12
    recall = measured(db, "lsh_recall").sort("candidates")
    assert recall["value"].is_sorted()


def test_svd_stores_the_optimum_the_bound_and_the_recipe_with_its_repair(tmp_path):
    db = tmp_path / "x.duckdb"
    config = Svd(
        db=db, data=("power",), shape=(60, 40), ranks=(6,), oversampling=(4,), power_iterations=(0,), repeats=4
    )
    svd(config)
    frame = measured(db, "svd_error").filter(metric="frobenius")
    value = {(row["method"], row["source"], row["oversampling"]): row["value"] for row in frame.iter_rows(named=True)}
    assert value["optimum", "exact", 4] < value["range_finder", "measured", 4] < value["range_finder", "bound", 4]
    assert value["repaired", "measured", 0] < value["post_orthonormal", "measured", 0]
    assert value["post_raw", "measured", 0] > 1
    assert value["post_raw", "measured", 0] == pytest.approx(value["post_raw", "exact", 0], rel=0.2)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_quick_on_request_and_its_command_gives_the_same_config(mode, tmp_path):
    config_class, function = MODES[mode]
    small = {"pca": {"n_samples": 40, "n_features": 64}, "svd": {"shape": (60, 40)}}.get(mode, {})
    config = config_class(db=tmp_path / "x.duckdb", quick=True, note="五 words", **small)
    words = cli.command(config).split(" ")
    assert words[:4] == ["python", "-m", "jobs.johnson_lindenstrauss", mode]
    if mode in ("svd", "pca"):
        function(config)
        ingest(config.db, force=True)
        queries.refresh(config.db)
        assert queries.run("latest", db=config.db)["status"] == "finished"


@pytest.mark.parametrize(
    ("function", "config", "message"),
    [
        (distortion, Distortion(data=("gausian",)), "did you mean 'gaussian'"),
        (distortion, Distortion(kinds=("har",)), "did you mean 'haar'"),
        (distortion, Distortion(dims=(0,)), "--dims"),
        (distortion, Distortion(data=("nowhere.npy",)), "nowhere.npy"),
        (distortion, Distortion(n_samples=1), "n_samples must be a whole number, 2 or more, got 1"),
        (pca, Pca(data=("one_hot",), n_samples=50, n_features=20), "50 one-hot vectors need 50 columns"),
        (bounds, Bounds(eps=(1.5,)), r"eps must lie in \(0, 1\)"),
        (bounds, Bounds(samples=(1,)), "2 or more"),
        (lsh, Lsh(cosines=(1.2,)), "--cosines"),
        (lsh, Lsh(n_samples=5), "more than 10"),
        (svd, Svd(data=("powr",)), "did you mean 'power'"),
        (svd, Svd(ranks=(299,)), "--ranks"),
    ],
)
def test_bad_flags_are_refused_before_a_run_is_stored(function, config, message, tmp_path):
    import dataclasses

    db = tmp_path / "x.duckdb"
    with pytest.raises(cli.InputError, match=message):
        function(dataclasses.replace(config, db=db))
    assert not db.exists()
    assert not db.with_suffix("").exists()


def test_rows_with_nan_are_named(tmp_path):
    path = tmp_path / "bad.npy"
    x = np.ones((10, 4))
    x[7] = np.nan
    np.save(path, x)
    with pytest.raises(cli.InputError, match=r"bad: x has NaN or infinite entries in 1 rows, the first is row 7"):
        distortion(Distortion(db=tmp_path / "x.duckdb", data=(str(path),)))
