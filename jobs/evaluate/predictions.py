"""Score a file of predictions with the task's metrics and store it as a run like any other."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from engine.evidence import metrics
from engine.text.decode import Decoded
from engine.text.tasks import Example, TaskSpec
from jobs import cli, tracking
from jobs.clue import results
from jobs.clue.data import sources as clue_data
from jobs.clue.tasks import task_file
from jobs.evaluate import answers, mapping
from jobs.evaluate.answers import Paired
from jobs.evaluate.config import Config

SHOWN = 3
NOTHING: dict[str, Any] = {"classification": -1, "pair": -1, "choice": -1, "span": ("", -1), "entities": []}
"""the prediction that stands for an answer that is none"""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Answers of the task, with what became of the file's."""

    decoded: Decoded
    rules: Counter[str]
    refused: dict[int, str]
    """row -> what was answered, where it is no answer of the task"""


def score(config: Config, file: Path) -> str:
    """Read, pair, map, score, store; returns the run's id."""
    file = file.expanduser().resolve()
    config = dataclasses.replace(config, task=task_file.absolute(config.task), predictions=file)
    spec = task_file.find(config.task)
    rows = answers.read(file, encoding=config.encoding)
    data = clue_data.load(spec, data_dir=config.data_dir, dev_file=config.dev_file)
    spec, examples = data.spec, labelled(data, config.split)
    paired = answers.pair(spec, examples, rows, file, config.answer)
    mapped = translate(spec, paired)
    scores = metrics.score(spec, paired.examples, mapped.decoded.predictions)
    known = metrics.baselines(spec, data.train, paired.examples)
    own = {"task_spec": spec.to_dict()} if spec.own else {}
    partial = {"limit": len(paired.examples)} if paired.unanswered else {}
    with tracking.start(
        config,
        experiment="clue",
        task=spec.name,
        model=config.model or file.name.split(".")[0],
        recipe="given",
        dataset=spec.name,
        data_source=data.source,
        train_fingerprint=data.fingerprints["train"],
        dev_fingerprint=data.fingerprints["dev"],
        resolved={**own, **partial},
        hashed=dataclasses.replace(config, task=spec.name),
        identity=hashlib.sha256(file.read_bytes()).hexdigest(),
    ) as run:
        run.summary({f"{config.split}/{name}": value for name, value in {**scores, **known}.items()})
        run.examples(spec.name, config.split, results.example_frame(paired.examples))
        run.examples(spec.name, "train", results.example_frame(data.train))
        for label, count in results.class_counts(spec, data.train).items():
            run.measure("task_facts", {"split": "train", "label": label}, source="exact", count=count)
        frame = frame_of(spec, paired.examples, mapped)
        labels = list(spec.labels) or None
        run.predictions(config.split, frame, probabilities=mapped.decoded.probs, labels=labels)
        facts = {**mapped.rules, "no answer of the task": len(mapped.refused)}
        for rule, count in facts.items():
            run.measure("answer_rules", {"rule": rule}, source="exact", count=count)
        report(config, paired, mapped, scores, known, spec)
        print(f"run    {run.run_id}")
    return run.run_id


def labelled(data: clue_data.Data, split: str) -> list[Example]:
    """The rows that can be scored.

    Raises:
        InputError: if the split has no labels.
    """
    if split == "dev":
        return data.dev
    why = ["they have no labels"]
    for version, rows in data.tests.items():
        if all(row.label is not None for row in rows):
            why.append(clue_data.why_not_scored(data, version))
            if not why[-1]:
                return rows
    raise cli.InputError(f"the test rows of {data.spec.name} cannot be scored ({why[-1]}); use --split dev")


def translate(spec: TaskSpec, paired: Paired) -> Mapped:
    """The file's answers as answers of the task, and its probabilities where it has any."""
    names = mapping.class_names(spec) if spec.kind in ("classification", "pair") else None
    probs = probabilities(spec, paired)
    raws = [row.get(paired.column) for row in paired.rows]
    if not paired.column:
        assert probs is not None
        raws = [spec.labels[index] for index in probs.argmax(axis=1)]
    first = mapping.counted_from(spec, paired.examples, raws) if spec.kind == "choice" else 0
    found, rules, refused = [], Counter[str](), {}
    for number, (example, raw) in enumerate(zip(paired.examples, raws, strict=True)):
        answer, rule = mapping.answer(spec, example, raw, names, first)
        if answer is None:
            answer, refused[number] = NOTHING[spec.kind], "" if raw is None else str(raw)
        else:
            rules[rule] += 1
        found.append(answer)
    confidence = _confidence(paired.rows, found, probs)
    return Mapped(Decoded(found, confidence, probs), rules, refused)


def probabilities(spec: TaskSpec, paired: Paired) -> np.ndarray | None:
    """Class probabilities, float32 (rows, classes): one of `PROBABILITY_COLUMNS` (by label or a list), or one a class.

    Raises:
        InputError: if some rows have them and others do not, or they are none of the task's classes.
    """
    if spec.kind not in ("classification", "pair"):
        return None
    given = [_of_row(spec, row, number) for row, number in zip(paired.rows, paired.numbers, strict=True)]
    if all(values is None for values in given):
        return None
    missing = next((number for number, values in zip(paired.numbers, given, strict=True) if values is None), None)
    if missing is not None:
        raise cli.InputError(f"row {missing} has no probabilities for the {spec.n_classes} classes, others have")
    probs = np.array(given, dtype=np.float64)
    sums = probs.sum(axis=1)
    wrong = np.flatnonzero(~np.isfinite(probs).all(axis=1) | (probs < -1e-6).any(axis=1) | (np.abs(sums - 1) > 0.01))
    if len(wrong):
        raise cli.InputError(
            f"row {paired.numbers[wrong[0]]}: its probabilities are none (they add up to {sums[wrong[0]]:.4g}; divide "
            "percentages by 100, call scores before a softmax `logits`)"
        )
    return np.asarray(np.clip(probs, 0, None) / sums[:, None], dtype=np.float32)


def _of_row(spec: TaskSpec, row: dict[str, Any], number: int) -> list[float] | None:
    """The numbers of a row in the order of the classes, None where it has none.

    Raises:
        InputError: if they are not one for each class.
    """
    name = next((name for name in answers.PROBABILITY_COLUMNS if row.get(name) not in (None, "")), "")
    given = row.get(name)
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise cli.InputError(f"row {number}: its {name} are no JSON ({given[:40]!r})") from error
    if not name and all(label in row for label in spec.labels):
        given = row
    if given is None:
        return None
    try:
        if isinstance(given, dict):
            values = [float(given[label]) for label in spec.labels]
        elif isinstance(given, list) and len(given) == spec.n_classes:
            values = [float(value) for value in given]
        else:
            raise TypeError
    except (KeyError, TypeError, ValueError):
        few = ", ".join(spec.labels[:SHOWN]) + (", ..." if spec.n_classes > SHOWN else "")
        raise cli.InputError(
            f"row {number}: {name or 'its probabilities'} must be a number for each of the {spec.n_classes} classes "
            f"({few}), got {row[name] if name else [row[label] for label in spec.labels]!r:.80}"
        ) from None
    return np.asarray(softmax(np.array(values))).tolist() if name == "logits" else values


def _confidence(rows: Sequence[dict[str, Any]], found: Sequence[Any], probs: np.ndarray | None) -> np.ndarray:
    if probs is not None:
        index = np.array([max(answer, 0) for answer in found])
        return np.asarray(probs[np.arange(len(found)), index], dtype=np.float64)
    values = []
    for row in rows:
        try:
            value = float(row["confidence"])
        except (KeyError, TypeError, ValueError):
            value = float("nan")
        values.append(value if 0 <= value <= 1 else float("nan"))
    return np.array(values)


def frame_of(spec: TaskSpec, examples: Sequence[Example], mapped: Mapped) -> Any:
    """Frame of predictions; where an answer is none of the task its own text stands, which is no label."""
    import polars as pl  # heavy

    frame = results.prediction_frame(spec, examples, mapped.decoded)
    shown = frame["prediction"].to_list()
    for number, text in mapped.refused.items():
        shown[number] = "" if spec.kind == "entities" else f"no answer: {text[:200]}"
    return frame.with_columns(
        prediction=pl.Series(shown, dtype=pl.String), confidence=pl.col("confidence").fill_nan(None)
    )


def report(
    config: Config, paired: Paired, mapped: Mapped, scores: dict[str, float], known: dict[str, float], spec: TaskSpec
) -> None:
    """Say what was paired, how answers were read, and the scores."""
    file = Path(str(config.predictions)).name
    print(f"{file}: {len(paired.rows):,} rows paired with {config.split} examples of {spec.name} by {paired.by}")
    if paired.without_example:
        print(f"  {paired.without_example:,} rows have no example and are left out")
    if paired.unanswered:
        print(
            f"  {paired.unanswered:,} examples have no row: the score is of the others, and stays off the leaderboard"
        )
    for rule, count in mapped.rules.most_common():
        print(f"  {count:,} answers read {rule}")
    if mapped.refused:
        few = "; ".join(f"{text[:40]!r}" for text in list(mapped.refused.values())[:SHOWN])
        print(f"  {len(mapped.refused):,} answers are none of the task and count as wrong: {few}")
    if not mapped.rules:
        print("  no answer is one of the task: is this its file, and --answer the right column?")
    if mapped.decoded.probs is not None:
        likeliest = mapped.decoded.probs.argmax(axis=1)
        differ = sum(int(a) != int(b) for a, b in zip(mapped.decoded.predictions, likeliest, strict=True))
        if differ:
            print(f"  {differ:,} answers are not their likeliest class; the score is of the answers")
    parts = [f"{name} {value:.4f}" for name, value in scores.items()]
    if spec.kind not in ("span", "entities"):
        parts += [f"{name} {value:.4f}" for name, value in known.items()]
    print(f"{spec.name} {config.split} {'   '.join(parts)}   ({len(paired.examples):,} examples)")
