import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score

from engine.evidence.two_classes import two_class_scores

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])), min_size=2, max_size=60
)


@given(ROWS)
def test_scores_agree_with_scikit_learn(rows):
    labels, positive = map(np.array, zip(*rows, strict=True))
    scores = two_class_scores(labels, positive)
    if len(set(labels)) < 2:
        assert set(scores) == {"balanced_accuracy"}
        return
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, positive > 0.5))
    assert scores["auc"] == pytest.approx(roc_auc_score(labels, positive))
    assert scores["average_precision"] == pytest.approx(average_precision_score(labels, positive))
    tried = [((positive > t) == labels).mean() for t in np.linspace(0, 1, 201)]
    assert ((positive > scores["threshold"]) == labels).mean() >= max(tried) - 1e-12


def test_a_better_threshold_is_found_without_looking_at_the_rows_it_is_scored_on():
    rng = np.random.default_rng(0)
    labels = (rng.random(4000) < 0.3).astype(int)
    positive = 1 / (1 + np.exp(-(rng.normal(size=4000) + 3 * labels - 4)))  # ranks well, but says 0 too often
    scores = two_class_scores(labels, positive)
    plain = ((positive > 0.5) == labels).mean()
    assert scores["threshold"] < 0.4
    assert plain + 0.02 < scores["accuracy_at_threshold"] <= ((positive > scores["threshold"]) == labels).mean()
    noise = two_class_scores(labels, rng.random(4000))
    assert noise["auc"] == pytest.approx(0.5, abs=0.03)
    assert noise["accuracy_at_threshold"] == pytest.approx(0.7, abs=0.02)


def test_without_anything_to_gain_the_threshold_stays_at_a_half():
    assert two_class_scores([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])["threshold"] == 0.5


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="must have one shape"):
        two_class_scores([0, 1], [0.1, 0.2, 0.3])
