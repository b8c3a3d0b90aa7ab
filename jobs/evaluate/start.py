"""From the flags to a stored run."""

from __future__ import annotations

from jobs import cli
from jobs.evaluate import ensemble, predictions
from jobs.evaluate.config import Config


def run(config: Config) -> None:
    """Score a file of predictions, or average stored runs."""
    if bool(config.predictions) == bool(config.ensemble):
        raise cli.InputError("name either --task TASK --predictions FILE, or --ensemble RUN RUN ...")
    if config.ensemble:
        ensemble.average(config)
        return
    if not config.task:
        raise cli.InputError("--predictions needs --task: a task of CLUE or a task file")
    assert config.predictions is not None
    predictions.score(config, config.predictions)
