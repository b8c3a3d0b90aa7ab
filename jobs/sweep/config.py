"""The flags of `python -m jobs.sweep` itself; all others are those of the job."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from jobs import cli


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config(cli.Options):
    """Flags of the sweep; every other flag is the job's (or a {name} in a command of your own)."""

    file: Path | None = None
    """TOML file with these flags, `job` or `command`, and a table [parameters]; flags typed beside it win"""
    seeds: tuple[int, ...] = ()
    """train every candidate with each of these seeds (default: --seed alone)"""
    sampler: Literal["grid", "random", "tpe"] | None = None
    """who says what to try, all of Optuna (default: grid; tpe where there is a range)"""
    trials: int | None = None
    """most candidates; needed for random and tpe"""
    workers: int = 1
    """trainings at once"""
    metric: str = ""
    """score of a run that decides (default: dev/ and the task's metric for clue, else dev/accuracy)"""
    lower_is_better: bool = False
    """the metric is a loss or an error"""
    until_decided: float | None = None
    """stop when no other candidate can be better by more than so many points (hundredths of the score)"""
    on: Literal["local", "slurm", "ray"] = "local"
    """where the children run"""
    resume: str = ""
    """go on with this sweep (an unambiguous part of its run id, or latest)"""
    dry_run: bool = False
    """show the first candidates and their commands, and start nothing"""

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Seeds of every candidate."""
        return self.seeds or (self.seed,)


def check(config: Config) -> None:
    """Refuse flags that cannot mean anything."""
    for name in ("workers", "trials"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise cli.InputError(f"--{name} must be at least 1, got {value}")
    if len(set(config.seeds)) < len(config.seeds):
        raise cli.InputError(f"--seeds must differ, got {' '.join(map(str, config.seeds))}")
    if min(config.all_seeds) < 0:
        raise cli.InputError(f"--seeds must not be negative, got {min(config.all_seeds)}")
    if config.until_decided is None:
        return
    from engine.evidence.joint import LEAST_SEEDS  # scipy

    if not 0 <= config.until_decided < 100:
        raise cli.InputError(f"--until-decided is in points, from 0 to below 100, got {config.until_decided:g}")
    if len(config.all_seeds) < LEAST_SEEDS:
        raise cli.InputError(
            f"--until-decided needs at least {LEAST_SEEDS} --seeds (the most that may be spent), "
            f"got {len(config.all_seeds)}"
        )
    if config.sampler == "tpe":
        raise cli.InputError("--until-decided compares candidates fixed at the start: --sampler grid or random")
