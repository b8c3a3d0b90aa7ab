"""The course of one training: logging, evaluating, keeping checkpoints, stopping."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import checkpoints, cli
from jobs.checkpoints import BEST, LAST
from jobs.clue import processes
from jobs.interrupts import stop_requests
from jobs.models import saving
from jobs.progress import Bar

if TYPE_CHECKING:
    from engine.model.heads import TaskModel
    from engine.model.training import Step
    from engine.text.decode import Decoded
    from engine.text.rows import Rows
    from jobs.clue.prepare import Prepared
    from store.runs import Run

SAVE_EVERY_S = 30.0
LOGGED_POINTS = 2000
"""most points of a training curve"""


class Session:
    """A training with its run: everything that happens between two updates.

    Args:
        prepared: the training and its data.
        run: where it logs.
        about: the session's own state from a checkpoint, to go on with.
    """

    def __init__(self, prepared: Prepared, run: Run, *, about: dict[str, Any] | None = None) -> None:
        self.prepared, self.run_record = prepared, run
        self.training = prepared.training
        self.metric = prepared.spec.metric
        about = about or {}
        self.best: dict[str, float] = about.get("best", {})
        self.best_step: int = about.get("best_step", 0)
        self.best_epoch: float = about.get("best_epoch", 0.0)
        self.without_gain: int = about.get("without_gain", 0)
        self.window: list[float] = about.get("window", [0.0, 0])
        self.evaluated: int = about.get("evaluated", 0)
        self.rows = [rows.fingerprint() for rows in (prepared.train_rows, prepared.select_rows)]
        self.log_every = max(1, self.training.steps // LOGGED_POINTS)
        self.saved_at = self.logged_at = time.monotonic()
        self.save_cost = 0.0
        self.tokens = 0

    @property
    def folder(self) -> Path:
        """Where the checkpoints lie."""
        return self.run_record.folder

    @property
    def done(self) -> bool:
        """Whether there is nothing left to train."""
        patience = self.prepared.config.early_stopping
        return self.training.epoch >= self.training.settings.epochs or bool(patience and self.without_gain >= patience)

    def run(self) -> None:
        """Train to the end, or until somebody or early stopping ends it."""
        from engine.model.training import NonFiniteError

        title = f"{self.prepared.spec.name} {self.prepared.config.model.rstrip('/').split('/')[-1]}"
        total, start = self.training.steps, self.training.step
        with (
            stop_requests() as self.stop,
            Bar(total, title, run=self.run_record, unit="update", start=start) as self.bar,
        ):
            try:
                if not self.done:
                    self.training.run(self.on_step)
            except NonFiniteError as error:
                kept = f"; the last good checkpoint is {self.folder / LAST}" if (self.folder / LAST).exists() else ""
                raise cli.InputError(f"{self.prepared.spec.name}: {error}{kept}") from error

    def on_step(self, step: Step) -> bool:
        """Log, evaluate and save as due; True ends the training."""
        self._log(step)
        every = self.prepared.config.eval_every
        if step.epoch_end or (every and step.step % every == 0):
            self.evaluate(step)
            self.save()
        elif time.monotonic() - self.saved_at > max(SAVE_EVERY_S, 20 * self.save_cost):
            self.save()
        shown: dict[str, Any] = {"loss": f"{step.loss:.4f}"}
        if self.best:
            shown[f"{self.prepared.split} {self.metric}"] = f"{self.best[self.metric]:.4f}"
        self.bar.advance(**shown)
        if processes.agree(self.training.world, self.stop.requested):
            self.save()
            again = cli.going_on("jobs.clue", self.run_record.run_id, self.prepared.config.db)
            self.bar.write(f"stopped after update {step.step}; go on with: {again}")
            raise KeyboardInterrupt
        return processes.agree(self.training.world, self.done)

    def _log(self, step: Step) -> None:
        self.window = [self.window[0] + step.loss, self.window[1] + 1]
        self.tokens += step.tokens
        if step.step % self.log_every and not step.epoch_end:
            return
        now = time.monotonic()
        values = {
            "train/loss": self.window[0] / self.window[1],
            "train/learning_rate": step.learning_rate,
            "train/tokens_per_second": self.tokens / max(now - self.logged_at, 1e-9),
        }
        self.run_record.log(values, step=step.step, epoch=step.epoch)
        self.window, self.tokens, self.logged_at = [0.0, 0], 0, now

    def evaluate(self, step: Step) -> None:
        """Score the selection split in float32 and keep the weights if they are the best so far."""
        if self.evaluated == step.step:
            return
        from engine.evidence import metrics

        prepared, self.evaluated = self.prepared, step.step
        with self.training.evaluated_weights() as model:
            decoded = answer(prepared, model, prepared.select_rows, prepared.select)
            scores = metrics.score(
                prepared.spec,
                prepared.select,
                decoded.predictions,
                independent=decoded.independent,
                probs=decoded.probs,
            )
            named = {f"{prepared.split}/{name}": value for name, value in scores.items()}
            self.run_record.log(named, step=step.step, epoch=step.epoch)
            better = not self.best or metrics.is_better(self.metric, scores[self.metric], self.best[self.metric])
            self.without_gain = 0 if better else self.without_gain + 1
            if better:
                self.best, self.best_step, self.best_epoch = scores, step.step, step.epoch
                checkpoints.save(self.folder / BEST, {"model": model.state_dict()}, about=self.describe())
        self.logged_at = time.monotonic()

    def save(self) -> None:
        """Keep the whole state, so that any kill leaves one that resumes."""
        from engine.model.training import NonFiniteError

        started = time.monotonic()
        try:
            state = self.training.state_dict()
        except NonFiniteError as error:
            raise cli.InputError(f"{error}; the checkpoint before it is kept in {self.folder}") from error
        checkpoints.save(self.folder / LAST, state, about=self.describe())
        self.saved_at = time.monotonic()
        self.save_cost = self.saved_at - started

    def describe(self) -> dict[str, Any]:
        """What a checkpoint says besides weights: the model's shape, its vocabulary, and the course so far."""
        prepared = self.prepared
        return {
            "task": prepared.spec.name,
            "version": prepared.spec.version,
            "task_spec": prepared.spec.to_dict() if prepared.spec.own else None,
            **saving.describe(prepared.loaded.encoder, prepared.loaded.tokenizer),
            "head": prepared.config.head,
            "pooling": prepared.config.pooling,
            "max_length": prepared.max_length,
            "rows": self.rows,
            "best": self.best,
            "best_step": self.best_step,
            "best_epoch": self.best_epoch,
            "without_gain": self.without_gain,
            "window": self.window,
            "evaluated": self.evaluated,
        }


def answer(
    prepared: Prepared, model: TaskModel, rows: Rows, examples: Any, on_batch: Callable[[int], None] | None = None
) -> Decoded:
    """Answers of the model, decoded; `on_batch` hears of the rows that are done."""
    from engine.model.training import predict
    from engine.text.decode import decode

    return decode(prepared.spec, rows, examples, predict(model, rows, on_batch=on_batch))


def follow(prepared: Prepared) -> None:
    """Train as one of several processes, without a run, until the first process ends it."""
    training = prepared.training
    with stop_requests() as stop:

        def on_step(_: Step) -> bool:
            if processes.agree(training.world, stop.requested):
                raise KeyboardInterrupt
            return processes.agree(training.world, False)

        training.run(on_step)
