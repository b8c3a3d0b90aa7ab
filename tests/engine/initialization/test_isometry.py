"""Products of random layers: an isometry keeps every singular value, Gaussian layers follow their law."""

import numpy as np
import pytest

from engine.evidence.intervals import mean_half_width
from engine.initialization.isometry import product_spectra
from engine.initialization.singular_values import product_spectral_moments


def test_orthogonal_layers_keep_every_singular_value_at_one():
    spectra = product_spectra(np.random.default_rng(0), 16, [1, 4, 12], law="orthogonal", draws=2)
    assert spectra == pytest.approx(1, abs=1e-5)


def test_gaussian_layers_follow_the_moments_of_wide_products():
    depths = [1, 2, 4]
    spectra = product_spectra(np.random.default_rng(0), 64, depths, draws=40)
    for index, depth in enumerate(depths):
        second, fourth = product_spectral_moments(depth)
        for power, law in ((2, second), (4, fourth)):
            means = (spectra[:, index] ** power).mean(axis=1)
            assert abs(means.mean() - law) < 3 * mean_half_width(means) + depth**2 / 64


def test_depths_must_increase():
    with pytest.raises(ValueError, match="depths must increase, got \\[4, 2\\]"):
        product_spectra(np.random.default_rng(0), 4, [4, 2])
