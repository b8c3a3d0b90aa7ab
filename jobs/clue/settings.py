"""From flags to settings: what a recipe, a task, a model and a machine make of the flags that were left out."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING, Any

from engine.text.tasks import TaskSpec
from jobs import cli

if TYPE_CHECKING:
    from engine.model.training import Precision, Settings
    from engine.text.rows import Rows
    from jobs.clue.config import Config
    from jobs.models.loading import Loaded

SCRATCH_RATE = 1e-3
BLOG_RATE = 5e-4
LORA_RATE = 3e-4
UPDATES_WANTED, TOKENS_WANTED = 1500, 1_500_000
"""of a pretrained model, of one from scratch: small training sets are passed over more often"""


def settle(config: Config, spec: TaskSpec, loaded: Loaded, rows: Rows) -> Config:
    """The config with every flag settled that was left open.

    Args:
        config: the flags.
        spec: the task.
        loaded: the encoder.
        rows: the training rows; their lengths decide the token budget, their number the epochs.
    """
    blog = config.recipe == "blog"
    device = pick_device(config.device)
    batch_size = config.batch_size or spec.batch_size
    accumulation = config.accumulation or spec.accumulation
    tokens = config.tokens_per_batch
    if tokens is None and not blog:
        tokens = token_budget(rows, batch_size)
    per_update = batch_size * accumulation if loaded.pretrained else None
    epochs = config.epochs or (spec.epochs if blog else modern_epochs(spec, rows, per_update=per_update))
    return dataclasses.replace(
        config,
        epochs=epochs,
        batch_size=batch_size,
        tokens_per_batch=tokens,
        accumulation=accumulation,
        learning_rate=config.learning_rate or _learning_rate(config, loaded),
        weight_decay=0.0 if blog else config.weight_decay,
        warmup=0.0 if blog else config.warmup,
        precision=pick_precision(config.precision, device),
        device=device,
        max_length=config.max_length or spec.max_length,
    )


def of_recipe(config: Config) -> dict[str, str]:
    """What the recipe alone decides."""
    if config.recipe == "blog":
        return {"optimizer": "adafactor", "schedule": "constant"}
    return {"optimizer": "adamw", "schedule": "linear"}


def of_loop(config: Config) -> Settings:
    """What the training loop gets of a settled config."""
    from engine.model.training import Settings

    assert config.epochs is not None
    assert config.batch_size is not None
    assert config.accumulation is not None
    recipe = of_recipe(config)
    return Settings(
        epochs=config.epochs,
        batch_size=config.batch_size,
        tokens_per_batch=config.tokens_per_batch,
        accumulation=config.accumulation,
        clip_norm=1.0 if recipe["optimizer"] == "adamw" else None,
        precision=config.precision,  # type: ignore[arg-type]
        warmup=config.warmup,
        schedule=recipe["schedule"],  # type: ignore[arg-type]
        seed=config.seed,
        fgm=config.fgm,
        rdrop=config.rdrop,
        ema=config.ema,
    )


def token_budget(rows: Rows, batch_size: int) -> int:
    """Tokens of a batch that holds `batch_size` examples of average size."""
    units = rows.n_examples if rows.grouped else rows.n_rows
    return max(1, round(batch_size * len(rows.tokens) / units))


def modern_epochs(spec: TaskSpec, rows: Rows, *, per_update: int | None) -> int:
    """Epochs by the size of the training set: at least 3, at most the post's.

    A pretrained model gets about `UPDATES_WANTED` updates of `per_update` examples; one from scratch (None), whose
    time is what counts, about `TOKENS_WANTED` tokens.
    """
    if per_update is None:
        wanted = TOKENS_WANTED / len(rows.tokens)
    else:
        units = rows.n_examples if rows.grouped else rows.n_rows
        wanted = UPDATES_WANTED * per_update / units
    return min(max(3, math.ceil(wanted)), spec.epochs)


def _learning_rate(config: Config, loaded: Loaded) -> float:
    if config.recipe == "blog":
        return BLOG_RATE
    if not loaded.pretrained:
        return SCRATCH_RATE
    if config.lora:
        return LORA_RATE
    return pretrained_rate(loaded.encoder.config.hidden_size)


def pretrained_rate(hidden_size: int) -> float:
    """Peak learning rate of a pretrained encoder by its width.

    It was measured at one width. An encoder of width 256, trained for 3 epochs on 1,500 titles of TNEWS with three
    seeds, reached 41.66 % of unseen rows at 3e-4, 42.20 at 5e-4 and 40.94 at 1e-3 (docs/RESULTS.md): 1e-3 is worse,
    the other two cannot be told apart. From a width of 768 on the rate is 2e-5, as usual for
    base and large models; in between nothing was measured, and the third power of the width goes through both.
    """
    return 2e-5 * min(max(768 / hidden_size, 1.0) ** 3, 25.0)


def pick_device(name: str) -> str:
    """The device to compute on.

    Raises:
        InputError: if the machine has no such device.
    """
    import torch

    if name == "auto":
        local = os.environ.get("LOCAL_RANK")
        if torch.cuda.is_available():
            return f"cuda:{local}" if local is not None else "cuda"
        return "cpu"
    kind = name.split(":")[0]
    with cli.input_errors("--device"):
        if kind not in ("cpu", "cuda", "mps"):
            raise ValueError(f"expected auto, cpu, cuda or mps, got {name!r}")
        index = name.partition(":")[2]
        if index and not index.isdigit():
            raise ValueError(f"expected a number after the colon, got {name!r}")
        if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
            raise ValueError(f"{name} is not there ({torch.cuda.device_count()} CUDA devices found)")
        if kind == "mps" and not torch.backends.mps.is_available():
            raise ValueError("mps is not available on this machine")
    return name


def pick_precision(name: str, device: str) -> Precision:
    """The precision of training on `device`.

    Raises:
        InputError: if the device does not have it.
    """
    import torch

    kind = device.split(":")[0]
    has_bf16 = torch.cuda.is_bf16_supported() if kind == "cuda" else kind == "cpu" and cpu_has_bf16()
    if name == "auto":
        return "bf16" if has_bf16 else "fp32"
    if name == "fp16" and kind != "cuda":
        raise cli.InputError(f"--precision fp16 needs a CUDA device, not {device}; use bf16 or fp32")
    return name  # type: ignore[return-value]


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware."""
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name)()) for name in checks if hasattr(torch.cpu, name))


SHOWN = (
    *("model", "recipe", "epochs", "batch_size", "tokens_per_batch", "accumulation", "learning_rate"),
    *("weight_decay", "warmup", "precision", "device", "max_length"),
)


def lines(config: Config) -> str:
    """A settled config for the terminal, one setting a line."""
    settings: dict[str, Any] = {name: getattr(config, name) for name in SHOWN} | of_recipe(config)
    width = max(map(len, settings))
    return "\n".join(f"  {name:<{width}}  {'' if value is None else value}" for name, value in settings.items())
