"""Encoders that transformers' own model computes: loaded with every weight accounted for, written down, made again."""

from __future__ import annotations

import contextlib
import logging as levels
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli
from jobs.models.weight_files import read_tensors

if TYPE_CHECKING:
    from engine.model.padded import PaddedEncoder
    from jobs.models.loading import Pooler


def load_padded(folder: Path, config: Mapping[str, Any], files: Sequence[Path]) -> tuple[PaddedEncoder, Pooler | None]:
    """The encoder in `folder`, and its pooler where the weights have one.

    Raises:
        InputError: if transformers does not know the family, or a weight is missing or has another shape.
    """
    import torch
    from transformers import AutoModel

    from engine.model.padded import PaddedEncoder
    from jobs.models.loading import as_arrays

    shape = known_config(config, folder)
    tensors = read_tensors(files)
    bad = next((name for name, tensor in tensors.items() if not tensor.is_floating_point() and tensor.ndim > 1), None)
    if bad and not bad.endswith(("position_ids", "token_type_ids")):
        raise cli.InputError(f"{folder}: tensor {bad!r} holds {tensors[bad].dtype}; quantized weights are not read")
    with quiet(), cli.input_errors(str(folder)):
        try:
            made = AutoModel.from_config(shape, trust_remote_code=False)  # type: ignore[no-untyped-call]
            model, info = type(made).from_pretrained(
                None,
                config=shape,
                state_dict=rename(tensors, made),
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OSError, ImportError) as error:
            raise ValueError(f"transformers cannot load it: {_first_line(error)}") from error
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    wrong = sorted(str(item[0]) for item in info.get("mismatched_keys") or [])
    if wrong or missing:
        what = f"has another shape for {wrong[0]!r}" if wrong else f"lacks the tensor {missing[0]!r}"
        more = len(wrong or missing)
        raise cli.InputError(
            f"{folder}: the checkpoint {what} ({more} such), which the {shape.model_type} encoder needs"
        )
    for name, parameter in made.named_parameters():  # loading forgets that RoFormer's positions are fixed
        model.get_parameter(name).requires_grad_(parameter.requires_grad)
    pooler = None
    if hasattr(model, "pooler") and model.pooler is not None:
        dense = getattr(model.pooler, "dense", None)
        if dense is not None and not info["missing_keys"]:
            pooler = as_arrays((dense.weight.detach().float(), dense.bias.detach().float()))
        model.pooler = None  # the states come before it
    with cli.input_errors(str(folder)):
        encoder = PaddedEncoder(model.eval())
    return encoder, pooler


def known_config(config: Mapping[str, Any], folder: Path) -> Any:
    """The config as transformers' own class, which checks its values."""
    from transformers import CONFIG_MAPPING

    kind = config["model_type"]
    if kind not in CONFIG_MAPPING:
        raise cli.InputError(
            f"{folder} is a {kind!r} model, which transformers does not know{cli.suggest(kind, CONFIG_MAPPING)}"
        )
    try:
        with quiet():
            made = CONFIG_MAPPING[kind].from_dict(dict(config))
    except Exception as error:  # its checks raise what they like
        raise cli.InputError(f"{folder / 'config.json'}: {_first_line(error)}") from error
    made.dtype = None
    return made


def rename(tensors: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """Tensors without a prefix that transformers does not expect, such as that of a parallel training.

    Raises:
        ValueError: if several encoders could be meant.
    """
    expected = [name for name in model.state_dict() if not name.startswith("pooler.")]
    base = f"{model.base_model_prefix}."
    usual = [prefix for prefix in ("", base) if any(prefix + name in tensors for name in expected)]
    if usual:
        return dict(tensors)
    anchor = expected[0]
    found = sorted(name.removesuffix(anchor) for name in tensors if name.endswith(f".{anchor}"))
    if len(found) != 1:
        said = f"several encoders ({', '.join(found)})" if found else f"no tensor {anchor!r}"
        raise ValueError(f"the checkpoint holds {said}")
    prefix = found[0]
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def restore(whole: Mapping[str, Any]) -> PaddedEncoder:
    """A fresh encoder of the shape that a checkpoint describes; its weights are still to be loaded."""
    from transformers import AutoModel

    from engine.model.padded import PaddedEncoder

    shape = known_config(whole, Path("checkpoint"))
    with quiet():
        model = AutoModel.from_config(shape, trust_remote_code=False)  # type: ignore[no-untyped-call]
    if hasattr(model, "pooler"):
        model.pooler = None
    return PaddedEncoder(model.eval())


HEADS = {
    "classification": "SequenceClassification",
    "pair": "SequenceClassification",
    "choice": "MultipleChoice",
    "span": "QuestionAnswering",
    "entities": "TokenClassification",
}
"""kind of task -> what follows `AutoModelFor` in transformers"""


def whole_model(encoder: PaddedEncoder, kind: str, *, n_labels: int) -> Any:
    """A fresh model of transformers with the head of a kind of task, of the encoder's family and shape.

    Raises:
        ValueError: if the family has no such head.
    """
    import transformers

    outputs = {"choice": 1, "span": 2, "entities": 1 + 2 * n_labels}.get(kind, n_labels)
    known = {name: value for name, value in encoder.config.whole.items() if name not in ("id2label", "label2id")}
    pad_id = encoder.config.pad_id  # a head that looks for the last token must know what padding is
    shape = known_config({**known, "num_labels": outputs, "pad_token_id": pad_id}, Path("checkpoint"))
    name = f"AutoModelFor{HEADS[kind]}"
    with quiet():
        try:
            whole = getattr(transformers, name).from_config(shape, trust_remote_code=False)
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"transformers has no {name} of {shape.model_type}; --head ours works") from error
    base = getattr(whole, whole.base_model_prefix, None)
    if type(base) is not type(encoder.model):
        raise ValueError(f"{name} of {shape.model_type} has another encoder than AutoModel; --head ours works")
    return whole


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and remarks of transformers."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    shown = logging.is_progress_bar_enabled()
    logging.set_verbosity(levels.ERROR)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _first_line(error: BaseException) -> str:
    said = re.sub(r"\s+", " ", str(error).strip()) or type(error).__name__
    return said[:300]
