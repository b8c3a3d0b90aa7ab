"""The streaming fit beside numpy and scikit-learn, its precision and memory; encoding beside one sentence at a time.

Peers and our own code take turns and the median of nine passes or more counts, so that ratios hold on a busy machine.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from engine.embeddings.whitening import Whitening, WhiteningAccumulator, fit_whitening
from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs.models.loading import Loaded
from jobs.whitening.sentence_encoders import BertSentences
from jobs.whitening.sts.sample import pairs

ROWS, WIDTH, CHUNK = 200_000, 768, 16_384
MILLION = 1_000_000
PASSES = 9
SENTENCES = 384


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Rows of the benchmark; `full` adds the fit on a million vectors."""
    yield from _narrow_rows()
    yield from _fit_rows()
    yield _memory_row(ROWS)
    if full:
        yield _million_row()
        yield _memory_row(MILLION)
    yield _encoding_row()


def fit(chunks: Iterator[np.ndarray]) -> Whitening:
    """Our fit of vectors that come in chunks."""
    accumulator = WhiteningAccumulator()
    for chunk in chunks:
        accumulator.update(chunk)
    return accumulator.finish()


def make_vectors(rows: int, rng: np.random.Generator) -> np.ndarray:
    """Vectors (rows, 768) float32 with a common mean and variances over a factor of 400."""
    scales = np.geomspace(1.0, 0.05, WIDTH).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
    return (rng.standard_normal((rows, WIDTH), dtype=np.float32) * scales) @ rotation + np.float32(0.5)


def _parts(vectors: np.ndarray) -> Iterator[np.ndarray]:
    return (vectors[start : start + CHUNK] for start in range(0, len(vectors), CHUNK))


def _fit_rows() -> Iterator[dict[str, Any]]:
    vectors = make_vectors(ROWS, np.random.default_rng(0))

    def ours() -> Whitening:
        return fit(_parts(vectors))

    def with_numpy() -> Any:
        return np.linalg.svd(np.cov(vectors, rowvar=False))

    def with_sklearn(solver: str) -> Callable[[], Any]:
        from sklearn.decomposition import PCA

        return lambda: PCA(svd_solver=solver, whiten=True).fit(vectors)

    peers: dict[str, Callable[[], Any]] = {"ours": ours, "numpy cov + svd": with_numpy}
    peers |= {"scikit-learn covariance_eigh": with_sklearn("covariance_eigh")}
    seconds = _take_turns(peers)
    name = f"fit of {ROWS:,} x {WIDTH} float32 in chunks"
    for peer, bar in (("numpy cov + svd", ">= 2"), ("scikit-learn covariance_eigh", ">= 1")):
        ratio = seconds[peer] / seconds["ours"]
        yield {"name": name, "value": seconds["ours"], "unit": "s", "bar": bar, "peer": peer, "ratio": ratio}
    yield _error_row("largest |cov(whitened) - I|", ours(), vectors, bar="<= 1e-6")
    fitted = with_sklearn("covariance_eigh")()
    kernel = (fitted.components_ / np.sqrt(fitted.explained_variance_)[:, None]).T.astype(np.float64)
    theirs = Whitening(fitted.mean_.astype(np.float64), kernel, fitted.explained_variance_, WIDTH)
    yield _error_row("  the same of covariance_eigh, float32", theirs, vectors)


def _narrow_rows() -> Iterator[dict[str, Any]]:
    """A fit that is small enough to wait for in the dashboard, beside scikit-learn on one thread of BLAS."""
    from sklearn.decomposition import PCA

    vectors = make_vectors(20_000, np.random.default_rng(0))[:, :256].copy()
    with threadpool_limits(1, user_api="blas"):
        seconds = _take_turns(
            {"ours": lambda: fit_whitening(vectors), "sklearn": lambda: PCA(whiten=True).fit(vectors)},
            passes=31,
            clock=time.process_time,
        )
    ratio = seconds["sklearn"] / seconds["ours"]
    name = "fit of 20,000 x 256 float32"
    yield {"name": name, "value": seconds["ours"], "unit": "s", "bar": ">= 1", "peer": "scikit-learn", "ratio": ratio}


def _error_row(name: str, whitening: Whitening, vectors: np.ndarray, *, bar: str = "") -> dict[str, Any]:
    error = _identity_error(whitening, vectors)
    return {"name": name, "value": error, "unit": "", "bar": bar, "peer": "", "ratio": None}


def _identity_error(whitening: Whitening, vectors: np.ndarray) -> float:
    """Whitened in float64, and its covariance from float64 products."""
    accumulator = WhiteningAccumulator()
    for part in _parts(vectors):
        accumulator.update(whitening.transform(part.astype(np.float64)))
    return float(np.abs(accumulator.second_moment() - np.eye(WIDTH)).max())


def _memory_row(rows: int) -> dict[str, Any]:
    """Peak of what is allocated while chunks of one source are added and the whitening is fitted."""
    chunk = make_vectors(CHUNK, np.random.default_rng(0))
    tracemalloc.start()
    try:
        fit(chunk for _ in range(-(-rows // CHUNK)))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    name = f"peak memory of the fit on {rows:,} beyond a chunk"
    return {"name": name, "value": peak, "unit": "MB", "bar": "< 300", "peer": "", "ratio": None}


def _million_row() -> dict[str, Any]:
    chunk = make_vectors(CHUNK, np.random.default_rng(0))
    begin = time.perf_counter()
    fit(chunk for _ in range(-(-MILLION // CHUNK)))
    seconds = time.perf_counter() - begin
    return {
        "name": f"fit of {MILLION:,} x {WIDTH}",
        "value": seconds,
        "unit": "s",
        "bar": "",
        "peer": "",
        "ratio": None,
    }


def _encoding_row() -> dict[str, Any]:
    import torch

    from engine.model.encoders import BertEncoder, EncoderConfig

    texts = [text for part in pairs() for text in part.first][:SENTENCES]
    tokenizer = WordPiece(build_vocabulary(texts))
    shape = EncoderConfig(vocab_size=tokenizer.size, hidden_size=256, layers=4, heads=4, intermediate_size=1024)
    encoder = BertEncoder(shape)
    encoder.initialize(torch.Generator().manual_seed(0))
    sentences = BertSentences(Loaded("benchmark", encoder, tokenizer, pretrained=False))
    views = sentences.parse("first-last-avg").views

    def encode(texts: list[str]) -> Any:
        return sentences.encode(texts, views, max_length=64, advance=lambda done: None)

    seconds = _take_turns({"ours": lambda: encode(texts), "one": lambda: [encode([text]) for text in texts]})
    return {
        "name": f"encoding {SENTENCES} sentences (4 layers, 256 wide)",
        "value": SENTENCES / seconds["ours"],
        "unit": "sentences/s",
        "bar": ">= 4",
        "peer": "one sentence at a time",
        "ratio": seconds["one"] / seconds["ours"],
    }


def _take_turns(
    functions: dict[str, Callable[[], Any]],
    *,
    passes: int = PASSES,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of the passes of each, in turns; the clock may be that of the process, on one thread."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(passes):
        for name, function in functions.items():
            begin = clock()
            function()
            seconds[name].append(clock() - begin)
    return {name: median(each) for name, each in seconds.items()}
