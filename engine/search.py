"""Nearest neighbours by brute force: products of blocks and a running selection of the best.

Exact, with memory for one block of scores. A reduced vector costs k / d of the time and of the bytes, and what that
loses is measured by the share of the true neighbours that are still found.
"""

from __future__ import annotations

import numpy as np


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

    For cosines hand in unit rows. Equal scores are ordered by row number, but which of the equal ones at the last place
    is kept is arbitrary.

    Args:
        queries: (q, d).
        corpus: (n, d), n >= k (n > k with `exclude`).
        k: neighbours wanted.
        exclude: (q,) row of the corpus that each query must not find (itself); -1 for none.
        query_block: queries multiplied at a time.
        corpus_block: corpus rows multiplied at a time.

    Returns:
        Row numbers (q, k) int64 and scores (q, k).
    """
    if queries.ndim != 2 or corpus.ndim != 2 or queries.shape[1] != corpus.shape[1]:
        raise ValueError(f"expected (q, d) and (n, d) of one width, got {queries.shape} and {corpus.shape}")
    usable = len(corpus) - (exclude is not None)
    if not 1 <= k <= usable:
        raise ValueError(f"k must lie in 1..{usable} for a corpus of {len(corpus)} rows, got {k}")
    rows = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.result_type(queries, corpus))
    for start in range(0, len(queries), query_block):
        part = slice(start, start + query_block)
        hidden = None if exclude is None else exclude[part]
        rows[part], scores[part] = _best(queries[part], corpus, k, hidden, corpus_block)
    return rows, scores


def recall(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Share of each row's wanted neighbours that were found: (q, k), (q, k) -> (q,)."""
    if found.shape != wanted.shape:
        raise ValueError(f"expected two tables of one shape (q, k), got {found.shape} and {wanted.shape}")
    return np.asarray((found[:, :, None] == wanted[:, None, :]).any(axis=1).mean(axis=1))


def reciprocal_ranks(found: np.ndarray, target: np.ndarray) -> np.ndarray:
    """1 / place of each query's target among its neighbours, 0 where it is not there: (q, k), (q,) -> (q,).

    Their mean is MRR@k.
    """
    hits = found == target[:, None]
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1.0), 0.0)


def _best(
    queries: np.ndarray, corpus: np.ndarray, k: int, exclude: np.ndarray | None, block: int
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.result_type(queries, corpus))
    for start in range(0, len(corpus), block):
        products = queries @ corpus[start : start + block].T  # (q, block)
        if exclude is not None:
            inside = np.flatnonzero((exclude >= start) & (exclude < start + products.shape[1]))
            products[inside, exclude[inside] - start] = -np.inf
        kept = _largest(products, k)
        rows = np.concatenate([rows, kept + start], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(products, kept, axis=1)], axis=1)
        chosen = _largest(scores, k)
        rows, scores = (np.take_along_axis(table, chosen, axis=1) for table in (rows, scores))
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _largest(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k largest scores of each row, in no order."""
    if scores.shape[1] <= k:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
