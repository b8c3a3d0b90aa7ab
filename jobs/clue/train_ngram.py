"""The linear baseline as a run like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.text.tasks import Example, TaskSpec
from jobs import cli
from jobs.checkpoints import BEST

if TYPE_CHECKING:
    from engine.text.decode import Decoded
    from jobs.clue.config import Config
    from jobs.clue.models.ngram import NgramModel
    from jobs.clue.results import Outcome
    from jobs.clue.started import Started


def start(
    config: Config, spec: TaskSpec, *, parent: str | None = None, beside: Started | None = None
) -> Outcome | None:
    """Fit hashed character n-grams, predict, and store the run; None after --dry-run."""
    from jobs.clue import results as clue_results
    from jobs.clue import unchanged
    from jobs.clue.models import ngram
    from jobs.clue.prepare import read
    from jobs.clue.train import start_run

    if not ngram.supports(spec):
        raise cli.InputError(f"--model ngram is for classification and pair tasks; {spec.name} is a {spec.kind} task")
    data = read(config, spec)
    spec = data.spec
    if beside:
        unchanged.refuse_other_data(beside, data)
    if config.dry_run:
        print("seconds; nothing was trained or stored")
        return None
    with start_run(config, data, given=config, parent=parent, model="ngram", recipe="ngram", device="cpu") as run:
        splits = clue_results.splits(data)
        model = ngram.fit(spec, data.train, seed=config.seed)
        ngram.save(run.folder / BEST, model, spec)
        run.artifact(BEST, "checkpoint", run.folder / BEST)
        decoded = {name: answer(spec, model, examples) for name, examples in splits.items()}
        outcome = clue_results.store(run, config, data, decoded)
        if config.output:
            clue_results.export_answers(run.folder, config.output, outcome)
        clue_results.closing_lines(run, config, outcome, made="linear model")
    return outcome


def answer(spec: TaskSpec, model: NgramModel, examples: Sequence[Example]) -> Decoded:
    """Answers of the model, decoded."""
    from engine.text.decode import decode
    from jobs.clue import results as clue_results

    logits = clue_results.as_logits(model.probabilities(spec, examples))
    return decode(spec, clue_results.no_rows(len(examples)), examples, logits)
