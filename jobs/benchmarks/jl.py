"""Projections, distances, and randomized SVD beside scikit-learn, scipy and torch.

Each pair is timed alternately in one process and the ratio of the medians is reported, so that a busy machine slows
both. Errors stand beside times: speed at a worse error is no speed.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from engine.johnson_lindenstrauss.distortion import distortion

Row = dict[str, Any]


def suite(*, full: bool) -> Iterator[Row]:
    """All comparisons.

    Args:
        full: the sizes that the project promises; else sizes that take some seconds.
    """
    yield from _gaussian(full)
    yield from _svd(full)
    yield from _srht(full)
    yield from _distances(full)


def race(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of both, run in turn; the clock may be that of the process, where both take one thread."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for function, record in zip((ours, theirs), times, strict=True):
            start = clock()
            function()
            record.append(clock() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def _row(name: str, seconds: float, peer_seconds: float, peer: str, bar: str) -> Row:
    """A row whose ratio is ours over the peer's."""
    return {
        "name": name,
        "value": 1000 * seconds,
        "unit": "ms",
        "ratio": seconds / peer_seconds,
        "bar": bar,
        "peer": peer,
    }


def _gaussian(full: bool) -> Iterator[Row]:
    from sklearn.random_projection import GaussianRandomProjection

    from engine.johnson_lindenstrauss.random_projection import project

    n, m, k = (10_000, 768, 256) if full else (2000, 768, 128)
    x = np.random.default_rng(0).standard_normal((n, m), dtype=np.float32)
    seconds, peer = race(
        lambda: project(x, n_components=k, rng=np.random.default_rng(0)),
        lambda: GaussianRandomProjection(n_components=k, random_state=0).fit_transform(x),
        rounds=9,
    )
    yield _row(f"gaussian projection {n}x{m}->{k}, fit and transform", seconds, peer, "scikit-learn", "<= 1.1")


def _svd(full: bool) -> Iterator[Row]:
    import torch
    from sklearn.utils.extmath import randomized_svd as sklearn_svd

    from engine.johnson_lindenstrauss.randomized_svd import randomized_svd

    yield _single_svd()
    shape, k = ((4000, 1500), 50) if full else ((1000, 400), 20)
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((side, min(shape))))[0] for side in shape)
    matrix = (left / np.arange(1, min(shape) + 1)) @ right.T
    found: dict[str, Any] = {}

    def ours() -> None:
        svd = randomized_svd(matrix, n_components=k, oversampling=10, power_iterations=4, rng=np.random.default_rng(1))
        found["ours"] = svd.matrix()

    def sklearn() -> None:
        u, s, vt = sklearn_svd(matrix, k, n_oversamples=10, n_iter=4, random_state=1)
        found["sklearn"] = (u * s) @ vt

    def ours_short() -> None:
        svd = randomized_svd(matrix, n_components=k, oversampling=0, power_iterations=2, rng=np.random.default_rng(1))
        found["ours_short"] = svd.matrix()

    def with_torch() -> None:
        u, s, v = torch.svd_lowrank(torch.from_numpy(matrix), q=k, niter=2)
        found["torch"] = ((u * s) @ v.T).numpy()

    for own, other, peer, label in (
        (ours, sklearn, "sklearn", "4 passes, p = 10"),
        (ours_short, with_torch, "torch", "2 passes, p = 0"),
    ):
        seconds, peer_seconds = race(own, other, rounds=7)
        yield _row(f"randomized SVD {shape[0]}x{shape[1]}, k={k}, {label}", seconds, peer_seconds, peer, "<= 1.1")
        mine, theirs = (float(np.linalg.norm(matrix - found[name])) for name in (own.__name__, peer))
        yield {
            "name": f"  its error, {label}",
            "value": mine,
            "unit": "Frobenius",
            "ratio": mine / theirs,
            "bar": "~ 1",
            "peer": peer,
        }


def _single_svd() -> Row:
    """Two passes in float32 on one thread, where torch's own BLAS is at its best."""
    import torch
    from threadpoolctl import threadpool_limits

    from engine.johnson_lindenstrauss.randomized_svd import randomized_svd

    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((side, 400)))[0] for side in (1000, 400))
    matrix = ((left / np.arange(1, 401)) @ right.T).astype(np.float32)
    tensor, threads = torch.from_numpy(matrix), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            seconds, peer = race(
                lambda: randomized_svd(matrix, n_components=20, oversampling=0, power_iterations=2, rng=rng),
                lambda: torch.svd_lowrank(tensor, q=20, niter=2),
                rounds=25,
                clock=time.process_time,
            )
    finally:
        torch.set_num_threads(threads)
    return _row("randomized SVD 1000x400 float32, k=20, 2 passes", seconds, peer, "torch, one thread", "<= 1")


def _srht(full: bool) -> Iterator[Row]:
    from engine.johnson_lindenstrauss.random_projection import choose_kind, gaussian_matrix, project

    for n, m, k in [(1024, 16_384, 4096), (1000, 1000, 100), (200, 4096, 64)] if full else [(256, 4096, 1024)]:
        x = np.random.default_rng(0).standard_normal((n, m), dtype=np.float32)
        rng = np.random.default_rng(1)
        matrix = gaussian_matrix(k, m, rng=rng, dtype=np.float32)
        chosen = choose_kind(n, m, k)
        srht = partial(project, x, n_components=k, kind="srht", rng=rng)
        seconds, product = race(srht, partial(np.matmul, x, matrix.T), rounds=5)
        bar = "< 1" if chosen == "srht" else "auto: dense"
        yield _row(f"SRHT {n}x{m}->{k} (auto: {chosen})", seconds, product, "dense product alone", bar)


def _distances(full: bool) -> Iterator[Row]:
    from scipy.spatial.distance import pdist

    from engine.johnson_lindenstrauss.random_projection import project

    n = 10_000 if full else 1500
    x = np.random.default_rng(0).standard_normal((n, 768), dtype=np.float32)
    y = project(x, n_components=128, rng=np.random.default_rng(1))

    def by_pdist() -> tuple[float, ...]:
        old, new = pdist(x, "sqeuclidean"), pdist(y, "sqeuclidean")
        ratio = new / old
        return float(ratio.min()), float(ratio.max()), float(ratio.mean()), float(ratio.std())

    seconds, peer = race(lambda: distortion(x, y), by_pdist, rounds=1 if full else 3)
    yield _row(f"all pairs of {n}x768 -> 128", seconds, peer, "scipy pdist", "<= 0.2")
    tracemalloc.start()
    distortion(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield {"name": f"  its memory, {n} points", "value": peak / 2**20, "unit": "MiB", "bar": "< 100"}
