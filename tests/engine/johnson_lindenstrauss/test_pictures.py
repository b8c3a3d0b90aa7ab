"""A projected shape drawn in the plane again, and the share of draws that keep every pair."""

import numpy as np
import pytest
from scipy import stats

from engine.johnson_lindenstrauss.bounds import success_probability
from engine.johnson_lindenstrauss.pictures import fitted, kept_share, squared_ratios, triangle


def test_drawing_in_the_plane_keeps_every_distance():
    points = triangle()
    after = points @ np.random.default_rng(0).standard_normal((2, 7))
    assert squared_ratios(after, fitted(after, points)) == pytest.approx(np.ones(66))


def test_a_rotated_shape_is_turned_back():
    points = triangle()
    turned = points @ np.linalg.qr(np.random.default_rng(0).standard_normal((5, 2)))[0].T
    assert fitted(turned, points) == pytest.approx(points)


def test_two_points_are_kept_as_often_as_the_chi_square_law_says():
    hits = kept_share(2, 20, eps=0.3, draws=4000, rng=np.random.default_rng(0))
    law = stats.chi2(20)
    assert hits / 4000 == pytest.approx(law.cdf(20 * 1.3) - law.cdf(20 * 0.7), abs=0.03)


def test_all_pairs_are_kept_at_least_as_often_as_promised():
    promise = float(success_probability(8, 60, eps=0.5))
    assert 0.3 < promise < 0.9
    assert kept_share(8, 60, eps=0.5, draws=2000, rng=np.random.default_rng(0)) / 2000 > promise - 0.03
