"""The lemma's numbers against the oracle, exact laws against closed forms and limits."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.johnson_lindenstrauss import norm_tails
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


@pytest.mark.parametrize("row", ORACLE["jl_success_probability_post"])
def test_promise_at_the_posts_dimension(row):
    exact = success_probability(row["N"], row["n"], eps=row["eps"])
    assert exact == pytest.approx(row["union_with_exact_tail"], abs=1e-12)
    assert success_probability(row["N"], row["n"], eps=row["eps"], exact=False) == pytest.approx(
        row["union_with_post_tail"], abs=1e-12
    )


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
