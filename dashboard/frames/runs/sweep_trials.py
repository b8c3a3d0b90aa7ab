"""The trials of a sweep, from Optuna's journal beside the database, and how much each parameter matters."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import optuna

JOURNAL, STATE = "journal.log", "sweep.json"
FEWEST = 8
"""completed trials below which an effect is not computed"""
RESAMPLES = 20
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the files of a sweep say."""

    study: optuna.Study
    trials: pl.DataFrame
    """number, state, score, and a column a parameter (`p:name`), in the order in which they were asked for"""
    parameters: tuple[str, ...]
    lower_is_better: bool
    state: dict[str, Any] = field(default_factory=dict)
    """metric, conclusion, best, command, trainings, as the sweep wrote them last"""

    @property
    def best(self) -> dict[str, Any] | None:
        """The completed trial with the best score, as a row."""
        done = self.trials.filter(state="complete").sort("score", descending=not self.lower_is_better)
        return done.row(0, named=True) if done.height else None


def read(folder: Path) -> Sweep | None:
    """The sweep whose files lie in a folder; None where there is no journal yet."""
    journal = folder / JOURNAL
    if not journal.is_file():
        return None
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        try:
            study = optuna.load_study(study_name="sweep", storage=storage)
        except KeyError:
            return None
    found = study.get_trials(deepcopy=False)
    names = tuple(dict.fromkeys(name for trial in found for name in trial.params))
    trials = pl.DataFrame(
        {
            "number": [trial.number for trial in found],
            "state": [trial.state.name.lower() for trial in found],
            "score": [_score(trial) for trial in found],
            **{f"p:{name}": _column([trial.params.get(name) for trial in found]) for name in names},
        },
        schema_overrides={"number": pl.Int64, "state": pl.String, "score": pl.Float64},
    )
    state: dict[str, Any] = {}
    if (folder / STATE).is_file():
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return Sweep(study, trials, names, study.direction.name == "MINIMIZE", state)


def effects(sweep: Sweep, *, rng: np.random.Generator, resamples: int = RESAMPLES) -> pl.DataFrame:
    """Share of each parameter in what tells good trials from the others, by PED-ANOVA (Watanabe et al., 2023).

    The interval is a percentile bootstrap over the trials. Empty where fewer than `FEWEST` trials are complete, or
    nothing but one parameter varies.

    Args:
        sweep: the sweep.
        rng: draws the bootstrap samples.
        resamples: how many of them.
    """
    import optuna

    done = [trial for trial in sweep.study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    varying = [name for name in sweep.parameters if len({trial.params.get(name) for trial in done}) > 1]
    schema = {"parameter": pl.String, "effect": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    if len(done) < FEWEST or len(varying) < 2:
        return pl.DataFrame(schema=schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25, region_quantile=1.0)
        value = evaluator.evaluate(_Trials(sweep.study, done), params=varying)  # type: ignore[arg-type]
        drawn = []
        for _ in range(resamples):
            sample = [done[index] for index in rng.integers(len(done), size=len(done))]
            if all(len({trial.params[name] for trial in sample}) > 1 for name in varying):
                drawn.append(evaluator.evaluate(_Trials(sweep.study, sample), params=varying))  # type: ignore[arg-type]
    total = sum(value.values()) or 1.0
    rows = []
    for name in sorted(value, key=lambda name: -value[name]):
        shares = [draw[name] / (sum(draw.values()) or 1.0) for draw in drawn] or [float("nan")]
        low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        rows.append((name, value[name] / total, float(low), float(high)))
    return pl.DataFrame(rows, schema=schema, orient="row")


class _Trials:
    """A study that has only some trials, as far as Optuna's evaluators ask."""

    def __init__(self, study: optuna.Study, trials: list[optuna.trial.FrozenTrial]) -> None:
        self.directions, self.direction, self._trials = study.directions, study.direction, trials
        self._is_multi_objective = lambda: False

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All of them."""
        return self._trials

    def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[optuna.trial.FrozenTrial]:
        """Those of some states."""
        del deepcopy
        return [trial for trial in self._trials if states is None or trial.state in states]


def _score(trial: optuna.trial.FrozenTrial) -> float | None:
    """The trial's score; of a pruned one the last that it reported."""
    if trial.values:
        return float(trial.values[0])
    reported = trial.intermediate_values
    return float(reported[max(reported)]) if reported else None


def _column(values: list[Any]) -> list[Any]:
    """Values of one type: as they are, or as text where they differ."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return [None if value is None else float(value) for value in values] if float in kinds else values
    return [None if value is None else str(value) for value in values]
