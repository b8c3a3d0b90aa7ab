"""Exact tails of the two quantities behind the Johnson-Lindenstrauss lemma, and the bounds that proofs use for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.johnson_lindenstrauss import norm_tails

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "jl.json").read_text())


eps_values = st.floats(0.01, 0.95)


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


@pytest.mark.parametrize("tail", [norm_tails.norm_tail, norm_tails.inner_product_tail])
def test_tails_refuse_bad_input(tail):
    with pytest.raises(ValueError, match="1 or more"):
        tail(0, eps=0.1)
    with pytest.raises(ValueError, match="eps"):
        tail(10, eps=-0.1)
