"""The lemma's numbers against the oracle, exact laws against closed forms and limits."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.johnson_lindenstrauss import angles, norm_tails
from engine.johnson_lindenstrauss.bounds import BOUNDS, is_useless, jl_dim, sklearn_dim, success_probability

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "jl.json").read_text())
eps_values = st.floats(0.01, 0.95)


@pytest.mark.parametrize("row", ORACLE["jl_dimensions"], ids=lambda row: f"N{row['N']}-eps{row['eps']}")
def test_ladder_of_bounds_matches_the_oracle(row):
    n, eps = row["N"], row["eps"]
    found = {
        "post_24": jl_dim(n, eps=eps, bound="post24"),
        "post_16_existence": jl_dim(n, eps=eps, bound="post16"),
        "sklearn_min_dim": jl_dim(n, eps=eps, bound="sklearn"),
        "chernoff_delta_1_over_N": jl_dim(n, eps=eps, bound="chernoff"),
        "exact_union_delta_1_over_N": jl_dim(n, eps=eps, bound="exact_union"),
        "exact_union_delta_0p5": jl_dim(n, eps=eps, delta=0.5),
        "exact_union_delta_lt_1_existence": jl_dim(n, eps=eps, delta=1.0),
    }
    assert found == {name: row[name] for name in found}


@pytest.mark.parametrize("row", ORACLE["unit_norm_tail"])
def test_norm_tail_matches_the_oracle(row):
    n, eps = row["n"], row["eps"]
    assert norm_tails.norm_tail(n, eps=eps) == pytest.approx(row["exact"], rel=1e-8)
    assert norm_tails.norm_tail_bound(n, eps=eps, kind="post") == pytest.approx(row["post_bound"], rel=1e-9)
    assert norm_tails.norm_tail_bound(n, eps=eps) == pytest.approx(row["cramer_chernoff_two_sided"], rel=1e-9)


@pytest.mark.parametrize("row", ORACLE["inner_product_tail_gaussian"])
def test_inner_product_tail_matches_the_oracle(row):
    n, eps = row["n"], row["eps"]
    assert norm_tails.inner_product_tail(n, eps=eps) == pytest.approx(row["exact"], rel=1e-8)
    assert norm_tails.inner_product_tail_bound(n, eps=eps, kind="post") == pytest.approx(row["post_bound"], rel=1e-9)
    assert norm_tails.inner_product_tail_bound(n, eps=eps) == pytest.approx(row["cramer_chernoff_two_sided"], rel=1e-9)


@pytest.mark.parametrize("row", ORACLE["jl_success_probability_post"])
def test_promise_at_the_posts_dimension(row):
    exact = success_probability(row["N"], row["n"], eps=row["eps"])
    assert exact == pytest.approx(row["union_with_exact_tail"], abs=1e-12)
    assert success_probability(row["N"], row["n"], eps=row["eps"], exact=False) == pytest.approx(
        row["union_with_post_tail"], abs=1e-12
    )


def test_logarithms_of_tails_do_not_underflow():
    # 30-digit values: upper and lower incomplete gamma functions added
    assert norm_tails.norm_tail(1000, eps=0.5, log=True) == pytest.approx(-50.6124112029413435999713, rel=1e-12)
    assert norm_tails.norm_tail(100_000, eps=0.1, log=True) == pytest.approx(-238.519442493703119777, rel=1e-12)
    far = norm_tails.norm_tail(10**7, eps=0.5, log=True)
    assert norm_tails.norm_tail(10**7, eps=0.5) == 0.0
    assert far == pytest.approx(norm_tails.norm_tail_bound(10**7, eps=0.5, log=True), rel=1e-4)
    product = norm_tails.inner_product_tail(10**7, eps=0.5, log=True)
    assert product == pytest.approx(norm_tails.inner_product_tail_bound(10**7, eps=0.5, log=True), rel=1e-4)


def test_inner_product_tail_has_its_closed_form_in_two_dimensions():
    # for n = 2 the inner product is Laplace with density e^{-2|z|}
    eps = np.array([0.01, 0.3, 1.0, 40.0])
    np.testing.assert_allclose(norm_tails.inner_product_tail(2, eps=eps), np.exp(-2 * eps), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 5000), eps=eps_values)
def test_bounds_hold(n, eps):
    assert norm_tails.norm_tail(n, eps=eps, log=True) <= norm_tails.norm_tail_bound(n, eps=eps, log=True) + 1e-9
    assert norm_tails.norm_tail_bound(n, eps=eps, log=True) <= norm_tails.norm_tail_bound(
        n, eps=eps, kind="post", log=True
    )
    exact = norm_tails.inner_product_tail(n, eps=eps, log=True)
    chernoff = norm_tails.inner_product_tail_bound(n, eps=eps, log=True)
    assert exact <= chernoff + 1e-9
    assert chernoff <= norm_tails.inner_product_tail_bound(n, eps=eps, kind="post", log=True)


@settings(max_examples=60, deadline=None)
@given(n_samples=st.integers(2, 10**6), eps=eps_values, delta=st.floats(1e-9, 1.0))
def test_exact_dimension_is_the_smallest_one(n_samples, eps, delta):
    n = jl_dim(n_samples, eps=eps, delta=delta)
    log_pairs = np.log(n_samples * (n_samples - 1) / 2)
    assert log_pairs + norm_tails.norm_tail(n, eps=eps, log=True) <= np.log(delta)
    if n > 1:
        assert log_pairs + norm_tails.norm_tail(n - 1, eps=eps, log=True) > np.log(delta)
    assert n <= jl_dim(n_samples, eps=eps, bound="chernoff", delta=delta)
    assert n <= jl_dim(n_samples, eps=eps, bound="post24", delta=delta)


@pytest.mark.parametrize("bound", BOUNDS)
def test_arrays_give_what_scalars_give(bound):
    samples, eps = np.array([[10], [1000]]), np.array([0.1, 0.5, 0.9])
    table = jl_dim(samples, eps=eps, bound=bound)
    assert table.shape == (2, 3)
    assert table[1, 1] == jl_dim(1000, eps=0.5, bound=bound)
    assert (np.diff(table, axis=1) <= 0).all()
    assert (np.diff(table, axis=0) >= 0).all()


def test_post_bound_is_strictly_greater_and_sklearn_truncates():
    eps = np.sqrt(24 * np.log(1000) / 4000)  # the formula gives 4000 up to rounding
    assert jl_dim(1000, eps=eps * (1 - 1e-12), bound="post24") == 4001
    assert jl_dim(1000, eps=0.1, bound="sklearn") == 5920
    assert jl_dim(1000, eps=0.1, bound="achlioptas") == 8882
    assert sklearn_dim(100, eps=1e-5) == 368416070986


def test_useless_region_of_the_post():
    # with 768 columns and 1000 points the post's number exceeds the columns below eps = 0.4646
    assert is_useless(jl_dim(1000, eps=0.4645, bound="post24"), 768)
    assert not is_useless(jl_dim(1000, eps=0.4655, bound="post24"), 768)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 1, "eps": 0.1}, "2 or more"),
        ({"n_samples": 100, "eps": 1.0}, r"eps must lie in \(0, 1\), got 1.0"),
        ({"n_samples": 100, "eps": float("nan")}, "eps must be finite, got nan"),
        ({"n_samples": 100, "eps": 0.1, "delta": 0.0}, "delta must lie"),
        ({"n_samples": 100, "eps": 0.1, "bound": "sklearn", "delta": 0.1}, "takes no delta"),
        ({"n_samples": 100, "eps": 0.1, "bound": "post16", "delta": 0.1}, "existence only"),
        ({"n_samples": 100, "eps": 0.1, "bound": "other"}, "bound must be one of"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        jl_dim(**arguments)


@pytest.mark.parametrize("tail", [norm_tails.norm_tail, norm_tails.inner_product_tail])
def test_tails_refuse_bad_input(tail):
    with pytest.raises(ValueError, match="1 or more"):
        tail(0, eps=0.1)
    with pytest.raises(ValueError, match="eps"):
        tail(10, eps=-0.1)


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
