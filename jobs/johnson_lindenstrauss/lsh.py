"""Sign hashes: collisions and cosines at known angles, bands, and neighbour search with its recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.evidence.intervals import mean_interval, proportion_interval
from engine.johnson_lindenstrauss import hashing
from engine.johnson_lindenstrauss.point_clouds import cloud
from jobs import cli, progress, tracking
from jobs.johnson_lindenstrauss import data as jl_data
from jobs.johnson_lindenstrauss.config import Lsh
from store.runs import Run

NEIGHBORS = 10
QUERIES = 100


def lsh(config: Lsh) -> None:
    """Measure the curves at every cosine and search the data."""
    bits, pairs = (config.bits[:2], 300) if config.quick else (config.bits, config.pairs)
    with cli.input_errors("--cosines"):
        hashing.collision_probability(np.array(config.cosines))
    if min(*config.bits, *config.bands, *config.rows, pairs) < 1:
        raise cli.InputError("--bits, --bands, --rows and --pairs: expected numbers of 1 or more")
    name, vectors = _vectors(config)
    fields: dict[str, Any] = {"task": "lsh", "dataset": name, "data_source": None if name == "clustered" else "files"}
    with tracking.start(config, experiment="johnson_lindenstrauss", device="cpu", **fields) as run:
        print(f"run {run.run_id}")
        for cosine in progress.track(config.cosines, "cosines", run=run):
            for n_bits in bits:
                _cosine(run, cosine, n_bits, pairs, config)
            _bands(run, cosine, pairs, config)
        print(f"neighbours of {QUERIES} of {len(vectors):,} rows ({name}): recall@{NEIGHBORS}")
        for n_bits in progress.track(bits, "search", run=run):
            _search(run, name, vectors, n_bits, config.seed)


def _cosine(run: Run, cosine: float, n_bits: int, pairs: int, config: Lsh) -> None:
    """Mean and spread of both readings over pairs at one angle; every 50 pairs have a hash of their own."""
    rng = np.random.default_rng([config.seed, round(1000 * (cosine + 1)), n_bits])
    distances = []
    for start in range(0, pairs, 50):
        first, second = hashing.pairs_at_cosine(cosine, min(50, pairs - start), config.n_features, rng)
        state = rng.integers(2**62)
        codes = [hashing.sign_hash(side, n_bits=n_bits, rng=np.random.default_rng(state)) for side in (first, second)]
        distances.append(hashing.hamming(*codes))
    distance = np.concatenate(distances)
    axes = {"cosine": cosine, "n_bits": n_bits}
    raw, repaired = hashing.raw_cosine(distance, n_bits), hashing.estimate_cosine(distance, n_bits)
    run.measure(
        "lsh_curve",
        axes,
        collision=tuple(mean_interval(1 - distance / n_bits)),
        raw_cosine=tuple(mean_interval(raw)),
        repaired_cosine=tuple(mean_interval(repaired)),
        repaired_sd=float(repaired.std(ddof=1)),
    )
    run.measure(
        "lsh_curve",
        axes,
        source="exact",
        collision=float(hashing.collision_probability(cosine)),
        raw_cosine=float(hashing.expected_raw_cosine(cosine)),
        repaired_cosine=cosine,
        repaired_sd=float(hashing.cosine_standard_error(cosine, n_bits)),
    )


def _bands(run: Run, cosine: float, pairs: int, config: Lsh) -> None:
    """Share of pairs with an equal band, for every number and length of bands; each pair has a hash of its own."""
    rng = np.random.default_rng([config.seed, round(1000 * (cosine + 1))])
    agreement = float(hashing.collision_probability(cosine))
    n_bits = max(config.rows) * max(config.bands)
    angle = np.arccos(cosine)
    projections = rng.standard_normal((2, pairs, n_bits), dtype=np.float32)  # of the plane that the pair spans
    first = projections[0] >= 0
    second = np.cos(angle) * projections[0] + np.sin(angle) * projections[1] >= 0
    for rows in config.rows:
        for bands in config.bands:
            axes = {"bands": bands, "cosine": cosine, "rows": rows}
            hits = int(hashing.band_matches(first, second, rows=rows, bands=bands).sum())
            run.measure("lsh_bands", axes, candidate=tuple(proportion_interval(hits, pairs)))
            exact = float(hashing.candidate_probability(agreement, rows=rows, bands=bands))
            run.measure("lsh_bands", axes, source="exact", candidate=exact)


def _search(run: Run, name: str, vectors: np.ndarray, n_bits: int, seed: int) -> None:
    """Recall of the exact neighbours among the nearest codes."""
    center = vectors.mean(axis=0)
    queries = vectors[np.random.default_rng(seed).choice(len(vectors), min(QUERIES, len(vectors)), replace=False)]
    exact = hashing.nearest_by_cosine(vectors - center, queries - center, n_neighbors=NEIGHBORS)
    codes = hashing.sign_hash(vectors, n_bits=n_bits, rng=np.random.default_rng([seed, n_bits]), center=center)
    wanted = hashing.sign_hash(queries, n_bits=n_bits, rng=np.random.default_rng([seed, n_bits]), center=center)
    found, _ = hashing.nearest_by_hamming(codes, wanted, n_neighbors=min(1000, len(vectors)))
    line = []
    for candidates in (10, 20, 50, 100, 1000):
        if candidates <= len(vectors):
            shares = [float(np.isin(e, f[:candidates]).mean()) for e, f in zip(exact, found, strict=True)]
            axes = {"candidates": candidates, "data": name, "n_bits": n_bits, "n_neighbors": NEIGHBORS}
            run.measure("lsh_recall", axes, recall=tuple(mean_interval(shares)))
            line.append(f"{candidates}: {np.mean(shares):.3f}")
    progress.say(f"{n_bits:>6} bits, candidates examined -> recall  " + "  ".join(line))


def _vectors(config: Lsh) -> tuple[str, np.ndarray]:
    n = min(config.n_samples, 1000) if config.quick else config.n_samples
    if config.run or config.data:
        (points, *_) = jl_data.load((config.data,), config.run, n_samples=n, n_features=config.n_features, db=config.db)
        vectors = points.draw(np.random.default_rng(0))
        if len(vectors) <= NEIGHBORS:
            raise cli.InputError(f"{points.name}: expected more than {NEIGHBORS} rows to search, got {len(vectors)}")
        return points.name, vectors
    if n <= NEIGHBORS or config.n_features < 1:
        raise cli.InputError(f"--n-samples: expected more than {NEIGHBORS} points to search, got {n}")
    return "clustered", cloud("clustered", n, config.n_features, rng=np.random.default_rng(config.seed))
