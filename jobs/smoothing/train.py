"""Training with smooth activations: a regression, a staircase loss with an annealed floor, a tiny CLUE encoder."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from engine.evidence.intervals import Interval, mean_interval
from engine.names import look_up
from engine.smoothing.activations import activation_from_text
from engine.smoothing.kernels import KERNELS
from engine.smoothing.staircase import anneal, descend, make_problem
from jobs import cli, progress, tracking
from jobs.clue import config as clue
from jobs.clue import start

if TYPE_CHECKING:
    from jobs.smoothing.config import Train
    from store.runs import Run

PARTS = ("regression", "staircase", "encoder")
DESCENT_STEPS = 400
INPUTS = 8


def train(config: Train) -> None:
    """Check the input, then do the parts asked for."""
    check(config)
    with tracking.start(config, experiment="smoothing", task="train", device="cpu") as run:
        print(f"run {run.run_id}")
        if "regression" in config.parts:
            regression(run, config)
        if "staircase" in config.parts:
            staircase(run, config)
    if "encoder" in config.parts:
        encoder(config, run.run_id)


def check(config: Train) -> None:
    """Refuse unknown names and counts below 1."""
    for part in config.parts:
        if part not in PARTS:
            raise cli.InputError(f"--parts: unknown {part!r}{cli.suggest(part, PARTS)} (expected {', '.join(PARTS)})")
    with cli.input_errors("--activations"):
        for text in config.activations:
            activation_from_text(text)
    with cli.input_errors("--kernel"):
        look_up(KERNELS, config.kernel, what="kernel")
    for name in ("seeds", "steps", "hidden", "problems"):
        if getattr(config, name) < 1:
            raise cli.InputError(f"--{name} must be at least 1, got {getattr(config, name)}")
    for name in ("parts", "activations"):
        if not getattr(config, name):
            raise cli.InputError(f"--{name}: give at least one")
    if config.learning_rate <= 0:
        raise cli.InputError(f"--learning-rate must be positive, got {config.learning_rate}")


def regression(run: Run, config: Train) -> None:
    """Fit a smooth and a kinked target with every activation and seed; held-out errors with intervals."""
    seeds = range(config.seed, config.seed + config.seeds)
    targets = ("smooth", "kinked")
    with progress.Bar(len(targets) * len(config.activations) * len(seeds), "regression", run=run) as bar:
        for target in targets:
            results: dict[str, list[dict[str, float]]] = {text: [] for text in config.activations}
            for text, seed in product(config.activations, seeds):
                results[text].append(fit(config, text, seed, target))
                bar.advance()
            tell(run, config, target, results)


def tell(run: Run, config: Train, target: str, results: dict[str, list[dict[str, float]]]) -> None:
    """Store and print the errors on a target, the lowest first."""
    progress.say(f"regression on a {target} target, {config.seeds} seeds: held-out mean squared error / variance")
    reference = np.array([row["error"] for row in results[config.activations[0]]])
    for text, rows in sorted(results.items(), key=lambda item: np.mean([row["error"] for row in item[1]])):
        found = np.array([row["error"] for row in rows])
        values: dict[str, Any] = {name: tuple(mean_interval([row[name] for row in rows])) for name in rows[0]}
        values["against_first"] = tuple(mean_interval(found - reference))
        run.measure("smoothing_regression", {"target": target, "activation": text}, **values)
        run.summary({f"{target}/{text}_error": float(found.mean())})
        progress.say(
            f"  {text:<30} {shown(mean_interval(found))}   against {config.activations[0]} "
            f"{shown(mean_interval(found - reference))}"
        )


def fit(config: Train, text: str, seed: int, target: str) -> dict[str, float]:
    """Held-out error of one network, and the width it ended with if that is trained."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(INPUTS, 6, generator=generator) / INPUTS**0.5

    def teacher(x: torch.Tensor) -> torch.Tensor:
        z = x @ directions
        return (torch.sin(2 * z) if target == "smooth" else (2 * z).abs() - (z - 0.5).clamp_min(0)).sum(1, keepdim=True)

    x = torch.randn(3072, INPUTS, generator=generator)
    y = teacher(x)
    y = (y - y.mean()) / y.std()
    layers = [nn.Linear(INPUTS, config.hidden), nn.Linear(config.hidden, config.hidden), nn.Linear(config.hidden, 1)]
    for layer in layers:
        nn.init.normal_(layer.weight, std=(2 / layer.in_features) ** 0.5, generator=generator)
        nn.init.zeros_(layer.bias)
    model = nn.Sequential(layers[0], activation_from_text(text), layers[1], activation_from_text(text), layers[2])
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=config.steps)
    for _ in range(config.steps):
        rows = torch.randint(0, 2048, (128,), generator=generator)
        optimizer.zero_grad()
        (model(x[rows]) - y[rows]).square().mean().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        error = float((model(x[2048:]) - y[2048:]).square().mean())
    widths = [float(p.detach().exp()) for name, p in model.named_parameters() if name.endswith("log_width")]
    return {"error": error} | ({"width": float(np.mean(widths))} if widths else {})


def staircase(run: Run, config: Train) -> None:
    """Descend on integer losses with fixed, annealed and no smoothing; losses with intervals."""
    constant = np.full(DESCENT_STEPS, 1.0)
    schedules: dict[str, tuple[np.ndarray, bool]] = {
        "annealed 1 to 0.02": (anneal(1.0, 0.02, DESCENT_STEPS), False),
        "annealed 0.5 to 0.1": (anneal(0.5, 0.1, DESCENT_STEPS), False),
        **{f"fixed {width:g}": (width * constant, False) for width in (1.0, 0.3, 0.1, 0.02)},
        "straight-through": (constant, True),
    }
    problems = [make_problem(np.random.default_rng([config.seed, index])) for index in range(config.problems)]
    found: dict[str, list[np.ndarray]] = {name: [] for name in schedules}
    for index, problem in enumerate(progress.track(problems, "staircase", run=run)):
        start = np.random.default_rng([config.seed, index, 1]).standard_normal(len(problem.solution))
        for name, (widths, straight) in schedules.items():
            path = descend(problem, start, widths=widths, kernel=config.kernel, straight_through=straight)
            found[name].append(path.losses)
    print(f"staircase loss after {DESCENT_STEPS} steps, {config.problems} problems of the same draws")
    first = np.array([losses[-1] for losses in found["annealed 1 to 0.02"]])
    for name, losses in found.items():
        table = np.array(losses)  # (problems, steps + 1)
        for step in range(0, DESCENT_STEPS + 1, 20):
            run.measure("staircase", {"schedule": name, "step": step}, loss=tuple(mean_interval(table[:, step])))
        final, solved = table[:, -1], float((table[:, -1] == 0).mean())
        difference = mean_interval(final - first)
        run.measure(
            "staircase_final",
            {"schedule": name},
            loss=tuple(mean_interval(final)),
            solved=solved,
            against_annealed=tuple(difference),
        )
        run.summary({f"staircase/{name}": float(final.mean())})
        print(
            f"  {name:<22} loss {shown(mean_interval(final))}, solved {solved:.0%}, "
            f"against annealed {shown(difference)}"
        )


def encoder(config: Train, parent: str) -> None:
    """Train a tiny encoder with each activation and seed through `jobs.clue`, tagged with this run."""
    for text in config.activations:
        child = clue.Config(
            task=(config.task,),
            activation=text,
            seeds=tuple(range(config.seed, config.seed + config.seeds)),
            data_dir=config.data_dir,
            limit=config.limit,
            epochs=config.epochs,
            db=config.db,
            seed=config.seed,
            tags=("smoothing", f"smoothing:{parent}"),
        )
        print(f"-- {text}")
        start.run(child)


def shown(interval: Interval) -> str:
    """`0.1234 ±0.0100`."""
    return f"{interval.value:.4f} ±{interval.high - interval.value:.4f}"
