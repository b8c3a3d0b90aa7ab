"""The linear baseline: hashed character n-grams and multinomial logistic regression.

Seconds on a CPU, no pretraining, and the number that a neural result must beat. A single text is its n-grams of one to
three characters. A pair is the n-grams of both texts, once those they share and once those only one of them has, plus
a few numbers about lengths and overlap. Rows are scaled to unit length.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.text.classification import texts_of
from engine.text.tasks import Example, TaskSpec

FEATURES = 2**18
ORDERS = (1, 3)


def supports(spec: TaskSpec) -> bool:
    """True for the tasks whose answer is a class: single texts and pairs."""
    return spec.kind in ("classification", "pair")


def fit_predict(
    spec: TaskSpec, train: Sequence[Example], *others: Sequence[Example], seed: int = 42, features: int = FEATURES
) -> list[np.ndarray]:
    """Fit on train and predict every other split.

    Args:
        spec: a classification or pair task.
        train: labelled examples.
        *others: splits to predict.
        seed: order in which the solver visits the examples.
        features: size of the hash table.

    Returns:
        For each of the other splits the class probabilities, float32 (examples, classes) in the task's class order.

    Raises:
        ValueError: for a task of another kind.
    """
    if not supports(spec):
        raise ValueError(f"the n-gram baseline is for classification and pair tasks, {spec.name} is {spec.kind}")
    from sklearn.linear_model import SGDClassifier

    labels = np.array([example.label for example in train])
    if len(np.unique(labels)) < 2:
        only = np.zeros(spec.n_classes, dtype=np.float32)
        only[labels[0]] = 1
        return [np.tile(only, (len(split), 1)) for split in others]
    alpha, epochs = (2e-4, 6) if spec.kind == "pair" else (5e-6, 4)
    model = SGDClassifier(
        loss="log_loss", alpha=alpha, average=True, max_iter=epochs, tol=None, n_jobs=-1, random_state=seed
    )
    model.fit(vectors(spec, train, features=features), labels)
    predicted = []
    for split in others:
        probs = np.zeros((len(split), spec.n_classes), dtype=np.float32)
        if split:
            probs[:, model.classes_] = model.predict_proba(vectors(spec, split, features=features))
        predicted.append(probs / probs.sum(axis=1, keepdims=True))
    return predicted


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
