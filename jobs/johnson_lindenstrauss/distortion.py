"""Distances before and after projection, over all pairs; principal components beside random maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from engine.evidence.intervals import mean_interval
from engine.johnson_lindenstrauss.distortion import Distortion as Ratios
from engine.johnson_lindenstrauss.distortion import distortion as measure
from engine.johnson_lindenstrauss.point_clouds import fit_principal_components
from engine.johnson_lindenstrauss.random_projection import KINDS, Kind, project, variance_factor
from jobs import cli, progress, tracking
from jobs.johnson_lindenstrauss import data as jl_data
from jobs.johnson_lindenstrauss.config import Distortion, Pca
from store.runs import Run

EDGES = np.linspace(0, 2, 101)


def distortion(config: Distortion) -> None:
    """Every data set through every projection at every number of dimensions."""
    kinds = [_kind(name) for name in config.kinds]
    dims, repeats, n = (config.dims, config.repeats, config.n_samples)
    if config.quick:
        dims, repeats, n = config.dims[1:4:2], 2, min(n, 200)
    data = jl_data.load(config.data, config.run, n_samples=n, n_features=config.n_features, db=config.db)
    _check_dims(dims)
    fields = {"task": "distortion", **jl_data.describe(data), "parent": _parent(config.run, config)}
    with tracking.start(config, experiment="johnson_lindenstrauss", device="cpu", **fields) as run:
        print(f"run {run.run_id}")
        cells = [(points, kind, n) for points in data for kind in kinds for n in dims]
        largest = {}
        for points, kind, n_components in progress.track(cells, "distortion", run=run):
            found = _repeat(points, kind, n_components, repeats, config.seed)
            if found is not None:
                _store(run, points, kind, n_components, found, config.seed)
                largest[points.name, kind, n_components] = np.mean([ratios.largest for ratios in found])
        _print(data, kinds, dims, largest)
        run.summary({f"largest/{name}_{kind}_{n}": float(value) for (name, kind, n), value in largest.items()})


def pca(config: Pca) -> None:
    """Principal components, the same rescaled to the right mean distance, and a Gaussian projection."""
    dims, repeats = (config.dims[:2], 2) if config.quick else (config.dims, config.repeats)
    data = jl_data.load(config.data, config.run, n_samples=config.n_samples, n_features=config.n_features, db=config.db)
    _check_dims(dims)
    fields = {"task": "pca", **jl_data.describe(data), "parent": _parent(config.run, config)}
    with tracking.start(config, experiment="johnson_lindenstrauss", device="cpu", **fields) as run:
        print(f"run {run.run_id}")
        cells = [(points, n) for points in data for n in dims]
        table = {}
        for points, n_components in progress.track(cells, "principal components", run=run):
            found: dict[str, list[Ratios]] = {"pca": [], "pca_rescaled": [], "gaussian": []}
            for repeat in range(repeats):
                rng = np.random.default_rng([config.seed, repeat])
                x = points.draw(rng)
                if n_components > min(x.shape):
                    continue
                fitted = fit_principal_components(x, n_components=n_components)
                found["pca"].append(measure(x, fitted.transform(x)))
                found["pca_rescaled"].append(measure(x, fitted.transform(x, rescaled=True)))
                found["gaussian"].append(measure(x, project(x, n_components=n_components, rng=rng)))
            for method, ratios in found.items():
                if ratios:
                    axes = {"data": points.name, "method": method, "n_components": n_components}
                    run.measure("pca_distortion", axes, **_moments(ratios))
                    table[points.name, method, n_components] = float(np.mean([r.largest for r in ratios]))
        _print_pca(data, dims, table)
        run.summary({f"largest/{name}_{method}_{n}": value for (name, method, n), value in table.items()})


def _repeat(points: jl_data.Points, kind: Kind, n_components: int, repeats: int, seed: int) -> list[Ratios] | None:
    """Distortions of fresh draws; None where the projection cannot have so many dimensions."""
    found = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat, KINDS.index(kind), n_components])
        x = points.draw(np.random.default_rng([seed, repeat]))
        if kind in ("haar", "srht") and n_components > x.shape[1]:
            return None
        found.append(measure(x, project(x, n_components=n_components, kind=kind, rng=rng), edges=EDGES))
    return found


def _store(run: Run, points: jl_data.Points, kind: Kind, n_components: int, found: Sequence[Ratios], seed: int) -> None:
    axes: dict[str, Any] = {"data": points.name, "kind": kind, "n_components": n_components}
    run.measure("jl_distortion", axes, **_moments(found))
    x = points.draw(np.random.default_rng([seed, 0]))
    run.measure("jl_distortion", axes, source="exact", sd=_exact_sd(x, kind, n_components))
    first = found[0]
    for left, right, count in zip(first.edges[:-1], first.edges[1:], first.counts, strict=True):
        if count:
            run.measure("jl_histogram", {**axes, "left": float(left), "right": float(right)}, count=int(count))
    for rank, ((i, j), ratio) in enumerate(zip(first.worst[:5], first.worst_ratios[:5], strict=True), start=1):
        run.measure("jl_worst", {**axes, "i": int(i), "j": int(j), "rank": rank}, ratio=float(ratio))


def _moments(found: Sequence[Ratios]) -> dict[str, Any]:
    """Metrics of a cell with intervals over its repeats."""
    values = {
        "largest": [r.largest for r in found],
        "minimum": [r.minimum for r in found],
        "maximum": [r.maximum for r in found],
        "mean": [r.mean for r in found],
        "sd": [r.sd for r in found],
        "rms": [float(np.hypot(r.sd, r.mean - 1)) for r in found],
    }
    return {name: tuple(mean_interval(samples)) for name, samples in values.items()}


def _exact_sd(x: np.ndarray, kind: Kind, n_components: int) -> float:
    """Standard deviation of a pair's ratio, by the law of its projection, averaged over 2000 random pairs."""
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(x), size=(2, 2000))
    differences = x[i[i != j]] - x[j[i != j]]
    lengths = (differences**2).sum(axis=1)
    differences, lengths = differences[lengths > 0], lengths[lengths > 0]
    q = float(np.mean((differences**4).sum(axis=1) / lengths**2))
    factor = variance_factor(kind, n_features=x.shape[1], n_components=n_components, q=q)
    return float(np.sqrt(factor / n_components))


def _kind(name: str) -> Kind:
    for kind in get_args(Kind):
        if kind == name:
            return kind  # type: ignore[no-any-return]
    raise cli.InputError(
        f"--kinds: unknown projection {name!r}{cli.suggest(name, KINDS)} (expected {', '.join(KINDS)})"
    )


def _check_dims(dims: Sequence[int]) -> None:
    if not dims or min(dims) < 1:
        raise cli.InputError(f"--dims: expected numbers of 1 or more, got {list(dims)}")


def _parent(part: str, config: cli.Options) -> str | None:
    from store import queries

    return str(queries.run(part, db=config.db)["run_id"]) if part else None


def _print(
    data: Sequence[jl_data.Points],
    kinds: Sequence[Kind],
    dims: Sequence[int],
    largest: dict[tuple[str, Kind, int], Any],
) -> None:
    print("largest |ratio - 1| over all pairs, mean of the repeats")
    print(f"{'data':<24} {'n':>5} " + " ".join(f"{kind:>10}" for kind in kinds))
    for points in data:
        for n in dims:
            cells = [largest.get((points.name, kind, n)) for kind in kinds]
            print(f"{points.name:<24} {n:>5} " + " ".join("         -" if c is None else f"{c:>10.3f}" for c in cells))


def _print_pca(data: Sequence[jl_data.Points], dims: Sequence[int], table: dict[tuple[str, str, int], float]) -> None:
    methods = ("pca", "pca_rescaled", "gaussian")
    print("largest |ratio - 1| over all pairs, mean of the repeats")
    print(f"{'data':<24} {'n':>5} " + " ".join(f"{method:>12}" for method in methods))
    for points in data:
        for n in dims:
            cells = [table.get((points.name, method, n)) for method in methods]
            print(
                f"{points.name:<24} {n:>5} " + " ".join(" " * 11 + "-" if c is None else f"{c:>12.3f}" for c in cells)
            )
