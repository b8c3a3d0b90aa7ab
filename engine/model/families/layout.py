"""What a family of BERT-like checkpoints writes into its files, and what becomes of it here.

All of them name their tensors as BERT does, behind a prefix that depends on the family and on who saved them; a family
says what else it has. `read` and `write` translate config.json, `weights_from` and `weights_to` the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.model.encoders import BertEncoder, EncoderConfig, find_activation

ANCHOR = "embeddings.word_embeddings.weight"
"""the tensor whose name tells the prefix of all others"""

_FIELDS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
}
_OPTIONAL = {
    "segments": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "norm_eps": "layer_norm_eps",
    "activation": "hidden_act",
    "initializer_range": "initializer_range",
}
_NUMBERS = frozenset({"dropout", "attention_dropout", "norm_eps", "initializer_range"})
_EMBEDDINGS = {
    "words.weight": ANCHOR,
    "positions.weight": "embeddings.position_embeddings.weight",
    "segments.weight": "embeddings.token_type_embeddings.weight",
    "norm.weight": "embeddings.LayerNorm.weight",
    "norm.bias": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
_SAVED_AS = ("bert", "ernie", "electra", "roberta")
"""prefixes that tell the family whose model was saved"""
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
"""counts 0, 1, 2, ... that old checkpoints carry along"""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of checkpoint.

    Args:
        model_type: as in config.json.
        architecture: the class of transformers whose weights these are.
        extra: more fields of `EncoderConfig` and the names they have in config.json.
        tensors: more tensors of the encoder and the names they have in a checkpoint.
    """

    model_type: str
    architecture: str
    extra: Mapping[str, str] = field(default_factory=dict)
    tensors: Mapping[str, str] = field(default_factory=dict)

    def obstacle(self, config: Mapping[str, Any]) -> str:
        """What of a config.json the packed encoder does not compute; empty where it computes all of it."""
        for name in ("is_decoder", "add_cross_attention"):
            if config.get(name):
                return f"{name} is {config[name]!r}"
        activation = config.get("hidden_act", "gelu")
        try:
            find_activation(activation)
        except (ValueError, TypeError, AttributeError):
            return f"hidden_act is {activation!r}"
        return ""

    def read(self, config: Mapping[str, Any]) -> EncoderConfig:
        """The shape that a config.json describes.

        Raises:
            KeyError: if it lacks a size.
            ValueError: if a value means nothing, or something that the packed encoder does not compute.
        """
        if obstacle := self.obstacle(config):
            raise ValueError(f"the packed encoder cannot compute this: {obstacle}")
        values = {ours: config[theirs] for ours, theirs in _FIELDS.items()}
        optional = {**_OPTIONAL, **self.extra}
        values |= {ours: config[theirs] for ours, theirs in optional.items() if config.get(theirs) is not None}
        for ours in _NUMBERS & values.keys():
            if isinstance(values[ours], bool) or not isinstance(values[ours], int | float):
                raise ValueError(f"{_OPTIONAL[ours]} must be a number, got {values[ours]!r}")
        return EncoderConfig(family=self.model_type, **self.adjust(values, config))

    def adjust(self, values: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Values of `EncoderConfig` that follow from several fields of config.json."""
        return values

    def write(self, config: EncoderConfig) -> dict[str, Any]:
        """The config.json of a shape; `read` gives the shape back."""
        names = {**_FIELDS, **_OPTIONAL, **self.extra}
        values = {theirs: getattr(config, ours) for ours, theirs in names.items()}
        return {"model_type": self.model_type, "architectures": [self.architecture], **values}

    def weights_from(self, tensors: Mapping[str, Tensor], config: EncoderConfig) -> dict[str, Tensor]:
        """The packed encoder's weights in the tensors of a checkpoint, in float32.

        Raises:
            ValueError: names the first tensor that is missing, unknown, not finite, or of another shape or type than
                the config says.
        """
        prefix = find_prefix(tensors, self.model_type)
        plain = {_plain(name, prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        shapes = BertEncoder.shapes(config)
        weights: dict[str, Tensor] = {}
        used: set[str] = set()
        for ours, theirs in self.names(config).items():
            lacking = [name for name in theirs if name not in plain]
            if lacking:
                raise ValueError(
                    f"the checkpoint has no tensor {prefix + lacking[0]!r}; it is not the {self.model_type} encoder "
                    "that its config describes"
                )
            parts = [_usable(name, plain[name]) for name in theirs]
            weights[ours] = torch.cat(parts) if len(parts) > 1 else parts[0]
            used.update(theirs)
            if tuple(weights[ours].shape) != shapes[ours]:
                came = f"{tuple(weights[ours].shape)}, the config says {shapes[ours]}"
                raise ValueError(f"tensor {ours!r} ({theirs[0]}) has shape {came}")
        unknown = sorted(name for name in plain if _of_the_encoder(name) and name not in used)
        if unknown:
            raise ValueError(
                f"the config does not account for the tensor {prefix + unknown[0]!r} ({len(unknown)} such); "
                "its states would be other ones"
            )
        return weights

    def weights_to(self, encoder: BertEncoder) -> dict[str, Tensor]:
        """The encoder's weights under the names of a checkpoint; `weights_from` gives them back."""
        own = {name: tensor.detach().float().cpu() for name, tensor in encoder.state_dict().items()}
        weights = {}
        for ours, theirs in self.names(encoder.config).items():
            for name, tensor in zip(theirs, own[ours].chunk(len(theirs)), strict=True):
                weights[name] = tensor.contiguous()
        return weights

    def names(self, config: EncoderConfig) -> dict[str, Sequence[str]]:
        """For each weight here those of a checkpoint, one or the three of query, key and value."""
        present = BertEncoder.shapes(config)
        names: dict[str, Sequence[str]] = {
            ours: [theirs] for ours, theirs in {**_EMBEDDINGS, **self.tensors}.items() if ours in present
        }
        for number in range(config.layers):
            source, target = f"layers.{number}.", f"encoder.layer.{number}."
            for part in ("weight", "bias"):
                thirds = [f"{target}attention.self.{name}.{part}" for name in ("query", "key", "value")]
                names[f"{source}qkv.{part}"] = thirds
                for ours, theirs in _LAYER.items():
                    names[f"{source}{ours}.{part}"] = [f"{target}{theirs}.{part}"]
        return names


def find_prefix(tensors: Mapping[str, Any], model_type: str) -> str:
    """What stands before the names of the encoder's tensors: `bert.`, `model.bert.`, `module.`, nothing, ...

    Raises:
        ValueError: if no tensor or several could be the word embeddings.
    """
    found = sorted({name.removesuffix(ANCHOR) for name in tensors if name.endswith(ANCHOR)}, key=len)
    own = [prefix for prefix in found if prefix in ("", f"{model_type}.")]
    if len(found) == 1 or own:
        _refuse_other_positions((own or found)[0], model_type)
        return (own or found)[0]
    if not found:
        raise ValueError(f"the checkpoint has no tensor {ANCHOR!r}; it is not a {model_type} encoder")
    raise ValueError(f"the checkpoint holds several encoders: {', '.join(name + ANCHOR for name in found)}")


def _refuse_other_positions(prefix: str, model_type: str) -> None:
    """Refuse the tensors of a BERT under a config of RoBERTa's kind, or the reverse: they number positions apart."""
    said = prefix.rstrip(".").rpartition(".")[2]
    if said in _SAVED_AS and (said == "roberta") != ("roberta" in model_type):
        raise ValueError(f"the tensors are saved as {said!r}, which numbers positions otherwise than {model_type!r}")


def pooler_from(tensors: Mapping[str, Tensor], model_type: str) -> tuple[Tensor, Tensor] | None:
    """Weight and bias of a checkpoint's pooler, None where it has none."""
    for prefix in (find_prefix(tensors, model_type), "", f"{model_type}."):
        found = [tensors.get(f"{prefix}pooler.dense.{part}") for part in ("weight", "bias")]
        if found[0] is not None and found[1] is not None:
            return found[0].float(), found[1].float()
    return None


def _plain(name: str, prefix: str) -> str:
    plain = name.removeprefix(prefix)
    return plain.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _of_the_encoder(name: str) -> bool:
    return name.startswith(("embeddings", "encoder.")) and name not in _BUFFERS


def _usable(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        raise ValueError(
            f"tensor {name!r} holds {tensor.dtype}, expected floating point; quantized weights are not read"
        )
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"tensor {name!r} is not finite")
    return tensor.float()
