"""How random vectors become perpendicular: the law of the angle between two directions in n dimensions."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.johnson_lindenstrauss import angles

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "jl.json").read_text())


@pytest.mark.parametrize("row", ORACLE["random_angle"], ids=lambda row: f"n{row['n']}")
def test_angles_match_the_oracle(row):
    n = row["n"]
    assert angles.angle_variance(n) == pytest.approx(row["angle_variance"], rel=1e-9)
    assert angles.cosine_tail(n, threshold=0.1) == pytest.approx(row["P_abs_cos_ge_0p1"], rel=1e-8)
    assert angles.cosine_tail(n, threshold=0.25) == pytest.approx(row["P_abs_cos_ge_0p25"], rel=1e-8)
    for probability, degrees in row["angle_quantiles_deg"].items():
        assert np.degrees(angles.angle_quantile(float(probability), n=n)) == pytest.approx(degrees, rel=1e-9)


@pytest.mark.parametrize("row", ORACLE["max_abs_cos"], ids=lambda row: f"n{row['n']}-N{row['N']}")
def test_largest_cosine_matches_the_oracle(row):
    median = angles.max_cosine(row["N"], n=row["n"])
    assert median == pytest.approx(row["median_max_abs_cos_pairwise_independent"], rel=1e-9)
    assert median < row["sqrt_4lnN_over_n"]


@pytest.mark.parametrize("n", [2, 3, 10, 300])
def test_angle_density_integrates_to_one_and_agrees_with_quantiles_and_samples(n):
    theta = np.linspace(0, np.pi, 20_001)
    density = angles.angle_density(theta, n=n)
    assert np.trapezoid(density, theta) == pytest.approx(1.0, abs=1e-6)
    below = theta <= angles.angle_quantile(0.3, n=n)
    assert np.trapezoid(density[below], theta[below]) == pytest.approx(0.3, abs=1e-3)
    sampled = np.arccos(angles.sample_cosines(20_000, n=n, rng=np.random.default_rng(0)))
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(theta))])
    assert stats.kstest(sampled, lambda t: np.interp(t, theta, cumulative)).pvalue > 0.01


def test_angle_density_tends_to_the_normal_density():
    def gap(n):
        theta = np.pi / 2 + np.linspace(-4, 4, 401) / np.sqrt(n)
        exact = angles.angle_density(theta, n=n)
        return np.abs(exact - angles.angle_density_normal(theta, n=n)).max() / exact.max()

    gaps = [gap(n) for n in (50, 200, 800)]
    slope, _ = np.polyfit(np.log([50, 200, 800]), np.log(gaps), 1)
    assert slope == pytest.approx(-1.0, abs=0.1)


def test_largest_cosine_of_sampled_vectors():
    rng = np.random.default_rng(1)
    largest = []
    for _ in range(15):
        vectors = rng.standard_normal((300, 64))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = np.abs(vectors @ vectors.T)
        np.fill_diagonal(cosines, 0)
        largest.append(cosines.max())
    assert np.median(largest) == pytest.approx(angles.max_cosine(300, n=64), abs=0.02)


def test_angles_refuse_one_dimension():
    with pytest.raises(ValueError, match="2 dimensions or more"):
        angles.angle_density(1.0, n=1)
