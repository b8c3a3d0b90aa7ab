"""The experiment that the post on non-square initialization leaves open: does the rule matter for training?

Stacks of blocks narrow-wide-narrow learn a small regression under each rule, optimizer, variant and learning rate. Each
rule is judged at its own best learning rate (smallest mean loss over the seeds), and compared with the geometric rule
in pairs of seeds.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from engine.evidence.intervals import mean_interval
from engine.initialization.rules import RULES, check_widths
from engine.names import look_up
from jobs import cli, progress, tracking
from jobs.initialization import stacks
from jobs.initialization.config import VARIANTS

if TYPE_CHECKING:
    from jobs.initialization.config import Train
    from store.runs import Run

RECORDS = 20


def train(config: Train) -> None:
    """Check the input, then train every optimizer and variant, all rules, rates and seeds together."""
    check(config)
    groups = list(product(config.variants, config.optimizers))
    with tracking.start(config, experiment="initialization", task="train", device=config.device) as run:
        print(f"run {run.run_id}: {2 * config.blocks} layers of {config.narrow}-{config.wide}, {config.seeds} seeds")
        with progress.Bar(len(groups) * config.steps, "training", run=run) as bar:
            for variant, optimizer in groups:
                slices = grid(config, optimizer)
                steps, losses = stacks.train_group(
                    shape(config, variant),
                    slices,
                    optimizer=optimizer,
                    steps=config.steps,
                    record_every=max(1, config.steps // RECORDS),
                    device=config.device,
                    after_step=bar.advance,
                )
                for text in store_group(run, config, variant, optimizer, slices, steps, losses.numpy()):
                    bar.write(text)


def check(config: Train) -> None:
    """Refuse unknown names, empty lists and counts below 1."""
    with cli.input_errors("--rules"):
        for rule in config.rules:
            look_up(RULES, rule, what="rule")
    with cli.input_errors("--narrow, --wide"):
        check_widths([config.narrow, config.wide])
    known = {"activation": tuple(stacks.FUNCTIONS), "optimizers": ("sgd", "adam"), "variants": VARIANTS}
    for name, expected in known.items():
        given = getattr(config, name)
        for value in (given,) if isinstance(given, str) else given:
            if value not in expected:
                hint = cli.suggest(value, expected)
                raise cli.InputError(f"--{name}: unknown {value!r}{hint} (expected {', '.join(expected)})")
    for name in ("rules", "optimizers", "variants", "sgd_rates", "adam_rates"):
        if not getattr(config, name):
            raise cli.InputError(f"--{name.replace('_', '-')}: give at least one")
    for name in ("blocks", "seeds", "steps", "batch"):
        if getattr(config, name) < 1:
            raise cli.InputError(f"--{name} must be at least 1, got {getattr(config, name)}")


def shape(config: Train, variant: str) -> stacks.Shape:
    """What the stacks of one variant have in common."""
    widths = (*(config.narrow, config.wide) * config.blocks, config.narrow)
    gain = 1.0 if config.gain == "none" else config.gain
    return stacks.Shape(widths, config.activation, gain, "residual" in variant, "norm" in variant, config.batch)


def grid(config: Train, optimizer: str) -> list[stacks.Slice]:
    """Every rule, learning rate and seed."""
    rates = config.sgd_rates if optimizer == "sgd" else config.adam_rates
    seeds = range(config.seed, config.seed + config.seeds)
    return [stacks.Slice(rule, rate, seed) for rule, rate, seed in product(config.rules, rates, seeds)]


def store_group(
    run: Run,
    config: Train,
    variant: str,
    optimizer: str,
    slices: list[stacks.Slice],
    steps: list[int],
    losses: np.ndarray,
) -> list[str]:
    """Store curves and best rates of one optimizer and variant; the lines to print.

    Args:
        run: where to.
        config: the flags.
        variant: plain, residual, norm or residual_norm.
        optimizer: sgd or adam.
        slices: what was trained, rules x rates x seeds in this order.
        steps: (records,) updates at which the loss was taken.
        losses: (records, slices) held-out loss, infinite where it diverged.
    """
    rates = list(dict.fromkeys(part.learning_rate for part in slices))
    table = losses.reshape(len(steps), len(config.rules), len(rates), config.seeds)
    best = {}
    for index, rule in enumerate(config.rules):
        for at, rate in enumerate(rates):
            for step, values in zip(steps, table[:, index, at], strict=True):
                axes = {"variant": variant, "optimizer": optimizer, "rule": rule, "learning_rate": rate, "step": step}
                run.measure("init_training", axes, loss=interval(values))
        chosen = int(np.argmin(table[-1, index].mean(axis=-1)))
        best[rule] = (rates[chosen], table[-1, index, chosen])
    lines = [f"{variant} {optimizer}"]
    for rule, (rate, final) in best.items():
        axes = {"variant": variant, "optimizer": optimizer, "rule": rule}
        values = {"loss": interval(final), "learning_rate": rate}
        text = f"  {rule:<11} loss {final.mean():.4f} {spread(final)} at rate {rate:g}"
        if "geometric" in best and rule != "geometric":
            other = best["geometric"][1]
            if np.isfinite(final).all() and np.isfinite(other).all():
                values["against_geometric"] = interval(final - other)
                text += f", against geometric {(final - other).mean():+.4f} {spread(final - other)}"
        run.measure("init_training_best", axes, **values)
        run.summary({f"{variant}/{optimizer}_{rule}_loss": float(final.mean())})
        lines.append(text)
    return lines


def interval(values: np.ndarray) -> tuple[float, ...]:
    """Mean, low, high and n over seeds; infinite where a seed diverged."""
    if not np.isfinite(values).all():
        return (float("inf"), float("inf"), float("inf"), len(values))
    return tuple(mean_interval(values))


def spread(values: np.ndarray) -> str:
    """`±0.01`, the half-width of the 95 % interval."""
    found = interval(values)
    return "" if not np.isfinite(found[0]) or np.isnan(found[2]) else f"±{found[2] - found[0]:.4f}"
