"""The view of a sweep: its state, the decision so far, and the best setting with its command."""

import json
import shlex
import warnings

import optuna
from optuna.storages.journal import JournalFileBackend

from store import runs
from store.ingest import ingest


def texts(app):
    return " ".join(str(element.value) for kind in ("markdown", "info", "code", "caption") for element in app.get(kind))


def test_a_sweep_shows_its_decision_and_the_command_of_the_best(tmp_path, open_page):
    db = tmp_path / "x.duckdb"
    with runs.start("sweep", config={"job": "clue"}, command="python -m jobs.sweep", config_hash="h", db=db) as run:
        run.summary({"best/dev/accuracy": 0.7})
    ingest(db, wait=30, force=True)
    app = open_page("explore", db, explore_view="Sweeps")
    assert "has no journal" in texts(app)
    folder = db.with_suffix("") / "sweeps" / run.run_id
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "journal.log")))
        study = optuna.create_study(study_name="sweep", storage=storage, direction="maximize")
    space = {
        "epochs": optuna.distributions.IntDistribution(1, 9),
        "learning_rate": optuna.distributions.FloatDistribution(0, 1),
    }
    for number in range(9):
        params = {"epochs": number + 1, "learning_rate": number / 9}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=0.5 + number / 50))
    app = open_page("explore", db, explore_view="Sweeps", explore_sweep=run.run_id)
    assert [metric.label for metric in app.metric] == ["Status", "Settings complete", "Ended early"]  # no state yet
    state = {
        "metric": "dev/accuracy",
        "total": 27,
        "conclusion": "Decided: no other candidate is better than epochs=9 by more than 0.3 points.",
        "trainings": [{"candidate": 0, "parameters": {"epochs": 1}, "seed": 0, "run": "a", "score": 0.5, "failed": ""}],
        "best": {"epochs": 9, "learning_rate": 0.0003},
        "best_score": 0.66,
        "best_interval": [0.64, 0.68],
        "command": "python -m jobs.clue --epochs 9 --seed 0",
    }
    (folder / "sweep.json").write_text(json.dumps(state))
    app = open_page("explore", db, explore_view="Sweeps", explore_sweep=run.run_id)
    said = texts(app)
    assert "Decided: no other candidate is better than epochs=9" in said
    assert f"CLUEBOARD_DB={shlex.quote(str(db))} python -m jobs.clue --epochs 9 --seed 0" in said
    assert "66.00 %, 95 % interval over seeds 64.00 to 68.00" in said
    assert {metric.label: metric.value for metric in app.metric}["Trainings done"] == "1 of 27"
    assert "**Best setting:** 9 epochs, lr 3e-4 (66.00 %" in said
    assert len(app.get("plotly_chart")) == 3
    (table,) = app.dataframe
    heads = json.loads(table.proto.columns)
    assert heads["dev/accuracy"]["label"] == "Dev accuracy"
    assert heads["dev/accuracy"]["type_config"]["format"] == "percent"
    assert heads["learning_rate"]["label"] == "Learning rate"
    page = open_page("run", db, run=run.run_id, run_tab="Related runs")
    assert [link.proto.label for link in page.get("page_link")][-1] == "Its trials, and what each setting does"
    heading = texts(page)
    assert "**best dev accuracy 70.00 %**" in heading


def test_a_sweep_is_found_by_its_name_as_lists_show_it(tmp_path, open_page, listed):
    db = tmp_path / "x.duckdb"
    command = "python -m jobs.sweep clue --task tnews --learning-rate 0.0003 0.01 --epochs 3 --limit 3000 --seeds 0 1"
    name = "sweep clue · lr 3e-4/0.01 · 3 epochs · 3000 rows · seeds 0 1"
    config = {"job": "clue", "parameters": {"learning_rate": ["0.0003", "0.01"]}}
    for command_, config_ in ((command, config), ("python -m jobs.clue", {"learning_rate": 0.1, "limit": 1})):
        with runs.start("sweep", config=config_, command=command_, model="clue", config_hash=command_, db=db):
            pass
    ingest(db, wait=30, force=True)
    app = open_page("runs", db)
    for text in (name, "LR 3e-4/0.01"):
        app.text_input(key="runs_text").set_value(text).run()
        assert [row["name"] for row in listed(app, "runs_list")["rows"]] == [name]
    app.text_input(key="runs_text").set_value("lr 3e-4/0.02").run()
    assert "matches this search" in texts(app)


def test_a_store_without_a_sweep_says_how_to_start_one(tmp_path, open_page):
    db = tmp_path / "x.duckdb"
    with runs.start("clue", config={}, command="x", config_hash="h", db=db):
        pass
    ingest(db, wait=30, force=True)
    assert "python -m jobs.sweep clue" in texts(open_page("explore", db, explore_view="Sweeps"))
