"""Log a fitted scikit-learn classifier with its answers.

from store.integrations.sklearn import log_classifier
log_classifier(pipeline, texts, labels, name="tf-idf and logistic regression")
"""

from collections.abc import Sequence
from typing import Any

from sklearn.metrics import accuracy_score, f1_score

from store.tracking import session


def log_classifier(
    classifier: Any, examples: Sequence[Any], labels: Sequence[Any], *, split: str = "dev", **options: Any
) -> str:
    """Store parameters, accuracy, macro F1 and the answer on every example of a fitted classifier as one run.

    Args:
        classifier: fitted; its `predict` takes the examples.
        examples: n inputs as `predict` takes them.
        labels: n gold labels.
        split: dev or test.
        options: arguments of `store.init`.

    Returns:
        Id of the run, "" in a process that stores nothing.
    """
    options = {"experiment": "scikit-learn", "model": type(classifier).__name__, **options}
    run = session.init(config=classifier.get_params(deep=False), **options)
    answers = classifier.predict(examples)
    probabilities = classifier.predict_proba(examples) if hasattr(classifier, "predict_proba") else None
    scores = {"accuracy": accuracy_score(labels, answers), "macro_f1": f1_score(labels, answers, average="macro")}
    run.log({f"{split}/{metric}": float(score) for metric, score in scores.items()})
    classes = [str(name) for name in classifier.classes_] if probabilities is not None else None
    run.predictions(split, list(examples), list(labels), list(answers), probabilities, classes=classes)
    run.finish()
    return run.id
