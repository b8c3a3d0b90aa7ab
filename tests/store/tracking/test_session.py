"""Runs of scripts of one's own: three lines, an end for every way a script ends, parameters, answers, resume."""

import argparse
import dataclasses
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import store
from store import queries
from store.errors import StoreError
from store.ingest import ingest
from store.tracking import session

ROOT = Path(__file__).parents[3]


@pytest.fixture
def db(tmp_path, monkeypatch, no_follower):
    path = tmp_path / "results.duckdb"
    monkeypatch.setenv("CLUEBOARD_DB", str(path))
    monkeypatch.setattr(session, "_watching_the_end", True)  # the end of pytest is not the end of a script
    yield path
    store.finish()


def only(db):
    ingest(db, wait=60.0, force=True)
    (row,) = queries.runs(db=db).iter_rows(named=True)
    row |= dict(queries.summary([row["run_id"]], db).select("name", "value").iter_rows())
    return row


def parameters(db):
    return dict(queries.params(db=db).select("name", "value").iter_rows())


def script(db, text, *arguments, followed=False):
    path = db.parent / "train.py"
    path.write_text("import store\n" + textwrap.dedent(text))
    command = [sys.executable, str(path), *arguments]
    environment = {"CLUEBOARD_DB": str(db), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    if not followed:  # the test ingests; a process that does it beside the script takes twice the script's time
        environment["CLUEBOARD_FOLLOW"] = "0"
    return subprocess.run(command, env=environment, cwd=db.parent, capture_output=True, text=True, timeout=120)


def test_three_lines_store_a_named_run(db):
    done = script(
        db,
        """
        run = store.init(name="bert lr 3e-4", config={"lr": 3e-4, "opt": {"name": "adam"}, "seed": 7, "none": None})
        for step in range(3):
            run.log({"train/loss": 1.0 / (step + 1), "dev": {"accuracy": 0.5}}, step=step)
        print("被训练的模型")
        """,
        "--flag",
        followed=True,
    )
    assert done.returncode == 0, done.stderr
    row = only(db)
    assert (row["name"], row["experiment"], row["status"], row["seed"]) == ("bert lr 3e-4", "train", "finished", 7)
    assert row["command"].endswith("train.py --flag")
    assert row["dev/accuracy"] == 0.5
    assert parameters(db)["opt/name"] == '"adam"'
    console = db.with_suffix("") / "artifacts" / row["run_id"] / "console.log"
    assert console.read_text(encoding="utf-8") == "被训练的模型\n"
    assert queries.artifacts(row["run_id"], db)["kind"].to_list() == ["console"]


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("raise ValueError('损失为 NaN')", "failed"),
        ("raise KeyboardInterrupt", "interrupted"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "interrupted"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGHUP)", "interrupted", marks=pytest.mark.slow),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGUSR2)", "interrupted", marks=pytest.mark.slow),
        ("raise SystemExit(0)", "finished"),
        ("store.finish(exit_code=1)", "failed"),
    ],
)
def test_a_run_ends_as_its_script_does(db, ending, status):
    script(db, f"store.init(experiment='intent')\nstore.log({{'train/loss': 1.0}})\n{ending}\n")
    row = only(db)
    assert (row["experiment"], row["status"]) == ("intent", status)
    assert ("损失为 NaN" in (row["error"] or "")) == ("ValueError" in ending)


@dataclasses.dataclass(slots=True)
class Flags:
    lr: float = 3e-4
    inner: object = None


@pytest.mark.parametrize(
    "config",
    [
        argparse.Namespace(lr=3e-4, inner={"a": 1}),
        Flags(inner={"a": 1}),
        {"lr": 3e-4, "inner": Flags(lr=1, inner=None)},
    ],
    ids=["namespace", "dataclass", "mapping"],
)
def test_parameters_come_as_people_have_them(db, config):
    run = store.init(config=config)
    assert run.config.lr == 3e-4
    run.config.update({"epochs": 3}, warmup=0.1)
    run.config["epochs"] = 4
    store.finish()
    stored = parameters(db)
    assert stored["lr"] == "0.0003"
    assert (stored["epochs"], stored["warmup"]) == ("4", "0.1")
    assert any(name.startswith("inner/") for name in stored)


def test_the_hash_is_that_of_the_parameters_but_for_the_seed(db):
    for seed in (0, 1):
        store.init(experiment="x", config={"lr": 1, "seed": seed})
        store.finish()
    store.init(experiment="x", config={"seed": 2}).config.update({"lr": 1})
    store.finish()
    ingest(db, wait=60.0, force=True)
    assert queries.runs(db=db)["config_hash"].n_unique() == 1


@pytest.mark.parametrize("config", [3, "lr=3", [1, 2]])
def test_a_config_that_is_none_is_refused_before_anything_is_written(db, config):
    with pytest.raises(StoreError, match="config must be a mapping, a dataclass or a namespace"):
        store.init(config=config)
    assert not db.with_suffix("").exists()


def test_a_config_that_contains_itself_is_refused(db):
    config = {}
    config["self"] = config
    with pytest.raises(StoreError, match="contains itself"):
        store.init(config=config)


def test_wandb_habits_work(db):
    run = store.init(project="intent", entity="lab", group="a", notes="try", tags=["x"], reinit=True)
    run.define_metric("dev/accuracy", summary="max")
    store.log({"dev/accuracy": 0.6}, commit=False)
    store.log({"train/loss": 1.0})
    store.log({"dev/accuracy": 0.4})
    run.summary["best_epoch"] = 3
    store.config.update({"late": True})
    assert store.run is run
    run.finish()
    row = only(db)
    assert (row["note"], row["tags"]) == ("try", ["x"])
    assert (row["dev/accuracy"], row["best_epoch"]) == (0.6, 3)
    assert parameters(db) == {"group": '"a"', "late": "true"}
    with pytest.raises(StoreError, match=r"call store\.init"):
        store.log({"x": 1.0})


WANDB = """
import store as wandb
run = wandb.init(project="intent", name="first", config={"lr": 1e-3, "opt": {"name": "adam"}}, tags=["a"],
                 job_type="train", settings=None, allow_val_change=True, save_code=True)
wandb.config.update({"lr": 2e-3}, allow_val_change=True)
run.define_metric("val/*", step_metric="epoch", summary="max")
for epoch in range(3):
    wandb.log({"train": {"loss": 1 / (epoch + 1)}, "val/acc": 0.7 - epoch / 10, "images": None}, step=epoch)
wandb.run.summary["best"] = 0.7
wandb.run.name = "renamed"
wandb.run.tags = wandb.run.tags + ("b",)
wandb.finish()
"""
TRACKIO = """
import store as trackio
with trackio.init(project="intent", name="renamed", group="g", config=dict(lr=2e-3), embed=False, auto_log_gpu=False,
                  space_id=None, resume="never") as run:
    trackio.define_metric("val/acc", summary="max")
    run.log({"val/acc": 0.7})
    trackio.log({"train": {"loss": 1 / 3}, "val/acc": 0.6})
"""


@pytest.mark.parametrize("text", [WANDB, TRACKIO], ids=["wandb", "trackio"])
def test_a_script_written_for_another_tracker_runs_with_its_import_changed(db, text):
    done = script(db, text.replace("import store as", "\nimport store as"))
    assert done.returncode == 0, done.stderr
    row = only(db)
    assert (row["name"], row["experiment"], row["status"]) == ("renamed", "intent", "finished")
    assert (row["val/acc"], row["train/loss"]) == (0.7, pytest.approx(1 / 3))
    assert parameters(db)["lr"] == "0.002"
    assert row["tags"] == (["a", "b"] if "wandb" in text else [])


@pytest.mark.parametrize(
    ("name", "said"),
    [("use_artifact", "no server to fetch files"), ("restore", "open the file by its path"), ("sweep", "jobs.sweep"),
     ("Api", "store.queries"), ("start_run", "call store.init"), ("log_metric", "use store.log"),
     ("SummaryWriter", "then store.log"), ("nonsense", "has no attribute 'nonsense'")],
)  # fmt: skip
def test_what_a_script_cannot_go_on_without_is_refused_in_one_sentence(db, name, said):
    run = store.init(console=False, system_metrics=0)
    for where in (store, run):
        with pytest.raises(AttributeError, match=said) as caught:
            getattr(where, name)
        assert "\n" not in str(caught.value)
    assert not hasattr(store, "__no_such__")


LONG = """
import numpy, pathlib
wandb.login(key="x")
wandb.config = {"early": 1}
run = wandb.init(entity=None, project="intent", name="first", config={"lr": 1}, tags=None, mode=None, resume="allow",
                 settings=wandb.Settings(start_method="fork"), tensorboard=False)
wandb.config.setdefaults({"lr": 2, "size": 3})
wandb.define_metric("val/*", "epoch", summary="min,max")
run.define_metric("x", step_metric="epoch", summary="mean")
wandb.watch(object(), log="all", log_freq=10)
table = wandb.Table(columns=["a"], data=[[1]])
table.add_data(1)
assert isinstance(table, wandb.Table) and not isinstance(table, wandb.Image)
wandb.log({"loss": 1.0, "table": table, "images": [wandb.Image(numpy.zeros((2, 2))), wandb.Image("a.png")],
           "nested": {"histogram": wandb.Histogram([1]), "value": 2}}, step=0, commit=True, sync=False)
wandb.log(data={"loss": 0.9}, step=1)
wandb.log({"loss": 0.8}, 2, True)
run.log(metrics={"val/a": 3})
wandb.log({"val/a": 1, "roc": wandb.plot.roc_curve([1], [[0.5]])}, commit=None)
wandb.alert(title="done", text="x", level=wandb.AlertLevel.WARN)
pathlib.Path("sub").mkdir()
pathlib.Path("weights.txt").write_text("w")
pathlib.Path("sub/notes.txt").write_text("n")
assert [pathlib.Path(path).name for path in wandb.save("*.txt")] == ["weights.txt"]
assert wandb.save("none.*") == []
model = wandb.Artifact("model", type="model", metadata={"a": 1})
model.add_file("weights.txt")
model.add_dir("sub", name="more")
model.add(table, "table")
with model.new_file("made.json") as file:
    file.write("{}")
run.log_artifact(model, aliases=["best"]).wait()
run.log_code(".")
wandb.log_model("weights.txt", name="last")
print(run.url, run.get_url(), run.path, run.entity, run.group, run.job_type, run.offline, run.resumed, run.sweep_id)
assert (run.step, len(wandb.util.generate_id()), wandb.run) == (4, 8, run)
run.mark_preempting()
wandb.finish(exit_code=None, quiet=True)
with wandb.init(project="intent", mode="disabled") as off:
    off.log_artifact("x").wait()
    wandb.save("x")
    off.watch(1)
    wandb.log({"x": wandb.Image("none")})
"""


def test_the_usual_calls_of_a_script_for_wandb_work_or_are_left_out_and_said(db):
    done = script(db, "\nimport store as wandb" + LONG)
    assert done.returncode == 0, done.stderr
    for name in ("login", "watch", "Table", "Image", "plot", "alert", "Artifact.add", "log_code", "step_metric"):
        assert done.stderr.count(f"{name} is left out: ") == 1, name
    row = only(db)
    assert (row["loss"], row["val/a"], row["nested/value"], row["status"]) == (0.8, 1.0, 2.0, "finished")
    assert parameters(db) == {"early": "1", "lr": "1", "size": "3"}
    kept = dict(queries.artifacts(row["run_id"], db).select("name", "kind").rows())
    assert kept.pop("console.log")
    assert kept == {
        **{"weights.txt": "file", "model/weights.txt": "model", "model/more/notes.txt": "model"},
        **{"model/made.json": "model", "last/weights.txt": "model"},
    }


def test_a_call_of_another_tracker_is_there_before_a_run_is_open(db):
    assert hasattr(store, "save")
    assert hasattr(store, "watch")
    assert not hasattr(store, "use_artifact")
    with pytest.raises(StoreError, match=r"no run is open: call store\.init\(\) first"):
        store.save("x")


def test_files_that_cannot_be_kept_are_refused_by_name(db, tmp_path):
    run = store.init("own", db=db, system_metrics=0, console=False)
    (tmp_path / "a.txt").write_text("a")
    artifact = store.Artifact("../../out", type="model")
    for call, said in (
        (lambda: artifact.add_file(tmp_path / "none"), "there is no file"),
        (lambda: artifact.add_dir(tmp_path / "a.txt"), "there is no folder"),
        (lambda: (artifact.add_file(tmp_path / "a.txt"), run.log_artifact(artifact)), "a path below the run's folder"),
        (lambda: run.log_artifact(tmp_path / "a.txt", name="/etc/x"), "a path below the run's folder"),
        (lambda: run.log_artifact(tmp_path / "none"), "there is no file"),
        (lambda: run.log({"a": 1}, nonsense=2), "log takes values, step, commit and epoch, got 'nonsense'"),
        (lambda: run.log({"a": 1}, data={"b": 1}), "one mapping of names to numbers, got 2"),
        (lambda: run.log(), "one mapping of names to numbers, got 0"),
        (lambda: run.log({"a": [store.Image(), 1]}), "a must be one number"),
    ):
        with pytest.raises(StoreError, match=said):
            call()
    inside = Path(run.dir) / "own.txt"
    inside.write_text("own")
    run.save(str(inside))
    run.finish()
    assert queries.artifacts(run.id, db)["name"].to_list() == ["own.txt"]


def test_the_goal_of_a_metric_goes_before_its_name(db):
    run = store.init(project="intent")
    run.define_metric("dev/distance", goal="maximize")
    run.define_metric("pairs", goal="minimize")
    with pytest.raises(StoreError, match="goal of x must be maximize or minimize, got 'up'"):
        run.define_metric("x", goal="up")
    run.log({"dev/distance": 0.4, "dev/pairs": 3})
    run.finish()
    only(db)
    board = queries.leaderboard(None, db)
    assert dict(board.select("metric", "higher_is_better").rows()) == {"distance": True, "pairs": False}


@pytest.mark.parametrize("way", ["mode", "rank"])
def test_a_run_that_is_switched_off_stores_nothing(db, way, monkeypatch):
    if way == "rank":
        monkeypatch.setenv("RANK", "1")
    run = store.init(config={"lr": 1}, mode="disabled" if way == "mode" else "online")
    run.log({"x": 1.0})
    run.config.update({"a": 1})
    run.summary["x"] = 1
    run.finish()
    assert not db.with_suffix("").exists()


def test_a_run_goes_on_by_its_name(db):
    run = store.init(name="long", experiment="x")
    run.log({"train/loss": 3.0}, step=5)
    run.finish()
    again = store.init(name="long", experiment="x", resume="allow")
    assert again.id == run.id
    again.log({"train/loss": 2.0})
    again.finish()
    assert queries.table_of_run("metrics", run.id, db=db)["step"].sort().to_list() == [5, 6]
    assert only(db)["status"] == "finished"
    with pytest.raises(StoreError, match="no run of x is called 'short'"):
        store.init(name="short", experiment="x", resume=True)


def test_answers_pair_two_runs_example_by_example(db):
    ids = []
    for answers in (["好", "坏"], ["好", "好"]):
        run = store.init(experiment="情感")
        probabilities = [[0.9, 0.1], [0.4, 0.6]]
        run.predictions("dev", ["很好", "不好"], ["好", "坏"], answers, probabilities, classes=["好", "坏"])
        ids.append(run.id)
        store.finish()
    ingest(db, wait=60.0, force=True)
    pairs = queries.paired(*ids, db=db)
    assert pairs.height == 2
    assert queries.predictions(ids[0], db=db)["confidence"].to_list() == pytest.approx([0.9, 0.6])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["好"]}, "2 examples need 2 labels, got 1"),
        ({"predictions": ["好"] * 3}, "2 examples need 2 predictions, got 3"),
        ({"ids": [1, 1]}, "an id of its own"),
        ({"probabilities": [0.1, 0.9]}, r"probabilities must have shape \(2, c\)"),
    ],
)
def test_answers_that_do_not_fit_are_refused(db, change, message):
    run = store.init(experiment="x")
    given = {"examples": ["甲", "乙"], "labels": None, "predictions": ["好", "坏"], **change}
    with pytest.raises(StoreError, match=message):
        run.predictions("dev", **given)


def test_system_metrics_are_logged_at_the_current_step(db):
    run = store.init(system_metrics=0.05, console=False)
    run.log({"train/loss": 1.0}, step=41)
    run._watchers[0]._stop.wait(0.3)
    run.finish()
    points = queries.table_of_run("metrics", run.id, db=db)
    assert {"system/cpu_percent", "system/memory_gb"} <= set(points["name"])
    assert points.filter(points["name"] == "system/memory_gb")["value"].min() > 0.01
    assert set(points["step"]) == {41}


def test_the_console_keeps_the_last_megabyte(db, monkeypatch):
    from store.tracking import console

    monkeypatch.setattr(console, "HALF", 100)
    run = store.init(system_metrics=0)
    for number in range(100):
        sys.stdout.write(f"line {number}\n")
    run.finish()
    older, newer = (Path(run.dir) / name for name in ("console.1.log", "console.log"))
    assert newer.read_text().endswith("line 99\n")
    assert older.stat().st_size + newer.stat().st_size <= 200
    assert "line 0\n" not in older.read_text() + newer.read_text()


def test_importing_the_store_is_cheap():
    code = (
        "import sys, time; start = time.process_time(); import store; spent = time.process_time() - start\n"
        "print(spent, {'torch', 'duckdb', 'polars', 'numpy'} & set(sys.modules))\n"
        "store.init; print({'torch', 'duckdb', 'polars'} & set(sys.modules))"
    )
    spent = []
    for _ in range(3):  # the quickest: a busy machine takes longer
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        seconds, _, rest = done.stdout.partition(" ")
        assert rest == "set()\nset()\n"
        spent.append(float(seconds))
    assert min(spent) < 0.06


def test_answers_with_half_a_character_are_stored_with_its_code(db, caplog):
    half = "a\udcffb"
    run = store.init("own", db=db, system_metrics=0, console=False)
    run.predictions("dev", [half, "b"], [half, "x"], ["x", half], [[0.5, 0.5], [0.2, 0.8]], classes=[half, "x"])
    run.finish()
    ingest(db, force=True)
    rows = queries.predictions(run.id, db=db)
    assert rows["label"].to_list() == ["a\\udcffb", "x"]
    assert queries.probabilities(run.id, db=db).columns[-2:] == ["a\\udcffb", "x"]
    assert sum("half a character" in message for message in caplog.messages) == 4


def test_a_disabled_run_takes_every_call_also_those_of_the_module(db):
    run = store.init(mode="disabled", config={"lr": 1}, db=db)
    assert store.run is run
    store.config.update(argparse.Namespace(a=2))
    store.config.b = 3
    assert (run.config.lr, store.config["a"], store.config.as_dict()) == (1, 2, {"lr": 1, "a": 2, "b": 3})
    store.log({"loss": 1})
    store.summary["x"] = 1
    store.define_metric("loss", summary="min")
    store.finish()
    assert store.run is None
    with pytest.raises(StoreError, match="no run is open"):
        store.log({"loss": 1})
    assert not list(queries.runs(db=db)["run_id"])


def test_no_run_is_open_before_one_is_started():
    assert store.run is None


def test_an_id_of_ones_own_is_gone_on_with(db):
    ids = []
    for _ in range(2):
        run = store.init("project", id="my-run", resume="allow", db=db, system_metrics=0, console=False)
        run.log({"loss": 1.0})
        ids.append(run.id)
        run.finish()
    assert ids[0] == ids[1]
    assert queries.runs(db=db)["name"].to_list() == ["my-run"]


@pytest.mark.parametrize(("goal", "value"), [("maximize", 3.0), ("minimize", 1.0)])
def test_best_is_what_the_goal_asks_for(db, goal, value):
    with store.init("project", db=db, system_metrics=0, console=False) as run:
        run.define_metric("dev/x", summary="best", goal=goal)
        for number in (2, 3, 1, 2):
            run.log({"dev/x": number})
    queries.refresh(db=db)
    assert queries.summary([run.id], db=db).filter(name="dev/x")["value"].to_list() == [value]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: store.init(mode="onlin"), "mode must be one of online, offline"),
        (lambda: store.init().define_metric("a", summary="best"), "summary 'best' of a needs a goal"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(db, monkeypatch, call, said):
    monkeypatch.setenv("CLUEBOARD_DB", str(db))
    with pytest.raises(StoreError, match=said):
        call()
    store.finish()


def test_a_session_logs_by_the_call_of_its_run_until_a_metric_is_defined(db):
    run = store.init("own", db=db, system_metrics=0, console=False)
    assert run.log == run.run.log
    run.log({"dev/accuracy": 0.9}, 1)
    run.define_metric("dev/accuracy", summary="max")
    assert run.log != run.run.log
    run.log({"dev/accuracy": 0.99}, commit=False)
    run.log({"dev/accuracy": 0.5}, 2)
    run.log({"dev/accuracy": 0.4}, 3)
    run.finish()
    ingest(db, force=True)
    assert queries.summary(run.id, db)["value"].to_list() == [0.5]  # defined after the first call
    assert queries.curves(run.id, db=db)["value"].to_list() == [0.9, 0.5, 0.4]


def test_what_waits_for_the_next_call_is_refused_at_its_own(db):
    run = store.init("own", db=db, system_metrics=0, console=False)
    with pytest.raises(StoreError, match="loss must be one number"):
        run.log({"loss": "much"}, commit=False)
    run.log({"loss": {"first": 1.0}, "none": None}, commit=False)
    run.log({"second": 2}, commit=False)
    run.finish()
    ingest(db, force=True)
    assert queries.curves(run.id, db=db)["name"].to_list() == ["loss/first", "second"]
