"""Singular values of a random matrix with independent entries: edges, density and products."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.initialization.rules import fan_variance
from engine.initialization.singular_values import (
    condition_number,
    product_spectral_moments,
    singular_value_density,
    singular_value_edges,
)

ORACLES = Path(__file__).parents[2] / "oracles"


ORACLE = json.loads((ORACLES / "init_averages.json").read_text())


EDGE_RULES = {
    "fan_in": "fan_in",
    "fan_out": "fan_out",
    "arithmetic": "arithmetic",
    "geometric": "geometric",
    "quadratic": "quadratic",
    "mean": "harmonic",
    "rms": "rms",
    "max": "orthogonal",
    "min": "minimum",
}


def test_singular_value_edges_match_the_oracle():
    for row in ORACLE["bai_yin_edges"]:
        rule = EDGE_RULES[row["rule"].split()[0].split("-")[0]]
        variance = fan_variance(row["m"], row["n"], rule=rule)
        low, high = singular_value_edges(row["m"], row["n"], variance=variance)
        assert high == pytest.approx(row["sigma_max"], rel=1e-9)
        assert low == pytest.approx(row["sigma_min"], rel=1e-9, abs=1e-12)
        if row["condition"] is not None:
            assert condition_number(row["m"], row["n"]) == pytest.approx(row["condition"], rel=1e-9)
    spectral = singular_value_edges(768, 3072, variance=fan_variance(768, 3072, rule="spectral"))
    assert spectral[1] == pytest.approx(math.sqrt(3072 / 768))


def test_the_density_has_mass_one_and_the_right_mean_square():
    for m, n in ((100, 300), (64, 64), (400, 100)):
        low, high = singular_value_edges(m, n, variance=0.01)
        v = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 20001))) / 2
        density = singular_value_density(v, fan_in=m, fan_out=n, variance=0.01)
        assert np.trapezoid(density, v) == pytest.approx(1, abs=1e-5)
        assert np.trapezoid(density * v**2, v) == pytest.approx(0.01 * max(m, n), rel=1e-4)
    assert singular_value_density(np.array([1e9]), fan_in=4, fan_out=9, variance=1.0)[0] == 0


def test_products_of_gaussian_layers_spread_their_spectrum():
    rng, n = np.random.default_rng(3), 200
    product = np.eye(n)
    for _ in range(4):
        product = product @ (rng.standard_normal((n, n)) / math.sqrt(n))
    squares = np.linalg.svd(product, compute_uv=False) ** 2
    assert squares.mean() == pytest.approx(1, rel=0.1)
    assert np.square(squares).mean() == pytest.approx(product_spectral_moments(4)[1], rel=0.25)
