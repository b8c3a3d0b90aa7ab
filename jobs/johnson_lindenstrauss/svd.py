"""Error of randomized SVD against the optimum and the bound, and of the recipe that ignores the matrix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.evidence.intervals import mean_interval
from engine.johnson_lindenstrauss import randomized_svd as rsvd
from jobs import cli, progress, tracking
from jobs.johnson_lindenstrauss import data as jl_data
from jobs.johnson_lindenstrauss.config import Svd
from store.runs import Run

MAX_ROWS = 2000
SPECTRA: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "power": lambda index: 1 / index,
    "exponential": lambda index: np.exp(-index / 10),
    "low_rank": lambda index: np.where(index <= 10, 1.0, 1e-3),
}


def svd(config: Svd) -> None:
    """Every matrix at every rank, oversampling and number of passes."""
    ranks, repeats = (config.ranks[:2], 3) if config.quick else (config.ranks, config.repeats)
    matrices = _matrices(config)
    for name, matrix in matrices.items():
        limit = min(matrix.shape) - max(config.oversampling)
        if not 2 <= min(ranks) <= max(ranks) < limit or min(config.oversampling) < 2:
            raise cli.InputError(
                f"--ranks and --oversampling: for {name} {matrix.shape} expected ranks from 2 to {limit - 1} and "
                f"oversampling of 2 or more, got {list(ranks)} and {list(config.oversampling)}"
            )
    fields: dict[str, Any] = {"task": "svd", "dataset": ", ".join(matrices)}
    with tracking.start(config, experiment="johnson_lindenstrauss", device="cpu", **fields) as run:
        print(f"run {run.run_id}")
        cells = [(name, rank) for name in matrices for rank in ranks]
        columns = ("optimum", "q first", "q last", "repaired", "post, QR", "post raw")
        few, many = config.power_iterations[0], config.power_iterations[-1]
        print(
            f"Frobenius norm of the error over that of the matrix, mean of {repeats} draws (intervals: "
            "table svd_error): the best of rank k; "
            f"{max(config.oversampling)} more columns with q = {few} and {many} passes; the post's recipe repaired, "
            "with QR and as printed"
        )
        print(f"{'matrix':<14} {'k':>4} " + " ".join(f"{column:>9}" for column in columns))
        for name, rank in progress.track(cells, "svd", run=run):
            _cell(run, name, matrices[name], rank, repeats, config)


def _cell(run: Run, name: str, matrix: np.ndarray, rank: int, repeats: int, config: Svd) -> None:
    """All methods at one rank; errors relative to the Frobenius norm of the matrix."""
    size = float(np.linalg.norm(matrix))
    values = np.linalg.svd(matrix, compute_uv=False)
    axes = {"matrix": name, "rank": rank}
    extra = {"oversampling": 0, "power_iterations": 0}
    for oversampling in (0, *config.oversampling):
        best = {n: rsvd.optimal_error(values, rank + oversampling, norm=n) / size for n in ("frobenius", "spectral")}
        place = {**axes, "method": "optimum", **extra, "oversampling": oversampling}
        run.measure("svd_error", place, source="exact", **best)
    shown = {}
    for oversampling in config.oversampling:
        for power in config.power_iterations:
            place = {**axes, "method": "range_finder", "oversampling": oversampling, "power_iterations": power}
            errors = _range_finder(matrix, rank, oversampling, power, repeats, config.seed)
            spectral, frobenius = (tuple(mean_interval(errors[norm] / size)) for norm in ("spectral", "frobenius"))
            run.measure("svd_error", place, spectral=spectral, frobenius=frobenius)
            shown[oversampling, power] = errors["frobenius"].mean() / size
            _bound(run, place, values, rank, oversampling, power, size)
    recipes = _recipes(matrix, rank, repeats, config.seed)
    for method, errors_ in recipes.items():
        run.measure("svd_error", {**axes, "method": method, **extra}, frobenius=tuple(mean_interval(errors_ / size)))
        if method != "repaired":
            expected = rsvd.post_recipe_error(1.0, matrix.shape[1], rank, orthonormal=method == "post_orthonormal")
            run.measure("svd_error", {**axes, "method": method, **extra}, source="exact", frobenius=expected)
    last = max(config.oversampling)
    optimum = rsvd.optimal_error(values, rank) / size
    row = [optimum, shown[last, config.power_iterations[0]], shown[last, config.power_iterations[-1]]]
    row += [errors_.mean() / size for errors_ in recipes.values()]
    progress.say(f"{name:<14} {rank:>4} " + " ".join(f"{value:>9.4f}" for value in row))


def _range_finder(
    matrix: np.ndarray, rank: int, oversampling: int, power: int, repeats: int, seed: int
) -> dict[str, np.ndarray]:
    """Errors of the projection on the whole basis (k + p directions), as the bound has it."""
    found: dict[str, list[float]] = {"frobenius": [], "spectral": []}
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat, rank, oversampling])
        omega = rng.standard_normal((matrix.shape[1], rank + oversampling))
        basis = rsvd.range_finder(matrix, omega, power_iterations=power)
        rest = matrix - basis @ (basis.T @ matrix)
        found["frobenius"].append(float(np.linalg.norm(rest)))
        found["spectral"].append(float(np.linalg.norm(rest, 2)))
    return {norm: np.array(errors) for norm, errors in found.items()}


def _bound(
    run: Run, place: dict[str, object], values: np.ndarray, rank: int, oversampling: int, power: int, size: float
) -> None:
    spectral = rsvd.expected_error_bound(
        values, rank, oversampling=oversampling, norm="spectral", power_iterations=power
    )
    bounds = {"spectral": spectral / size}
    if power == 0:
        bounds["frobenius"] = rsvd.expected_error_bound(values, rank, oversampling=oversampling) / size
    run.measure("svd_error", place, source="bound", **bounds)


def _recipes(matrix: np.ndarray, rank: int, repeats: int, seed: int) -> dict[str, np.ndarray]:
    """The post's recipe with and without QR, and its repair, with the same random matrices."""
    found: dict[str, list[float]] = {"repaired": [], "post_orthonormal": [], "post_raw": []}
    for repeat in range(repeats):
        omega = np.random.default_rng([seed, repeat, rank]).standard_normal((matrix.shape[1], rank))
        found["repaired"].append(rsvd.error(matrix, rsvd.repaired_recipe(matrix, omega)))
        found["post_orthonormal"].append(rsvd.error(matrix, rsvd.post_recipe(matrix, omega)))
        found["post_raw"].append(rsvd.error(matrix, rsvd.post_recipe(matrix, omega, orthonormal=False)))
    return {method: np.array(errors) for method, errors in found.items()}


def _matrices(config: Svd) -> dict[str, np.ndarray]:
    if config.run:
        vectors = jl_data.run_vectors(config.run, config.db)
        return {name: rows[:MAX_ROWS].astype(np.float64) for name, rows in vectors.items()}
    found = {}
    for name in config.data:
        if name in SPECTRA:
            found[name] = _made(SPECTRA[name], config.shape, np.random.default_rng([config.seed, 99]))
        elif name.endswith(".npy"):
            found[Path(name).stem] = jl_data.read_matrix(Path(name))[:MAX_ROWS].astype(np.float64)
        else:
            raise cli.InputError(
                f"--data {name}: neither a spectrum nor an .npy file{cli.suggest(name, SPECTRA)} (expected "
                f"{', '.join(SPECTRA)} or FILE.npy)"
            )
    return found


def _made(spectrum: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A matrix with given singular values along random directions."""
    size = min(shape)
    if size < 1:
        raise cli.InputError(f"--shape: expected two positive numbers, got {list(shape)}")
    left, right = (np.linalg.qr(rng.standard_normal((side, size)))[0] for side in shape)
    return np.asarray((left * spectrum(np.arange(1, size + 1))) @ right.T)
