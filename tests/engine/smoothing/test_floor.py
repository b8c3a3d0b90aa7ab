"""Floor smoothed by a kernel, three ways, with its derivatives."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.smoothing.floor import floor_window, smooth_floor, smooth_floor_derivative
from engine.smoothing.kernels import KERNELS, find_kernel

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "smoothing.json").read_text())


def fourier(x, kernel, width, terms=2000):
    """x - 1/2 + sum over k >= 1 of transform(2 pi k w) sin(2 pi k x) / (pi k)."""
    k = np.arange(1, terms + 1)
    waves = np.sin(2 * np.pi * np.asarray(x)[..., None] * k) / (np.pi * k)
    return x - 0.5 + waves @ find_kernel(kernel).transform(2 * np.pi * k * width)


@pytest.mark.parametrize("row", ORACLE["floor"], ids=lambda r: str(r["x"]))
def test_floor_matches_the_oracle_three_ways(row):
    x = row["x"]

    def near(value, expected):  # values at half-integers are 0 up to rounding
        return float(value) == pytest.approx(expected, rel=1e-9, abs=1e-14)

    assert near(floor_window(x, kernel="logistic", width=0.1, low=5, high=10), row["post_t10_M5_N10"])
    for kernel, width, name in (
        ("logistic", 0.1, "logistic_t10_untruncated"),
        ("gaussian", 0.1, "gaussian_s0p1"),
        ("cauchy", 0.05, "cauchy_a0p05_closed_form"),
    ):
        assert near(smooth_floor(x, kernel=kernel, width=width), row[name])
        assert near(fourier(x, kernel, width), row[name])


def test_floor_facts_of_the_oracle():
    low, high = ORACLE["floor_truncation"]["limits"]
    saturated = floor_window([-20.0, 25.0], kernel="logistic", width=0.1, low=5, high=10)
    assert saturated.tolist() == pytest.approx([low, high])
    slopes = smooth_floor_derivative([0.0, 0.5], kernel="logistic", width=0.1)
    facts = ORACLE["floor_at_integers"]
    expected = [facts["slope_at_integer_logistic_t10"], facts["slope_at_half_logistic_t10"]]
    assert slopes.tolist() == pytest.approx(expected, rel=1e-9)
    grid = np.arange(200_000) / 400_000
    for name, value in ORACLE["floor_residual_amplitude (max |floor_s - (x-1/2)|)"].items():
        residual = np.abs(smooth_floor(grid, kernel="gaussian", width=float(name.split("=")[1])) - grid + 0.5)
        assert residual.max() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("width", [0.013, 0.05, 0.29, 0.31, 1.7])
def test_floor_is_the_same_by_sum_and_series(kernel, width):
    x = np.linspace(-2, 3, 41) + 0.01
    wide = floor_window(x, kernel=kernel, width=width, low=3000, high=3000)
    exact = smooth_floor(x, kernel=kernel, width=width)
    heavy = width * 1e-3 if kernel == "cauchy" else width**2 / 1000 if kernel == "student" else 1e-11
    np.testing.assert_allclose(exact, wide, atol=heavy)
    if kernel not in ("laplace", "uniform"):  # their series fall off like powers
        np.testing.assert_allclose(exact, fourier(x, kernel, width), atol=1e-12)
