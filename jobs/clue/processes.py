"""Several processes that train together, started by torchrun or `accelerate launch`.

    torchrun --nproc-per-node 2 -m jobs.clue --task tnews --processes 2

Only the first process has a run. The number of processes is stated by a flag and checked against the one that is
really there, because a launcher that starts fewer does not say so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs import cli

if TYPE_CHECKING:
    from engine.model.training import World


def is_first() -> bool:
    """Whether this process is the one that prints and has a run."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join(processes: int) -> Iterator[World]:
    """Join the group of processes, or be alone.

    Raises:
        InputError: if there are not exactly `processes`.
    """
    from engine.model.training import World

    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != processes:
        raise cli.InputError(f"--processes {processes}, but the launcher started {started}")
    if processes == 1:
        yield World()
        return
    import torch
    from torch import distributed

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        present = torch.ones(1, device="cuda" if cuda else "cpu")
        distributed.all_reduce(present)
        if int(present) != processes:
            raise cli.InputError(f"--processes {processes}, but {int(present)} joined the group")
        yield World(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def agree(world: World, stop: bool) -> bool:
    """True in every process if `stop` is true in any."""
    if world.size == 1:
        return stop
    import torch
    from torch import distributed

    device = "cuda" if torch.cuda.is_available() else "cpu"
    flag = torch.tensor([float(stop)], device=device)
    distributed.all_reduce(flag)
    return bool(flag > 0)
