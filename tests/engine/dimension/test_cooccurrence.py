"""Characters of Chinese text and how often they stand near one another."""

import numpy as np
import pytest

from engine.dimension import cooccurrence, skipgram

TEXTS = ["一二三一二三四五", "红黄蓝红黄蓝绿白", "一二三四五六", "红绿蓝黄白黑"] * 10


def test_counts_of_neighbours_by_hand():
    vocabulary = cooccurrence.build_vocabulary(["天地人", "天a地"], size=3)
    assert vocabulary == ["地", "天", "人"]
    tokens = cooccurrence.encode(["天地人", "地天"], vocabulary)
    assert tokens.tolist() == [1, 0, 2, -1, 0, 1, -1]
    counts = cooccurrence.cooccurrence_counts(tokens, 3, window=1)
    np.testing.assert_array_equal(counts, [[0, 2, 1], [2, 0, 0], [1, 0, 0]])
    wide = cooccurrence.cooccurrence_counts(tokens, 3, window=5)
    assert wide[1, 2] == 1  # 天 and 人 of one text; nothing reaches into the next
    assert wide.sum() == 8


def test_bigrams_are_pairs_of_characters():
    vocabulary = cooccurrence.build_vocabulary(["天地人", "地人和"], size=9, units="bigrams")
    assert vocabulary[0] == "地人"
    assert set(vocabulary) == {"地人", "天地", "人和"}


def test_mutual_information_by_hand():
    assert cooccurrence.mutual_information(np.eye(4)) == pytest.approx(np.log(4))
    assert cooccurrence.mutual_information(np.outer([1, 2, 3], [4, 5])) == pytest.approx(0, abs=1e-12)


def test_skipgram_finds_the_information_and_the_groups():
    vocabulary = cooccurrence.build_vocabulary(TEXTS, size=20)
    tokens = cooccurrence.encode(TEXTS, vocabulary)
    counts = cooccurrence.cooccurrence_counts(tokens, len(vocabulary), window=3)
    total = cooccurrence.mutual_information(counts)
    models = {
        n: skipgram.train_skipgram(counts, n_components=n, rng=np.random.default_rng(0), steps=300) for n in (1, 8)
    }
    kept = {n: skipgram.information_kept(model, counts) for n, model in models.items()}
    assert kept[1] < kept[8] <= total
    assert kept[8] > 0.9 * total
    assert models[8].losses[-1] < models[8].losses[0]
    score, used = cooccurrence.neighbour_score(models[8].centers, vocabulary)
    assert used == len(vocabulary)
    assert score > 0.95
    np.testing.assert_allclose(np.exp(models[8].log_conditional()).sum(axis=1), 1)
