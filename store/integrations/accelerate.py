"""A tracker for accelerate.

from store.integrations.accelerate import ClueboardTracker
accelerator = Accelerator(log_with=ClueboardTracker(name="bert, lr 3e-4"))
accelerator.init_trackers("intent", config={"lr": 3e-4})
accelerator.log({"dev/accuracy": 0.73}, step=100)
accelerator.end_training()
"""

from collections.abc import Mapping
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

from store.metric_names import standard_name
from store.tracking import session


class ClueboardTracker(GeneralTracker):
    """Logs to the store; arguments are those of `store.init`."""

    name = "clueboard"
    requires_logging_directory = False

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options
        self._run: session.Session | session.NoRun | None = None

    @property
    def tracker(self) -> session.Session | session.NoRun:
        """The run; it starts at the first look."""
        if self._run is None:
            self._run = session.init(**self._options)
        return self._run

    @on_main_process
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Store parameters."""
        self.tracker.config.update(session.flat(values))

    @on_main_process
    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Log the numbers of a step."""
        self.tracker.log({standard_name(name): value for name, value in values.items()}, step=step)

    @on_main_process
    def finish(self) -> None:
        """End the run."""
        self.tracker.finish()
