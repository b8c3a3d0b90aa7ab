"""The families that the packed encoder computes, one line each."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from engine.model.encoders import BertEncoder, EncoderConfig
from engine.model.families.bert import BERT
from engine.model.families.electra import ELECTRA
from engine.model.families.ernie import ERNIE
from engine.model.families.layout import Family
from engine.model.families.roberta import ROBERTA, XLM_ROBERTA

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        BERT,
        ERNIE,
        ELECTRA,
        ROBERTA,
        XLM_ROBERTA,
    )
}


def config_from_hf(config: Mapping[str, Any]) -> EncoderConfig:
    """The shape that the config.json of a checkpoint describes.

    Raises:
        KeyError: if it lacks a size.
        ValueError: if the packed encoder does not compute the family, or something the config asks for.
    """
    kind = config.get("model_type", "bert")
    if kind not in FAMILIES:
        raise ValueError(f"expected one of {', '.join(FAMILIES)}, got {kind!r}")
    return FAMILIES[kind].read(config)


def config_to_hf(config: EncoderConfig) -> dict[str, Any]:
    """The config.json of a checkpoint; `config_from_hf` gives the shape back."""
    return FAMILIES[config.family].write(config)


def weights_from_hf(tensors: Mapping[str, Tensor], config: EncoderConfig) -> dict[str, Tensor]:
    """The encoder's weights in the tensors of a checkpoint (see `Family.weights_from`)."""
    return FAMILIES[config.family].weights_from(tensors, config)


def weights_to_hf(encoder: BertEncoder) -> dict[str, Tensor]:
    """The encoder's weights under the names of its family's checkpoints."""
    return FAMILIES[encoder.config.family].weights_to(encoder)
