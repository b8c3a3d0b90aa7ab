"""The smoothing job: errors with their slopes, the small trainings, the benchmark's rows, and every refusal."""

import pytest

from jobs import cli, tracking
from jobs.benchmarks import smoothing as benchmark
from jobs.clue import start
from jobs.smoothing import config as smoothing
from jobs.smoothing import errors, train
from store import queries
from store.ingest import ingest


def table(db, name):
    ingest(db, force=True)
    return queries.measurements(name, db=db)


def test_measured_errors_are_the_exact_ones(tmp_path, capsys):
    db = tmp_path / "x.duckdb"
    config = smoothing.Errors(
        db=db, functions=("relu", "sign", "floor"), kernels=("gaussian", "uniform", "cauchy"), widths=(0.01, 0.05)
    )
    errors.errors(config)
    stored = table(db, "smoothing_error")
    exact, measured = (
        stored.filter(source=source).select("function", "kernel", "width", "metric", "value")
        for source in ("exact", "measured")
    )
    both = exact.join(measured, on=["function", "kernel", "width", "metric"], validate="1:1")
    assert len(both) == len(exact) == len(measured) > 20
    for row in both.iter_rows(named=True):
        heavy = row["kernel"] == "cauchy"  # the far steps of a heavy tail are cut
        assert row["value_right"] == pytest.approx(row["value"], rel=0.2 if heavy else 1e-3), row
    orders = table(db, "smoothing_order").filter(function="relu", kernel="gaussian", source="measured")
    assert sorted(orders["value"]) == pytest.approx([1, 2], abs=1e-3)
    printed = capsys.readouterr().out
    assert "diverges: no first moment" in printed
    assert " 0.0000 " in printed  # a step's supremum does not fall with the width, nor by minus nothing
    assert "-0.0000" not in printed


def test_regression_and_staircase_are_stored_with_intervals(tmp_path, capsys):
    db = tmp_path / "x.duckdb"
    config = smoothing.Train(
        db=db, activations=("relu", "squareplus:0.5:trainable"), seeds=2, steps=20, hidden=8, problems=3
    )
    train.train(config)
    rows = table(db, "smoothing_regression")
    assert set(rows["target"]) == {"smooth", "kinked"}
    assert rows.filter(activation="relu", metric="against_first")["value"].to_list() == [0, 0]
    widths = rows.filter(activation="squareplus:0.5:trainable", metric="width")["value"]
    assert (abs(widths - 0.5) > 1e-4).all()  # learned
    final = table(db, "staircase_final").filter(metric="loss")
    assert final.filter(schedule="annealed 1 to 0.02")["value"][0] < final.filter(schedule="fixed 0.02")["value"][0]
    printed = capsys.readouterr()
    assert "solved" in printed.out
    assert "regression: 100%|██████████| 8/8" in printed.err  # a step for each of two seeds


def test_encoders_are_trained_through_the_clue_job(monkeypatch):
    started = []
    monkeypatch.setattr(start, "run", started.append)
    config = smoothing.Train(parts=("encoder",), activations=("relu", "sau:1:trainable"), seeds=3, seed=7, limit=50)
    train.encoder(config, "run-id")
    assert [child.activation for child in started] == ["relu", "sau:1:trainable"]
    assert started[0].seeds == (7, 8, 9)
    assert started[0].limit == 50
    assert "smoothing:run-id" in started[0].tags


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (smoothing.Errors(functions=("rleu",)), "did you mean 'relu'"),
        (smoothing.Errors(kernels=("gausian",)), "did you mean 'gaussian'"),
        (smoothing.Errors(widths=(0.1,)), "at least two different widths"),
        (smoothing.Errors(widths=(0.1, 0)), "width must be positive"),
        (smoothing.Errors(widths=(0.1, 1e-40)), "too small for float32"),
        (smoothing.Train(activations=("gelo",)), "did you mean 'gelu'"),
        (smoothing.Train(activations=("gelu:x",)), "expected an activation like"),
        (smoothing.Train(activations=()), "--activations: give at least one"),
        (smoothing.Train(parts=("regresion",)), "did you mean 'regression'"),
        (smoothing.Train(kernel="gauss"), "unknown kernel 'gauss'"),
        (smoothing.Train(seeds=0), "--seeds must be at least 1"),
        (smoothing.Train(learning_rate=0.0), "--learning-rate must be positive"),
    ],
)
def test_bad_input_is_refused_before_a_run_is_opened(config, message, monkeypatch):
    monkeypatch.setattr(tracking, "start", lambda *args, **kwargs: pytest.fail("a run was opened"))
    job = errors.errors if isinstance(config, smoothing.Errors) else train.train
    with pytest.raises(cli.InputError, match=message):
        job(config)


def test_the_benchmark_gives_the_rows_it_promises(monkeypatch):
    monkeypatch.setattr(benchmark, "ELEMENTS", 10_000)
    monkeypatch.setattr(benchmark, "WIDTHS", [8, 16, 8])
    rows = list(benchmark.suite(full=False))
    assert all(set(row) == {"name", "value", "unit", "bar", "peer", "ratio"} for row in rows)
    assert sum(row["bar"] == "<= 1.3 x" for row in rows) == len(benchmark.SAME)
    assert all(row["value"] > 0 for row in rows)
