"""CAN against the worked examples, the literal loop, its laws and its limits."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.can.correct import (
    alternating_normalization,
    alternating_normalization_cells,
    corrections,
    top_k_entropy,
    uncertain_rows,
)

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "can_examples.json").read_text(encoding="utf-8"))
FOUR = np.array(
    [[0.90, 0.05, 0.03, 0.02], [0.85, 0.05, 0.05, 0.05], [0.04, 0.90, 0.03, 0.03], [0.10, 0.08, 0.80, 0.02]]
)
UNSURE = np.array([[0.34, 0.30, 0.06, 0.30]])
UNIFORM = np.full(4, 0.25)


@pytest.mark.parametrize("case", ORACLE["uncertainty"], ids=lambda case: str(case["p"]))
def test_uncertainty_examples(case):
    probs = np.array([case["p"]])
    for k in range(2, probs.shape[1] + 1):
        assert top_k_entropy(probs, k=k)[0] == pytest.approx(case[f"blog_k{k}"], abs=1e-8)
        assert top_k_entropy(probs, k=k, uncertainty="paper")[0] == pytest.approx(case[f"paper_form_k{k}"], abs=1e-8)
    largest = max(case[f"kmnp_code_k{k}"] for k in range(2, probs.shape[1] + 1))
    assert top_k_entropy(probs, k=probs.shape[1], uncertainty="any_k")[0] == pytest.approx(largest, abs=1e-8)


def test_zero_log_zero_is_zero_and_one_hot_rows_stay_confident():
    one_hot = np.eye(5)
    assert top_k_entropy(one_hot, k=3) == pytest.approx(np.zeros(5), abs=0)
    assert not uncertain_rows(one_hot).any()


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_uncertainty_is_scipys_entropy_of_the_renormalised_top(k):
    from scipy.stats import entropy

    probs = np.random.default_rng(0).dirichlet(np.ones(7), 50)
    top = np.sort(probs, axis=1)[:, -k:]
    assert top_k_entropy(probs, k=k) == pytest.approx(entropy(top, axis=1, base=k))


def test_the_threshold_itself_is_uncertain():
    probs = np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]])
    level = float(top_k_entropy(probs, k=2)[0])
    assert uncertain_rows(probs, k=2, threshold=level).tolist() == [True, False]
    assert uncertain_rows(probs, k=2, threshold=np.nextafter(level, 2)).tolist() == [False, False]


def test_a_row_is_corrected_alone_but_not_in_the_batch_variant():
    probs = np.vstack([FOUR, UNSURE, [[0.30, 0.34, 0.30, 0.06]]])
    alone = alternating_normalization(probs, UNIFORM)
    assert alone[5] == pytest.approx([0.143038, 0.250015, 0.258887, 0.348060], abs=1e-6)
    together = alternating_normalization(probs, UNIFORM, batch=True)
    assert together[5] == pytest.approx([0.175029, 0.291782, 0.348679, 0.184509], abs=1e-6)


def test_confident_rows_stay_bitwise_and_inputs_are_not_changed():
    probs = np.vstack([FOUR, UNSURE]).astype(np.float32)
    kept = probs.copy()
    result = alternating_normalization(probs, UNIFORM)
    assert result.dtype == np.float32
    assert (probs == kept).all()
    assert (result[:4] == probs[:4]).all()
    assert result[4] == pytest.approx([0.133042, 0.189696, 0.053975, 0.623286], abs=1e-6)


def test_nothing_uncertain_returns_a_copy():
    result = alternating_normalization(FOUR, UNIFORM)
    assert result is not FOUR
    assert (result == FOUR).all()
    assert alternating_normalization(np.empty((0, 4)), UNIFORM).shape == (0, 4)


def test_nothing_confident_corrects_against_one_certain_row_per_class():
    result = alternating_normalization(UNSURE, UNIFORM)
    assert result == pytest.approx(alternating_normalization(UNSURE, UNIFORM, reference=np.eye(4)))
    assert result.sum() == pytest.approx(1)


def test_a_stored_reference_replaces_the_confident_rows():
    stored = alternating_normalization(UNSURE, UNIFORM, reference=FOUR)
    assert stored[0] == pytest.approx(alternating_normalization(np.vstack([FOUR, UNSURE]), UNIFORM)[4], abs=1e-12)


def test_the_any_k_rule_marks_at_least_as_many_rows():
    probs = np.random.default_rng(6).dirichlet(np.ones(6), 300)
    one, any_k = uncertain_rows(probs, k=3), uncertain_rows(probs, k=6, uncertainty="any_k")
    assert (any_k >= one).all()
    assert any_k.sum() > one.sum()


def test_two_classes_work_with_k_two_only():
    probs = np.array([[0.05, 0.95], [0.5, 0.5]])
    result = alternating_normalization(probs, [0.5, 0.5])  # the default k = 3 means 2 here
    assert result[1] == pytest.approx([0.725, 0.275])


def test_multi_label_cells_are_two_class_problems():
    rng = np.random.default_rng(7)
    probs = rng.beta(0.2, 1.0, (40, 5))
    probs[:6, 0] = 0.5
    result = alternating_normalization_cells(probs, 0.1)
    unsure = result.corrected
    assert unsure[:6, 0].all()
    assert (result.probs[~unsure] == probs[~unsure]).all()
    sure = probs[~unsure]
    two = np.stack([sure, 1 - sure], axis=1).sum(axis=0)
    expected = np.array([0.1, 0.9]) * 0.5 / (two + 0.5)
    assert result.probs[0, 0] == pytest.approx(expected[0] / expected.sum())
    per_label = alternating_normalization_cells(probs, [0.1, 0.2, 0.2, 0.2, 0.2])
    first = probs[:, 0][~unsure[:, 0]]
    expected = np.array([0.1, 0.9]) * 0.5 / (np.stack([first, 1 - first], axis=1).sum(axis=0) + 0.5)
    assert per_label.probs[0, 0] == pytest.approx(expected[0] / expected.sum())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probs": [[0.5, 0.6, 0.1]]}, r"row 0 sums to 1.2, off by 0.2 \(1 of 1 rows are off\)"),
        ({"probs": [[0.5, 0.6, -0.1]]}, r"in \[0, 1\], got -0.1 in row 0, class 2"),
        ({"probs": [[2.5, -0.6, -0.9]]}, "these look like logits: take the softmax first"),
        ({"probs": [[0.5, np.nan, 0.5]]}, "finite, got nan in row 0, class 1"),
        ({"probs": [[1, 0, 0]]}, "must be floats, got int64"),
        ({"probs": [0.5, 0.5]}, r"shape \(n, classes\) with at least 2 classes, got \(2,\)"),
        ({"prior": [0.5, 0.5]}, r"one frequency per class, shape \(3,\), got \(2,\)"),
        ({"prior": [0.5, 0.5, 0.0]}, "positive, got 0 for class 2"),
        ({"prior": [0.5, 0.5, 0.5]}, "sum to one, got 1.5"),
        ({"k": 1}, r"k must lie in 2..2 for 3 classes, got 1"),
        ({"k": 3}, r"k must lie in 2..2 for 3 classes, got 3"),
        ({"alpha": 0.0}, "alpha must be positive, got 0"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"threshold": np.nan}, "threshold must be a number"),
        ({"reference": [[0.5, 0.5]]}, "reference must have 3 columns"),
        ({"uncertainty": "blogg"}, "one of blog, paper, any_k, got 'blogg'"),
    ],
)
def test_bad_input_is_refused(change, message):
    arguments = {"probs": np.array([[0.4, 0.3, 0.3]]), "prior": [0.2, 0.3, 0.5], "k": 2} | change
    probs, prior = np.array(arguments.pop("probs")), arguments.pop("prior")
    with pytest.raises(ValueError, match=message):
        alternating_normalization(probs, prior, **arguments)


def test_bad_cells_are_refused():
    with pytest.raises(ValueError, match=r"in 0..1, got -1"):
        alternating_normalization_cells(np.array([[-1.0]]), 0.1)
    with pytest.raises(ValueError, match=r"one number or one per label \(2\), got \(3,\)"):
        alternating_normalization_cells(np.array([[0.1, 0.2]]), [0.1, 0.1, 0.1])


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_iterations_one_after_the_other_equal_those_from_the_start(alpha, batch):
    rng = np.random.default_rng(0)
    probs, prior = rng.dirichlet(np.full(5, 0.4), 60), rng.dirichlet(np.full(5, 3.0))
    each = corrections(probs, prior, alpha=alpha, batch=batch)
    for iterations in range(1, 6):
        again = alternating_normalization(probs, prior, alpha=alpha, batch=batch, iterations=iterations)
        assert next(each) == pytest.approx(again, abs=0)
    sure = corrections(np.eye(4), np.full(4, 0.25))
    assert [next(sure).tolist() for _ in range(2)] == [np.eye(4).tolist()] * 2


def test_iterations_are_a_whole_number_however_it_is_written():
    probs, prior = np.random.default_rng(0).dirichlet(np.ones(4), 20), np.full(4, 0.25)
    two = alternating_normalization(probs, prior, iterations=2, threshold=0.5)
    for same in (2.0, np.float64(2), np.int64(2)):
        assert np.array_equal(alternating_normalization(probs, prior, iterations=same, threshold=0.5), two)
    for wrong in (2.5, float("nan")):
        with pytest.raises(ValueError, match=f"iterations must be a whole number, 1 or more, got {wrong}"):
            alternating_normalization(probs, prior, iterations=wrong, threshold=0.5)
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        alternating_normalization(probs, prior, iterations=0)
