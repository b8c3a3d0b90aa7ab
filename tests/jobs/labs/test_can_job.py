"""The CAN job: sweep of a stored run and of files, apply in blocks, simulate, and every refusal."""

import json

import numpy as np
import polars as pl
import pytest

from engine.can.correct import alternating_normalization, uncertain_rows
from engine.can.simulation import Setting
from engine.can.simulation import simulate as draw
from jobs import cli
from jobs.can import apply, simulate, tables
from jobs.can import config as can
from jobs.can.inputs import train_prior
from jobs.can.sweep import sweep as start
from store import queries, runs
from store.errors import StoreError
from store.ingest import ingest

NAMES = tuple(f"c{index}" for index in range(6))
QUICK = {"ks": (3,), "thresholds": (0.9, 0.7), "alphas": (1.0,), "iterations": (1, 2), "resamples": 200}


def store_run(db, *, names=NAMES, n=300, counts=True, probabilities=True, labelled=True, parent=None):
    """A finished CLUE-like run with synthetic predictions; returns its id and the problem."""
    rng = np.random.default_rng(0)
    problem = draw(Setting(n_classes=len(names), n_test=n, n_confident=0, class_bias=1.0, accuracy=0.6), rng=rng)
    ids = [str(row) for row in range(n)]
    labels = np.array(names)[problem.labels].tolist()
    with runs.start(
        "clue", config={}, command="", config_hash="h", db=db, task="tnews", follow=False, parent_run_id=parent
    ) as run:
        frame = pl.DataFrame(
            {
                "example_id": ids,
                "hash": [runs.example_hash({"sentence": row}) for row in ids],
                "label": labels if labelled else [None, *labels[1:]],
                "prediction": np.array(names)[problem.probs.argmax(axis=1)],
                "confidence": problem.probs.max(axis=1),
            }
        )
        shown = {"probabilities": problem.probs, "labels": names} if probabilities else {}
        run.predictions("dev", frame, **shown)
        if counts:
            for name, share in zip(names, problem.train_prior, strict=True):
                run.measure("task_facts", {"split": "train", "label": name}, count=round(10_000 * share))
    ingest(db, force=True)
    return run.run_id, problem


def sweep(**flags):
    start(can.Sweep(**flags))
    ingest(flags["db"], force=True)


@pytest.fixture
def db(tmp_path):
    return tmp_path / "results.duckdb"


@pytest.fixture
def files(tmp_path):
    """Probabilities, labels and a prior in files of every kind."""
    problem = draw(Setting(n_classes=4, n_test=120, n_confident=0, class_bias=1.0), rng=np.random.default_rng(1))
    frame = pl.DataFrame(problem.probs, schema=["a", "b", "c", "d"]).insert_column(
        0, pl.Series("example_id", range(120))
    )
    np.save(tmp_path / "probs.npy", problem.probs)
    np.save(tmp_path / "logits.npy", np.log(problem.probs) + 3)
    frame.write_csv(tmp_path / "probs.csv")
    frame.write_parquet(tmp_path / "probs.parquet")
    names = np.array(["a", "b", "c", "d"])[problem.labels]
    pl.DataFrame({"label": names}).write_csv(tmp_path / "labels.csv")
    np.save(tmp_path / "labels.npy", problem.labels)
    pl.DataFrame({"label": ["d", "c", "b", "a"], "count": [10, 20, 30, 40]}).write_csv(tmp_path / "prior.csv")
    return tmp_path, problem


def cell(frame, metric, **axes):
    found = frame.filter(pl.col("metric") == metric, *(pl.col(name) == value for name, value in axes.items()))
    assert len(found) == 1
    return found.row(0, named=True)


def test_sweep_stores_every_grid_point_of_a_run(db, capsys):
    run_id, problem = store_run(db)
    sweep(run=run_id[-4:], db=db, **QUICK)
    child = queries.runs(experiment="can", db=db).row(0, named=True)
    assert (child["parent_run_id"], child["task"], child["status"]) == (run_id, "tnews", "finished")
    grid = queries.measurements("can_grid", run_ids=[child["run_id"]], db=db)
    point = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1, "prior": "train"}
    assert grid.select(*point).unique().height == 2 * 2 * 2
    corrected = alternating_normalization(problem.probs, np.round(10_000 * problem.train_prior) / 10_000)
    accuracy = cell(grid, "accuracy", **point)
    assert accuracy["value"] == pytest.approx((corrected.argmax(axis=1) == problem.labels).mean(), abs=0.004)
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert accuracy["n"] == 300
    before = cell(grid, "accuracy_before", **point)["value"]
    flips = [cell(grid, name, **point)["value"] for name in ("flips_to_right", "flips_to_wrong")]
    assert (flips[0] - flips[1]) / 300 == pytest.approx(accuracy["value"] - before)
    assert cell(grid, "gain", **point)["value"] == pytest.approx(accuracy["value"] - before)
    said = capsys.readouterr().out
    assert "cross-fitted choice" in said
    assert "tuned on these labels" in said


def test_the_cross_fitted_gain_is_that_of_the_stored_predictions(db):
    run_id, _ = store_run(db)
    sweep(run=run_id, db=db, **QUICK)
    child = queries.runs(experiment="can", db=db)["run_id"][0]
    gains = queries.measurements("can_gain", run_ids=[child], db=db)
    honest = cell(gains, "accuracy", choice="cross-fitted")["value"]
    stored = queries.predictions(child, db=db)
    assert stored.filter(pl.col("label") == pl.col("prediction")).height / 300 == pytest.approx(honest)
    assert queries.paired(run_id, child, db=db).height == 300
    assert queries.probabilities(child, db=db).select(NAMES).to_numpy().sum(axis=1) == pytest.approx(1, abs=1e-5)
    best = queries.measurements("can_grid", run_ids=[child], db=db).filter(metric="accuracy")["value"].max()
    assert cell(gains, "accuracy", choice="tuned")["value"] == pytest.approx(best)


def test_the_neighbours_stand_in_one_table_with_their_calibration(db):
    run_id, _ = store_run(db)
    sweep(run=run_id, db=db, **QUICK)
    table = queries.measurements("can_methods", db=db)
    assert set(table["method"]) == {
        "none", "can", "can_batch", "temperature", "saerens_em", "sinkhorn", "logit_adjustment"
    }  # fmt: skip
    none, scaled = (cell(table, "accuracy", method=name)["value"] for name in ("none", "temperature"))
    assert none == scaled
    assert 0 <= cell(table, "calibration_error", method="none")["value"] < 1


@pytest.mark.parametrize("suffix", ["npy", "csv", "parquet"])
def test_sweep_of_files(files, db, suffix):
    folder, _ = files
    labels = folder / ("labels.npy" if suffix == "npy" else "labels.csv")
    prior = folder / "prior.npy"
    np.save(prior, np.array([0.4, 0.3, 0.2, 0.1]))
    probs = folder / f"probs.{suffix}"
    sweep(probs=probs, labels=labels, prior=prior, db=db, **QUICK)
    grid = queries.measurements("can_grid", db=db)
    assert set(grid["prior"]) == {"given", "uniform"}


def test_logits_are_taken_only_when_said(files):
    folder, problem = files
    with pytest.raises(cli.InputError, match=r"logits.npy: probs must .*these look like logits"):
        tables.read_probs(folder / "logits.npy")
    read = tables.read_probs(folder / "logits.npy", logits=True)
    assert read.values == pytest.approx(problem.probs)


def test_priors_by_name_and_counts_are_rescaled(files):
    folder, _ = files
    assert tables.read_prior(folder / "prior.csv", ("a", "b", "c", "d")) == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_apply_in_blocks_is_apply_at_once(files, db):
    folder, problem = files
    sweep(probs=folder / "probs.csv", labels=folder / "labels.csv", prior=folder / "prior.csv", db=db, **QUICK)
    sweep_id = queries.runs(experiment="can", db=db)["run_id"][0]
    setting = json.loads((folder / "results/artifacts" / sweep_id / "reference.json").read_text(encoding="utf-8"))
    stored = problem.probs.astype(np.float32)
    expected = alternating_normalization(
        problem.probs,
        np.array(setting["prior_values"]),
        threshold=0.7,
        reference=stored[~uncertain_rows(stored, threshold=0.7)],
        alpha=setting["alpha"],
        iterations=setting["iterations"],
    )
    assert np.abs(expected - problem.probs).max() > 0.01
    for suffix in ("npy", "csv", "parquet"):
        source, output = folder / f"probs.{suffix}", folder / f"out.{suffix}"
        apply.apply(can.Apply(reference=sweep_id, probs=source, output=output, k=3, threshold=0.7, block=17, db=db))
        assert tables.read_probs(output).values == pytest.approx(expected, abs=1e-6)
    assert tables.read_frame(folder / "out.csv")["example_id"].to_list() == list(range(120))


def test_apply_takes_the_predictions_of_a_run_as_reference(db, tmp_path):
    run_id, problem = store_run(db)
    np.save(tmp_path / "test.npy", problem.probs[:40])
    apply.apply(can.Apply(reference=run_id, probs=tmp_path / "test.npy", output=tmp_path / "out.npy", db=db))
    assert np.load(tmp_path / "out.npy").shape == (40, 6)


def test_simulate_stores_a_curve_per_fault(db, monkeypatch):
    axes = {"n_classes": (2, 6), "class_bias": (0.0, 1.5), "n_confident": (0, 50)}
    monkeypatch.setattr(simulate, "AXES", axes)
    simulate.simulate(can.Simulate(repeats=3, test_rows=400, db=db))
    ingest(db, force=True)
    table = queries.measurements("can_simulation", db=db).filter(metric="can")
    assert set(zip(table["axis"], table["at"], strict=True)) == {(a, float(v)) for a, vs in axes.items() for v in vs}
    gains = {(row["axis"], row["at"]): row["value"] for row in table.iter_rows(named=True)}
    assert gains["class_bias", 1.5] > gains["class_bias", 0.0]


def test_two_classes_work_and_are_warned_of(db, capsys):
    run_id, _ = store_run(db, names=("0", "1"))
    sweep(run=run_id, db=db, thresholds=(0.9,), alphas=(1.0,), iterations=(1,), resamples=50)
    assert set(queries.measurements("can_grid", db=db)["k"]) == {2}
    assert "expect next to nothing" in capsys.readouterr().out


def test_a_class_without_training_rows_is_smoothed_and_said(db):
    names = (*NAMES, "never")
    with runs.start("clue", config={}, command="", config_hash="h", db=db, follow=False) as run:
        run.measure("task_facts", {"split": "train", "label": "c0"}, count=3)
    ingest(db, force=True)
    prior, notes = train_prior({"run_id": run.run_id}, names, db)
    assert prior[0] == pytest.approx(3.5 / 6.5)
    assert "6 of 7 classes do not occur in training" in notes[0]


RUNS = {
    "whole": {}, "no probabilities": {"probabilities": False}, "a label missing": {"labelled": False},
    "no counts": {"counts": False},
}  # fmt: skip


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A store with a run of each kind, and their ids."""
    db = tmp_path_factory.mktemp("several") / "results.duckdb"
    return db, {kind: store_run(db, **flags)[0] for kind, flags in RUNS.items()}


@pytest.mark.parametrize(
    ("stored", "flags", "message"),
    [
        ("no probabilities", {}, r"has no dev probabilities; runs of classification and pair tasks"),
        ("a label missing", {}, "1 of 300 dev rows have no label"),
        ("no counts", {}, "stored no counts of its training labels: pass the training class frequencies"),
        ("whole", {"split": "test"}, "has no test probabilities"),
        ("whole", {"ks": (6,)}, r"--ks: k must lie in 2..5 for 6 classes, got 6"),
        ("whole", {"ks": (1,)}, r"--ks: k must lie in 2..5 for 6 classes, got 1"),
        ("whole", {"alphas": (0.0,)}, "--alphas: must be positive, got 0"),
        ("whole", {"iterations": (0,)}, "--iterations: must be at least 1, got 0"),
        ("whole", {"thresholds": ()}, "--thresholds: give at least one value"),
        ("whole", {"priors": ("trian",)}, "unknown prior 'trian'; did you mean 'train'"),
        ("whole", {"priors": ("given",)}, "--priors given needs --prior FILE"),
        ("whole", {"logits": True}, "belong to --probs"),
    ],
)
def test_runs_that_cannot_be_swept_are_refused(several, stored, flags, message):
    db, ids = several
    with pytest.raises(cli.InputError, match=message):
        sweep(run=ids[stored], db=db, **flags)
    ingest(db, force=True)
    assert queries.runs(experiment="can", db=db).is_empty()


def test_a_parent_of_several_trainings_names_those_that_can_be_swept(db):
    with runs.start("clue", config={}, command="", config_hash="p", db=db, task="eprstmt", follow=False) as parent:
        pass
    children = [store_run(db, n=60, parent=parent.run_id)[0] for _ in range(2)]
    store_run(db, n=60, parent=parent.run_id, probabilities=False)
    with pytest.raises(cli.InputError, match=rf"is the parent of several .* by --run \({', '.join(children)}\)"):
        sweep(run=parent.run_id, db=db)


def test_files_that_cannot_be_swept_are_refused(files, db, tmp_path):
    folder, problem = files
    probs, labels = folder / "probs.csv", folder / "labels.csv"
    np.save(folder / "short.npy", problem.labels[:5])
    np.save(folder / "zeros.npy", np.array([0.5, 0.5, 0.0, 0.0]))
    np.save(folder / "off.npy", problem.probs * 0.9)
    pl.DataFrame({"label": ["a", "x"]}).write_csv(folder / "wrong.csv")
    for flags, message in (
        ({}, r"expected --run RUN, or --probs FILE"),
        ({"probs": probs}, "--probs needs --labels FILE"),
        ({"probs": probs, "run": "x"}, "exclude each other"),
        ({"probs": probs, "labels": labels}, r"pass the training class frequencies with --prior FILE"),
        ({"probs": probs, "labels": folder / "short.npy"}, "5 labels for the 120 rows"),
        ({"probs": probs, "labels": folder / "wrong.csv"}, r"row 1 has the label 'x', which is no class"),
        ({"probs": folder / "off.npy", "labels": labels}, r"sums to 0.9, off by 0.1 \(120 of 120 rows"),
        ({"probs": folder / "none.npy", "labels": labels}, "none.npy: .*No such file"),
        ({"probs": folder / "probs.txt", "labels": labels}, "expected .npy, .csv, .parquet, got .txt"),
        ({"probs": probs, "labels": labels, "prior": folder / "zeros.npy"}, "positive, got 0 for class 2"),
        ({"probs": probs, "labels": labels, "prior": folder / "short.npy"}, "one frequency per class"),
    ):
        with pytest.raises(cli.InputError, match=message):
            sweep(db=db, **flags)


def test_apply_refuses_what_does_not_fit(db, tmp_path):
    run_id, problem = store_run(db)
    np.save(tmp_path / "narrow.npy", problem.probs[:, :3])
    np.save(tmp_path / "bad.npy", np.vstack([problem.probs[:20], -problem.probs[:1]]))
    for flags, message in (
        ({"probs": tmp_path / "narrow.npy", "output": tmp_path / "out.npy"}, "expected 6 columns of probabilities"),
        ({"probs": tmp_path / "narrow.npy", "output": tmp_path / "out.csv"}, "must end in .npy like --probs"),
        ({"probs": tmp_path / "bad.npy", "output": tmp_path / "bad.npy"}, "must not be the input file"),
        ({"probs": tmp_path / "bad.npy", "output": tmp_path / "out.npy", "block": 7}, "block from row 14: probs must"),
        ({"probs": tmp_path / "bad.npy", "output": tmp_path / "out.npy", "block": 0}, "--block must be at least 1"),
        ({"probs": tmp_path / "bad.npy", "output": tmp_path / "out.npy", "k": 6}, r"setting: k must lie in 2..5"),
    ):
        with pytest.raises(cli.InputError, match=message):
            apply.apply(can.Apply(reference=run_id, db=db, **flags))
    assert not (tmp_path / "out.npy").exists()
    with pytest.raises(cli.InputError, match="--repeats must be at least 2"):
        simulate.simulate(can.Simulate(repeats=1, db=db))


@pytest.mark.parametrize("config", [can.Sweep(run="7f3a", alphas=(0.5, 2.0)), can.Simulate(quick=True)])
def test_the_printed_command_gives_the_config_back(config):
    words = cli.command(config).split()
    assert words[:3] == ["python", "-m", "jobs.can"]
    assert cli.parse(type(config), words[4:]) == config


def test_the_latest_run_is_the_newest_with_predictions_and_no_earlier_sweep(db):
    run_id, _ = store_run(db)
    store_run(db, probabilities=False)
    for _ in range(2):
        sweep(db=db, run="latest", **QUICK)
    assert queries.runs("can", db=db)["parent_run_id"].to_list() == [run_id, run_id]
    with pytest.raises(StoreError, match="none of the 4 newest runs is one with test probabilities"):
        start(can.Sweep(db=db, run="latest", split="test", **QUICK))
