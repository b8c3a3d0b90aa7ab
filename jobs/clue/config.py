"""The flags of `python -m jobs.clue`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from engine.text.tasks import CLUE, FEWCLUE, TASKS, tasks_of
from jobs import cli
from jobs.clue.data import training_sets
from jobs.clue.tasks import task_file
from jobs.models import names

OF_ENCODERS = (
    *("epochs", "batch_size", "tokens_per_batch", "accumulation", "learning_rate", "weight_decay", "warmup"),
    *("max_length", "eval_every", "early_stopping", "pooling", "head", "fgm", "rdrop", "ema", "llrd", "dropout"),
    *("segments", "label_smoothing"),
)
"""Flags that the linear model does not know."""
GROUPS = {"all": tasks_of(CLUE), "fewclue": tasks_of(FEWCLUE)}
"""what --task takes for several tasks at once"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config(cli.Options):
    """Train and evaluate on the tasks of CLUE and FewCLUE."""

    task: tuple[str, ...] = ("afqmc",)
    """tasks, `all` of CLUE, `fewclue` (FewCLUE's own three), or task files of one's own (intent.toml); see --list"""
    model: str = "tiny"
    """tiny (2 layers from scratch), ngram (linear baseline), a folder, or a hub name of an encoder"""
    split: tuple[str, ...] = ()
    """FewCLUE's training sets: 0 to 4, few_all, or all for the five and their mean (FewCLUE's tasks: all)"""
    recipe: Literal["modern", "blog"] = "modern"
    """modern: AdamW, warm-up, linear decay, batches of similar length; blog: AdaFactor and settings of kexue.fm/8739"""
    data_dir: Path | None = None
    """folder with a folder per task (default: $CLUE_DATA_DIR, else the hub, else the built-in sample)"""
    train_file: Path | None = None
    """read this instead of the task's training file"""
    dev_file: Path | None = None
    """read this instead of the task's dev file"""
    test_file: Path | None = None
    """read this instead of the task's test files"""
    limit: int | None = None
    """only the first rows of every split; such runs stay off the leaderboard"""
    epochs: int | None = None
    """passes over the training data (default: by recipe and size)"""
    batch_size: int | None = None
    """examples per batch, on average where batches have a token budget (default: the task's)"""
    tokens_per_batch: int | None = None
    """token budget of a batch: rows x longest row (default: batch size x mean length; blog: none)"""
    accumulation: int | None = None
    """batches per update (default: the task's)"""
    learning_rate: float | None = None
    """peak learning rate (default: by recipe and model)"""
    weight_decay: float = 0.01
    """weight decay of matrices (modern)"""
    warmup: float = 0.1
    """share of updates with a rising learning rate (modern)"""
    max_length: int | None = None
    """most tokens of a row (default: the task's)"""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """of training; evaluation is always in float32. auto: bf16 where the processor has it"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps"""
    processes: int = 1
    """processes that train together, started by torchrun or accelerate; any other number is refused"""
    eval_every: int = 0
    """evaluate dev every so many updates besides the end of each epoch; 0: only there"""
    early_stopping: int = 0
    """stop after so many evaluations without a better one; 0: never"""
    pooling: Literal["first", "mean", "max", "last"] = "first"
    """how the tokens of a row become one vector"""
    head: Literal["ours", "standard"] = "ours"
    """standard: the head that transformers gives the family, so that the --output folder loads there as a whole"""
    lora: int = 0
    """train adapters of this rank beside frozen linear layers, on transformers' own model (8 to 64); 0: all weights"""
    fgm: float = 0.0
    """adversarial training: size of the perturbation of the embeddings (1.0 is usual); 0: off"""
    rdrop: float = 0.0
    """R-Drop: alpha (1 to 5) in (CE1 + CE2)/2 + alpha/2 (KL12 + KL21), as in the authors' code; 0: off"""
    ema: float = 0.0
    """evaluate an average of the weights with this decay (0.999); 0: off"""
    llrd: float = 1.0
    """layer-wise learning-rate decay: factor per layer downwards (0.9); 1: off"""
    dropout: float | None = None
    """dropout of the encoder's layers and attention (default: the encoder's own)"""
    segments: bool = False
    """number the two texts of a pair 0 and 1 (default: all tokens 0, as in kexue.fm/8739)"""
    label_smoothing: float = 0.0
    """share of the target spread over all classes; 0: off"""
    init: str = ""
    """rule for the initial matrices of tiny: fan_in, arithmetic, geometric, ... (default: truncated normal of 0.02)"""
    activation: str = ""
    """activation of tiny: gelu, squareplus:0.5, sau:1:trainable, ... (jobs.smoothing; default: gelu)"""
    seeds: tuple[int, ...] = ()
    """train once with each of these seeds, as children of one run"""
    folds: int = 0
    """cross-validate over the training data and average the probabilities; 0: off"""
    output: Path | None = None
    """folder that also gets the model, the predictions and the submission"""
    resume: str = ""
    """go on with this run (an unambiguous part of its id, or latest); needs no other flag"""
    list: bool = False
    """list the tasks, their sizes, and the data found"""
    new_task: Path | None = None
    """look into a data file of one's own and write a first task file for it"""
    dry_run: bool = False
    """show the settings, the data source and an estimate of the time, and train nothing"""


def check(config: Config) -> None:
    """Refuse flags that cannot mean anything, before anything is read."""
    task_names(config.task)
    names.check_name(config.model)
    positive = ("limit", "epochs", "batch_size", "tokens_per_batch", "accumulation", "learning_rate", "max_length")
    for name in (*positive, "processes"):
        value = getattr(config, name)
        if value is not None and value <= 0:
            raise cli.InputError(f"--{name.replace('_', '-')} must be positive, got {value}")
    if config.dropout is not None and not 0 <= config.dropout < 1:
        raise cli.InputError(f"--dropout must be at least 0 and below 1, got {config.dropout:g}")
    shares = {"warmup": (0, 1), "label_smoothing": (0, 0.999), "ema": (0, 0.99999), "llrd": (1e-6, 1)}
    for name, (low, high) in shares.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise cli.InputError(f"--{name.replace('_', '-')} must be between {low:g} and {high:g}, got {value:g}")
    for name in ("fgm", "rdrop", "weight_decay", "eval_every", "early_stopping"):
        if getattr(config, name) < 0:
            raise cli.InputError(f"--{name.replace('_', '-')} must not be negative, got {getattr(config, name):g}")
    training_sets.check(config)
    if config.folds == 1 or config.folds < 0:
        raise cli.InputError(f"--folds must be at least 2 (or 0 for none), got {config.folds}")
    if config.folds and config.seeds:
        raise cli.InputError("--seeds and --folds cannot be combined; run --folds once for each --seed")
    if config.lora < 0:
        raise cli.InputError(f"--lora must not be negative, got {config.lora}")
    if config.lora and (config.model in ("tiny", "ngram") or config.fgm):
        raise cli.InputError("--lora freezes a pretrained encoder: not with tiny, ngram or --fgm")
    if config.head == "standard" and config.pooling != "first":
        raise cli.InputError(f"--head standard reads the first token; --pooling {config.pooling} goes with our heads")
    if config.model == "ngram" and (useless := [name for name in OF_ENCODERS if _given(config, name)]):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
        raise cli.InputError(f"{flags}: for encoders; the linear model ngram has no such setting, leave it out")
    if config.init and config.model != "tiny":
        raise cli.InputError(f"--init is for the tiny model from scratch, not for {config.model}")
    if config.activation and config.model != "tiny":
        raise cli.InputError(f"--activation is for the tiny model from scratch, not for {config.model}")


def _given(config: Config, name: str) -> bool:
    return bool(getattr(config, name) != Config.__dataclass_fields__[name].default)


def several(config: Config) -> bool:
    """Whether the flags ask for more than one training."""
    found = task_names(config.task)
    if len(found) > 1 or config.seeds or config.folds:
        return True
    return len(training_sets.splits_of(config, task_file.find(found[0]))) > 1


def task_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the tasks that were asked for, `all` and `fewclue` spelled out."""
    if not names:
        raise cli.InputError(f"--task: name at least one of {', '.join((*GROUPS, *TASKS))}")
    for name in names:
        if name not in GROUPS:
            task_file.find(name)
    return tuple(dict.fromkeys(single for name in names for single in GROUPS.get(name, (name,))))
