"""`python -m jobs.whitening sentences`: the sentences of a set, one a line, in the order of ready vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs import cli
from jobs.whitening.sts import sets, sources

if TYPE_CHECKING:
    from jobs.whitening.config import Sentences


def start(config: Sentences) -> None:
    """Print them."""
    if not config.data:
        raise cli.InputError("--data: name the set whose sentences are wanted")
    (data,) = sources.load([config.data], data_dir=config.data_dir, limit=config.limit)
    for line in sets.sentences(data.parts):
        print(line)
