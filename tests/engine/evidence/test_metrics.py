import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from engine.evidence import metrics
from engine.text.tasks import TASKS, Example

TYPES = TASKS["cluener"].labels


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_class_metrics_agree_with_scikit_learn(pairs):
    labels, preds = zip(*pairs, strict=True)
    assert metrics.accuracy(labels, preds) == pytest.approx(accuracy_score(labels, preds))
    expected = f1_score(labels, preds, average="macro", zero_division=0.0)
    assert metrics.macro_f1(labels, preds, n_classes=5) == pytest.approx(expected)
    table = confusion_matrix(labels, preds, labels=range(5))
    assert metrics.confusion(labels, preds, n_classes=5).tolist() == table.tolist()


@pytest.mark.parametrize(
    ("answer", "prediction", "exact", "f1"),
    [
        ("北京大学", "北京大学", 1, 1),
        ("《红楼梦》", "红楼梦。", 1, 1),
        ("BBC Radio", "bbc radio", 1, 1),
        ("北京大学", "在北京大学", 0, 2 * 4 / 9),
        ("北京大学", "北京的大学", 0, 2 * 2 / 9),
        ("北京", "上海", 0, 0),
        ("1998年5月", "1998年", 0, 2 * 2 / 6),
        ("iPhone手机", "手机", 0, 2 * 2 / 5),
        ("北京", "", 0, 0),
        ("Queen's Park", "queen", 0, 2 * 1 / 4),
        ("约2,500.5米", "2,500.5米", 0, 2 * 2 / 5),
    ],
)
def test_cmrc_scores_of_hand_checked_cases(answer, prediction, exact, f1):
    assert metrics.cmrc_exact(answer, prediction) == exact
    assert metrics.cmrc_f1(answer, prediction) == pytest.approx(f1)


def test_cmrc_takes_the_best_answer_and_places_by_the_first():
    gold = [[("北京", 3), ("北京市", 3)]]
    scores = metrics.score_spans(gold, [("北京市", 3)])
    assert scores == {"em": 1.0, "f1": 1.0, "index_accuracy": 0.0}
    assert metrics.score_spans(gold, [("北京", 3)])["index_accuracy"] == 1.0
    assert metrics.score_spans(gold, [("北京", 9)])["index_accuracy"] == 0.0


@given(st.text(alphabet="abc", max_size=12), st.text(alphabet="abc", max_size=12))
def test_the_common_substring_is_the_longest(first, second):
    runs = [second[i:j] for i in range(len(second)) for j in range(i + 1, len(second) + 1)]
    longest = max((len(run) for run in runs if run in first), default=0)
    assert metrics.longest_common_substring(first, second) == longest


def test_entity_scores_of_a_hand_checked_case():
    gold = [[("name", 0, 1), ("name", 4, 5), ("book", 7, 9)], []]
    found = [[("name", 0, 1), ("game", 4, 5)], [("book", 0, 1)]]
    scores = metrics.score_entities(gold, found, types=TYPES)
    assert scores["precision"] == pytest.approx(1 / 3)
    assert scores["recall"] == pytest.approx(1 / 3)
    assert scores["f1"] == pytest.approx(1 / 3)
    assert scores["macro_f1"] == pytest.approx(np.mean([2 / 3, 0, 0]))


def test_entity_scores_without_any_entity_are_zero():
    assert metrics.score_entities([[]], [[]], types=TYPES) == {"precision": 0, "recall": 0, "f1": 0, "macro_f1": 0}


def _gold(spec, rng):
    """200 labelled examples and, per example, the gold prediction."""
    if spec.kind in ("classification", "pair"):
        labels = rng.integers(0, spec.n_classes, 200).tolist()
        return [Example(str(i), {}, label) for i, label in enumerate(labels)], labels
    if spec.kind == "choice":
        labels = rng.integers(0, 4, 200).tolist()
        fields = {"choice": list("甲乙丙丁"), "candidates": list("甲乙丙丁")}
        return [Example(str(i), fields, label) for i, label in enumerate(labels)], labels
    if spec.kind == "span":
        answers = [(f"答案{i}", i) for i in range(200)]
        return [Example(str(i), {}, [answer]) for i, answer in enumerate(answers)], answers
    found = [[(str(rng.choice(spec.labels)), int(s), int(s) + 2)] for s in rng.integers(0, 50, 200)]
    return [Example(str(i), {}, entities) for i, entities in enumerate(found)], found


@pytest.mark.parametrize("spec", TASKS.values(), ids=lambda spec: spec.name)
def test_gold_answers_score_one_and_shuffled_ones_chance(spec):
    rng = np.random.default_rng(0)
    examples, gold = _gold(spec, rng)
    assert set(metrics.score(spec, examples, gold).values()) == {1.0}
    shuffled = [gold[i] for i in rng.permutation(len(gold))]
    chance = metrics.baselines(spec, examples, examples)["chance"]
    assert metrics.score(spec, examples, shuffled)[spec.metric] == pytest.approx(chance, abs=0.12)


def test_independent_answers_are_scored_beside():
    examples = [Example(str(i), {}, i) for i in range(4)]
    scores = metrics.score(TASKS["chid"], examples, [0, 1, 2, 3], independent=[0, 0, 2, 3])
    assert scores == {"accuracy": 1.0, "accuracy_independent": 0.75}


def test_chance_and_majority():
    train = [Example("0", {}, 1), Example("1", {}, 1), Example("2", {}, 0)]
    dev = [Example("0", {}, 1), Example("1", {}, 0), Example("2", {}, 0), Example("3", {}, 0)]
    assert metrics.baselines(TASKS["afqmc"], train, dev) == {"chance": 0.5, "majority": 0.25}
    choices = [Example("0", {"choice": ["甲", "乙"]}, 0), Example("1", {"choice": list("甲乙丙丁")}, 3)]
    assert metrics.baselines(TASKS["c3"], train, choices)["chance"] == pytest.approx(3 / 8)
    assert metrics.baselines(TASKS["cluener"], train, dev) == {"chance": 0.0, "majority": 0.0}


def test_scoring_what_cannot_be_scored_is_refused():
    spec = TASKS["afqmc"]
    with pytest.raises(ValueError, match="1 predictions for 2 examples"):
        metrics.score(spec, [Example("0", {}, 1), Example("1", {}, 1)], [1])
    with pytest.raises(ValueError, match="example x of afqmc has no label"):
        metrics.score(spec, [Example("x", {})], [1])
    with pytest.raises(ValueError, match="no examples to score"):
        metrics.score(spec, [], [])


def test_a_span_is_kept_with_the_answer_that_it_is_scored_against():
    answers = [("北京市", 3), ("北京", 3), ("首都", 9)]
    assert metrics.nearest_answer(answers, "北京") == "北京"
    assert metrics.nearest_answer(answers, "北京。") == "北京。"
    assert metrics.nearest_answer(answers, "在首都") == "首都"
    assert metrics.nearest_answer(answers, "上海") == "北京市"


@pytest.mark.parametrize(
    ("name", "fraction", "higher"),
    [
        ("dev/accuracy", True, True),
        ("test/macro_f1", True, True),
        ("train/loss", False, False),
        ("dev/val_loss", False, False),
        ("eval_seconds", False, False),
        ("dev/recette", False, True),
        ("dev/precision", True, True),
    ],
)
def test_one_table_says_what_a_metric_is(name, fraction, higher):
    found = metrics.metric_of(name)
    assert (found.fraction, found.higher_is_better) == (fraction, higher)
    assert metrics.is_better(name, 0.2, 0.1) == higher
    assert not metrics.is_better(name, 0.1, 0.1)


def test_f1_of_spans_is_a_mean_and_that_of_entities_is_not():
    assert {metric.name: metric.is_mean for metric in metrics.metrics_of("span")} == {"em": True, "f1": True}
    assert [metric.is_mean for metric in metrics.metrics_of("entities")] == [False]
