"""`python -m jobs.whitening retrieval`: nearest neighbours at full and reduced dimensions.

The corpus is the distinct sentences of a set; queries are the first sentences of pairs that people call similar, and
the right answer is the second sentence. A query does not find itself. Recall is the share of the ten neighbours at
full dimension (of the same kind, raw or whitened) that are found at k dimensions, and time is that of the search
alone, the best of three passes: by brute force in blocks, and with faiss (exact, inner product) where it is installed.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.embeddings.search import recall, reciprocal_ranks, top_k
from engine.embeddings.similarity import unit_rows
from engine.embeddings.whitening import WhiteningAccumulator
from engine.evidence.intervals import mean_interval
from jobs import cli, tracking
from jobs.progress import Bar
from jobs.whitening.evaluate import run_fields
from jobs.whitening.scores import Estimate, accumulate
from jobs.whitening.sentence_vectors import Index, ReadyVectors, embed, open_source
from jobs.whitening.settings import FULL, NONE, check_component, dimension, parse
from jobs.whitening.sts import sources

if TYPE_CHECKING:
    from jobs.whitening.config import Retrieval
    from jobs.whitening.sts.sets import StsData
    from store.runs import Run

Search = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
FEWEST = 16
PASSES = 3


def start(config: Retrieval) -> None:
    """Check the flags, search every set in a run, print a table."""
    for name in config.components:
        check_component(name)
    for name in ("k", "queries"):
        if getattr(config, name) < 1:
            raise cli.InputError(f"--{name} must be positive, got {getattr(config, name)}")
    source = open_source(config.encoder, device=config.device, db=config.db)
    (pooling,) = parse([config.pooling or source.poolings[0]], source)
    sets = sources.load(config.data, data_dir=config.data_dir, limit=config.limit)
    if isinstance(source, ReadyVectors) and len(sets) > 1 and not source.path.is_dir():
        raise cli.InputError(f"--encoder {source.path} holds the vectors of one set, name it with --data")
    indices = [Index.of(data) for data in sets]
    queries = [_queries(config, data, index) for data, index in zip(sets, indices, strict=True)]
    with tracking.start(config, **run_fields(config, source, sets)) as run:
        print(f"run {run.run_id}")
        print(
            f"{'set':<10} {'vectors':<10} {'dim':>5} {'search':<8} {'recall':>7} {'MRR':>7} {'ms/query':>9} {'MB':>8}"
        )
        for data, index, (asked, targets) in zip(sets, indices, queries, strict=True):
            table = embed(source, data, index, [pooling], run=run)[pooling.name]
            _search_set(run, config, data, index, pooling.name, np.asarray(table), asked, targets)


def _queries(config: Retrieval, data: StsData, index: Index) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the queries and of their right answers."""
    if len(index.texts) <= config.k:
        raise cli.InputError(f"{data.spec.name} has {len(index.texts)} sentences, too few to search {config.k} among")
    found: dict[int, int] = {}
    for part, (first, second) in zip(data.parts, index.rows, strict=True):
        for row in np.flatnonzero((part.gold >= data.spec.similar) & (first != second)):
            found.setdefault(int(first[row]), int(second[row]))
    if not found:
        raise cli.InputError(f"{data.spec.name} has no pair with a gold score of at least {data.spec.similar:g}")
    pairs = np.array(sorted(found.items()))
    chosen = np.random.default_rng(config.seed).permutation(len(pairs))[: config.queries]
    return pairs[chosen, 0], pairs[chosen, 1]


def _search_set(
    run: Run,
    config: Retrieval,
    data: StsData,
    index: Index,
    pooling: str,
    table: np.ndarray,
    asked: np.ndarray,
    targets: np.ndarray,
) -> None:
    with cli.input_errors(data.spec.name):
        statistics = accumulate(table, index.of_splits(data.parts, data.splits))
        rank = statistics.finish(n_components=1).rank
    neighbours: dict[str, np.ndarray] = {}
    settings = _settings(config, table.shape[1], rank)
    with Bar(len(settings), f"search {data.spec.name}", run=run, unit="settings") as bar:
        for kind, k in settings:
            vectors = unit_rows(_transform(statistics, table, kind, k)).astype(np.float32)
            if kind not in neighbours:
                full = _transform(statistics, table, kind, rank) if kind == "whitened" else table
                neighbours[kind] = _exact(unit_rows(full).astype(np.float32), asked, config.k)
            for backend, search in _backends().items():
                rows, seconds = _timed(search, vectors, asked, config.k)
                found = _without_queries(rows, asked, config.k)
                estimates: dict[str, Any] = _estimates(found, neighbours[kind], targets)
                axes = {
                    "dataset": data.spec.name,
                    "pooling": pooling,
                    "vectors": kind,
                    "n_components": vectors.shape[1],
                    "backend": backend,
                    "k": config.k,
                }
                costs: dict[str, Any] = {
                    "ms_per_query": (1000 * seconds / len(asked), None, None, len(asked)),
                    "bytes": float(vectors.nbytes),
                }
                run.measure("retrieval", axes, **estimates, **costs)
                shown = (estimates["recall"][0], estimates["mrr"][0], costs["ms_per_query"][0], vectors.nbytes / 1e6)
                figures = "{:>7.3f} {:>7.4f} {:>9.4f} {:>8.2f}".format(*shown)
                bar.write(f"{data.spec.name:<10} {kind:<10} {vectors.shape[1]:>5} {backend:<8} {figures}")
            bar.advance()


def _settings(config: Retrieval, width: int, rank: int) -> list[tuple[str, int]]:
    """Raw, then whitened at falling dimensions, then only rotated (beta = gamma = 0) at the same ones."""
    halves = [str(width // 2**power) for power in range(1, 12) if width // 2**power >= FEWEST]
    wanted = config.components or (NONE, FULL, *halves)
    sizes = sorted(
        {size for name in wanted if (size := dimension(name, width, rank)) is not None} | {rank}, reverse=True
    )
    if sizes[0] > rank:
        raise cli.InputError(f"--components {sizes[0]}: the vectors have width {width} and rank {rank}")
    raw = [("raw", width)] if NONE in wanted else []
    return raw + [("whitened", k) for k in sizes] + [("rotated", k) for k in sizes if k < width]


def _transform(statistics: WhiteningAccumulator, table: np.ndarray, kind: str, k: int) -> np.ndarray:
    if kind == "raw":
        return table
    knob = 1.0 if kind == "whitened" else 0.0
    return statistics.finish(n_components=k, beta=knob, gamma=knob).transform(table)


def _backends() -> dict[str, Search]:
    backends: dict[str, Search] = {"blocked": _blocked}
    if importlib.util.find_spec("faiss") is not None:
        backends["faiss"] = _faiss
    return backends


def _blocked(vectors: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    return top_k(vectors[asked], vectors, k=k)[0]


def _faiss(vectors: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return np.asarray(index.search(vectors[asked], k)[1])


def _exact(vectors: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    return _without_queries(_blocked(vectors, asked, k + 1), asked, k)


def _timed(search: Search, vectors: np.ndarray, asked: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Neighbours, the query's own row among them, and the seconds of the fastest pass."""
    seconds = []
    for _ in range(PASSES):
        begin = time.perf_counter()
        rows = search(vectors, asked, k + 1)
        seconds.append(time.perf_counter() - begin)
    return rows, min(seconds)


def _without_queries(rows: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    """Drop each query from its neighbours (q, k + 1); where it is not among them (a tie), the last one."""
    own = rows == asked[:, None]
    own[~own.any(axis=1), -1] = True
    return np.asarray(rows[~own].reshape(len(rows), k))


def _estimates(found: np.ndarray, full: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    return {"recall": _mean(recall(found, full)), "mrr": _mean(reciprocal_ranks(found, targets))}


def _mean(values: np.ndarray) -> Estimate:
    interval = mean_interval(values)
    return interval.value, interval.low, interval.high, interval.n
