"""Load an encoder with its tokenizer: `tiny` from scratch, a folder, or a name on the model hub.

BERT and the families of `engine.model.families` run on our own packed encoder; whatever else transformers knows runs
on its own model behind the same interface (`engine.model.padded`), slower. Code that a model brings is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs import cli
from jobs.models import names
from jobs.models.config_file import read_config
from jobs.models.padded import load_padded
from jobs.models.tokenizer_files import read_tokenizer
from jobs.models.weight_files import read_tensors, weight_files

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.encoders import BertEncoder, Encoder, EncoderConfig

Pooler = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An encoder with its tokenizer."""

    name: str
    encoder: Any
    """an `engine.model.encoders.Encoder`, a module of torch"""
    tokenizer: Any
    """an `engine.text.tokenizer.Tokenizer`"""
    pretrained: bool
    pooler: Pooler | None = None
    """weight and bias of the checkpoint's pooler"""
    note: str = ""
    """what to tell the user, one sentence"""


def load(
    model: str,
    *,
    texts: Callable[[], Iterable[str]] | None = None,
    seed: int = 42,
    activation: str = "gelu",
    packed: bool = True,
) -> Loaded:
    """Load `model`.

    Args:
        model: tiny, a folder, or a hub name.
        texts: gives the training texts whose characters are the vocabulary of `tiny`.
        seed: of the initial weights of `tiny`.
        activation: between the two layers of the perceptrons of `tiny`; other encoders have their own.
        packed: False takes transformers' own model for every family.

    Raises:
        InputError: one sentence that says what is missing or of another kind.
    """
    if model == names.TINY:
        if texts is None:
            raise cli.InputError("the tiny model has no weights of its own here; name a folder or a hub model")
        return tiny(texts(), seed=seed, activation=activation)
    names.check_name(model)
    return load_folder(names.folder_of(model), name=model, packed=packed)


def tiny(texts: Iterable[str], *, seed: int, activation: str = "gelu") -> Loaded:
    """A fresh encoder of 2 layers, 128 wide, over the characters of `texts`."""
    import torch

    from engine.model.encoders import BertEncoder, EncoderConfig

    tokenizer = WordPiece(build_vocabulary(texts))
    with cli.input_errors("--activation"):
        shape = EncoderConfig(vocab_size=tokenizer.size, attention_dropout=0.0, activation=activation)
    encoder = BertEncoder(shape)
    encoder.initialize(torch.Generator().manual_seed(seed))
    return Loaded(names.TINY, encoder, tokenizer, pretrained=False)


def load_folder(folder: Path, *, name: str = "", packed: bool = True) -> Loaded:
    """Load a folder with config.json, weights and a tokenizer."""
    config = read_config(folder)
    files = weight_files(folder)
    tokenizer = read_tokenizer(folder)
    reason = why_padded(config) if packed else "asked for"
    encoder: Encoder
    if reason:
        encoder, pooler = load_padded(folder, config, files)
        note = "" if not packed else f"{reason}: transformers' own model on padded rows, slower than the packed one"
    else:
        encoder, pooler = _load_packed(folder, config, files)
        note = ""
    if tokenizer.size > encoder.config.vocab_size:
        raise cli.InputError(
            f"{folder}: the tokenizer has {tokenizer.size} tokens, the encoder {encoder.config.vocab_size} embeddings"
        )
    return Loaded(name or str(folder), encoder, tokenizer, pretrained=True, pooler=pooler, note=note)


def why_padded(config: Mapping[str, Any]) -> str:
    """Why a config cannot run on the packed encoder; empty where it can."""
    from engine.model.families.registry import FAMILIES

    family = FAMILIES.get(config["model_type"])
    return family.obstacle(config) if family else f"a {config['model_type']!r} encoder"


def shape_of(folder: Path, config: Mapping[str, Any]) -> EncoderConfig:
    """Shape of the packed encoder in `folder`."""
    from engine.model.families.registry import config_from_hf

    try:
        return config_from_hf(config)
    except (KeyError, TypeError) as error:
        raise cli.InputError(f"{folder / 'config.json'} lacks or misspells {error}") from error
    except ValueError as error:
        raise cli.InputError(f"{folder / 'config.json'}: {error}") from error


def _load_packed(folder: Path, config: Mapping[str, Any], files: list[Path]) -> tuple[BertEncoder, Pooler | None]:
    from engine.model.encoders import BertEncoder
    from engine.model.families.layout import pooler_from
    from engine.model.families.registry import weights_from_hf

    shape = shape_of(folder, config)
    with cli.input_errors(str(folder)):
        tensors = read_tensors(files)
        weights = weights_from_hf(tensors, shape)
        pooler = as_arrays(pooler_from(tensors, shape.family))
    encoder = BertEncoder(shape)
    encoder.load_state_dict(weights)
    return encoder, pooler


def as_arrays(pooler: tuple[Tensor, Tensor] | None) -> Pooler | None:
    """Weight and bias as float32 arrays."""
    return None if pooler is None else (pooler[0].numpy(), pooler[1].numpy())


def is_packed(encoder: Encoder) -> bool:
    """Whether an encoder is our own."""
    from engine.model.encoders import BertEncoder

    return isinstance(encoder, BertEncoder)
