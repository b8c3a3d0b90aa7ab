"""The entropy rule against the oracle; random tables, attention fits, skip-gram and PIP loss against what is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate

from engine.dimension import attention_fit, cooccurrence, entropy, skipgram
from engine.johnson_lindenstrauss import proof

FOLDER = Path(__file__).parents[2] / "oracles"
ORACLE = json.loads((FOLDER / "dimension.json").read_text())
MEASURED = json.loads((FOLDER / "math_measured_statistical.json").read_text())


@pytest.mark.parametrize("row", ORACLE["h_table"], ids=lambda row: f"n{row['n']}")
def test_shift_matches_the_oracle(row):
    n = row["n"]
    assert entropy.condensation_entropy(n) == pytest.approx(row["h_n"], rel=1e-9)
    assert entropy.log_mean_exp(n) == pytest.approx(row["log_E_exp"], rel=1e-9)
    assert entropy.tilted_cosine(n) == pytest.approx(row["mean_cos_tilted"], rel=1e-9)


@pytest.mark.parametrize("row", ORACLE["thresholds"], ids=lambda row: f"N{row['N']}")
def test_thresholds_match_the_oracle(row):
    assert entropy.dimension_for(row["N"]) == pytest.approx(row["n_exact_root_pairs"], rel=1e-9)
    assert entropy.dimension_for(row["N"], form="rows") == pytest.approx(row["n_exact_root_single_row"], rel=1e-9)
    assert entropy.PAIRS_COEFFICIENT * np.log(row["N"]) == pytest.approx(row["n_asymptotic_4_over_lnphi"], rel=1e-9)


def test_constants_match_the_oracle():
    golden = ORACLE["golden"]
    assert golden["exact asymptotic coefficient 4/ln(phi)"] == pytest.approx(entropy.PAIRS_COEFFICIENT, rel=1e-12)
    assert golden["single-softmax (N keys) coefficient 2/ln(phi)"] == pytest.approx(entropy.ROWS_COEFFICIENT)
    assert pytest.approx(entropy.RETRIEVAL_COEFFICIENT) == ORACLE["retrieval_coefficient 1/(1-(1/phi - ln(phi)/2))"]
    for row in ORACLE["norm_sensitivity"]:
        assert entropy.coefficient(rho=row["rho"]) == pytest.approx(row["coefficient_pairs"], rel=1e-9)
        assert entropy.coefficient(form="rows", rho=row["rho"]) == pytest.approx(row["coefficient_single_row"])
    for row in ORACLE["scaled_attention_entropy"]:
        assert entropy.scaled_attention_entropy(row["d"], row["L"]) == pytest.approx(row["annealed_entropy"])


def test_shift_is_an_integral_over_the_angle():
    n, rho = 24, 0.7
    weight = lambda t: np.sin(t) ** (n - 2) * np.exp(rho * n * np.cos(t))  # noqa: E731
    total = integrate.quad(weight, 0, np.pi)[0]
    plain = integrate.quad(lambda t: np.sin(t) ** (n - 2), 0, np.pi)[0]
    tilted = integrate.quad(lambda t: rho * n * np.cos(t) * weight(t), 0, np.pi)[0]
    expected = np.log(total / plain) - tilted / total
    assert entropy.condensation_entropy(n, rho=rho) == pytest.approx(expected, rel=1e-9)


def test_asymptote_is_of_first_order():
    n = np.array([64.0, 256.0, 1024.0])
    gaps = np.abs(entropy.condensation_entropy(n) - entropy.condensation_entropy_asymptote(n))
    slope, _ = np.polyfit(np.log(n), np.log(gaps), 1)
    assert slope == pytest.approx(-1.0, abs=0.02)


def test_large_orders_take_the_uniform_expansion_without_a_jump():
    below, above = (entropy.log_mean_exp(n) for n in (10_001.9, 10_002.1))
    slope = entropy.log_mean_exp(9_999.0) - entropy.log_mean_exp(9_998.0)
    assert above - below == pytest.approx(0.2 * slope, rel=1e-4)


def test_random_tables_follow_the_approximation_and_then_freeze():
    rows = MEASURED["joint_softmax_entropy_N1000"]
    for n, measured in zip(rows["n"][:3], rows["measured_H"], strict=False):
        assert entropy.random_table_entropy(1000, n, rng=np.random.default_rng(0)) == pytest.approx(measured, rel=0.02)

    def mean(n):
        return np.mean([entropy.random_table_entropy(300, n, rng=np.random.default_rng(s)) for s in range(6)])

    for n in (6, 12):
        theory = 2 * np.log(300) + entropy.condensation_entropy(n)
        assert mean(n) == pytest.approx(theory, rel=0.03)
    beyond = 2 * np.log(300) + entropy.condensation_entropy(96)
    assert beyond < -10
    assert 0 <= mean(96) < 4


def test_rows_and_scaled_rows():
    rng = np.random.default_rng(0)
    plain = entropy.random_table_entropy(512, 4, rng=rng, form="rows")
    assert plain == pytest.approx(np.log(512) + entropy.condensation_entropy(4), abs=0.05)
    scaled = entropy.random_table_entropy(512, 16, rng=rng, form="rows", scaled=True)
    assert scaled == pytest.approx(entropy.scaled_attention_entropy(16, 512), abs=0.05)


def test_retrieval_reaches_one_half_at_its_threshold():
    found = [entropy.retrieval_probability(512, 10, rng=np.random.default_rng(s)) for s in range(4)]
    assert entropy.retrieval_threshold(512) == pytest.approx(10.02, abs=0.01)
    assert np.mean(found) == pytest.approx(0.487, abs=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: entropy.dimension_for(1), "one word has no entropy"),
        (lambda: entropy.dimension_for(10, form="both"), "form must be"),
        (lambda: entropy.condensation_entropy(1), "n must be 2 or more"),
        (lambda: entropy.coefficient(rho=0.0), "rho must be positive"),
        (lambda: entropy.retrieval_threshold(1), "2 keys or more"),
        (lambda: entropy.random_table_entropy(1, 4, rng=np.random.default_rng(0)), "vocabulary must be 2"),
        (lambda: attention_fit.attention_pattern("spiral", 8, rng=np.random.default_rng(0)), "kind must be one of"),
        (lambda: cooccurrence.build_vocabulary(["abc", ""], size=5), "found 0"),
        (lambda: cooccurrence.build_vocabulary(["一一"], size=5), "found 1"),
        (lambda: cooccurrence.cooccurrence_counts(np.array([0, -1, 1]), 2, window=2), "no pair of known units"),
        (lambda: skipgram.train_skipgram(np.ones((1, 1)), n_components=2, rng=np.random.default_rng(0)), "2 words"),
        (lambda: proof.chernoff_exponent(5.0, n=10, eps=0.1), "lambda must lie"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
