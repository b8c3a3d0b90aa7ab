"""The folder that `--output` names: the trained model for transformers, and a card that says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.evidence.intervals import proportion_interval
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
    for name, value in outcome.scores.items():
        interval = ""
        if name in ("accuracy", "em"):
            found = proportion_interval(value * rows, rows)
            interval = f"{found.low:.4f} to {found.high:.4f} (Wilson)"
        lines.append(f"| {name} | {value:.4f} | {interval} |")
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


def _contents(head: str, kind: str) -> str:
    if head == "standard":
        return f"The whole model: `transformers.{CLASSES[kind]}.from_pretrained` of this folder gives its logits."
    return (
        "**The task's head is missing here.** `model.safetensors` holds the encoder alone; the head of this project is "
        "in `best.safetensors`, which `python -m jobs.predict` reads. transformers would load "
        f"`{CLASSES[kind]}` with a head of random numbers. `--head standard` trains one that it loads as a whole."
    )
