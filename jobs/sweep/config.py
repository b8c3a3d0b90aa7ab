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
    sampler: Literal["grid", "random", "tpe", "gp"] | None = None
    """who says what to try, all of Optuna (default: grid; tpe where there is a range)"""
    pruner: Literal["none", "median", "asha", "hyperband"] = "none"
    """end trainings whose dev scores so far are behind those of others, by Optuna; with one seed"""
    trials: int | None = None
    """most candidates; needed for random, tpe and gp"""
    workers: int = 1
    """trainings at once"""
    metric: str = ""
    """score of a run that decides (default: dev/ and the task's metric for clue, else dev/accuracy)"""
    lower_is_better: bool = False
    """the metric is a loss or an error"""
    until_decided: float | None = None
    """stop when no other candidate can be better by more than so many points (hundredths of the score)"""
    on: Literal["local", "slurm", "ray"] = "local"
    """where the children run: processes here, SLURM jobs, tasks of a Ray cluster"""
    cpus: int | None = None
    """processors of each child (default: the cores shared out on this machine, 1 on a cluster)"""
    gpus: int = 0
    """GPUs of each child on a cluster; on this machine each gets one where there are several"""
    partition: str = ""
    """SLURM partition (default: the cluster's)"""
    time: str = "60"
    """time of each SLURM job: minutes, h:mm:ss or d-hh:mm; a child with a checkpoint is queued again after it"""
    slurm: tuple[str, ...] = ()
    """further settings of submitit: account=nlp qos=low mem=8GB"""
    address: str = ""
    """Ray cluster: host:port, ray://host:port or auto (default: $RAY_ADDRESS, else one started on this machine)"""
    start_within: float | None = None
    """minutes in which a child has to start; it failed if it has not (default: no limit)"""
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
    for name in ("workers", "trials", "cpus", "start_within"):
        value = getattr(config, name)
        if value is not None and value < 1 and (name != "start_within" or value <= 0):
            least = "above 0" if name == "start_within" else "at least 1"
            raise cli.InputError(f"--{name.replace('_', '-')} must be {least}, got {value:g}")
    for name in ("partition", "slurm", "address"):
        on = "ray" if name == "address" else "slurm"
        if getattr(config, name) and config.on != on:
            raise cli.InputError(f"--{name} is for --on {on}, and this sweep runs --on {config.on}")
    if config.gpus < 0 or (config.gpus and config.on == "local"):
        raise cli.InputError(f"--gpus is for a cluster and at least 0, got {config.gpus} --on {config.on}")
    if len(set(config.seeds)) < len(config.seeds):
        raise cli.InputError(f"--seeds must differ, got {' '.join(map(str, config.seeds))}")
    if min(config.all_seeds) < 0:
        raise cli.InputError(f"--seeds must not be negative, got {min(config.all_seeds)}")
    if config.pruner != "none" and (len(config.all_seeds) > 1 or config.until_decided is not None):
        raise cli.InputError(
            f"--pruner {config.pruner} compares single trainings: one seed, and without --until-decided"
        )
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
    if config.sampler in ("tpe", "gp"):
        raise cli.InputError("--until-decided compares candidates fixed at the start: --sampler grid or random")
