"""A logger for Lightning.

    from store.integrations.lightning import ClueboardLogger
    trainer = Trainer(logger=ClueboardLogger(name="bert, lr 3e-4"))

`val_accuracy` becomes `dev/accuracy`, `train_loss` becomes `train/loss` (`store.metric_names`).
"""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers import Logger

from store.metric_names import standard_name
from store.tracking import session


class ClueboardLogger(Logger):
    """Logs to the store; arguments are those of `store.init`."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options
        self._run: session.Session | session.NoRun | None = None

    @property
    def experiment(self) -> session.Session | session.NoRun:
        """The run; it starts at the first look."""
        if self._run is None:
            self._run = session.init(**self._options)
        return self._run

    @property
    def name(self) -> str:
        """What people call the run."""
        return str(self._options.get("name") or "clueboard")

    @property
    def version(self) -> str:
        """The run's id."""
        return str(self.experiment.id)

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Store parameters: a mapping or a namespace."""
        self.experiment.config.update(session.flat(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the numbers of a step."""
        numbers = dict(metrics)
        epoch = numbers.pop("epoch", None)
        named = {standard_name(name, bare="train"): value for name, value in numbers.items()}
        if named:
            self.experiment.log(named, step=step, epoch=epoch)

    def finalize(self, status: str) -> None:
        """Say how the training ended; a later `test()` still logs to the run, which ends with the script."""
        if status == "failed" and self._run is not None:
            self._run.finish(1)
