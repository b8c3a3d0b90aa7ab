"""Apply a finished run's model to new rows in its task's format.

    python -m jobs.predict --run 7f3a --input new.json --output answers.jsonl

Each line of the output has the row's id, the prediction and its confidence; classes also have their probabilities.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.text.tasks import Example, TaskSpec, get_task
from jobs import checkpoints, cli
from jobs.checkpoints import BEST
from jobs.clue.data import sources as clue_data

if TYPE_CHECKING:
    from engine.model.heads import TaskModel
    from engine.text.decode import Decoded


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Apply a finished run's model to new rows in its task's format."""

    run: str
    """run of a neural model (an unambiguous part of its id, or latest)"""
    input: Path
    """file in the format of the run's task; labels are optional"""
    output: Path
    """file to write, one JSON object a line"""
    db: Path | None = None
    """results database (default: $CLUEBOARD_DB, else results.duckdb in the project's root)"""
    device: str = "auto"
    """auto, cpu, cuda, mps"""


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """A model as a run left it."""

    spec: TaskSpec
    model: TaskModel
    tokenizer: Any
    max_length: int


def predict(config: Config) -> None:
    """Read, answer, write."""
    from engine.evidence import metrics
    from engine.model.training import predict as answer
    from engine.text.decode import decode
    from engine.text.encode import encode
    from jobs.clue import settings as clue_settings

    path = find_checkpoint(config.run, config.db)
    if not config.output.parent.is_dir():
        raise cli.InputError(f"--output: {config.output.parent} is not a folder")
    trained = load(path)
    examples = clue_data.read_rows(trained.spec, config.input)
    model = trained.model.to(clue_settings.pick_device(config.device))
    rows = encode(trained.spec, examples, trained.tokenizer, max_length=trained.max_length)
    decoded = decode(trained.spec, rows, examples, answer(model, rows))
    write(config.output, trained.spec, examples, decoded)
    print(f"{len(examples):,} answers of run {path.parent.name} ({trained.spec.name}) in {config.output}")
    if all(example.label is not None for example in examples):
        scores = metrics.score(trained.spec, examples, decoded.predictions, independent=decoded.independent)
        print("the rows have labels: " + "   ".join(f"{name} {value:.4f}" for name, value in scores.items()))


def find_checkpoint(part: str, db: Path | None) -> Path:
    """Checkpoint of the run that `part` of an id names; `latest` is the newest run that has one.

    Raises:
        InputError: if no run or several match, or the run has no model.
    """
    from jobs.clue import run_folder
    from store import paths

    if part != "latest":
        folder = run_folder.find(part, db, flag="--run")
        if not (folder / BEST).is_file():
            raise cli.InputError(f"run {folder.name} has no model (no {BEST}); only neural runs keep one")
        return folder / BEST
    found = sorted(paths.locate(db).artifacts.glob(f"*/{BEST}"))
    if not found:
        raise cli.InputError(f"--run latest: no run with a model in {paths.locate(db).artifacts}")
    return found[-1]


def load(path: Path) -> Trained:
    """The model, tokenizer and task of a checkpoint."""
    from engine.model.heads import TaskModel
    from jobs.models import saving

    state, about = checkpoints.load(path)
    with cli.input_errors(str(path)):
        spec = get_task(about["task"])
        encoder, tokenizer = saving.restore(about)
        model = TaskModel(encoder, kind=spec.kind, n_labels=len(spec.labels), pooling=about["pooling"])
        model.load_state_dict(state["model"])
    return Trained(spec, model, tokenizer, about["max_length"])


def write(path: Path, spec: TaskSpec, examples: Sequence[Example], decoded: Decoded) -> None:
    """Write one JSON object per example, to the side first."""
    from engine.text.decode import nest_entities, spell

    lines = []
    for index, (example, answer) in enumerate(zip(examples, decoded.predictions, strict=True)):
        shown: Any = spell(spec, example, answer)
        if spec.kind == "entities":
            shown = nest_entities(example.fields["text"], answer)
        line = {"id": example.example_id, "prediction": shown, "confidence": round(float(decoded.confidence[index]), 6)}
        if decoded.probs is not None:
            names = spec.labels or [str(number) for number in range(decoded.probs.shape[1])]
            line["probabilities"] = dict(zip(names, decoded.probs[index].round(6).tolist(), strict=True))
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    side = path.with_name(f".{path.name}.part")
    try:
        side.write_text("".join(lines), encoding="utf-8")
        side.replace(path)
    except OSError as error:
        raise cli.InputError(f"--output {path}: {error.strerror}") from error


if __name__ == "__main__":
    cli.main(__doc__, (Config, predict))
