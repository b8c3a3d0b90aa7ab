"""Scores of the tasks, as fractions, and the one table of what a metric is.

Accuracy for classes and choices. CMRC2018 as its official scorer counts: exact match after dropping punctuation and
case, and F1 from the longest common substring over characters and English words, each the best over the gold answers
(https://github.com/ymcui/cmrc2018). CLUENER2020: F1 over entities, micro and averaged over types; an entity counts if
type, start and end agree.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import number, whole, whole_number
from engine.evidence.two_classes import two_class_scores
from engine.text.tasks import Example, Kind, TaskSpec


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is: decides how it is shown, which value is better, and how two runs are compared on it."""

    name: str
    """as stored, without its split"""
    title: str
    """as people read it"""
    fraction: bool = True
    """shown in percent"""
    higher_is_better: bool = True
    is_mean: bool = False
    """a mean over examples; otherwise it is computed from counts summed over all of them, or from no examples"""


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", is_mean=True),
        Metric("em", "exact match", is_mean=True),
        Metric("f1", "F1"),
        Metric("macro_f1", "macro F1"),
        Metric("auc", "AUC"),
        Metric("average_precision", "average precision"),
        Metric("balanced_accuracy", "balanced accuracy"),
        Metric("accuracy_at_threshold", "accuracy at the cross-fitted threshold", is_mean=True),
        Metric("threshold", "best threshold", fraction=False),
        Metric("precision", "precision"),
        Metric("recall", "recall"),
        Metric("index_accuracy", "index accuracy", is_mean=True),
        Metric("accuracy_independent", "accuracy independent", is_mean=True),
        Metric("accuracy_before", "accuracy before", is_mean=True),
        Metric("accuracy_uncertain", "accuracy uncertain", is_mean=True),
        Metric("majority", "majority", is_mean=True),
        Metric("chance", "chance", is_mean=True),
        Metric("spearman", "Spearman"),
        Metric("loss", "loss", fraction=False, higher_is_better=False, is_mean=True),
        Metric("ece", "ECE", fraction=False, higher_is_better=False),
        Metric("brier", "Brier score", fraction=False, higher_is_better=False, is_mean=True),
        Metric("nll", "negative log-likelihood", fraction=False, higher_is_better=False, is_mean=True),
        Metric("perplexity", "perplexity", fraction=False, higher_is_better=False),
    )
}
UNSEEN = "unseen_"
"""before the name of a metric: the same over the rows that do not stand in train"""
SPAN_F1 = Metric("f1", "F1", is_mean=True)
ENTITY_F1 = Metric("f1", "micro F1")
_OF_KIND: dict[Kind, tuple[Metric, ...]] = {
    "classification": (METRICS["accuracy"], METRICS["macro_f1"]),
    "pair": (METRICS["accuracy"], METRICS["macro_f1"]),
    "choice": (METRICS["accuracy"],),
    "span": (METRICS["em"], SPAN_F1),
    "entities": (ENTITY_F1,),
}
_LOWER = re.compile(r"loss|error|perplexity|brier|(^|_)ece|(^|_)nll|distance|seconds|bytes|_s$")


def metric_of(name: str) -> Metric:
    """The metric of a stored name (`dev/accuracy`); one that is not in the table is judged by its name."""
    bare = name.rsplit("/", 1)[-1]
    if bare in METRICS:
        return METRICS[bare]
    if bare.startswith(UNSEEN) and bare.removeprefix(UNSEEN) in METRICS:
        metric = METRICS[bare.removeprefix(UNSEEN)]
        return replace(metric, name=bare, title=f"{metric.title} on unseen rows")
    return Metric(bare, bare.replace("_", " "), fraction=False, higher_is_better=not _LOWER.search(bare.lower()))


def metrics_of(kind: Kind) -> tuple[Metric, ...]:
    """The metrics on which two runs on a task of this kind are compared."""
    return _OF_KIND[kind]


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether `value` of a metric is strictly better than `other`."""
    value = number(value, name="value")
    other = number(other, name="other")
    return value > other if metric_of(metric).higher_is_better else value < other


_IGNORED = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")  # the official scorer's list, nothing else
_PIECE = re.compile(
    r"""[\u4e00-\u9fa5]|(?:[^\s\u4e00-\u9fa5;@#$%&?!"()\[\]{}<>,.'—–]|'(?!s\b|\s|$)|,(?=\d)|\.(?!$|[\u4e00-\u9fa5]))+|'s|\S"""
)  # a Chinese character, a word as NLTK cuts it in plain cases, or a mark


def score(
    spec: TaskSpec,
    examples: Sequence[Example],
    predictions: Sequence[Any],
    *,
    independent: Sequence[int] | None = None,
    probs: np.ndarray | None = None,
) -> dict[str, float]:
    """Score predictions by the metrics of a task.

    Args:
        spec: the task.
        examples: labelled examples.
        predictions: one answer per example, as `decode` gives them.
        independent: ChID's answers before the assignment, scored as `accuracy_independent`.
        probs: (n, classes) probabilities; two classes are then also scored by `two_class_scores`.

    Raises:
        ValueError: if an example has no label or the lengths differ.
    """
    if len(examples) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(examples)} examples")
    if not examples:
        raise ValueError("no examples to score")
    unlabelled = next((example for example in examples if example.label is None), None)
    if unlabelled is not None:
        raise ValueError(f"example {unlabelled.example_id} of {spec.name} has no label")
    gold = [example.label for example in examples]
    match spec.kind:
        case "span":
            return score_spans(gold, predictions)
        case "entities":
            return score_entities(gold, predictions, types=spec.labels)
        case "choice":
            scores = {"accuracy": accuracy(gold, predictions)}
            if independent is not None:
                scores["accuracy_independent"] = accuracy(gold, independent)
            return scores
        case _:
            scores = {
                "accuracy": accuracy(gold, predictions),
                "macro_f1": macro_f1(gold, predictions, n_classes=spec.n_classes, no_answer=True),
            }
            if spec.n_classes == 2 and probs is not None:
                scores |= two_class_scores(gold, probs[:, 1])
            return scores


def accuracy(labels: ArrayLike, preds: ArrayLike) -> float:
    """Fraction of equal entries."""
    truth, guess = whole(labels, name="labels", shape=("n",), empty=False), whole(preds, name="preds")
    if truth.shape != guess.shape:
        raise ValueError(f"labels and preds must have one shape (n,), got {truth.shape} and {guess.shape}")
    return float(np.mean(truth == guess))


def macro_f1(labels: ArrayLike, preds: ArrayLike, *, n_classes: int, no_answer: bool = False) -> float:
    """F1 averaged over the classes that occur in labels or predictions.

    Args:
        labels: (n,) true classes.
        preds: (n,) predicted classes.
        n_classes: number of classes.
        no_answer: a prediction of -1 is no class, and wrong.
    """
    guess = np.where(np.asarray(preds) == -1, n_classes, preds) if no_answer else preds
    table = confusion(labels, guess, n_classes=n_classes + no_answer)
    hits = np.diag(table)[:n_classes].astype(float)
    total = (table.sum(axis=0) + table.sum(axis=1))[:n_classes]
    present = total > 0
    return float((2 * hits[present] / total[present]).mean())


def confusion(labels: ArrayLike, preds: ArrayLike, *, n_classes: int) -> np.ndarray:
    """Counts (n_classes, n_classes): row = label, column = prediction."""
    most = whole_number(n_classes, name="n_classes", low=1) - 1
    truth = whole(labels, name="labels", shape=("n",), low=0, high=most, empty=False)
    guess = whole(preds, name="preds", shape=truth.shape, low=0, high=most)
    cells = truth * n_classes + guess
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def score_spans(gold: Sequence[Sequence[tuple[str, int]]], predictions: Sequence[tuple[str, int]]) -> dict[str, float]:
    """CMRC2018: official `em` and `f1`, and `index_accuracy`: the place of the first answer hit exactly.

    `index_accuracy` is what the baselines of kexue.fm/archives/8739 select by; it lies well below `em`.
    """
    exact, overlap, placed = [], [], []
    for answers, (text, start) in zip(gold, predictions, strict=True):
        exact.append(max(cmrc_exact(answer, text) for answer, _ in answers))
        overlap.append(max(cmrc_f1(answer, text) for answer, _ in answers))
        first, first_start = answers[0]
        placed.append(text == first.strip() and start == first_start + len(first) - len(first.lstrip()))
    return {"em": float(np.mean(exact)), "f1": float(np.mean(overlap)), "index_accuracy": float(np.mean(placed))}


def cmrc_exact(answer: str, prediction: str) -> float:
    """1 if both texts agree but for case and punctuation."""
    return float(_bare(answer) == _bare(prediction))


def cmrc_f1(answer: str, prediction: str) -> float:
    """F1 of the longest common substring, counted in characters and English words."""
    gold, guess = _segments(answer), _segments(prediction)
    common = longest_common_substring(gold, guess)
    return 2 * common / (len(gold) + len(guess)) if common else 0.0


def nearest_answer(answers: Sequence[tuple[str, int]], prediction: str) -> str:
    """The accepted answer that a prediction is scored against: the one of highest F1, the first among equals.

    Where the official scorer takes the two as the same (they differ in case or punctuation only), the answer is spelled
    like the prediction, so that equal texts mean an exact match.
    """
    best = max(
        (text for text, _ in answers), key=lambda text: (cmrc_exact(text, prediction), cmrc_f1(text, prediction))
    )
    return prediction if cmrc_exact(best, prediction) else best


def _bare(text: str) -> str:
    return "".join(c for c in text.strip().lower() if c not in _IGNORED)


def _segments(text: str) -> list[str]:
    """Characters and words; the official scorer leaves words to NLTK, whose rules this follows for plain cases."""
    return _PIECE.findall(_bare(text))


def longest_common_substring(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest run that both sequences contain."""
    best = 0
    previous = [0] * (len(second) + 1)
    for item in first:
        current = [0] * (len(second) + 1)
        for j, other in enumerate(second):
            if item == other:
                current[j + 1] = previous[j] + 1
                best = max(best, current[j + 1])
        previous = current
    return best


def score_entities(
    gold: Sequence[Iterable[tuple[str, int, int]]],
    predictions: Sequence[Iterable[tuple[str, int, int]]],
    *,
    types: Sequence[str],
) -> dict[str, float]:
    """CLUENER: micro `precision`, `recall`, `f1` and `macro_f1`, the plain mean of F1 over the types that occur.

    Every gold entity counts, also one that no tokens can spell (the post's dev F1 leaves those out).
    """
    hits, guessed, true = (Counter[str]() for _ in range(3))
    for answers, found in zip(gold, predictions, strict=True):
        answer_set = {(kind, start, end) for kind, start, end in answers}
        found_set = {(kind, start, end) for kind, start, end in found}
        true.update(cell[0] for cell in answer_set)
        guessed.update(cell[0] for cell in found_set)
        hits.update(cell[0] for cell in answer_set & found_set)
    per_type = [2 * hits[t] / (guessed[t] + true[t]) for t in types if guessed[t] + true[t]]
    n_hits, n_guessed, n_true = (sum(counter.values()) for counter in (hits, guessed, true))
    return {
        "precision": n_hits / max(n_guessed, 1),
        "recall": n_hits / max(n_true, 1),
        "f1": 2 * n_hits / max(n_guessed + n_true, 1),
        "macro_f1": float(np.mean(per_type)) if per_type else 0.0,
    }


def baselines(spec: TaskSpec, train: Sequence[Example], dev: Sequence[Example]) -> dict[str, float]:
    """Accuracy on dev without reading the text: `chance` and `majority`.

    Chance answers uniformly. Majority answers with the most frequent class of train, or for choices with the most
    frequent position. Spans and entities have neither; both are 0 there.
    """
    if spec.kind in ("span", "entities"):
        return {"chance": 0.0, "majority": 0.0}
    gold = np.array([example.label for example in dev])
    if spec.kind == "choice":
        chance = float(np.mean([1 / len(example.fields[spec.options]) for example in dev]))
    else:
        chance = 1 / spec.n_classes
    common = Counter(example.label for example in train).most_common(1)[0][0] if train else 0
    return {"chance": chance, "majority": float(np.mean(gold == common))}
