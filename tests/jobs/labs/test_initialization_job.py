"""The initialization job: stacks, an encoder's matrices, training at toy size, and every refusal."""

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import save_file

from engine.initialization.rules import stack_gains
from jobs import cli, tracking
from jobs.initialization import config as initialization
from jobs.initialization import measure, stacks, train
from jobs.initialization.measure import encoder_widths
from store import queries
from store.ingest import ingest

SMALL = {"widths": (16, 64, 16), "seeds": 6, "batch": 4, "spectrum_draws": 1, "activations": ("relu",)}


def table(db, name):
    ingest(db, force=True)
    return queries.measurements(name, db=db)


@pytest.mark.parametrize("method", ["matrices", "vectors"])
def test_measured_stacks_lie_beside_the_exact_gains(tmp_path, method, capsys):
    db = tmp_path / "x.duckdb"
    config = initialization.Measure(db=db, method=method, **{**SMALL, "seeds": 60})
    measure.measure(config)
    layers = table(db, "init_layers")
    assert set(layers["rule"]) == set(initialization.MORE_RULES)
    exact = stack_gains(SMALL["widths"], rule="geometric", activation="relu", gain="forward")
    rows = layers.filter(rule="geometric", layer=2, metric="forward")
    assert rows.filter(source="exact")["value"][0] == pytest.approx(exact.total_forward)
    measured = rows.filter(source="measured").row(0, named=True)
    assert measured["n"] == 60
    assert measured["low"] - 0.1 < exact.total_forward < measured["high"] + 0.1
    assert "geometric" in capsys.readouterr().out


def test_spectra_are_histograms_with_their_law(tmp_path):
    db = tmp_path / "x.duckdb"
    measure.measure(initialization.Measure(db=db, rules=("fan_in",), **SMALL))
    bars = table(db, "init_spectra").filter(fan_in=16, source="measured")
    assert (bars["value"] * (bars["right"] - bars["left"])).sum() == pytest.approx(1)
    edges = table(db, "init_edges").filter(fan_in=16, source="exact", metric="largest")
    assert edges["value"][0] == pytest.approx(1 + 2)  # (sqrt 16 + sqrt 64) / sqrt 16


def test_the_matrices_of_an_encoder_are_measured(tmp_path):
    rng, folder = np.random.default_rng(0), tmp_path / "model"
    folder.mkdir()
    tensors = {}
    for layer in (0, 1):
        name = f"encoder.layer.{layer}"
        tensors[f"{name}.attention.self.query.weight"] = rng.standard_normal((16, 16), dtype=np.float32) / 4
        tensors[f"{name}.intermediate.dense.weight"] = rng.standard_normal((64, 16), dtype=np.float32) / 4
        tensors[f"{name}.output.dense.weight"] = rng.standard_normal((16, 64), dtype=np.float32) / 8
    tensors["embeddings.word_embeddings.weight"] = rng.standard_normal((50, 16), dtype=np.float32)
    save_file(tensors, folder / "model.safetensors")
    db = tmp_path / "x.duckdb"
    measure.measure(initialization.Measure(db=db, model=str(folder), **{**SMALL, "rules": ("fan_in",)}))
    matrices = table(db, "init_matrices").filter(source="measured", metric="forward")
    assert len(matrices) == 6  # embeddings are look-ups, not maps
    wide = matrices.filter(pl.col("name").str.contains("intermediate"))
    assert wide["fan_in"].to_list() == [16, 16]  # torch stores (out, in)
    assert wide["value"].to_list() == pytest.approx([1, 1], rel=0.2)
    assert queries.run("latest", db=db)["model"] == str(folder)
    assert set(table(db, "init_layers")["layer"]) == {1, 2, 3, 4}


def test_widths_of_an_encoder_follow_its_layers():
    shapes = {f"encoder.layer.{i}.intermediate.dense": (4, 8) for i in range(12)}
    shapes |= {f"encoder.layer.{i}.output.dense": (8, 4) for i in range(12)} | {"pooler.dense": (4, 9)}
    matrices = {name: np.zeros(shape) for name, shape in shapes.items()}
    assert encoder_widths(matrices, "x") == [4, 8] * 12 + [4]
    with pytest.raises(cli.InputError, match="no non-square matrices"):
        encoder_widths({"a": np.zeros((3, 3))}, "x")


def test_training_stores_curves_and_the_best_rate(tmp_path, capsys):
    db = tmp_path / "x.duckdb"
    config = initialization.Train(
        db=db, narrow=8, wide=16, blocks=2, seeds=2, steps=30, batch=16, variants=("plain", "residual_norm")
    )
    train.train(config)
    best = table(db, "init_training_best")
    assert len(best.filter(metric="loss")) == 2 * 2 * 6
    curves = table(db, "init_training")
    assert curves["step"].max() == 30
    first = curves.filter(variant="plain", optimizer="adam", rule="geometric", step=0)["value"]
    last = best.filter(variant="plain", optimizer="adam", rule="geometric", metric="loss")["value"]
    assert last[0] < first[0]
    assert "against geometric" in capsys.readouterr().out


def test_the_same_seed_has_the_same_draws_under_every_rule():
    shape = stacks.Shape((8, 32, 8), "relu", "forward", False, False, 4)
    slices = [stacks.Slice(rule, 0.1, 3) for rule in ("fan_in", "geometric", "quadratic")]
    first, _ = stacks.draw_weights(shape, slices, "cpu")
    first = first.detach()
    torch.testing.assert_close(first[0] / first[0].std(), first[2] / first[2].std())
    assert float(first[0].std() / first[1].std()) == pytest.approx((32 / 8) ** 0.25, rel=1e-5)
    spread = [float(part.square().mean()) * 8 for part in first]
    assert spread[0] == pytest.approx(1, rel=0.4)


def test_slices_trained_together_are_those_trained_alone():
    shape = stacks.Shape((8, 16, 8), "gelu", 1.0, True, True, 8)
    slices = [stacks.Slice("geometric", rate, 1) for rate in (0.01, 0.1)]
    for optimizer in ("sgd", "adam"):
        options = {"optimizer": optimizer, "steps": 5, "record_every": 5}
        _, both = stacks.train_group(shape, slices, **options)
        _, alone = stacks.train_group(shape, slices[1:], **options)
        torch.testing.assert_close(both[:, 1], alone[:, 0])
        assert not torch.allclose(both[-1, 0], both[-1, 1])


def test_divergence_is_infinite_and_stays_in_its_slice():
    shape = stacks.Shape((8, 16, 8), "relu", "forward", False, False, 8)
    slices = [stacks.Slice("fan_in", rate, 1) for rate in (0.01, 1e12)]
    _, losses = stacks.train_group(shape, slices, optimizer="sgd", steps=20, record_every=20)
    assert torch.isinf(losses[-1, 1])
    assert torch.isfinite(losses[:, 0]).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (initialization.Measure(widths=(768,)), "at least two widths"),
        (initialization.Measure(widths=(768, 0)), "at least 1, got 0"),
        (initialization.Measure(rules=("geometrik",)), "did you mean 'geometric'"),
        (initialization.Measure(rules=()), "--rules: give at least one"),
        (initialization.Measure(activations=("rleu",)), "did you mean 'relu'"),
        (initialization.Measure(seeds=0), "--seeds must be at least 1"),
        (initialization.Measure(method="vectors", law="uniform"), "normal entries only"),
        (initialization.Measure(model="tiny"), "no trained matrices"),
        (initialization.Measure(model="./nowhere"), "no such folder"),
        (initialization.Train(optimizers=("sdg",)), "did you mean 'sgd'"),
        (initialization.Train(variants=("plane",)), "did you mean 'plain'"),
        (initialization.Train(activation="swish"), "--activation: unknown 'swish'"),
        (initialization.Train(sgd_rates=()), "--sgd-rates: give at least one"),
        (initialization.Train(narrow=0), "at least 1, got 0"),
        (initialization.Train(steps=0), "--steps must be at least 1"),
    ],
)
def test_bad_input_is_refused_before_a_run_is_opened(config, message, monkeypatch):
    monkeypatch.setattr(tracking, "start", lambda *args, **kwargs: pytest.fail("a run was opened"))
    job = measure.measure if isinstance(config, initialization.Measure) else train.train
    with pytest.raises(cli.InputError, match=message):
        job(config)


def test_an_encoder_without_matrices_is_refused(tmp_path):
    save_file({"norm.weight": np.ones(4, dtype=np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(cli.InputError, match="no linear weight matrix"):
        measure.measure(initialization.Measure(model=str(tmp_path)))
