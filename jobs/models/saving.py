"""Write an encoder in the layout that everybody reads, and into checkpoints of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.models import lora, padded, tokenizer_files
from jobs.models.any_tokenizer import AnyTokenizer


def save_folder(folder: Path, encoder: Any, tokenizer: Any) -> None:
    """Write config.json, model.safetensors and the tokenizer's files."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config, tensors = _exchange(encoder)
    (folder / "config.json").write_text(json.dumps(config, indent=2, default=str) + "\n", encoding="utf-8")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    save_tokenizer(folder, tokenizer, longest=encoder.config.longest)


def save_standard(folder: Path, model: Any, tokenizer: Any, labels: Sequence[str]) -> None:
    """Write an encoder with its family's own head: what `AutoModelFor...` of transformers loads as a whole."""
    from safetensors.torch import save_file

    from jobs.models.loading import is_packed

    folder.mkdir(parents=True, exist_ok=True)
    config, tensors = _exchange(model.encoder)
    suffix, prefix, head, names = model.exchange(labels)
    config["architectures"] = [config["architectures"][0].removesuffix("Model") + suffix]
    config = {name: value for name, value in config.items() if name not in ("id2label", "label2id", "num_labels")}
    if names:
        config["id2label"] = dict(enumerate(names))
        config["label2id"] = {name: number for number, name in enumerate(names)}
    if not is_packed(model.encoder):
        config["pad_token_id"] = model.encoder.config.pad_id
    if not names and not is_packed(model.encoder):
        config["num_labels"] = 2 if model.kind == "span" else 1
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    named = {f"{prefix}{name}": tensor for name, tensor in tensors.items()} | head
    save_file(named, folder / "model.safetensors", metadata={"format": "pt"})
    save_tokenizer(folder, tokenizer, longest=model.encoder.config.longest)


def save_tokenizer(folder: Path, tokenizer: Any, *, longest: int) -> None:
    """Write vocab.txt for our WordPiece, tokenizer.json for every other tokenizer, and tokenizer_config.json."""
    if isinstance(tokenizer, AnyTokenizer):
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer.rules, ensure_ascii=False), encoding="utf-8")
        named = {f"{name}_token": spelled for name, spelled in tokenizer.names.items()}
        settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", **named}
        if tokenizer.jieba:
            vocabulary = sorted(tokenizer.rules["model"]["vocab"].items(), key=lambda item: item[1])
            (folder / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocabulary), encoding="utf-8")
            (folder / "tokenizer.json").unlink()
            settings["tokenizer_class"] = "RoFormerTokenizer"
            settings["do_lower_case"] = bool(tokenizer.rules["normalizer"].get("lowercase", True))
    else:
        (folder / "vocab.txt").write_text("\n".join(tokenizer.vocabulary) + "\n", encoding="utf-8")
        settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": tokenizer.lower}
    settings["model_max_length"] = longest
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, ensure_ascii=False) + "\n", encoding="utf-8")


def _exchange(encoder: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json and tensors of an encoder, under its family's names."""
    from engine.model.families.registry import config_to_hf, weights_to_hf
    from jobs.models.loading import is_packed

    if is_packed(encoder):
        return config_to_hf(encoder.config), weights_to_hf(encoder)
    model = encoder.model
    state = lora.merged_state(model) if encoder.lora_rank else model.state_dict()
    kept = {name: tensor.detach().float().cpu().clone().contiguous() for name, tensor in state.items()}
    return {**encoder.config.whole, "architectures": [type(model).__name__]}, kept


def describe(encoder: Any, tokenizer: Any) -> dict[str, Any]:
    """What a checkpoint keeps besides weights, so that `restore` makes encoder and tokenizer again."""
    about = {"encoder": _plain(encoder.config.to_dict()), **tokenizer_files.describe(tokenizer)}
    rank = getattr(encoder, "lora_rank", 0)
    return {**about, "lora": rank} if rank else about


def restore(about: Mapping[str, Any]) -> tuple[Any, Any]:
    """Encoder and tokenizer that a checkpoint describes; the encoder's weights are still to be loaded."""
    from engine.model.encoders import BertEncoder, EncoderConfig

    shape = about["encoder"]
    encoder: Any = padded.restore(shape["whole"]) if "whole" in shape else BertEncoder(EncoderConfig(**shape))
    if about.get("lora"):
        lora.add_adapters(encoder, about["lora"])
    return encoder, tokenizer_files.restore(about)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives them back."""
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain
