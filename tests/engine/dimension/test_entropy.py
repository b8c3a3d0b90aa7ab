"""The entropy rule against the oracle; random tables, attention fits, skip-gram and PIP loss against what is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, special

from engine.dimension import attention_fit, cooccurrence, entropy, pip_loss, skipgram
from engine.johnson_lindenstrauss import proof
from engine.johnson_lindenstrauss.measured_dimension import measure_dimension
from engine.johnson_lindenstrauss.norm_tails import norm_tail

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
    assert entropy.vocabulary_at(row["n_exact_root_pairs"]) == pytest.approx(row["N"], rel=1e-7)


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
        (lambda: attention_fit.exact_head_size(np.eye(3)), "without zeros"),
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


def test_the_proofs_first_step_bounds_the_tail_and_has_its_best_lambda():
    lam = np.linspace(0, 60, 400)
    curve = proof.chernoff_exponent(lam, n=200, eps=0.4)
    best = proof.best_lambda(n=200, eps=0.4)
    assert lam[curve.argmin()] == pytest.approx(best, abs=0.2)
    upper = np.log(special.gammaincc(100, 100 * 1.4))
    assert upper < proof.chernoff_exponent(best, n=200, eps=0.4)
    gaps = proof.elementary_gap(np.linspace(0, 0.99, 50))
    true, post = gaps["ln(1+ε) − ε (upper tail)"], gaps["−ε²/4 (the post)"]
    assert (true <= post).all()


def test_measured_dimension_lies_below_the_exact_union_bound():
    found = measure_dimension(np.eye(40), eps=0.5, start=64, rng=np.random.default_rng(0), trials=5, precision=0.1)
    union = 780 * norm_tail(np.arange(1, 400), eps=0.5)
    assert 30 < found.n_components <= int(np.argmax(union < 0.5)) + 30
    with pytest.raises(ValueError, match="eps must lie"):
        measure_dimension(np.eye(4), eps=1.5, start=2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("kind", attention_fit.PATTERNS)
def test_patterns_are_row_stochastic(kind):
    target = attention_fit.attention_pattern(kind, 20, rng=np.random.default_rng(0))
    np.testing.assert_allclose(target.sum(axis=1), 1)
    assert (target >= 0).all()


def test_dense_patterns_need_the_rank_and_sparse_ones_do_not():
    rng = np.random.default_rng(0)
    dense = attention_fit.attention_pattern("dense", 12, rng=rng)
    assert attention_fit.exact_head_size(dense) == 11

    def kl(target, size, steps=600):
        return attention_fit.fit_attention(target, head_size=size, rng=np.random.default_rng(1), steps=steps).kl

    assert kl(dense, 11) < 1e-4 < 0.02 < kl(dense, 4)
    permutation = attention_fit.attention_pattern("permutation", 48, rng=rng)
    assert kl(permutation, 4, 400) < 0.02


def test_attention_gradient_agrees_with_differences():
    rng = np.random.default_rng(0)
    target = attention_fit.attention_pattern("dense", 6, rng=rng)
    parameters = rng.standard_normal((2, 6, 3))

    def loss(p):
        logits = p[0] @ p[1].T
        return -np.mean((target * (logits - special.logsumexp(logits, axis=1, keepdims=True))).sum(axis=1))

    probs, value = attention_fit._softmax(parameters.copy(), target)
    assert value == pytest.approx(loss(parameters), rel=1e-9)
    gradient = (probs - target) @ parameters[1] / 6
    step = np.zeros_like(parameters)
    step[0, 2, 1] = 1e-6
    assert gradient[2, 1] == pytest.approx((loss(parameters + step) - loss(parameters - step)) / 2e-6, rel=1e-5)


TEXTS = ["一二三一二三四五", "红黄蓝红黄蓝绿白", "一二三四五六", "红绿蓝黄白黑"] * 10


def test_counts_of_neighbours_by_hand():
    vocabulary = cooccurrence.build_vocabulary(["天地人", "天a地"], size=3)
    assert vocabulary == ["地", "天", "人"]
    tokens = cooccurrence.encode(["天地人", "地天"], vocabulary)
    assert tokens.tolist() == [1, 0, 2, -1, 0, 1, -1]
    counts = cooccurrence.cooccurrence_counts(tokens, 3, window=1)
    np.testing.assert_array_equal(counts, [[0, 2, 1], [2, 0, 0], [1, 0, 0]])
    wide = cooccurrence.cooccurrence_counts(tokens, 3, window=5)
    assert wide[1, 2] == 1  # 天 and 人 of one text; nothing reaches into the next
    assert wide.sum() == 8


def test_bigrams_are_pairs_of_characters():
    vocabulary = cooccurrence.build_vocabulary(["天地人", "地人和"], size=9, units="bigrams")
    assert vocabulary[0] == "地人"
    assert set(vocabulary) == {"地人", "天地", "人和"}


def test_mutual_information_by_hand():
    assert cooccurrence.mutual_information(np.eye(4)) == pytest.approx(np.log(4))
    assert cooccurrence.mutual_information(np.outer([1, 2, 3], [4, 5])) == pytest.approx(0, abs=1e-12)


def test_skipgram_finds_the_information_and_the_groups():
    vocabulary = cooccurrence.build_vocabulary(TEXTS, size=20)
    tokens = cooccurrence.encode(TEXTS, vocabulary)
    counts = cooccurrence.cooccurrence_counts(tokens, len(vocabulary), window=3)
    total = cooccurrence.mutual_information(counts)
    models = {
        n: skipgram.train_skipgram(counts, n_components=n, rng=np.random.default_rng(0), steps=300) for n in (1, 8)
    }
    kept = {n: skipgram.information_kept(model, counts) for n, model in models.items()}
    assert kept[1] < kept[8] <= total
    assert kept[8] > 0.9 * total
    assert models[8].losses[-1] < models[8].losses[0]
    score, used = cooccurrence.neighbour_score(models[8].centers, vocabulary)
    assert used == len(vocabulary)
    assert score > 0.95
    np.testing.assert_allclose(np.exp(models[8].log_conditional()).sum(axis=1), 1)


def test_skipgram_optimum_is_the_shifted_pointwise_mutual_information():
    counts = np.array([[400.0, 100.0], [100.0, 200.0]])
    model = skipgram.train_skipgram(counts, n_components=2, rng=np.random.default_rng(0), steps=800, negatives=2)
    conditional = counts / counts.sum(axis=1, keepdims=True)
    expected = np.log(conditional / model.noise) - np.log(2)
    np.testing.assert_allclose(model.centers @ model.contexts.T, expected, atol=0.15)


def test_pip_distance_ignores_rotations_and_matches_the_definition():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    assert skipgram.pip_distance(first, first @ rotation) == pytest.approx(0, abs=1e-7)
    expected = np.linalg.norm(first @ first.T - second @ second.T) / np.linalg.norm(first @ first.T)
    assert skipgram.pip_distance(first, second) == pytest.approx(expected)


def test_pip_loss_is_least_at_the_rank_without_noise_and_below_it_with_much():
    signal = np.concatenate([np.array([9.0, 8, 7, 6, 5]), np.zeros(35)])
    quiet = pip_loss.simulate_pip_loss(signal, 1e-9, rng=np.random.default_rng(0))
    assert quiet.loss[4] == pytest.approx(0, abs=1e-6)
    assert quiet.signal_rank == 5
    assert (np.diff(quiet.loss[:5]) < 0).all()
    steep = np.concatenate([30.0 * 0.6 ** np.arange(20), np.zeros(20)])
    loud = pip_loss.simulate_pip_loss(steep, 0.5, rng=np.random.default_rng(0))
    assert 1 < loud.best < 15
    with pytest.raises(ValueError, match="no singular value rises"):
        pip_loss.simulate_pip_loss(np.zeros(4), 1.0, rng=np.random.default_rng(0))


def test_noise_of_two_halves():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((80, 80))
    halves = [signal + np.sqrt(2) * 0.3 * rng.standard_normal(signal.shape) for _ in range(2)]
    assert pip_loss.estimate_noise(*halves) == pytest.approx(0.3, rel=0.05)
