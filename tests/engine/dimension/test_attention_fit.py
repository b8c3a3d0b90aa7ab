"""Which attention patterns does a head of size d reach? softmax(Q K^T) fitted to given rows of probabilities."""

import numpy as np
import pytest
from scipy import special

from engine.dimension import attention_fit


@pytest.mark.parametrize("kind", attention_fit.PATTERNS)
def test_patterns_are_row_stochastic(kind):
    target = attention_fit.attention_pattern(kind, 20, rng=np.random.default_rng(0))
    np.testing.assert_allclose(target.sum(axis=1), 1)
    assert (target >= 0).all()


def test_dense_patterns_need_the_rank_and_sparse_ones_do_not():
    rng = np.random.default_rng(0)
    dense = attention_fit.attention_pattern("dense", 12, rng=rng)
    logarithm = np.log(dense)
    rank = np.linalg.matrix_rank(logarithm - logarithm.mean(axis=1, keepdims=True))
    assert rank == 11

    def kl(target, size, steps=600):
        return attention_fit.fit_attention(target, head_size=size, rng=np.random.default_rng(1), steps=steps).kl

    assert kl(dense, 11) < 1e-4 < 0.02 < kl(dense, 4)
    permutation = attention_fit.attention_pattern("permutation", 48, rng=rng)
    assert kl(permutation, 4, 400) < 0.02


def test_attention_gradient_agrees_with_differences():
    rng = np.random.default_rng(0)
    target = attention_fit.attention_pattern("dense", 6, rng=rng)
    parameters = rng.standard_normal((2, 6, 3))

    def loss(p):
        logits = p[0] @ p[1].T
        return -np.mean((target * (logits - special.logsumexp(logits, axis=1, keepdims=True))).sum(axis=1))

    probs, value = attention_fit._softmax(parameters.copy(), target)
    assert value == pytest.approx(loss(parameters), rel=1e-9)
    gradient = (probs - target) @ parameters[1] / 6
    step = np.zeros_like(parameters)
    step[0, 2, 1] = 1e-6
    assert gradient[2, 1] == pytest.approx((loss(parameters + step) - loss(parameters - step)) / 2e-6, rel=1e-5)
