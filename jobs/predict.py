"""Answer texts with a finished run's model: from the command line, standard input, or a file in the task's format.

    python -m jobs.predict --run 7f3a --text "快递三天没有更新"
    cat texts.txt | python -m jobs.predict --run 7f3a
    python -m jobs.predict --run 7f3a --input new.csv --output answers.jsonl
    python -m jobs.predict --run 7f3a --stream      # answers each line at once; a line is a JSON object of the fields

A pair takes two texts, a question its context and itself; on standard input they stand in one line with a tab between.
Each line of the output has the row's id, the prediction and its confidence; classes also have their probabilities.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.evidence import metrics
from engine.text.decode import decode, nest_entities, spell
from engine.text.encode import encode
from engine.text.tasks import Example, TaskSpec, get_task
from jobs import checkpoints, cli, typed_fields
from jobs.checkpoints import BEST
from jobs.clue import settings as clue_settings
from jobs.clue import started, train_ngram
from jobs.clue.data import sources as clue_data
from jobs.clue.data.parsing import NESTED, mended
from jobs.clue.models import ngram
from jobs.clue.models.heads import build
from jobs.files import aside
from jobs.models import names, saving
from jobs.text_lines import lines_of, read_text
from store import paths

if TYPE_CHECKING:
    from engine.model.heads import TaskModel
    from engine.text.decode import Decoded
    from jobs.clue.models.ngram import NgramModel

SHOWN = 5
"""classes shown of a text from the command line"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Answer texts with a finished run's model."""

    run: str
    """run that kept a model (an unambiguous part of its id, or latest)"""
    text: tuple[str, ...] = ()
    """texts to answer: one or several; of a pair both, of a question its context and itself (and the choices)"""
    input: Path | None = None
    """file in the format of the run's task, labels are optional; without it and --text: standard input"""
    output: Path | None = None
    """file to write, one JSON object a line (default: standard output)"""
    stream: bool = False
    """answer standard input line by line as it comes; a line is a JSON object of the task's fields"""
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

    def answer(self, examples: Sequence[Example], device: str) -> Decoded:
        """Answers to the examples."""
        from engine.model.training import predict as forward

        model = self.model.to(clue_settings.pick_device(device))
        rows = encode(self.spec, examples, self.tokenizer, max_length=self.max_length)
        return decode(self.spec, rows, examples, forward(model, rows))


@dataclasses.dataclass(frozen=True, slots=True)
class TrainedNgrams:
    """The linear model of an n-gram run."""

    spec: TaskSpec
    model: NgramModel

    def answer(self, examples: Sequence[Example], device: str) -> Decoded:
        """Answers to the examples; a linear model needs no device."""
        return train_ngram.answer(self.spec, self.model, examples)


def predict(config: Config) -> None:
    """Read, answer, write or show."""
    if config.text and config.input:
        raise cli.InputError("--text and --input cannot be combined")
    if config.output and not config.output.parent.is_dir():
        raise cli.InputError(f"--output: {config.output.parent} is not a folder")
    if config.stream and (config.text or config.input or config.output):
        raise cli.InputError("--stream reads standard input and writes standard output: no --text, --input, --output")
    path = find_checkpoint(config.run, config.db)
    trained = load(path)
    if config.stream:
        answer_lines(trained, config.device)
        return
    examples = read(trained.spec, config)
    decoded = trained.answer(examples, config.device)
    lines = [json.dumps(line, ensure_ascii=False) for line in answers(trained.spec, examples, decoded)]
    if config.output:
        write(config.output, lines)
        print(f"{len(examples):,} answers of run {path.parent.name} ({trained.spec.name}) in {config.output}")
    elif config.text:
        shown = zip(examples, answers(trained.spec, examples, decoded), strict=True)
        print("\n".join(readable(trained.spec, example, line) for example, line in shown))
    else:
        print("\n".join(lines))
    if all(example.label is not None for example in examples):
        scores = metrics.score(trained.spec, examples, decoded.predictions, independent=decoded.independent)
        said = "the rows have labels: " + "   ".join(f"{name} {value:.4f}" for name, value in scores.items())
        print(said, file=sys.stdout if config.output else sys.stderr)


def answer_lines(trained: Trained | TrainedNgrams, device: str) -> None:
    """Answer each line of standard input before the next is read: `{"answers": [...]}`, or `{"error": "..."}`."""
    print(json.dumps({"task": trained.spec.name, "fields": trained.spec.fields}, ensure_ascii=False), flush=True)
    for raw in sys.stdin.buffer:
        said: dict[str, Any]
        try:
            line = raw.decode()
            values = mended(json.loads(line))
            if not isinstance(values, dict):
                raise cli.InputError(f"a line must be a JSON object of the fields, got {line.strip()[:100]}")
            rows = typed_fields.examples(trained.spec, values)
            said = {"answers": answers(trained.spec, rows, trained.answer(rows, device))}
            for answer, row in zip(said["answers"], rows, strict=True):
                answer["fields"] = row.fields
        except UnicodeDecodeError as error:
            said = {"error": f"not UTF-8 ({error.reason} at byte {error.start})"}
        except json.JSONDecodeError as error:
            said = {"error": f"not JSON ({error.msg} at column {error.colno})"}
        except RecursionError:
            said = {"error": NESTED}
        except cli.InputError as error:
            said = {"error": str(error)}
        print(json.dumps(said, ensure_ascii=False), flush=True)


def read(spec: TaskSpec, config: Config) -> list[Example]:
    """The rows to answer, from wherever they come.

    Raises:
        InputError: if there are none, or they are not as the task's rows are.
    """
    if config.text:
        return typed(spec, mended(list(config.text)))
    if config.input:
        notes: list[str] = []
        found = clue_data.read_rows(spec, config.input, notes)
        print("".join(f"note: {note}\n" for note in notes), end="", file=sys.stderr)
        return found
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standard-input.jsonl"
        path.write_bytes(sys.stdin.buffer.read())
        try:
            return _piped(spec, path)
        except cli.InputError as error:
            raise cli.InputError(str(error).replace(str(path), "standard input")) from error


def _piped(spec: TaskSpec, path: Path) -> list[Example]:
    """The rows of standard input, which lies in a file: JSON as in the task's files, or texts, one row a line."""
    content = read_text(path)
    if not content.strip():
        raise cli.InputError("standard input is empty: give --text, --input, or texts on standard input")
    if content.lstrip()[0] in "{[" and spec.layout in ("rows", "table", "blanks"):
        return clue_data.read_rows(spec, path)
    lines = lines_of(content)  # answer i belongs to line i, a blank one too
    if spec.kind in ("classification", "entities"):
        return typed(spec, lines, blank_ok=True)
    rows = [_typed_line(spec, line, number) for number, line in enumerate(lines, 1)]
    return [dataclasses.replace(row, example_id=str(i), group=str(i)) for i, (row,) in enumerate(rows)]


def _typed_line(spec: TaskSpec, line: str, number: int) -> list[Example]:
    """The example of a line of texts with tabs in between; one of its texts may be blank."""
    try:
        return typed(spec, line.split("\t"), blank_ok=True)
    except cli.InputError as error:
        raise cli.InputError(f"line {number}: {error}") from error


def typed(spec: TaskSpec, texts: Sequence[str], *, blank_ok: bool = False) -> list[Example]:
    """Examples of texts that somebody typed.

    Raises:
        InputError: if the task needs another number of texts, or more than texts.
    """
    kinds = {spec.field_kind(name) for name in spec.fields}
    if "marks" in kinds or (spec.kind in ("pair", "choice") and (spec.fills_blanks or spec.texts)):
        raise cli.InputError(f"a row of {spec.name} is more than texts; give --input a file in its format")
    if not blank_ok and any(not text.strip() for text in texts):
        raise cli.InputError("a text is empty")
    if spec.kind in ("classification", "entities"):
        return [Example(str(i), {spec.fields[0]: text}, group=str(i)) for i, text in enumerate(texts)]
    least = len(spec.fields) + (spec.kind == "choice")
    if len(texts) < least or (spec.kind != "choice" and len(texts) > least):
        named = ", ".join(spec.fields) + (", and at least one more choice" if spec.kind == "choice" else "")
        raise cli.InputError(f"a {spec.kind} task needs {least} texts ({named}), got {len(texts)}")
    fields: dict[str, Any] = dict(zip(spec.fields, texts, strict=False))
    if spec.kind == "choice":
        if "passage" in fields:
            fields["passage"] = [fields["passage"]]
        fields[spec.options] = list(texts[len(spec.fields) - 1 :])
    return [Example("0", fields, group="0")]


def find_checkpoint(part: str, db: Path | None) -> Path:
    """Checkpoint of the run that `part` of an id names; `latest` is the newest run that has one.

    Raises:
        InputError: if no run or several match, or the run has no model.
    """
    if part != "latest":
        run_id = started.find(part, db, flag="--run")
        path = paths.locate(db).folder_of(run_id) / BEST
        if not path.is_file():
            raise cli.InputError(f"run {run_id} has no model ({why_no_model(run_id, db)})")
        return path
    found = sorted(paths.locate(db).artifacts.glob(f"*/{BEST}"))
    if not found:
        raise cli.InputError(f"--run latest: no run with a model in {paths.locate(db).artifacts}")
    return found[-1]


def why_no_model(run_id: str, db: Path | None) -> str:
    """Why a run's folder holds no model, and what to do."""
    was = started.read(run_id, db)
    if was.several:
        children = ", ".join(child.run_id for child in reversed(started.children(run_id, db)[:5]))
        return f"it is the parent of several trainings; name one of them: {children}"
    if was.config.model == names.NGRAM:
        return "n-gram runs of earlier versions kept none; train it again with --model ngram"
    return f"no {BEST}; it was stopped before its first evaluation"


def load(path: Path) -> Trained | TrainedNgrams:
    """The model, tokenizer and task of a checkpoint."""
    state, about = checkpoints.load(path, arrays_of=(names.NGRAM,))
    with cli.input_errors(str(path)):
        spec = TaskSpec.from_dict(about["task_spec"]) if about.get("task_spec") else get_task(about["task"])
        if about.get("kind") == names.NGRAM:
            return TrainedNgrams(spec, ngram.restore(state, about))
        encoder, tokenizer = saving.restore(about)
        model = build(encoder, spec, head=about.get("head", "ours"), pooling=about["pooling"])
        model.load_state_dict(state["model"])
    return Trained(spec, model, tokenizer, about["max_length"])


def answers(spec: TaskSpec, examples: Sequence[Example], decoded: Decoded) -> list[dict[str, Any]]:
    """One json-ready object per example."""
    lines = []
    for index, (example, answer) in enumerate(zip(examples, decoded.predictions, strict=True)):
        shown: Any = spell(spec, example, answer)
        if spec.kind == "entities":
            shown = nest_entities(example.fields["text"], answer)
        line = {"id": example.example_id, "prediction": shown, "confidence": round(float(decoded.confidence[index]), 6)}
        if decoded.probs is not None:
            choices = len(example.fields[spec.options]) if spec.kind == "choice" else 0
            names = spec.labels or [str(number) for number in range(choices)]
            line["probabilities"] = {
                name: round(float(share), 6) for name, share in zip(names, decoded.probs[index], strict=False)
            }
        lines.append(line)
    return lines


def readable(spec: TaskSpec, example: Example, line: dict[str, Any]) -> str:
    """An answer for a person: the prediction, and the likeliest classes or choices with their probabilities."""
    titles = dict(zip(spec.labels, spec.label_titles or spec.labels, strict=True))
    if spec.kind == "choice":
        titles = {str(number): str(text) for number, text in enumerate(example.fields[spec.options])}

    def named(label: str) -> str:
        return label if titles.get(label, label) == label else f"{label} {titles[label]}"

    if "probabilities" not in line:
        return f"{json.dumps(line['prediction'], ensure_ascii=False)}   {line['confidence']:.1%}"
    ranked = sorted(line["probabilities"].items(), key=lambda item: -item[1])[:SHOWN]
    return f"{named(line['prediction'])}   ({', '.join(f'{named(label)} {share:.1%}' for label, share in ranked)})"


def write(path: Path, lines: Sequence[str]) -> None:
    """Write the lines, to the side first."""
    try:
        with aside(path) as side:
            side.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise cli.InputError(f"--output {path}: {error.strerror}") from error


if __name__ == "__main__":
    cli.main(__doc__, (Config, predict))
