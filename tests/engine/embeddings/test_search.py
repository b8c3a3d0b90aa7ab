"""Blocked brute-force search against a full sort, and its measures by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.embeddings.search import recall, reciprocal_ranks, top_k


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))
def test_blocks_find_what_a_full_sort_finds(seed, k, query_block, corpus_block):
    rng = np.random.default_rng(seed)
    queries, corpus = rng.standard_normal((11, 4)), rng.standard_normal((23, 4))
    rows, scores = top_k(queries, corpus, k=k, query_block=query_block, corpus_block=corpus_block)
    products = queries @ corpus.T
    np.testing.assert_array_equal(rows, np.argsort(-products, axis=1)[:, :k])
    np.testing.assert_allclose(scores, np.take_along_axis(products, rows, axis=1))


def test_a_query_does_not_find_itself():
    corpus = np.eye(5) + 0.1 * np.random.default_rng(0).random((5, 5))
    assert (top_k(corpus, corpus, k=1)[0][:, 0] == np.arange(5)).all()
    found, _ = top_k(corpus, corpus, k=4, exclude=np.arange(5), corpus_block=2)
    assert (np.sort(found, axis=1) == [[j for j in range(5) if j != i] for i in range(5)]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(1, 7), st.integers(1, 9))
def test_equal_scores_come_in_row_order(seed, k, corpus_block):
    rng = np.random.default_rng(seed)
    queries, corpus = rng.integers(0, 2, (5, 3)).astype(float), rng.integers(0, 2, (30, 3)).astype(float)
    rows, _ = top_k(queries, corpus, k=k, corpus_block=corpus_block)
    np.testing.assert_array_equal(rows, np.argsort(-(queries @ corpus.T), axis=1, kind="stable")[:, :k])


def test_recall_and_reciprocal_rank_by_hand():
    found = np.array([[4, 2, 7], [1, 3, 5]])
    np.testing.assert_allclose(recall(found, np.array([[2, 4, 9], [5, 1, 3]])), [2 / 3, 1.0])
    np.testing.assert_allclose(reciprocal_ranks(found, np.array([2, 8])), [0.5, 0.0])


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="one width"):
        top_k(np.ones((2, 3)), np.ones((4, 2)), k=1)
    with pytest.raises(ValueError, match=r"1\.\.3 for a corpus of 4 rows, got 4"):
        top_k(np.ones((2, 3)), np.ones((4, 3)), k=4, exclude=np.zeros(2, int))
    with pytest.raises(ValueError, match="one shape"):
        recall(np.ones((2, 3)), np.ones((2, 4)))


def test_a_k_that_is_no_number_is_refused():
    for k in ("a", None, 1.5, [1]):
        with pytest.raises(ValueError, match="k must be a whole number"):
            top_k(np.eye(2), np.eye(2), k=k)
