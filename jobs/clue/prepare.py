"""What a training needs before a run exists: data, rows, model and optimizer, all checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.text.span import long_questions
from engine.text.tasks import Example, TaskSpec, texts_in
from jobs import cli
from jobs.clue import processes, settings
from jobs.clue.data import encoded_rows as clue_rows
from jobs.clue.data import sources as clue_data
from jobs.clue.models.heads import build, take_pooler
from jobs.clue.models.initial_weights import redraw
from jobs.memory import collector_paused
from jobs.models import loading
from jobs.models.lora import add_adapters

if TYPE_CHECKING:
    from engine.model.training import Training, World
    from engine.text.rows import Rows
    from jobs.clue.config import Config


@dataclass(frozen=True, slots=True)
class Fold:
    """Part `number` of `count` of the training data is held out to choose the checkpoint."""

    number: int
    count: int


@dataclass(slots=True)
class Prepared:
    """Everything a training needs, before a run exists."""

    config: Config
    """every flag settled"""
    given: Config
    """the flags as they were given: the run's command and hash"""
    spec: TaskSpec
    data: clue_data.Data
    loaded: loading.Loaded
    train_rows: Rows
    select_rows: Rows
    select: Sequence[Example]
    """the examples that choose the checkpoint: dev, or the part held out of train"""
    training: Training
    split: str
    """dev, or fold"""
    fold: Fold | None = None

    @property
    def max_length(self) -> int:
        """Most tokens of a row."""
        assert self.config.max_length is not None
        return self.config.max_length


def prepare(config: Config, spec: TaskSpec, *, world: World, fold: Fold | None = None) -> Prepared:
    """Read and check all input, and build the model."""
    from engine.model.training import Training

    data = read(config, spec)
    spec = data.spec
    train, select, split = held_out(data, fold)
    activation = config.activation or "gelu"
    loaded = loading.load(
        config.model,
        texts=lambda: (text for example in train for text in texts_in(example.fields)),
        seed=config.seed,
        activation=activation,
        packed=not config.lora,
    )
    if config.lora:
        add_adapters(loaded.encoder, config.lora, seed=config.seed)
    if loaded.note and processes.is_first():
        print(f"  note: {loaded.name}: {loaded.note}")
    if config.init:
        apply_rule(loaded, config)
    adjust(loaded, config, spec)
    shape = loaded.encoder.config
    if config.rdrop and not (shape.dropout or shape.attention_dropout):
        raise cli.InputError(
            f"--rdrop compares two passes with different dropout, and {loaded.name} has none: add --dropout 0.1"
        )
    limit = config.max_length or spec.max_length
    if limit > shape.longest:
        raise cli.InputError(f"--max-length {limit}: {loaded.name} has {shape.longest} positions")
    with cli.input_errors("--max-length"):
        train_rows = clue_rows.encode(spec, train, loaded.tokenizer, max_length=limit, training=True)
        select_rows = clue_rows.encode(spec, select, loaded.tokenizer, max_length=limit)
    if processes.is_first():
        for note in (*untaught(train_rows), *cut_questions(spec, [*train, *select], loaded, limit)):
            print(f"  note: {note}")
    settled = settings.settle(config, spec, loaded, train_rows)
    model = build_model(settled, spec, loaded).to(settled.device)
    with cli.input_errors(spec.name):
        training = Training(
            model,
            build_optimizer(settled, model),
            train_rows,
            settings.of_loop(settled),
            n_labels=len(spec.labels),
            world=world,
        )
    return Prepared(settled, config, spec, data, loaded, train_rows, select_rows, select, training, split, fold)


@collector_paused()
def read(config: Config, spec: TaskSpec) -> clue_data.Data:
    """Read the task's data and say where they come from."""
    data = clue_data.load(
        spec,
        data_dir=config.data_dir,
        limit=config.limit,
        train_file=config.train_file,
        dev_file=config.dev_file,
        test_file=config.test_file,
        few_shot_split=config.split[0] if config.split else "",
    )
    if processes.is_first():
        sizes = [f"train {len(data.train):,}", f"dev {len(data.dev):,}"]
        sizes += [f"test {version} {len(examples):,}" for version, examples in data.tests.items()]
        where = {"files": data.files["train"], "hub": "hub clue/clue", "sample": "built-in sample, not CLUE data"}
        print(f"{spec.name}: {where[data.source]} ({', '.join(sizes)})")
        for note in data.notes:
            print(f"  note: {note}")
    return data


def untaught(rows: Rows) -> list[str]:
    """A note on gold spans that no tokens spell, if there are any."""
    if not rows.unaligned:
        return []
    return [f"train: {rows.unaligned:,} gold spans are not taught, because no whole tokens of the text spell them"]


def cut_questions(spec: TaskSpec, examples: Sequence[Example], loaded: loading.Loaded, max_length: int) -> list[str]:
    """A note that names the questions too long for a row, if there are any (spans)."""
    if spec.kind != "span":
        return []
    found = [example.example_id for example in long_questions(spec, examples, loaded.tokenizer, max_length=max_length)]
    if not found:
        return []
    names = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
    return [f"{len(found):,} questions leave no room for their passage at {max_length} tokens and are cut: {names}"]


def held_out(data: clue_data.Data, fold: Fold | None) -> tuple[list[Example], list[Example], str]:
    """Training examples, the examples that choose the checkpoint, and the name of their split.

    Examples of one group stay on one side.
    """
    if fold is None:
        return data.train, data.dev, "dev"
    groups = list(dict.fromkeys(example.group or example.example_id for example in data.train))
    if len(groups) < fold.count:
        raise cli.InputError(f"--folds {fold.count}: the training data have only {len(groups)} examples")
    order = np.random.default_rng(0).permutation(len(groups))
    out = {groups[index] for index in order[fold.number :: fold.count]}
    inside = [example for example in data.train if (example.group or example.example_id) not in out]
    outside = [example for example in data.train if (example.group or example.example_id) in out]
    return inside, outside, "fold"


def apply_rule(loaded: loading.Loaded, config: Config) -> None:
    """Draw the matrices of a fresh encoder anew by an initialization rule."""
    import torch

    with cli.input_errors("--init"):
        redraw(loaded.encoder, config.init, generator=torch.Generator().manual_seed(config.seed))


def adjust(loaded: loading.Loaded, config: Config, spec: TaskSpec) -> None:
    """Give the encoder the dropout and the segments that the flags ask for."""
    from engine.model.encoders import EncoderConfig, set_dropout

    if config.dropout is not None:
        set_dropout(loaded.encoder, config.dropout)
    if not config.segments:
        return
    shape = loaded.encoder.config
    if spec.kind != "pair":
        raise cli.InputError(f"--segments numbers the two texts of a pair; {spec.name} is a {spec.kind} task")
    if not isinstance(shape, EncoderConfig) or shape.segments < 2:
        raise cli.InputError(f"--segments: {loaded.name} has no embedding of a second segment here")
    loaded.encoder.config = dataclasses.replace(shape, segment_end=loaded.tokenizer.sep_id)


def build_model(config: Config, spec: TaskSpec, loaded: loading.Loaded) -> Any:
    """The encoder with the task's head."""
    import torch

    with cli.input_errors("--head" if config.head == "standard" else "--pooling"):
        model = build(loaded.encoder, spec, head=config.head, pooling=config.pooling, smoothing=config.label_smoothing)
    model.initialize_head(torch.Generator().manual_seed(config.seed + 1))
    take_pooler(model, loaded.pooler)
    return model


def build_optimizer(config: Config, model: Any) -> Any:
    """The recipe's optimizer over the model's parameter groups."""
    from engine.model.encoders import parameter_depth
    from engine.model.optimizers import adafactor, adamw, parameter_groups

    assert config.learning_rate is not None
    groups = parameter_groups(
        model,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        layer_decay=config.llrd,
        depth_of=lambda name: parameter_depth(name, model.encoder),
        layers=model.encoder.config.layers,
    )
    return adamw(groups) if settings.of_recipe(config)["optimizer"] == "adamw" else adafactor(groups)
