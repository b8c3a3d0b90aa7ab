"""Known activations and smooth maxima as members of the two families, convolution and gate."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.smoothing.convolution import gate, smooth
from engine.smoothing.families import (
    acon,
    gaussian_leaky_relu,
    smooth_max,
    smu,
    smu_root,
    softplus,
    squareplus,
    weighted_max,
)

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "smoothing.json").read_text())


def test_squareplus_dominates_softplus_from_the_known_b_on():
    x, b = np.linspace(-30, 30, 60_001), ORACLE["squareplus_vs_softplus"]["b_dominating 4 ln^2 2"]
    assert b == pytest.approx(4 * math.log(2) ** 2)
    assert (squareplus(x, b=b) >= softplus(x) - 1e-12).all()
    assert (squareplus(x, b=b * 0.99) < softplus(x) - 1e-12).any()


def test_the_leaky_relu_matches_the_oracle_and_not_the_published_slip():
    for row in ORACLE["leaky_relu_gaussian"]:
        value = float(gaussian_leaky_relu(row["x"], slope=row["alpha"], width=row["sigma"]))
        assert value == pytest.approx(row["true_convolution"], rel=1e-9)
        slip = row["alpha"] * float(gate(kernel="gaussian", width=row["sigma"]).gap(row["x"]))
        assert value + slip == pytest.approx(row["without_one_minus_alpha_on_bump"], rel=1e-9)
    assert slip >= 0


def test_families_are_members():
    x = np.linspace(-5, 5, 101)
    root = smooth("leaky_relu", kernel="student", width=0.5 / 0.75, slope=0.25)
    np.testing.assert_allclose(smu_root(x, slope=0.25, mu=0.5), root(x), atol=1e-14)
    np.testing.assert_allclose(acon(x, beta=2.0), gate(kernel="logistic", width=0.5)(x), atol=1e-14)
    np.testing.assert_allclose(acon(x, p1=1, p2=0.25, beta=40), np.where(x > 0, x, 0.25 * x), atol=0.02)
    np.testing.assert_allclose(smu(x, slope=0.0, mu=math.sqrt(0.5)), gate(kernel="gaussian", width=1)(x), atol=1e-14)
    pair = np.stack([x, np.zeros_like(x)], axis=-1)
    np.testing.assert_allclose(smooth_max(pair, sharpness=3.0), softplus(x, sharpness=3.0), atol=1e-14)
    np.testing.assert_allclose(weighted_max(pair, sharpness=3.0), acon(x, beta=3.0), atol=1e-14)


def test_the_smooth_maximum_of_many_lies_in_its_interval():
    x = np.random.default_rng(0).standard_normal((50, 7))
    assert (smooth_max(x, sharpness=5.0) >= x.max(axis=-1)).all()
    assert (smooth_max(x, sharpness=5.0) <= x.max(axis=-1) + math.log(7) / 5).all()
    assert (weighted_max(x, sharpness=5.0) <= x.max(axis=-1)).all()
