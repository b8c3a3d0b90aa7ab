"""A callback for transformers' Trainer.

    from store.integrations.transformers import ClueboardCallback
    trainer = Trainer(..., callbacks=[ClueboardCallback(name="bert, lr 3e-4")])

`eval_accuracy` becomes `dev/accuracy`, `loss` becomes `train/loss`, and so on (`store.metric_names`). The run stays
open after `train()`, so that a later `trainer.evaluate()` still logs to it; it ends with the script.
"""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from store.metric_names import standard_name
from store.tracking import session


class ClueboardCallback(TrainerCallback):
    """Logs what the Trainer logs to the store; arguments are those of `store.init`."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._run: session.Session | session.NoRun | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **things: Any
    ) -> None:
        """Start the run with the arguments of the training and the size of the model."""
        self._start(args, state, things.get("model"))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **things: Any,
    ) -> None:
        """Log the numbers of a step; what the Trainer says at the end of a training is a summary."""
        self._start(args, state, things.get("model"))
        assert self._run is not None
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        epoch = numbers.pop("epoch", None)
        numbers.pop("total_flos", None)
        if "train_runtime" in numbers:
            self._run.summary.update({standard_name(name, bare="train"): value for name, value in numbers.items()})
            return
        named = {standard_name(name, bare="train"): value for name, value in numbers.items()}
        self._run.log(named, step=state.global_step, epoch=epoch)

    def _start(self, args: TrainingArguments, state: TrainerState, model: Any) -> None:
        if self._run is not None:
            return
        config = {name: value for name, value in args.to_dict().items() if value is not None}
        options = {"seed": args.seed, **self._options}
        if model is not None and getattr(model, "config", None) is not None:
            options.setdefault("model", getattr(model.config, "name_or_path", "") or type(model).__name__)
            config["parameters"] = sum(weights.numel() for weights in model.parameters())
        mode = "online" if state.is_world_process_zero else "disabled"
        self._run = session.init(**{"config": config, "mode": mode, **options})
