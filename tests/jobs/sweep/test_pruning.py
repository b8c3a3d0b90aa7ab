"""Trainings that are behind are ended, by Optuna's pruners; samplers; what the terminal shows."""

import json
import sys

import optuna
import pytest

from jobs import cli
from jobs.sweep import screen
from jobs.sweep.children import Outcome
from jobs.sweep.config import Config, check
from jobs.sweep.search import Progress
from jobs.sweep.space import Choices, Range
from jobs.sweep.start import main
from jobs.sweep.study import Candidate, Study
from store import queries
from store.ingest import ingest

SCRIPT = """
import sys, time
from store import runs
rate = float(sys.argv[1])
with runs.start("own", config={"rate": rate}, command="", config_hash=str(rate)) as run:
    for epoch in range(1, 7):
        run.log({"dev/accuracy": rate * (1 - 0.5 ** epoch)}, step=epoch)
        time.sleep(60 if rate < 0.5 and epoch == 2 else 0)  # what is behind would take long
"""


def test_a_training_that_is_behind_is_ended_and_the_sweep_goes_on(tmp_path, capsys):
    script, db = tmp_path / "train.py", tmp_path / "x.duckdb"
    script.write_text(SCRIPT)
    command = ["--rate", "0.9", "0.8", "0.1", "--pruner", "asha", "--metric", "dev/accuracy", "--db", str(db)]
    main("", [*command, "--", "python", str(script), "{rate}"])
    said = capsys.readouterr().out
    assert "rate=0.1, seed 42: dev/accuracy 0.0" in said
    assert "evaluations, behind others" in said
    ingest(db, force=True)
    parent = queries.runs("sweep", db=db)["run_id"][0]
    found = json.loads((db.with_suffix("") / "artifacts" / parent / "sweep.json").read_text())
    assert found["best"] == {"rate": 0.9}
    journal = optuna.storages.journal.JournalFileBackend(str(db.with_suffix("") / "sweeps" / parent / "journal.log"))
    states = [
        trial.state.name
        for trial in optuna.load_study(study_name="sweep", storage=optuna.storages.JournalStorage(journal)).trials
    ]
    assert states[0] == "COMPLETE"
    assert states[2] == "PRUNED"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"pruner": "asha", "seeds": (0, 1)}, "--pruner asha compares single trainings: one seed"),
        ({"pruner": "asha", "seeds": (0, 1, 2), "until_decided": 0.5}, "--pruner asha"),
        ({"sampler": "gp", "seeds": (0, 1, 2), "until_decided": 0.5}, "--sampler grid or random"),
        ({"workers": 0}, "--workers must be at least 1, got 0"),
        ({"trials": 0}, "--trials must be at least 1, got 0"),
        ({"cpus": 0}, "--cpus must be at least 1, got 0"),
        ({"start_within": 0.0}, "--start-within must be above 0, got 0"),
        ({"gpus": 1}, "--gpus is for a cluster"),
        ({"partition": "debug"}, "--partition is for --on slurm, and this sweep runs --on local"),
        ({"address": "auto", "on": "slurm"}, "--address is for --on ray, and this sweep runs --on slurm"),
        ({"seeds": (1, 1)}, "--seeds must differ, got 1 1"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags, message):
    with pytest.raises(cli.InputError, match=message):
        check(Config(**flags))


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_samplers_of_optuna_find_a_maximum_and_say_the_same_with_the_same_seed(sampler, tmp_path):
    found = []
    for name in ("a", "b"):
        config = Config(sampler=sampler, trials=14, seed=3)
        study = Study(config, {"x": Range(0.0, 1.0, False, False)}, tmp_path / name, minimise=False)
        for candidate in study.candidates():
            study.tell(candidate, 1 - (candidate.values["x"] - 0.7) ** 2)
        found.append([trial.params["x"] for trial in study.study.trials])
    assert found[0] == found[1]
    assert abs(study.study.best_params["x"] - 0.7) < 0.15


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_pruners_end_what_is_behind_and_let_the_leader_go_on(pruner, tmp_path):
    config = Config(sampler="grid", pruner=pruner)
    study = Study(config, {"x": Choices(tuple(range(12)))}, tmp_path / "j", minimise=False)
    ended = {}
    for candidate in study.candidates():
        quality = 12 - candidate.values["x"]  # each is worse than the one before
        course, ended[candidate.number] = [], False
        for epoch in range(1, 10):
            course.append(quality - 1 / epoch)
            if study.behind(candidate, course):
                ended[candidate.number] = True
                break
        study.tell(candidate, course[-1], dropped=ended[candidate.number])
        assert study.pruned(candidate) == ended[candidate.number]
    assert not ended[0]
    assert sum(ended.values()) >= 6


def progress():
    found = Progress(total=6)
    for number, score in enumerate((0.5, 0.7, None)):
        outcome = Outcome(Candidate(number, (("rate", number),)), 0, "r", score, "" if score else "broke", seconds=30.0)
        found.outcomes[number, 0] = outcome
    found.running.add((3, 0))
    return found


def test_the_table_says_what_runs_is_done_leads_and_is_left():
    assert screen.headline(progress(), 2) == "1 running, 3 of 6 done, 1 failed, about 45 s left at most"
    shown = screen.Screen(progress(), metric="dev/accuracy", workers=2, lower_is_better=False)
    table = shown._table()
    assert list(table.columns[3].cells) == ["rate=1", "rate=0"]
    assert list(table.columns[0].cells) == ["0.7000", "0.5000"]


def test_lines_are_plain_where_the_output_is_no_terminal(capsys):
    found = progress()
    with screen.Screen(found, metric="dev/accuracy", workers=2, lower_is_better=False) as shown:
        shown.add(found.outcomes[1, 0])
    assert capsys.readouterr().out == "[3/6] rate=1, seed 0: dev/accuracy 0.7000, 30 s  r\n"


def test_a_terminal_gets_the_table(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    found, terminal = progress(), Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with screen.Screen(found, metric="dev/accuracy", workers=2, lower_is_better=False) as shown:
        shown.add(found.outcomes[1, 0])
    assert "3 of 6 done" in terminal.getvalue()
    assert "rate=1, seed 0: dev/accuracy 0.7000" in terminal.getvalue()
