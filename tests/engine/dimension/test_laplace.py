"""Laplace's method for the entropy of a random table, against Bessel functions, quadrature and the post's constants."""

import numpy as np
import pytest

from engine.dimension import entropy, laplace


def test_the_constants_are_the_posts():
    assert pytest.approx(0.904557, abs=5e-7) == laplace.ANGLE
    assert pytest.approx(0.377428, abs=5e-7) == laplace.HEIGHT
    assert pytest.approx(-0.2406059125, abs=1e-10) == laplace.SLOPE
    assert np.sqrt(2 * np.pi / -laplace.CURVATURE) == pytest.approx(1.67629, abs=1e-5)


def test_the_parabola_touches_the_exponent_at_its_maximum():
    theta = np.linspace(0.05, 3.0, 10_001)
    assert theta[laplace.exponent(theta).argmax()] == pytest.approx(laplace.ANGLE, abs=3e-4)
    h = 1e-4
    around = laplace.exponent(laplace.ANGLE + h * np.array([-1.0, 0.0, 1.0]))
    assert np.diff(around, 2)[0] / h**2 == pytest.approx(laplace.CURVATURE, abs=1e-4)


def test_the_error_of_laplaces_method_falls_like_one_over_n():
    n = np.array([64, 256, 1024, 4096])
    errors = np.abs(laplace.log_mean_exp_by_laplace(n) - entropy.log_mean_exp(n))
    slope, _ = np.polyfit(np.log(n), np.log(errors), 1)
    assert slope == pytest.approx(-1, abs=0.03)


def test_the_tilted_density_has_mass_one_and_the_mean_cosine():
    theta = np.linspace(0, np.pi, 20_001)[1:-1]
    density = laplace.tilted_density(theta, n=40)
    assert np.trapezoid(density, theta) == pytest.approx(1, abs=1e-6)
    assert np.trapezoid(density * np.cos(theta), theta) == pytest.approx(float(entropy.tilted_cosine(40)), abs=1e-6)


def test_an_angle_outside_is_refused():
    with pytest.raises(ValueError, match="between 0 and pi"):
        laplace.exponent([0.5, 4.0])
