"""How far a map stretched and squeezed the distances of a data set: all pairs, without the N x N matrix."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.johnson_lindenstrauss.distortion import distortion


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tile=st.integers(2, 70))
def test_distortion_does_not_depend_on_the_tile(seed, tile):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, 10))
    y = x @ rng.standard_normal((10, 4))
    small, whole = distortion(x, y, tile=tile), distortion(x, y)
    assert small.maximum == pytest.approx(whole.maximum)
    assert small.mean == pytest.approx(whole.mean)
    assert small.n_pairs == whole.n_pairs
    assert set(map(tuple, small.worst)) == set(map(tuple, whole.worst))


def test_distortion_of_an_isometry_is_one():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 8))
    found = distortion(x, x @ np.linalg.qr(rng.standard_normal((8, 8)))[0])
    assert found.largest < 1e-10


def test_distortion_never_holds_the_distance_matrix():
    x = np.random.default_rng(0).standard_normal((3000, 16)).astype(np.float32)
    tracemalloc.start()
    distortion(x, x[:, :8])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000 * 3000 * 4


def test_distortion_refuses_bad_input():
    with pytest.raises(ValueError, match="2 rows or more"):
        distortion(np.ones((1, 3)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="all 3 pairs of rows are equal"):
        distortion(np.ones((3, 3)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="shapes"):
        distortion(np.ones((3, 3)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="first is row 1"):
        distortion(np.array([[1.0], [np.inf], [2.0]]), np.ones((3, 1)))
