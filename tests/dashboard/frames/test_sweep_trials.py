"""The trials of a sweep from its journal, and the effects of its parameters."""

import json
import time
import warnings

import numpy as np
import optuna
import pytest
from optuna.storages.journal import JournalFileBackend

from dashboard.figures import sweep as figures
from dashboard.frames.runs import sweep_trials


def journal(folder, trials, *, seed=0, direction="maximize"):
    """A study in which `rate` decides, `width` decides a little, and `kind` nothing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / sweep_trials.JOURNAL)))
        study = optuna.create_study(study_name="sweep", storage=storage, direction=direction)
    space = {
        "rate": optuna.distributions.FloatDistribution(1e-5, 1e-2, log=True),
        "width": optuna.distributions.IntDistribution(1, 64),
        "kind": optuna.distributions.CategoricalDistribution(("a", "b", "c")),
    }
    frozen = []
    for _ in range(trials):
        values = {"rate": float(10 ** rng.uniform(-5, -2)), "width": int(rng.integers(1, 65))}
        values["kind"] = "abc"[rng.integers(3)]
        score = 0.8 - 0.1 * (np.log10(values["rate"]) + 3.5) ** 2 + 0.0005 * values["width"] + rng.normal(0, 0.01)
        frozen.append(optuna.trial.create_trial(params=values, distributions=space, value=float(score)))
    study.add_trials(frozen)
    return study, space


def test_the_parameter_that_decides_has_the_largest_effect_and_one_without_any_the_smallest(tmp_path):
    journal(tmp_path, 120)
    (tmp_path / sweep_trials.STATE).write_text(json.dumps({"metric": "dev/accuracy", "conclusion": ""}))
    found = sweep_trials.read(tmp_path)
    frame = sweep_trials.effects(found, rng=np.random.default_rng(0))
    assert frame["parameter"][0] == "rate"
    assert frame["effect"].sum() == pytest.approx(1)
    by_name = {row["parameter"]: row for row in frame.iter_rows(named=True)}
    assert by_name["rate"]["low"] > by_name["kind"]["high"]
    assert all(row["low"] <= row["high"] for row in by_name.values())
    assert found.best["score"] == found.trials["score"].max()


def test_few_trials_have_no_effects_and_no_journal_is_no_sweep(tmp_path):
    assert sweep_trials.read(tmp_path) is None
    journal(tmp_path, 5)
    assert sweep_trials.effects(sweep_trials.read(tmp_path), rng=np.random.default_rng(0)).is_empty()


def test_pruned_running_and_failed_trials_are_told_apart(tmp_path):
    study, space = journal(tmp_path, 3, direction="minimize")
    pruned = study.ask(space)
    pruned.report(0.5, step=1)
    study.tell(pruned, state=optuna.trial.TrialState.PRUNED)
    study.tell(study.ask(space), state=optuna.trial.TrialState.FAIL)
    study.ask(space)
    found = sweep_trials.read(tmp_path)
    assert found.lower_is_better
    assert found.trials["state"].to_list() == ["complete"] * 3 + ["pruned", "fail", "running"]
    assert found.trials["score"].to_list()[3:] == [0.5, None, None]
    drawn = figures.course(found.trials, "dev/loss", lower_is_better=True)
    assert [trace.name for trace in drawn.data] == ["complete", "ended early", "best so far"]
    best = list(drawn.data[-1].y)
    assert best == sorted(best, reverse=True)
    assert drawn.layout.yaxis.title.text == "dev loss"


def test_a_journal_of_a_thousand_trials_is_read_within_300_ms_of_processor_time(tmp_path):
    journal(tmp_path, 1000)
    sweep_trials.read(tmp_path)  # imports
    times = []
    for _ in range(3):
        began = time.process_time()
        found = sweep_trials.read(tmp_path)
        times.append(time.process_time() - began)
    assert found.trials.height == 1000
    assert min(times) < 0.3
