"""Optuna's study of a sweep: what is tried next, kept in a journal beside the database."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli
from jobs.sweep.config import Config
from jobs.sweep.space import Choices, Range, Value

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, slots=True)
class Candidate:
    """One setting of the parameters."""

    number: int
    items: tuple[tuple[str, Value], ...]

    @property
    def values(self) -> dict[str, Value]:
        """Parameter -> value."""
        return dict(self.items)

    @property
    def title(self) -> str:
        """`learning_rate=0.001 epochs=3`."""
        return " ".join(f"{name}={_short(value)}" for name, value in self.items) or "as given"


def count(config: Config, space: Mapping[str, Range | Choices]) -> int:
    """How many candidates there will be.

    Raises:
        InputError: if the sampler cannot search this space, or their number is not said.
    """
    ranges = [name for name, found in space.items() if isinstance(found, Range)]
    if sampler_name(config, space) == "grid":
        if ranges:
            raise cli.InputError(f"--sampler grid tries every value, and --{ranges[0].replace('_', '-')} is a range")
        full = 1
        for found in space.values():
            assert isinstance(found, Choices)
            full *= len(found.values)
        return min(full, config.trials or full)
    if config.trials is None:
        raise cli.InputError(f"--sampler {sampler_name(config, space)} has no end by itself: say --trials")
    return config.trials


def sampler_name(config: Config, space: Mapping[str, Range | Choices]) -> str:
    """The sampler asked for; else grid, or tpe (random with --until-decided) where there is a range."""
    if config.sampler:
        return config.sampler
    if not any(isinstance(found, Range) for found in space.values()):
        return "grid"
    return "tpe" if config.until_decided is None else "random"


class Study:
    """Asks Optuna for candidates and tells it their scores."""

    def __init__(self, config: Config, space: Mapping[str, Range | Choices], journal: Path, *, minimise: bool) -> None:
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._count = count(config, space)
        backend = JournalFileBackend(str(journal))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study = optuna.create_study(
                storage=optuna.storages.JournalStorage(backend),
                study_name="sweep",
                sampler=_sampler(config, sampler_name(config, space)),
                pruner=_pruner(config.pruner),
                direction="minimize" if minimise else "maximize",
                load_if_exists=True,
            )
        self._space = {name: _distribution(found) for name, found in space.items()}
        self._grid = sampler_name(config, space) == "grid"
        self._trials: dict[int, optuna.Trial] = {}

    def candidates(self) -> Iterator[Candidate]:
        """Those that were begun before, then new ones, asked for when they are needed."""
        before = self.begun()
        yield from before
        for number in range(len(before), self._count):
            if self._grid:
                self.study.enqueue_trial(self._combination(number))
            trial = self.study.ask(self._space)
            self._trials[trial.number] = trial
            yield Candidate(trial.number, tuple(trial.params.items()))

    def begun(self) -> list[Candidate]:
        """Candidates of an earlier process of this sweep."""
        import optuna

        before = self.study.get_trials(deepcopy=False)
        self._trials |= {frozen.number: optuna.Trial(self.study, frozen._trial_id) for frozen in before}
        return [Candidate(frozen.number, tuple(frozen.params.items())) for frozen in before]

    def tell(self, candidate: Candidate, score: float | None, *, dropped: bool = False) -> None:
        """Say what a candidate is worth; None if it failed. What was told before stays."""
        from optuna.trial import TrialState

        trial = self._trials[candidate.number]
        if (
            score is not None
            and dropped
            and not self.study.get_trials(deepcopy=False)[candidate.number].intermediate_values
        ):
            trial.report(score, step=0)
        state = TrialState.FAIL if score is None else TrialState.PRUNED if dropped else TrialState.COMPLETE
        self.study.tell(trial, score if state is TrialState.COMPLETE else None, state=state, skip_if_finished=True)

    def _combination(self, number: int) -> dict[str, Any]:
        """The grid's point of that number, the last parameter turning fastest."""
        choices = [distribution.choices for distribution in self._space.values()]
        point = next(itertools.islice(itertools.product(*choices), number, None))
        return dict(zip(self._space, point, strict=True))

    def behind(self, candidate: Candidate, course: Sequence[float]) -> bool:
        """Whether the pruner ends a training with these scores so far, one an evaluation."""
        trial = self._trials[candidate.number]
        told = len(self.study.get_trials(deepcopy=False)[candidate.number].intermediate_values)
        for number, score in enumerate(course[told:], start=told + 1):
            trial.report(score, step=number)
            if trial.should_prune():
                return True
        return False

    def pruned(self, candidate: Candidate) -> bool:
        """Whether the candidate's training was ended by the pruner."""
        from optuna.trial import TrialState

        return self.study.get_trials(deepcopy=False)[candidate.number].state is TrialState.PRUNED


def _sampler(config: Config, name: str) -> optuna.samplers.BaseSampler:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=config.seed, constant_liar=config.workers > 1)
        if name == "gp":
            return optuna.samplers.GPSampler(seed=config.seed)
    return optuna.samplers.RandomSampler(seed=config.seed)


def _pruner(name: str) -> optuna.pruners.BasePruner:
    """A training's resource is its number of evaluations."""
    from optuna import pruners

    if name == "asha":
        return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=1, reduction_factor=3)
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=4)
    return pruners.NopPruner()


def _distribution(found: Range | Choices) -> Any:
    from optuna import distributions

    if isinstance(found, Choices):
        return distributions.CategoricalDistribution(found.values)
    if found.whole:
        return distributions.IntDistribution(int(found.low), int(found.high), log=found.log)
    return distributions.FloatDistribution(found.low, found.high, log=found.log)


def _short(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
