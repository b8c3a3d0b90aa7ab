"""What a sentence-transformers folder adds to its encoder: pooling, dense and normalising modules, prompt, length."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.embeddings.pooling import View
from engine.embeddings.similarity import unit_rows
from jobs import cli
from jobs.models.weight_files import read_tensors, weight_files
from jobs.text_lines import read_json

KINDS = {
    "cls_token": "cls",
    "cls": "cls",
    "mean_tokens": "mean",
    "mean": "mean",
    "max_tokens": "max",
    "max": "max",
    "mean_sqrt_len_tokens": "sqrt",
    "weightedmean_tokens": "weighted",
    "weightedmean": "weighted",
    "lasttoken": "last",
}
ORDER = ("cls", "max", "mean", "sqrt", "weighted", "last")
"""in which sentence-transformers joins several"""
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


class NativeModules:
    """The modules of a folder.

    Args:
        folder: a folder with modules.json.
        layers: transformer layers of its encoder.

    Raises:
        InputError: names the first module or setting that is not computed here.
    """

    def __init__(self, folder: Path, *, layers: int) -> None:
        self.kinds: tuple[str, ...] = ()
        self.layer_weights: dict[int, float] = {layers: 1.0}
        self.steps: list[tuple[str, Any]] = []
        self.body = folder
        with_prompt = True
        for kind, place in list_modules(folder):
            if kind == "Transformer":
                self.body = place
            elif kind == "WeightedLayerPooling":
                self.layer_weights = _layer_weights(place, layers)
            elif kind == "Pooling":
                self.kinds, with_prompt = _pooling(place / "config.json")
            elif kind == "Dense":
                self.steps.append((kind, _dense(place)))
            elif kind == "Normalize":
                self.steps.append((kind, None))
            elif kind != "Dropout":
                raise cli.InputError(f"{folder}: modules of type {kind} cannot be read")
        if not self.kinds:
            raise cli.InputError(f"{folder / 'modules.json'} names no Pooling module")
        if self.kinds != ("mean",) and len(self.layer_weights) > 1:
            raise cli.InputError(f"{folder}: several layers are only computed with mean pooling, got {self.kinds}")
        self.max_length, self.lower = _transformer_settings(self.body)
        self.prompt = _prompt(folder)
        if self.prompt and not with_prompt:
            raise cli.InputError(f"{folder}: a prompt that its pooling leaves out is not computed here")
        self.fingerprint = self._digest()

    def views(self) -> tuple[View, ...]:
        """Views that the vectors are made of."""
        return tuple(View(kind, layer) for kind in self.kinds for layer in self.layer_weights)

    def prepare(self, texts: Sequence[str]) -> list[str]:
        """Texts as the folder wants them: behind its default prompt, in lower case."""
        return [self.prompt + (text.lower() if self.lower else text) for text in texts]

    def __call__(self, views: Mapping[View, np.ndarray]) -> np.ndarray:
        """Sentence vectors from the views (n, d)."""
        total = sum(self.layer_weights.values())
        parts = []
        for kind in self.kinds:
            weighted = [views[View(kind, layer)] * (weight / total) for layer, weight in self.layer_weights.items()]
            parts.append(np.sum(weighted, axis=0, dtype=weighted[0].dtype))
        vectors: np.ndarray = np.concatenate(parts, axis=1)
        for kind, given in self.steps:
            if kind == "Normalize":
                vectors = unit_rows(vectors)
            else:
                weight, bias, activation = given
                vectors = ACTIVATIONS[activation](vectors @ weight.T + bias)
        return vectors

    def _digest(self) -> str:
        said = [self.kinds, sorted(self.layer_weights.items()), self.max_length, self.lower, self.prompt]
        digest = hashlib.sha256(json.dumps(said).encode())
        for kind, given in self.steps:
            digest.update(f"{kind} {given[2] if given else ''}".encode())
            for array in given[:2] if given else ():
                digest.update(array.tobytes())
        return digest.hexdigest()


def list_modules(folder: Path) -> list[tuple[str, Path]]:
    """Kind and folder of each module in modules.json."""
    listed = read_json(folder / "modules.json")
    if not isinstance(listed, list) or not all(isinstance(m, dict) and {"type", "path"} <= m.keys() for m in listed):
        raise cli.InputError(f"{folder / 'modules.json'}: expected a list of modules with type and path")
    return [(str(module["type"]).rpartition(".")[2], folder / str(module["path"])) for module in listed]


def _transformer_settings(body: Path) -> tuple[int | None, bool]:
    """Greatest length in tokens, and whether texts are lower-cased."""
    path, tokenizer = body / "sentence_bert_config.json", body / "tokenizer_config.json"
    settings = read_json(path) if path.is_file() else {}
    longest = settings.get("max_seq_length")
    if longest is None and tokenizer.is_file():
        longest = read_json(tokenizer).get("model_max_length")
    return (int(longest) if longest and longest < 1e6 else None), bool(settings.get("do_lower_case", False))


def _prompt(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    settings = read_json(path) if path.is_file() else {}
    name = settings.get("default_prompt_name")
    if name is None:
        return ""
    prompts = settings.get("prompts") or {}
    if name not in prompts:
        raise cli.InputError(f"{path}: no prompt is called {name!r}")
    return prompts[name] or ""


def _pooling(path: Path) -> tuple[tuple[str, ...], bool]:
    config = read_json(path)
    prefix = "pooling_mode_"
    modes = [key.removeprefix(prefix) for key, on in config.items() if key.startswith(prefix) and on is True]
    named = config.get("pooling_mode")
    if named:
        modes = [named] if isinstance(named, str) else list(named)
    unknown = [mode for mode in modes if mode not in KINDS]
    if unknown or not modes:
        raise cli.InputError(f"{path}: expected {', '.join(KINDS)} pooling, got {', '.join(unknown) or 'none'}")
    kinds = [KINDS[mode] for mode in modes]
    joined = kinds if isinstance(named, list) else sorted(kinds, key=ORDER.index)
    return tuple(joined), bool(config.get("include_prompt", True))


def _layer_weights(place: Path, layers: int) -> dict[int, float]:
    config, tensors = read_json(place / "config.json"), _tensors(place)
    start, weights = int(config.get("layer_start", 4)), tensors["layer_weights"]
    if start + len(weights) != layers + 1:
        raise cli.InputError(f"{place}: {len(weights)} layer weights from {start} on, the encoder has {layers} layers")
    return {start + number: float(weight) for number, weight in enumerate(weights) if weight}


def _dense(place: Path) -> tuple[np.ndarray, np.ndarray, str]:
    config, tensors = read_json(place / "config.json"), _tensors(place)
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise cli.InputError(f"{place}: a dense module with {activation} is not computed ({', '.join(ACTIVATIONS)})")
    if config.get("use_residual"):
        raise cli.InputError(f"{place}: use_residual is not computed")
    weight = tensors["linear.weight"]
    return weight, tensors.get("linear.bias", np.zeros(len(weight), weight.dtype)), activation


def _tensors(place: Path) -> dict[str, np.ndarray]:
    return {name: tensor.float().numpy() for name, tensor in read_tensors(weight_files(place)).items()}
