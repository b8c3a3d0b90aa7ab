"""The folder that `--output` names: the trained model for transformers, and a card that says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.evidence.metrics import UNSEEN
from engine.evidence.score_intervals import SHARES, score_interval
from jobs import cli
from jobs.models import names, saving

if TYPE_CHECKING:
    from jobs.clue.results import Outcome
    from jobs.clue.session import Session

CLASSES = {
    "classification": "AutoModelForSequenceClassification",
    "pair": "AutoModelForSequenceClassification",
    "choice": "AutoModelForMultipleChoice",
    "span": "AutoModelForQuestionAnswering",
    "entities": "AutoModelForTokenClassification",
}


HOW = {**dict.fromkeys(SHARES, "Wilson"), "auc": "Newcombe"}
"""how the interval of a score is made; the others come from the jackknife"""


def write(folder: Path, session: Session, outcome: Outcome) -> None:
    """Write model, tokenizer and card."""
    prepared = session.prepared
    model, tokenizer = prepared.training.model, prepared.loaded.tokenizer
    if prepared.config.head == "standard":
        saving.save_standard(folder, model, tokenizer, prepared.spec.labels)
    else:
        saving.save_folder(folder, model.encoder, tokenizer)
    (folder / "README.md").write_text(card(session, outcome), encoding="utf-8")


def card(session: Session, outcome: Outcome) -> str:
    """What the folder holds, how well it answers, on which data, and the command that made it."""
    prepared, spec = session.prepared, outcome.spec
    lines = [
        "---",
        "language: zh",
        f"base_model: {names.title(prepared.config.model)}",
        "tags: [clueboard]",
        "---",
        "",
        f"# {names.title(prepared.config.model)} trained on {spec.name}",
        "",
        _contents(prepared.config.head, spec.kind),
        "",
        "| dev score | value | 95 % interval |",
        "|---|---|---|",
    ]
    rows = len(outcome.data.dev)
    unseen = outcome.unseen
    lines += [
        f"| {name} | {value:.4f} | {_interval(outcome, name, value, range(rows))} |"
        for name, value in outcome.scores.items()
    ]
    if unseen and unseen.scores:
        lines += [
            f"| {name} ({unseen.rows:,} rows) | {value:.4f} | "
            f"{_interval(outcome, name.removeprefix(UNSEEN), value, unseen.at)} |"
            for name, value in unseen.scores.items()
        ]
    source = "the built-in sample, not CLUE data" if outcome.data.source == "sample" else outcome.data.source
    lines += [
        "",
        f"Data: {source}; {len(outcome.data.train):,} training rows; {rows:,} dev rows that also chose the checkpoint.",
        "",
        *(f"- fingerprint of {split}: `{value}`" for split, value in prepared.data.fingerprints.items()),
        "",
        f"Run {outcome.run_id}, made by",
        "",
        f"    {cli.command(prepared.given)}",
        "",
    ]
    return "\n".join(lines)


def _interval(outcome: Outcome, name: str, value: float, rows: Sequence[int]) -> str:
    """The interval of a score over some dev rows, and how it is made; empty where the score has none."""
    dev, answers = outcome.data.dev, outcome.decoded["dev"].predictions
    found = score_interval(outcome.spec, [dev[row] for row in rows], [answers[row] for row in rows], name, value)
    return f"{found.low:.4f} to {found.high:.4f} ({HOW.get(name, 'jackknife')})" if found else ""


def _contents(head: str, kind: str) -> str:
    if head == "standard":
        return f"The whole model: `transformers.{CLASSES[kind]}.from_pretrained` of this folder gives its logits."
    return (
        "**The task's head is missing here.** `model.safetensors` holds the encoder alone; the head of this project is "
        "in `best.safetensors`, which `python -m jobs.predict` reads. transformers would load "
        f"`{CLASSES[kind]}` with a head of random numbers. `--head standard` trains one that it loads as a whole."
    )
