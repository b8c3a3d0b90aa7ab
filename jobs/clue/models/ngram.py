"""The linear baseline: hashed character n-grams and multinomial logistic regression.

Seconds on a CPU, no pretraining, and the number that a neural result must beat. A single text is its n-grams of one to
three characters. A pair is the n-grams of both texts, once those they share and once those only one of them has, plus
a few numbers about lengths and overlap. Rows are scaled to unit length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.text.classification import texts_of
from engine.text.tasks import Example, TaskSpec
from jobs import checkpoints

FEATURES = 2**18
ORDERS = (1, 3)


def supports(spec: TaskSpec) -> bool:
    """True for the tasks whose answer is a class: single texts and pairs."""
    return spec.kind in ("classification", "pair")


@dataclass(frozen=True, slots=True)
class NgramModel:
    """A fitted linear model: log-odds of a class (two classes: of the second) are `vectors @ weights.T + intercept`."""

    classes: np.ndarray  # (k,) classes of the training rows, ascending
    weights: np.ndarray  # (k, columns); (1, columns) for two classes; (0, columns) for one
    intercept: np.ndarray  # (k,), (1,), (0,)
    n_classes: int
    features: int
    """size of the hash table"""

    def probabilities(self, spec: TaskSpec, examples: Sequence[Example]) -> np.ndarray:
        """Class probabilities, float32 (examples, classes) in the task's class order."""
        probs = np.zeros((len(examples), self.n_classes), dtype=np.float32)
        if not examples:
            return probs
        if len(self.classes) == 1:
            probs[:, self.classes] = 1
            return probs
        from scipy.special import expit

        odds = expit(vectors(spec, examples, features=self.features) @ self.weights.T + self.intercept)
        shares = np.hstack([1 - odds, odds]) if len(self.classes) == 2 else one_of(odds)
        probs[:, self.classes] = shares
        scaled: np.ndarray = probs / probs.sum(axis=1, keepdims=True)
        return scaled


def one_of(odds: np.ndarray) -> np.ndarray:
    """Probabilities of each class against the rest, scaled to a sum of one; equal shares where all of them are zero."""
    total = odds.sum(axis=1, keepdims=True)
    return np.where(total > 0, odds / np.where(total > 0, total, 1), 1 / odds.shape[1])


def fit(spec: TaskSpec, train: Sequence[Example], *, seed: int = 42, features: int = FEATURES) -> NgramModel:
    """Fit on train.

    Args:
        spec: a classification or pair task.
        train: labelled examples.
        seed: order in which the solver visits the examples.
        features: size of the hash table.

    Raises:
        ValueError: for a task of another kind.
    """
    if not supports(spec):
        raise ValueError(f"the n-gram baseline is for classification and pair tasks, {spec.name} is {spec.kind}")
    from sklearn.linear_model import SGDClassifier

    labels = np.array([example.label for example in train])
    if len(np.unique(labels)) < 2:
        return NgramModel(labels[:1], np.zeros((0, 0), np.float32), np.zeros(0, np.float32), spec.n_classes, features)
    alpha, epochs = (2e-4, 6) if spec.kind == "pair" else (5e-6, 4)
    model = SGDClassifier(
        loss="log_loss", alpha=alpha, average=True, max_iter=epochs, tol=None, n_jobs=-1, random_state=seed
    )
    model.fit(vectors(spec, train, features=features), labels)
    weights, intercept = (part.astype(np.float32) for part in (model.coef_, model.intercept_))
    return NgramModel(model.classes_, weights, intercept, spec.n_classes, features)


def save(path: Path, model: NgramModel, spec: TaskSpec) -> None:
    """Write a model as a checkpoint, without the columns that no training row has: their weights are zero."""
    columns = np.flatnonzero(model.weights.any(axis=0))
    state = {
        "classes": model.classes.astype(np.int64),
        "columns": columns,
        "weights": model.weights[:, columns],
        "intercept": model.intercept,
    }
    about = {
        "kind": "ngram",
        "task": spec.name,
        "task_spec": spec.to_dict() if spec.own else None,
        "n_classes": model.n_classes,
        "features": model.features,
        "shape": list(model.weights.shape),
    }
    checkpoints.save(path, state, about=about)


def restore(state: Mapping[str, Any], about: Mapping[str, Any]) -> NgramModel:
    """The model of a checkpoint that was read as arrays."""
    weights = np.zeros(about["shape"], dtype=np.float32)
    weights[:, state["columns"]] = state["weights"]
    return NgramModel(state["classes"], weights, state["intercept"], about["n_classes"], about["features"])


def vectors(spec: TaskSpec, examples: Sequence[Example], *, features: int = FEATURES) -> Any:
    """Sparse feature rows (examples, columns), each of unit length."""
    from scipy import sparse
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    hasher = HashingVectorizer(
        analyzer="char", ngram_range=ORDERS, n_features=features, alternate_sign=False, norm=None, binary=True
    )
    texts = [texts_of(spec, example.fields) for example in examples]
    first = hasher.transform([text[0] for text in texts])
    if len(texts[0]) == 1:
        return normalize(first)
    second = hasher.transform([text[1] for text in texts])
    shared = first.multiply(second).tocsr()
    only = [normalize((side - shared).tocsr()) for side in (first, second)]
    return sparse.hstack([normalize(shared), *only, overlap(texts, first, second, shared)], format="csr")


def overlap(texts: Sequence[tuple[str, ...]], first: Any, second: Any, shared: Any) -> np.ndarray:
    """Numbers about each pair, (examples, 10): shared share of both texts, of their union, and steps of it; lengths."""
    n_first, n_second, n_shared = (np.asarray(m.sum(axis=1)).ravel() for m in (first, second, shared))
    of_union = n_shared / np.maximum(n_first + n_second - n_shared, 1)
    of_first, of_second = n_shared / np.maximum(n_first, 1), n_shared / np.maximum(n_second, 1)
    lengths = np.array([[len(a), len(b)] for a, b in texts], dtype=float)
    ratio = np.minimum(*lengths.T) / np.maximum(lengths.max(axis=1), 1)
    steps = [of_union > level for level in (0.1, 0.25, 0.5, 0.75)]
    ends = [[a[-1:] == b[-1:], a[:1] == b[:1]] for a, b in texts]
    return np.column_stack([of_union, of_first, of_second, ratio, *steps, np.array(ends)]).astype(float)
