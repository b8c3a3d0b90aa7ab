"""Pooling names and token reductions by hand, and the hashed embedding against a plain loop."""

import numpy as np
import pytest

from engine.embeddings.pooling import POOLINGS, View, parse_pooling, pool, reduce_tokens

STATES = np.array([[1.0, 10.0], [3.0, 0.0], [5.0, 2.0], [7.0, 7.0]])  # rows of 3 tokens and of 1
LENGTHS = np.array([3, 1])


def test_token_reductions_by_hand():
    np.testing.assert_allclose(reduce_tokens(STATES, LENGTHS, kind="mean"), [[3, 4], [7, 7]])
    np.testing.assert_allclose(reduce_tokens(STATES, LENGTHS, kind="cls"), [[1, 10], [7, 7]])
    np.testing.assert_allclose(reduce_tokens(STATES, LENGTHS, kind="max"), [[5, 10], [7, 7]])
    np.testing.assert_allclose(reduce_tokens(STATES, LENGTHS, kind="last"), [[5, 2], [7, 7]])
    np.testing.assert_allclose(reduce_tokens(STATES, LENGTHS, kind="sqrt"), [[9 / 3**0.5, 12 / 3**0.5], [7, 7]])
    np.testing.assert_allclose(reduce_tokens(STATES, LENGTHS, kind="weighted"), [[22 / 6, 16 / 6], [7, 7]])
    with pytest.raises(ValueError, match="add up to 4 tokens"):
        reduce_tokens(STATES, np.array([3, 2]), kind="mean")
    with pytest.raises(ValueError, match="must be mean, sqrt, weighted, cls, last or max"):
        reduce_tokens(STATES, LENGTHS, kind="sum")


def test_names_stand_for_the_hidden_states_of_the_papers():
    def views(name: str) -> tuple[tuple[str, int], ...]:
        return parse_pooling(name, layers=12).views

    assert views("first-last-avg") == views("P4") == views("last2avg") == views("1+12")
    assert views("first-last-avg") == (View("mean", 1), View("mean", 12))
    assert views("last-avg") == views("P3") == views("12+12") == (View("mean", 12),)
    assert views("last-two-avg") == (View("mean", 11), View("mean", 12))
    assert views("0+12") == (View("mean", 0), View("mean", 12))
    assert views("cls") == views("pooler") == (View("cls", 12),)
    assert parse_pooling("P2", layers=12).pooler
    assert parse_pooling("first-last-avg", layers=1).views == (View("mean", 1),)


@pytest.mark.parametrize("name", POOLINGS)
def test_every_pooling_averages_its_views(name):
    pooling = parse_pooling(name, layers=3)
    views = {view: np.full((2, 2), float(10 * view.layer)) for view in pooling.views}
    weight, bias = np.array([[2.0, 0.0], [0.0, 3.0]]), np.array([1.0, -100.0])
    expected = np.full((2, 2), np.mean([10.0 * view.layer for view in pooling.views]))
    if name == "pooler":
        expected = np.array([[61.0, -10.0]] * 2)  # no tanh: values far from [-1, 1] stay
    np.testing.assert_allclose(pool(pooling, views, dense=(weight, bias)), expected)


def test_what_an_encoder_lacks_is_refused():
    with pytest.raises(ValueError, match="no pooler weights"):
        parse_pooling("pooler", layers=4, pooler=False)
    with pytest.raises(ValueError, match=r"hidden state 12, the encoder has 0\.\.4"):
        parse_pooling("1+12", layers=4)
    with pytest.raises(ValueError, match="unknown pooling 'mean'"):
        parse_pooling("mean", layers=4)
