"""What a finished training leaves: scores, predictions, examples, submission files, and the last lines."""

from __future__ import annotations

import json
import shlex
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.evidence import metrics
from engine.evidence.intervals import Interval
from engine.evidence.metrics import nearest_answer
from engine.evidence.overlap import overlap
from engine.evidence.score_intervals import score_interval
from engine.text.decode import Decoded, spell
from engine.text.rows import Rows
from engine.text.tasks import Example, TaskSpec
from jobs import checkpoints, cli
from jobs.checkpoints import BEST
from jobs.clue import submission
from jobs.clue.data import encoded_rows as clue_rows
from jobs.clue.data import sources as clue_data
from jobs.clue.models import model_folder
from jobs.clue.session import answer
from jobs.progress import Bar
from store.runs import example_hash

if TYPE_CHECKING:
    from engine.text.decode import Decoded
    from engine.text.rows import Rows
    from jobs.clue.config import Config
    from jobs.clue.session import Session
    from store.runs import Run

FOLD_FILE = "fold_probabilities.npz"
_TEXTS = "texts of "
MATCHES = {
    "exact": "whole",
    "near": "whole but for spaces and punctuation",
    "first": "first text",
    "second": "second text",
    "passage": "passage",
}
"""Kinds of `Overlap.counts`, as they are called in the closing line."""
PAGE = "http://localhost:8501/run?run="


@dataclass(frozen=True, slots=True)
class Unseen:
    """Dev rows that stand in train, and the scores of the others."""

    counts: dict[str, int]
    """kind of match -> rows"""
    rows: int
    """rows that do not stand in train"""
    scores: dict[str, float]
    """by name with `unseen_` in front; empty where all rows are unseen, or none is"""
    at: list[int] = field(default_factory=list)
    """the rows that do not stand in train"""
    intervals: dict[str, Interval] = field(default_factory=dict)
    """of the scores that have one, under the plain name"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    run_id: str
    spec: TaskSpec
    scores: dict[str, float]
    """of the split that chose the checkpoint"""
    baselines: dict[str, float]
    decoded: dict[str, Decoded]
    """answers on dev and on every test version"""
    data: clue_data.Data
    unseen: Unseen | None = None
    tests: dict[str, str] = field(default_factory=dict)
    """test version -> the closing line about its score, empty where it has no labels"""


def finish(session: Session) -> Outcome:
    """Evaluate the chosen checkpoint, store everything, and print the last lines."""
    prepared, run = session.prepared, session.run_record
    state, about = checkpoints.load(session.folder / BEST)
    model = prepared.training.model
    model.load_state_dict(state["model"])
    run.artifact(BEST, "checkpoint", session.folder / BEST)
    decoded = {name: _answer(session, model, name, examples) for name, examples in splits(prepared.data).items()}
    if prepared.split == "fold":
        run.measure("fold_scores", {"fold": prepared.fold.number if prepared.fold else 0}, **about["best"])
        probs = {name: found.probs for name, found in decoded.items() if found.probs is not None}
        write_fold(session.folder / FOLD_FILE, probs, splits(prepared.data))
        return Outcome(run.run_id, prepared.spec, about["best"], {}, decoded, prepared.data)
    outcome = store(run, prepared.config, prepared.data, decoded)
    for split, rows in (("train", prepared.train_rows), ("dev", prepared.select_rows)):
        counts = {"rows": rows.n_rows, "tokens": len(rows.tokens), "truncated": rows.truncated}
        run.measure("clue_rows", {"split": split, "max_length": prepared.max_length}, source="exact", **counts)
    if prepared.config.output:
        export(session, prepared.config.output, outcome)
    made = f"checkpoint of epoch {about['best_epoch']:.3g}"
    closing_lines(run, prepared.config, outcome, made=made, chosen_on_dev=True)
    return outcome


def write_fold(path: Path, probs: Mapping[str, np.ndarray], rows: Mapping[str, Sequence[Example]]) -> None:
    """Keep the probabilities of a fold's model on every split, with the fingerprint of the split's texts."""
    texts = {f"{_TEXTS}{name}": np.array(clue_data.text_fingerprint(rows[name])) for name in probs}
    np.savez(path, **probs, **texts)  # type: ignore[arg-type]


def read_fold(path: Path, rows: Mapping[str, Sequence[Example]]) -> dict[str, np.ndarray]:
    """What `write_fold` kept.

    Raises:
        InputError: if it is not there, or a split has other rows now.
    """
    found = {}
    with cli.input_errors(str(path)), np.load(path) as file:
        for name, examples in rows.items():
            before = str(file[f"{_TEXTS}{name}"]) if f"{_TEXTS}{name}" in file else ""  # "" in earlier versions
            if name not in file or before not in ("", clue_data.text_fingerprint(examples)):
                raise cli.InputError(
                    f"the {name} rows are not those that {path.parent.name} answered; put the data back as they were, "
                    "or start a new run"
                )
            found[name] = file[name]
    return found


def splits(data: clue_data.Data) -> dict[str, list[Example]]:
    """Dev and the test versions: what is predicted at the end."""
    return {"dev": data.dev, **{f"test {version}": examples for version, examples in data.tests.items()}}


def _answer(session: Session, model: Any, name: str, examples: Sequence[Example]) -> Decoded:
    prepared = session.prepared
    rows = prepared.select_rows
    if examples is not prepared.select:
        tokenizer, length = prepared.loaded.tokenizer, prepared.max_length
        rows = clue_rows.encode(prepared.spec, examples, tokenizer, max_length=length)
    with Bar(rows.n_rows, f"{prepared.spec.name} {name}", unit="rows") as bar:
        return answer(prepared, model, rows, examples, on_batch=bar.advance)


def store(run: Run, config: Config, data: clue_data.Data, decoded: Mapping[str, Decoded]) -> Outcome:
    """Store scores, examples, predictions and submissions of a run whose answers are `decoded`."""
    spec, dev = data.spec, decoded["dev"]
    scores = score(spec, data.dev, dev)
    baselines = metrics.baselines(spec, data.train, data.dev)
    unseen = store_unseen(run, data, "dev", data.dev, dev)
    run.summary({f"dev/{name}": value for name, value in {**scores, **unseen.scores, **baselines}.items()})
    named = (*scores, *unseen.scores, *baselines)
    run.configure({"higher_is_better": {name: metrics.metric_of(name).higher_is_better for name in named}})
    for split, examples in (("train", data.train), ("dev", data.dev)):
        run.examples(spec.name, split, example_frame(examples))
        for label, count in class_counts(spec, examples).items():
            run.measure("task_facts", {"split": split, "label": label}, source="exact", count=count)
    run.predictions("dev", prediction_frame(spec, data.dev, dev), probabilities=dev.probs, labels=_columns(spec, dev))
    tests = {}
    for version in data.tests:
        tests[version] = _score_test(run, data, version, decoded[f"test {version}"])
        _write_submission(run, config, data, version, decoded[f"test {version}"])
    return Outcome(run.run_id, spec, scores, baselines, dict(decoded), data, unseen, tests)


def score(spec: TaskSpec, examples: Sequence[Example], decoded: Decoded) -> dict[str, float]:
    """Every score of the answers to labelled examples."""
    independent, probs = decoded.independent, decoded.probs
    return metrics.score(spec, examples, decoded.predictions, independent=independent, probs=probs)


def store_unseen(run: Run, data: clue_data.Data, split: str, examples: Sequence[Example], decoded: Decoded) -> Unseen:
    """Count the rows of a split that stand in train, and score the others."""
    found = overlap(data.spec, data.train, examples)
    for match, count in found.counts().items():
        run.measure(
            "overlap", {"split": split, "match": match}, source="exact", rows=count, share=count / len(examples)
        )
    rows = np.flatnonzero(~found.seen)
    scores: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    if len(rows) and found.seen.any():
        others, answers = [examples[int(row)] for row in rows], chosen_rows(decoded, rows)
        found_scores = score(data.spec, others, answers)
        wanted = (*(metric.name for metric in metrics.metrics_of(data.spec.kind)), data.spec.metric, "auc")
        for name in dict.fromkeys(name for name in wanted if name in found_scores):
            value = scores[f"{metrics.UNSEEN}{name}"] = found_scores[name]
            if interval := score_interval(data.spec, others, answers.predictions, name, value):
                intervals[name] = interval
                run.measure("unseen_scores", {"split": split, "metric_name": name}, score=tuple(interval))
    return Unseen(found.counts(), len(rows), scores, rows.tolist(), intervals)


def chosen_rows(decoded: Decoded, rows: np.ndarray) -> Decoded:
    """The answers to some of the examples."""
    return Decoded(
        [decoded.predictions[row] for row in rows],
        decoded.confidence[rows],
        None if decoded.probs is None else decoded.probs[rows],
        None if decoded.independent is None else [decoded.independent[row] for row in rows],
    )


def _score_test(run: Run, data: clue_data.Data, version: str, decoded: Decoded) -> str:
    """Score the labelled rows of a test file whose labels can be believed; returns the closing line about it."""
    examples, name = data.tests[version], f"test {version}"
    rows = np.flatnonzero([example.label is not None for example in examples])
    if not len(rows):
        return ""
    why = clue_data.why_not_scored(data, version)
    if why:
        return f"{name}: not scored, {why}"
    scored, answers = [examples[row] for row in rows], chosen_rows(decoded, rows)
    scores = score(data.spec, scored, answers)
    unseen = store_unseen(run, data, "test", scored, answers)
    run.summary({f"test/{metric}": value for metric, value in {**scores, **unseen.scores}.items()})
    left = len(examples) - len(rows)
    run.measure("test_rows", {"version": version}, source="exact", scored=len(rows), unlabelled=left)
    shown = f"{data.spec.name} {name} {data.spec.metric} {scores[data.spec.metric]:.4f}"
    others = f", {left:,} without a label left out" if left else ""
    seen = f"; {unseen_line(data.spec, unseen, len(rows), split='test')}" if unseen.counts["seen"] else ""
    return f"{shown}   ({len(rows):,} labelled rows{others}){seen}"


def _write_submission(run: Run, config: Config, data: clue_data.Data, version: str, decoded: Decoded) -> None:
    """Write the submission of a test file, unless rows were left out."""
    spec, examples = data.spec, data.tests[version]
    if version in (clue_data.PUBLIC_TEST, clue_data.OWN_TEST) or config.limit:
        return
    path = submission.write(
        spec, version, examples, decoded.predictions, run.folder, few_shot_split=config.split[0] if config.split else ""
    )
    run.artifact(path.name, "submission", path)


def class_counts(spec: TaskSpec, examples: Sequence[Example]) -> dict[str, int]:
    """How many examples have each class (entities: how many entities each type); empty for choices and spans."""
    if spec.kind == "entities":
        found = Counter(kind for example in examples for kind, *_ in example.label)
    elif spec.labels:
        found = Counter(spec.labels[example.label] for example in examples)
    else:
        return {}
    return {label: found[label] for label in spec.labels}


def example_frame(examples: Sequence[Example]) -> Any:
    """Frame of examples as the store wants them."""
    import polars as pl

    return pl.DataFrame(
        {
            "example_id": [example.example_id for example in examples],
            "hash": [example_hash(example.fields) for example in examples],
            "text": [json.dumps(example.fields, ensure_ascii=False) for example in examples],
        }
    )


def prediction_frame(spec: TaskSpec, examples: Sequence[Example], decoded: Decoded) -> Any:
    """Frame of predictions as the store wants them."""
    import polars as pl

    def gold(example: Example, prediction: Any) -> str | None:
        if example.label is None:
            return None
        if spec.kind == "span":
            return nearest_answer(example.label, prediction[0])
        return spell(spec, example, example.label)

    pairs = list(zip(examples, decoded.predictions, strict=True))
    return pl.DataFrame(
        {
            "example_id": [example.example_id for example in examples],
            "hash": [example_hash(example.fields) for example in examples],
            "label": [gold(example, prediction) for example, prediction in pairs],
            "prediction": [spell(spec, example, prediction) for example, prediction in pairs],
            "confidence": np.asarray(decoded.confidence, dtype=np.float64),
        },
        schema_overrides={"label": pl.String},
    )


def _columns(spec: TaskSpec, decoded: Decoded) -> list[str] | None:
    if decoded.probs is None:
        return None
    return list(spec.labels) or [str(index) for index in range(decoded.probs.shape[1])]


def as_logits(probs: np.ndarray) -> np.ndarray:
    """Log-probabilities, whose softmax gives the probabilities back."""
    return np.log(np.maximum(probs.astype(np.float64), 1e-30))


def no_rows(n: int, per_example: int = 1) -> Rows:
    """Rows without tokens for answers that come from no encoder or from several."""
    offsets = np.zeros(n * per_example + 1, dtype=np.int64)
    example = np.repeat(np.arange(n), per_example)
    return Rows(tokens=np.zeros(0, dtype=np.int32), offsets=offsets, example=example, n_examples=n)


def export(session: Session, folder: Path, outcome: Outcome) -> None:
    """Write the model for transformers to a folder of the user's choice, and everything `export_answers` does."""
    model_folder.write(folder, session, outcome)
    export_answers(session.folder, folder, outcome)


def export_answers(source: Path, folder: Path, outcome: Outcome) -> None:
    """Copy the checkpoint, the dev predictions, the result and the submissions of a run to another folder.

    Raises:
        InputError: if the folder cannot be written.
    """
    result = {"run_id": outcome.run_id, "scores": outcome.scores, "baselines": outcome.baselines}
    frame = prediction_frame(outcome.spec, outcome.data.dev, outcome.decoded["dev"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / BEST, folder / BEST)
        frame.write_ndjson(folder / "dev_predictions.jsonl")
        (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
        for path in source.glob("*_predict*.json"):
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise cli.InputError(f"--output {folder}: {error.strerror}") from error


def unseen_line(spec: TaskSpec, unseen: Unseen, rows: int, *, split: str, chosen_on_it: bool = False) -> str:
    """How many rows of a split stand in train, and the score on the others."""
    seen = unseen.counts["seen"]
    if not seen:
        return f"no {split} row of {spec.name} stands in train"
    counts = {name: count for name, count in unseen.counts.items() if name in MATCHES and count}
    if counts.get("near") == counts.get("exact"):
        counts.pop("near", None)
    how = ", ".join(f"{MATCHES[name]} {count:,}" for name, count in counts.items())
    start = f"{seen:,} of {rows:,} {split} rows stand in train ({how})"
    if not unseen.scores:
        return f"{start}: no row is left that the model has not seen"
    named = {name.removeprefix(metrics.UNSEEN): value for name, value in unseen.scores.items()}
    shown = ", ".join(_with_interval(name, named[name], unseen) for name in dict.fromkeys((spec.metric, *named)))
    chosen = "; the checkpoint was chosen on all rows" if chosen_on_it else ""
    return f"{start}; {shown} on the other {unseen.rows:,}{chosen}"


def _with_interval(name: str, value: float, unseen: Unseen) -> str:
    interval = unseen.intervals.get(name)
    return f"{name} {value:.4f}" + (f" (95 %: {interval.low:.4f} to {interval.high:.4f})" if interval else "")


def closing_lines(run: Run, config: Config, outcome: Outcome, *, made: str, chosen_on_dev: bool = False) -> None:
    """The last lines on the terminal: result beside majority and chance, run id, and how to see its page.

    Args:
        run: the run.
        config: its flags.
        outcome: what it came to.
        made: what gave the answers.
        chosen_on_dev: whether dev chose the checkpoint among others.
    """
    spec = outcome.spec
    parts = [f"{spec.name} dev {spec.metric} {outcome.scores[spec.metric]:.4f}"]
    parts += [f"{name} {value:.4f}" for name, value in outcome.scores.items() if name != spec.metric]
    if spec.kind not in ("span", "entities"):
        parts += [f"majority {outcome.baselines['majority']:.4f}", f"chance {outcome.baselines['chance']:.4f}"]
    source = "; built-in sample, not CLUE data" if outcome.data.source == "sample" else ""
    print(f"{'   '.join(parts)}   ({len(outcome.data.dev):,} examples, {made}{source})")
    if outcome.unseen:
        print(unseen_line(spec, outcome.unseen, len(outcome.data.dev), split="dev", chosen_on_it=chosen_on_dev))
    for line in filter(None, outcome.tests.values()):
        print(line)
    print(f"run    {run.run_id}")
    db = f"CLUEBOARD_DB={shlex.quote(str(config.db))} " if config.db else ""
    print(f"page   {db}streamlit run dashboard/Home.py, then {PAGE}{run.run_id}", flush=True)
