"""Per-class scores against scikit-learn, and their intervals against resampling examples."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from engine.evidence.class_report import class_report


def draw(rng, n=400, n_classes=5):
    labels = rng.integers(0, n_classes, n)
    preds = np.where(rng.random(n) < 0.6, labels, rng.integers(0, n_classes, n))
    return labels, preds


def test_scores_are_those_of_scikit_learn():
    labels, preds = draw(np.random.default_rng(0))
    report = class_report(labels, preds, n_classes=5, rng=np.random.default_rng(1))
    precision, recall, f1, support = precision_recall_fscore_support(labels, preds)
    np.testing.assert_allclose(report.precision, precision)
    np.testing.assert_allclose(report.recall, recall)
    np.testing.assert_allclose(report.f1, f1)
    np.testing.assert_array_equal(report.support, support)


def counted_f1(labels, preds):
    """F1 of each of five classes: scikit-learn takes 2 ms a resample."""
    right = np.bincount(labels[labels == preds], minlength=5)
    return 2 * right / (np.bincount(labels, minlength=5) + np.bincount(preds, minlength=5))


def test_the_f1_interval_is_the_bootstrap_over_examples():
    rng = np.random.default_rng(2)
    labels, preds = draw(rng)
    report = class_report(labels, preds, n_classes=5, rng=rng, resamples=4000)
    np.testing.assert_allclose(counted_f1(labels, preds), precision_recall_fscore_support(labels, preds)[2])
    draws = []
    for _ in range(2000):
        rows = rng.integers(0, len(labels), len(labels))
        draws.append(counted_f1(labels[rows], preds[rows]))
    expected = np.quantile(draws, [0.025, 0.975], axis=0).T
    np.testing.assert_allclose(report.f1_bounds, expected, atol=0.012)


def test_an_absent_class_has_no_score_and_a_never_right_one_has_zero():
    report = class_report([0, 0, 1], [0, 1, 0], n_classes=3, rng=np.random.default_rng(0))
    assert np.isnan(report.f1[2])
    assert np.isnan(report.f1_bounds[2]).all()
    assert report.f1[1] == 0
    assert (report.f1_bounds[1] == 0).all()


@pytest.mark.parametrize(
    ("labels", "preds", "message"), [([0, 1], [0], "one shape"), ([], [], "n > 0"), ([0, 3], [0, 1], "0..1")]
)
def test_bad_input_is_refused(labels, preds, message):
    with pytest.raises(ValueError, match=message):
        class_report(labels, preds, n_classes=2, rng=np.random.default_rng(0))
