"""A sentence embedding without a model: counts of hashed byte trigrams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.embeddings.trigrams import hashed_trigrams


def plain_trigrams(sentence: str, width: int) -> np.ndarray:
    data = b"^" + sentence.lower().encode() + b"$"
    vector = np.zeros(width)
    for start in range(len(data) - 2):
        value = 2166136261
        for byte in data[start : start + 3]:
            value = (value ^ byte) * 16777619 % 2**32
        vector[value % width] += 1
    return vector


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip), max_size=6))
def test_hashed_trigrams_are_those_of_a_plain_loop(sentences):
    expected = np.array([plain_trigrams(sentence, 16) for sentence in sentences]).reshape(-1, 16)
    np.testing.assert_array_equal(hashed_trigrams(sentences, width=16, batch=2), expected)


def test_an_empty_sentence_is_named():
    with pytest.raises(ValueError, match="sentence 2 is empty"):
        hashed_trigrams(["花呗", " \t"])
    with pytest.raises(ValueError, match="width must be a whole number"):
        hashed_trigrams(["花呗"], width=0)
