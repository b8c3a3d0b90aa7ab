"""The runner that `--on` names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from jobs import cli
from jobs.sweep.config import Config
from jobs.sweep.runners import slurm
from jobs.sweep.runners.base import Runner
from jobs.sweep.runners.local import Local
from jobs.sweep.runners.ray_tasks import Ray

PACKAGES = {"slurm": "submitit", "ray": "ray"}


def check(config: Config) -> None:
    """Refuse what is not here.

    Raises:
        InputError: with what to do.
    """
    package = PACKAGES.get(config.on)
    if package and importlib.util.find_spec(package) is None:
        raise cli.InputError(
            f"--on {config.on} needs the package {package}, which is not installed: "
            f'pip install {package} (or -e ".[cluster]")'
        )
    if config.on == "slurm":
        slurm.minutes(config.time)
        slurm.check(partition=config.partition or None)


def find(config: Config, folder: Path) -> Runner:
    """The runner of a sweep with that folder."""
    within = None if config.start_within is None else 60 * config.start_within
    if config.on == "local":
        return Local(folder, workers=config.workers, threads=config.cpus, start_within=within)
    if config.on == "slurm":
        settings = slurm.settings(
            name=f"sweep-{folder.name[-4:]}",
            partition=config.partition or None,
            time=config.time,
            cpus=config.cpus or 1,
            gpus=config.gpus,
            workers=config.workers,
            others=config.slurm,
        )
        return slurm.Slurm(folder, settings=settings, start_within=within)
    return Ray(
        folder,
        address=config.address,
        cpus=config.cpus or 1,
        gpus=config.gpus,
        workers=config.workers,
        start_within=within,
    )
