"""Sign hashes: oracle values, exactness of the packed search, bias and repair, bands."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.johnson_lindenstrauss import hashing

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "jl.json").read_text())


@pytest.mark.parametrize("row", ORACLE["lsh"], ids=lambda row: f"cos{row['cos']}")
def test_collision_law_matches_the_oracle(row):
    assert hashing.collision_probability(row["cos"]) == pytest.approx(row["collision_prob"], rel=1e-9)
    assert hashing.expected_raw_cosine(row["cos"]) == pytest.approx(row["arcsin_form"], rel=1e-9, abs=1e-12)
    assert hashing.expected_raw_cosine(row["cos"]) - row["cos"] == pytest.approx(
        row["bias_if_read_as_cos"], rel=1e-9, abs=1e-12
    )
    error = hashing.cosine_standard_error(row["cos"], 1024)
    assert error == pytest.approx(row["delta_method_std_of_cos_hat_n1024"], rel=1e-9)


def test_worst_bias_bits_and_bands_match_the_oracle():
    worst = ORACLE["lsh_worst_bias"]
    assert worst["max_{c} |c-(2/pi)asin c|"] == pytest.approx(hashing.WORST_BIAS, rel=1e-9)
    for row in ORACLE["lsh_bits_uniform"]:
        assert hashing.bits_for(row["N"], eps=row["eps"]) == row["bits_hoeffding_delta_1_over_N"]
    for row in ORACLE["lsh_banding_S_curve"]:
        found = hashing.candidate_probability(row["p"], rows=row["k"], bands=row["L"])
        assert found == pytest.approx(row["P_candidate"], rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n_bits=st.integers(1, 200))
def test_bits_are_packed_in_order_and_popcount_counts_differences(seed, n_bits):
    bits = np.random.default_rng(seed).random((6, n_bits)) < 0.5
    codes = hashing.pack_bits(bits)
    assert codes.shape == (6, -(-n_bits // 64))
    stored = np.unpackbits(codes.view(np.uint8), axis=1, count=n_bits, bitorder="little")
    np.testing.assert_array_equal(stored, bits)
    np.testing.assert_array_equal(hashing.hamming(codes[:3], codes[3:]), (bits[:3] != bits[3:]).sum(axis=1))


def test_raw_reading_is_biased_and_the_repaired_one_is_not():
    cosine, n_bits = hashing.WORST_COSINE, 2048
    rng = np.random.default_rng(0)
    raw, repaired = [], []
    for seed in range(40):
        first, second = hashing.pairs_at_cosine(cosine, 10, 32, rng)
        a, b = (hashing.sign_hash(x, n_bits=n_bits, rng=np.random.default_rng(seed)) for x in (first, second))
        raw.append(hashing.raw_cosine(hashing.hamming(a, b), n_bits))
        repaired.append(hashing.estimate_cosine(hashing.hamming(a, b), n_bits))
    assert cosine - np.mean(raw) == pytest.approx(hashing.WORST_BIAS, abs=0.01)
    assert np.mean(repaired) == pytest.approx(cosine, abs=0.01)
    assert np.std(repaired) == pytest.approx(float(hashing.cosine_standard_error(cosine, n_bits)), rel=0.25)


def test_bands_agree_as_often_as_the_s_curve_says():
    rng = np.random.default_rng(0)
    a = rng.random((4000, 64)) < 0.5
    b = np.where(rng.random(a.shape) < 0.8, a, ~a)
    share = hashing.band_matches(a, b, rows=8, bands=8).mean()
    assert share == pytest.approx(float(hashing.candidate_probability(0.8, rows=8, bands=8)), abs=0.03)
    with pytest.raises(ValueError, match="take 128 bits"):
        hashing.band_matches(a, b, rows=8, bands=16)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 300), k=st.integers(1, 20))
def test_hamming_search_is_exact(seed, count, k):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2**16, size=(count, 2), dtype=np.uint64)
    queries = codes[: min(3, count)] ^ np.uint64(5)
    k = min(k, count)
    indices, distances = hashing.nearest_by_hamming(codes, queries, n_neighbors=k)
    for query, row, found in zip(queries, indices, distances, strict=True):
        expected = hashing.hamming(codes, query)
        np.testing.assert_array_equal(expected[row], found)
        assert len(set(row.tolist())) == k
        np.testing.assert_array_equal(found, np.sort(expected)[:k])


def test_more_bits_find_more_of_the_exact_neighbours():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 20))
    exact = hashing.nearest_by_cosine(x, x[:30], n_neighbors=10)
    assert (exact[:, 0] == np.arange(30)).all()
    recalls = []
    for n_bits in (32, 1024):
        codes = hashing.sign_hash(x, n_bits=n_bits, rng=np.random.default_rng(1))
        found, _ = hashing.nearest_by_hamming(codes, codes[:30], n_neighbors=10)
        recalls.append(hashing.recall(found, exact))
    assert recalls[0] < recalls[1]
    assert recalls[1] > 0.75


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="row 1 has length zero"):
        hashing.sign_hash(np.array([[1.0, 2.0], [0.0, 0.0]]), n_bits=8, rng=rng)
    with pytest.raises(ValueError, match="row 0 has length zero"):
        hashing.sign_hash(np.ones((3, 4)), n_bits=8, rng=rng, center=np.ones(4))
    with pytest.raises(ValueError, match="first is row 1"):
        hashing.sign_hash(np.array([[1.0], [np.nan]]), n_bits=8, rng=rng)
    with pytest.raises(ValueError, match="row 0 of x has length zero"):
        hashing.nearest_by_cosine(np.zeros((2, 2)), np.ones((1, 2)), n_neighbors=1)
    with pytest.raises(ValueError, match="n_neighbors must be between 1 and the 3 codes"):
        hashing.nearest_by_hamming(np.zeros((3, 1), np.uint64), np.zeros((1, 1), np.uint64), n_neighbors=4)
    with pytest.raises(ValueError, match="cosines must lie"):
        hashing.collision_probability(1.5)


def test_codes_of_more_than_65535_bits_are_compared_rightly():
    codes = np.zeros((2, 1100), dtype=np.uint64)
    codes[1] = ~np.uint64(0)
    _, distances = hashing.nearest_by_hamming(codes, codes[:1], n_neighbors=2)
    assert distances.tolist() == [[0, 70_400]]
    assert hashing.hamming(codes[0], codes[1]) == 70_400
