"""Intervals of scores: by hand, at the edges, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evidence import metrics
from engine.evidence.intervals import proportion_interval
from engine.evidence.score_intervals import auc_interval, score_interval
from engine.evidence.two_classes import two_class_scores
from engine.text.tasks import TASKS, Example, TaskSpec

SPEC = TaskSpec(name="x", title="X", kind="classification", fields=("a",), labels=("no", "yes"))


def rows(labels):
    return [Example(str(i), {}, label) for i, label in enumerate(labels)]


def newcombe(theta, m, n):
    more = (m + n) / 2 - 1
    return theta * (1 - theta) * (1 + more * (1 - theta) / (2 - theta) + more * theta / (1 + theta)) / (m * n)


@pytest.mark.parametrize(("auc", "m", "n"), [(0.8, 30, 50), (0.5, 4, 4), (0.97, 200, 10), (0.02, 9, 30)])
def test_the_bounds_of_an_auc_are_where_it_is_just_plausible(auc, m, n):
    found = auc_interval(auc, m, n)
    assert found.low < auc < found.high
    for bound in (found.low, found.high):
        if 0 < bound < 1:
            assert (auc - bound) ** 2 == pytest.approx(1.959964**2 * newcombe(bound, m, n), rel=1e-5)


@given(auc=st.floats(0, 1), m=st.integers(1, 10_000), n=st.integers(1, 10_000))
def test_an_auc_lies_inside_its_interval_and_turned_around_it_is_mirrored(auc, m, n):
    found, other = auc_interval(auc, m, n), auc_interval(1 - auc, m, n)
    assert 0 <= found.low <= auc <= found.high <= 1
    assert found.high - found.low > 0
    assert found.low == pytest.approx(1 - other.high, abs=1e-6)


def test_the_interval_of_an_auc_holds_the_truth_as_often_as_it_says():
    rng, truth, held = np.random.default_rng(0), 0.7602, 0  # two normals one standard deviation apart
    for _ in range(400):
        labels = np.repeat([0, 1], [60, 40])
        p = 1 / (1 + np.exp(-rng.normal(size=100) - labels))
        found = auc_interval(two_class_scores(labels, p)["auc"], 40, 60)
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.985


def test_shares_are_wilsons():
    found = score_interval(SPEC, rows([0, 1, 1, 0]), [0, 1, 0, 0], "accuracy", 0.75)
    assert found == proportion_interval(3, 4)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "balanced_accuracy"])
@pytest.mark.parametrize("value", [0, 1])
def test_a_score_without_spread_is_no_certainty(name, value):
    labels = [0, 1] * 17
    found = score_interval(SPEC, rows(labels), [label if value else 1 - label for label in labels], name, value)
    assert found == proportion_interval(34 * value, 34)
    assert found.high - found.low > 0.09


@pytest.mark.parametrize("name", ["macro_f1", "balanced_accuracy"])
def test_functions_of_counts_have_intervals_around_them(name):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    preds = np.where(rng.random(300) < 0.7, labels, 1 - labels)
    scores = metrics.score(SPEC, rows(labels), preds.tolist(), probs=np.eye(2)[preds])
    found = score_interval(SPEC, rows(labels), preds.tolist(), name, scores[name])
    assert found.low < scores[name] < found.high
    half = 1.96 * np.sqrt(0.7 * 0.3 / 300)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.25)


def test_f1_of_spans_is_that_of_a_mean_over_questions():
    spec, gold = TASKS["cmrc2018"], [[("北京", 0)], [("上海", 3)], [("南京市", 1)]] * 20
    answers = [("北京", 0), ("广州", 3), ("南京", 1)] * 20
    value = metrics.score(spec, rows(gold), answers)["f1"]
    found = score_interval(spec, rows(gold), answers, "f1", value)
    assert found.value == pytest.approx(value)
    assert 0 < found.low < value < found.high < 1
    perfect = score_interval(spec, rows(gold), [answers[0] for (answers) in gold], "f1", 1.0)
    assert perfect.low < 1.0 == perfect.high


def test_f1_of_entities_is_that_of_their_counts():
    spec, gold = TASKS["cluener"], [[("name", 0, 1)], [("game", 2, 3), ("book", 5, 6)], []] * 30
    answers = [[("name", 0, 1)], [("game", 2, 3), ("book", 5, 7)], [("name", 0, 0)]] * 30
    value = metrics.score(spec, rows(gold), answers)["f1"]
    found = score_interval(spec, rows(gold), answers, "f1", value)
    assert found.low < value < found.high


def test_what_has_no_interval_has_none():
    assert score_interval(SPEC, rows([0, 1]), [0, 1], "threshold", 0.5) is None
    assert score_interval(SPEC, rows([0, 1]), [0, 1], "average_precision", 1.0) is None
    assert score_interval(SPEC, rows([0]), [0], "macro_f1", 1.0) is None
