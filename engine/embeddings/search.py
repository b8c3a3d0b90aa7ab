"""Nearest neighbours by brute force: products of blocks and a running selection of the best.

The blocks double in size, so that each adds about k candidates to a query. Exact, with memory for one block of scores.
A reduced vector costs k / d of the bytes and of the multiplications, and what that loses is measured by the share of
the true neighbours that are still found.
"""

from __future__ import annotations

import numpy as np

from engine.arrays import check_products, numbers, same_shape, whole, whole_number

FIRST_BLOCK = 1024
"""Rows of the corpus that are sorted; all later ones are only compared with the k-th best so far."""


def top_k(
    queries: np.ndarray,
    corpus: np.ndarray,
    *,
    k: int,
    exclude: np.ndarray | None = None,
    query_block: int = 256,
    corpus_block: int = 16384,
) -> tuple[np.ndarray, np.ndarray]:
    """The k rows of the corpus with the largest inner product with each query, best first.

    For cosines hand in unit rows. Of equal scores the one with the lower row number comes first.

    Args:
        queries: (q, d).
        corpus: (n, d), n >= k (n > k with `exclude`).
        k: neighbours wanted.
        exclude: (q,) row of the corpus that each query must not find (itself); -1 for none.
        query_block: queries multiplied at a time.
        corpus_block: most corpus rows multiplied at a time.

    Returns:
        Row numbers (q, k) int64 and scores (q, k).
    """
    queries = numbers(queries, name="queries", shape=("q", "d"))
    corpus = numbers(corpus, name="corpus", shape=("n", "d"))
    if queries.shape[1] != corpus.shape[1]:
        raise ValueError(f"expected (q, d) and (n, d) of one width, got {queries.shape} and {corpus.shape}")
    usable = len(corpus) - (exclude is not None)
    if not 1 <= whole_number(k, name="k") <= usable:
        raise ValueError(f"k must lie in 1..{usable} for a corpus of {len(corpus)} rows, got {k}")
    k = whole_number(k, name="k", low=1)
    if exclude is not None:
        exclude = whole(exclude, name="exclude", shape=(len(queries),), low=-1, high=len(corpus) - 1)
    check_products(queries, corpus, "queries", "corpus")
    query_block, corpus_block = (
        whole_number(query_block, name="query_block", low=1),
        whole_number(corpus_block, name="corpus_block", low=1),
    )
    rows = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.result_type(queries, corpus))
    for start in range(0, len(queries), query_block):
        part = slice(start, start + query_block)
        hidden = None if exclude is None else exclude[part]
        rows[part], scores[part] = _best(queries[part], corpus, k, hidden, corpus_block)
    return rows, scores


def recall(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Share of each row's wanted neighbours that were found: (q, k), (q, k) -> (q,); k >= 1."""
    found = whole(found, name="found", shape=("q", "k"))
    wanted = whole(wanted, name="wanted", shape=("q", "k"))
    same_shape(found=found, wanted=wanted)
    if not found.shape[1]:
        raise ValueError("recall needs one neighbour or more in every row, got none")
    return np.asarray((found[:, :, None] == wanted[:, None, :]).any(axis=1).mean(axis=1))


def reciprocal_ranks(found: np.ndarray, target: np.ndarray) -> np.ndarray:
    """1 / place of each query's target among its neighbours, 0 where it is not there: (q, k), (q,) -> (q,).

    Their mean is MRR@k.
    """
    found = whole(found, name="found", shape=("q", "k"))
    target = whole(target, name="target", shape=(len(found),))
    if not found.shape[1]:
        raise ValueError("ranks need one neighbour or more in every row, got none")
    hits = found == target[:, None]
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1.0), 0.0)


def _best(
    queries: np.ndarray, corpus: np.ndarray, k: int, exclude: np.ndarray | None, block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and scores of the k best, best first; what comes later must beat the worst of them."""
    start, stop = 0, min(len(corpus), max(k + 1, min(FIRST_BLOCK, block)))
    rows = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.result_type(queries, corpus))
    while start < len(corpus):
        products = queries @ corpus[start:stop].T  # (q, block)
        if exclude is not None:
            inside = np.flatnonzero((exclude >= start) & (exclude < stop))
            products[inside, exclude[inside] - start] = -np.inf
        if start == 0:
            rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
            scores = np.take_along_axis(products, rows, axis=1)
        else:
            rows, scores = _merge(rows, scores, products, start)
        start, stop = stop, min(len(corpus), stop + min(block, stop))
    return rows, scores


def _merge(rows: np.ndarray, scores: np.ndarray, products: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Let the few columns of `products` in that beat the k-th score of their query."""
    queries, columns = np.nonzero(products > scores[:, -1:])
    if len(queries) == 0:
        return rows, scores
    count, k = rows.shape
    owner = np.concatenate([np.repeat(np.arange(count), k), queries])
    candidates = np.concatenate([rows.ravel(), columns + start])
    values = np.concatenate([scores.ravel(), products[queries, columns]])
    order = np.lexsort((candidates, -values, owner))
    sizes = np.bincount(owner)
    chosen = order[(np.cumsum(sizes) - sizes)[:, None] + np.arange(k)]
    return candidates[chosen], values[chosen]
