"""Random stacks measured beside their exact gains, and the matrices of a real encoder beside the rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.evidence.intervals import mean_interval
from engine.initialization.activation_moments import find_activation
from engine.initialization.rules import RULES, StackGains, check_widths, fan_variance, stack_gains
from engine.initialization.signal_propagation import Moments, measure_spectrum, propagate_matrices, propagate_vectors
from engine.initialization.singular_values import singular_value_density, singular_value_edges
from engine.names import look_up
from jobs import cli, progress, tracking
from jobs.models import names
from jobs.models.weight_files import read_tensors, weight_files

if TYPE_CHECKING:
    from jobs.initialization.config import Measure
    from store.runs import Run

BINS = 40


def measure(config: Measure) -> None:
    """Check the input, open the run, measure."""
    check(config)
    matrices = read_matrices(config.model) if config.model else {}
    widths = encoder_widths(matrices, config.model) if matrices else list(config.widths)
    with cli.input_errors("--widths"):
        widths = check_widths(widths)
    model = config.model or None
    with tracking.start(config, experiment="initialization", task="measure", model=model, device="cpu") as run:
        print(f"run {run.run_id}: widths {'-'.join(map(str, widths))}, {config.seeds} seeds, {config.law} entries")
        for name, matrix in matrices.items():
            store_matrix(run, name, matrix)
        measure_stacks(run, config, widths)
        store_spectra(run, config, widths)


def check(config: Measure) -> None:
    """Refuse unknown names and counts below 1."""
    with cli.input_errors("--rules"):
        for rule in config.rules:
            look_up(RULES, rule, what="rule")
    with cli.input_errors("--activations"):
        for activation in config.activations:
            find_activation(activation)
    for name in ("rules", "activations"):
        if not getattr(config, name):
            raise cli.InputError(f"--{name}: give at least one")
    for name, least in (("seeds", 1), ("batch", 1), ("spectrum_draws", 0)):
        if getattr(config, name) < least:
            flag = name.replace("_", "-")
            raise cli.InputError(f"--{flag} must be at least {least}, got {getattr(config, name)}")
    if config.method == "vectors" and config.law != "normal":
        raise cli.InputError(f"--method vectors is exact for normal entries only, not for --law {config.law}")


def measure_stacks(run: Run, config: Measure, widths: list[int]) -> None:
    """Every activation and rule: the moments of all seeds, stored with intervals beside the exact values."""
    gain = 1.0 if config.gain == "none" else config.gain
    print(f"{'activation':<12} {'rule':<11} {'forward':>22} {'exact':>10} {'backward':>22} {'exact':>10} {'spread':>8}")
    with progress.Bar(len(config.activations) * config.seeds, "stacks", run=run) as bar:
        for activation in config.activations:
            moments: dict[str, list[Moments]] = {rule: [] for rule in config.rules}
            for drawn in draw(config, widths, activation):
                for rule, part in drawn.items():
                    moments[rule].append(part)
                bar.advance(len(next(iter(drawn.values())).forward))
            for rule in config.rules:
                exact = stack_gains(widths, rule=rule, activation=activation, gain=gain)
                store_layers(run, exact, moments[rule])
                bar.write(line(exact, moments[rule]))


def draw(config: Measure, widths: list[int], activation: str) -> Iterator[dict[str, Moments]]:
    """Moments of one stack after the other (matrices, on all cores), or of all of them at once (vectors)."""
    gain = 1.0 if config.gain == "none" else config.gain
    seeds = np.random.SeedSequence([config.seed, *activation.encode()]).spawn(config.seeds)
    if config.method == "vectors":
        rng = np.random.Generator(np.random.SFC64(seeds[0]))
        yield {
            rule: propagate_vectors(widths, rule=rule, rng=rng, activation=activation, gain=gain, stacks=config.seeds)
            for rule in config.rules
        }
        return

    def one(seed: np.random.SeedSequence) -> dict[str, Moments]:
        rng = np.random.Generator(np.random.SFC64(seed))
        return propagate_matrices(
            widths, rules=config.rules, rng=rng, activation=activation, gain=gain, law=config.law, batch=config.batch
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(one, seeds)


def store_layers(run: Run, exact: StackGains, parts: list[Moments]) -> None:
    """Rows of `init_layers`: cumulative moments, the product of a layer's gains, gradient over variance."""
    forward, backward, gradients = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("forward", "backward", "gradients")
    )
    gains = forward.mean(axis=0)[1:] / forward.mean(axis=0)[:-1]
    products = gains * backward.mean(axis=0)[:-1] / backward.mean(axis=0)[1:]
    for layer, (m, n) in enumerate(pairwise(exact.widths)):
        axes = {"activation": exact.activation, "rule": exact.rule, "layer": layer + 1, "fan_in": m, "fan_out": n}
        run.measure(
            "init_layers",
            axes,
            forward=tuple(mean_interval(forward[:, layer + 1])),
            backward=tuple(mean_interval(backward[:, layer])),
            gradient=tuple(mean_interval(gradients[:, layer])),
            product=float(products[layer]),
        )
        run.measure(
            "init_layers",
            axes,
            source="exact",
            forward=float(exact.forward_moments[layer + 1]),
            backward=float(exact.backward_moments[layer]),
            gradient=float(exact.gradients[layer]),
            product=float(exact.product[layer]),
        )


def line(exact: StackGains, parts: list[Moments]) -> str:
    """One rule in one line: whole-stack gains, measured and exact."""
    ends = [np.concatenate([part.forward[:, -1] for part in parts]), np.concatenate([p.backward[:, 0] for p in parts])]
    cells = [f"{interval.value:.4g} ±{interval.high - interval.value:.2g}" for interval in map(mean_interval, ends)]
    return (
        f"{exact.activation:<12} {exact.rule:<11} {cells[0]:>22} {exact.total_forward:>10.4g} "
        f"{cells[1]:>22} {exact.total_backward:>10.4g} {exact.gradient_spread:>8.3g}"
    )


def store_spectra(run: Run, config: Measure, widths: list[int]) -> None:
    """Histograms of singular values for every shape of the stack, stretched by each rule."""
    shapes = dict.fromkeys(pairwise(widths))
    if not config.spectrum_draws:
        return
    rng = np.random.default_rng([config.seed, 1])
    for m, n in progress.track(list(shapes), "spectra", run=run):
        values = measure_spectrum(rng, m, n, law=config.law, draws=config.spectrum_draws)
        for rule in config.rules:
            variance = fan_variance(m, n, rule=rule)
            axes = {"rule": rule, "fan_in": m, "fan_out": n}
            low, high = singular_value_edges(m, n, variance=variance)
            run.measure("init_edges", axes, source="exact", smallest=low, largest=high)
            scaled = values * np.sqrt(variance)
            run.measure("init_edges", axes, smallest=float(scaled[0]), largest=float(scaled[-1]))
            store_histogram(run, "init_spectra", axes, scaled, variance)


def store_histogram(run: Run, table: str, axes: dict[str, object], values: np.ndarray, variance: float) -> None:
    """Density of singular values in bins, beside the Marchenko-Pastur density at the middle of each bin."""
    m, n = int(str(axes["fan_in"])), int(str(axes["fan_out"]))
    heights, edges = np.histogram(values, bins=BINS, density=True)
    middles = (edges[:-1] + edges[1:]) / 2
    law = singular_value_density(middles, fan_in=m, fan_out=n, variance=variance)
    for index, height in enumerate(heights):
        bin_axes = {**axes, "left": float(edges[index]), "right": float(edges[index + 1])}
        run.measure(table, bin_axes, density=float(height))
        run.measure(table, bin_axes, source="exact", density=float(law[index]))


def read_matrices(model: str) -> dict[str, np.ndarray]:
    """Every linear weight of an encoder as (fan_in, fan_out) float32, by its name; embeddings are look-ups, not maps.

    Raises:
        InputError: if the encoder is not found or has no matrix.
    """
    if not Path(model).is_dir():  # of a folder only the matrices count, whatever its architecture
        names.check_name(model)
    if model in (names.TINY, names.NGRAM):
        raise cli.InputError(f"--model {model} has no trained matrices; name a folder or a hub model")
    found = {}
    for name, tensor in read_tensors(weight_files(names.folder_of(model))).items():
        if tensor.ndim == 2 and min(tensor.shape) > 1 and tensor.is_floating_point() and "embedding" not in name:
            found[name.removesuffix(".weight")] = np.ascontiguousarray(tensor.float().numpy().T)
    if not found:
        raise cli.InputError(f"--model {model} has no linear weight matrix")
    return found


def encoder_widths(matrices: dict[str, np.ndarray], model: str) -> list[int]:
    """Widths of the stack of an encoder's non-square matrices, in the order of its layers.

    Raises:
        InputError: if there are no non-square matrices that follow each other.
    """
    widths: list[int] = []
    for name in sorted(matrices, key=natural):
        m, n = matrices[name].shape
        if m != n and "pooler" not in name and "cls" not in name and (not widths or widths[-1] == m):
            widths += [n] if widths else [m, n]
    if len(widths) < 2:
        raise cli.InputError(f"--model {model} has no non-square matrices that follow each other")
    return widths


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which layer 10 follows layer 9, and the output of a block its intermediate matrix."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def store_matrix(run: Run, name: str, matrix: np.ndarray) -> None:
    """Rows of `init_matrices`: gains and singular values of one trained matrix beside those of random entries."""
    m, n = matrix.shape
    variance = float(np.mean(np.square(matrix, dtype=np.float64)))
    gram = matrix.astype(np.float64)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram @ gram.T if m <= n else gram.T @ gram), 0))
    low, high = singular_value_edges(m, n, variance=variance)
    axes = {"name": name, "fan_in": m, "fan_out": n}
    measured = {"variance": variance, "forward": m * variance, "backward": n * variance}
    run.measure(
        "init_matrices",
        axes,
        **measured,
        product=m * n * variance**2,
        smallest=float(values[0]),
        largest=float(values[-1]),
    )
    run.measure("init_matrices", axes, source="exact", smallest=low, largest=high)
    store_histogram(run, "init_matrix_spectra", axes, values, variance)
