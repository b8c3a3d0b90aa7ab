"""Walsh-Hadamard transform and the subsampled randomized Hadamard transform (SRHT)."""

import numpy as np
import pytest
import scipy.linalg

from engine.johnson_lindenstrauss.hadamard import hadamard_transform


@pytest.mark.parametrize("length", [1, 2, 64, 128, 256, 2048])
def test_hadamard_transform_is_the_orthonormal_sylvester_matrix(length):
    x = np.random.default_rng(0).standard_normal((3, length))
    original = x.copy()
    expected = x @ scipy.linalg.hadamard(length) / np.sqrt(length)
    np.testing.assert_allclose(hadamard_transform(x), expected, atol=1e-12)
    np.testing.assert_allclose(hadamard_transform(hadamard_transform(x)), x, atol=1e-12)
    assert (x == original).all()


def test_hadamard_transform_keeps_float32_and_refuses_other_lengths():
    assert hadamard_transform(np.ones((2, 256), dtype=np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="power of two"):
        hadamard_transform(np.ones((2, 100)))
