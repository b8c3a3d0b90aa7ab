"""config.json of an encoder: read, and what cannot be honoured refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs import cli, text_lines

RAW = ("quantization_config", "compression_config")
LOOK_BOTH_WAYS = ("bert", "ernie", "electra", "roberta", "xlm-roberta")
"""families in which transformers obeys is_causal for some batches and not for others"""
_POSITIONS_OF_OUR_OWN = ("esm", "evolla")  # families whose code still reads position_embedding_type


def read_config(folder: Path) -> dict[str, Any]:
    """The config of a folder that holds an encoder.

    Raises:
        InputError: if there is none, or it asks for something that would be ignored; the field is named.
    """
    path = folder / "config.json"
    config = read_json(path)
    if "model_type" not in config:
        config["model_type"] = _type_of_architecture(config, path)
    if not isinstance(config["model_type"], str):
        raise cli.InputError(f"{path}: model_type must be a name, got {config['model_type']!r}")
    reason = obstacle(config)
    if reason:
        raise cli.InputError(f"{path}: {reason}")
    return config


def obstacle(config: dict[str, Any]) -> str:
    """What of a config no part of this project computes; empty where nothing stands in the way."""
    code = config.get("auto_map")
    if code:
        named = sorted(str(value) for value in code.values()) if isinstance(code, dict) else [str(code)]
        return f"auto_map asks for code of the model's own ({named[0]}), which is never run"
    for name in RAW:
        if config.get(name):
            return f"{name}: quantized weights are not read; take the unquantized model"
    if config.get("pruned_heads"):
        return f"pruned_heads is {config['pruned_heads']!r}: pruned heads are not computed"
    positions = config.get("position_embedding_type")
    if positions not in (None, "absolute") and config["model_type"] not in _POSITIONS_OF_OUR_OWN:
        kind = config["model_type"]
        return f"position_embedding_type {positions!r} is not computed for {kind!r} (expected 'absolute')"
    if config.get("is_causal") and not config.get("is_decoder") and config["model_type"] in LOOK_BOTH_WAYS:
        return f"is_causal: attention that looks back only is not computed for {config['model_type']!r}"
    if config.get("is_encoder_decoder"):
        return f"a {config['model_type']!r} model has an encoder and a decoder; expected an encoder alone"
    return ""


def _type_of_architecture(config: dict[str, Any], path: Path) -> str:
    names = config.get("architectures") or ["BertModel"]
    if not str(names[0]).startswith("Bert"):
        raise cli.InputError(f"{path} has no model_type, and its architecture is {names[0]}")
    return "bert"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: if the file is missing or holds something else.
    """
    value = text_lines.read_json(path)
    if not isinstance(value, dict):
        raise cli.InputError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value
