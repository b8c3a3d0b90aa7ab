"""`python -m jobs.whitening export`: an encoder with its whitening as a model of sentence-transformers, same vectors.

The whitening of a pooled vector x is (x - mean) kernel, a dense layer with weight kernel^T and bias -mean kernel.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.embeddings.pooling import Pooling
from engine.embeddings.whitening import Whitening, fit_whitening
from jobs import cli
from jobs.models import saving
from jobs.whitening.sentence_encoders import NATIVE, BertSentences, open_encoder
from jobs.whitening.settings import parse
from jobs.whitening.sts import sets, sources

if TYPE_CHECKING:
    from jobs.whitening.config import Export

KIND_NAMES = {"mean": "mean", "cls": "cls", "max": "max"}
MODULE = "sentence_transformers.models"


def start(config: Export) -> None:
    """Encode the sentences, fit the whitening, write the folder."""
    encoder = open_encoder(config.encoder, device=config.device, db=config.db)
    if not isinstance(encoder, BertSentences):
        raise cli.InputError(f"--encoder {config.encoder}: only an encoder of hidden states can be exported")
    (pooling,) = parse([config.pooling or next(name for name in encoder.poolings if name != NATIVE)], encoder)
    if pooling.name == NATIVE:
        raise cli.InputError("--pooling native has modules of its own; name a pooling of hidden states such as cls")
    texts = _texts(config)
    with cli.input_errors(encoder.name):
        views = encoder.encode(texts, pooling.views, max_length=config.max_length, advance=lambda done: None)
        vectors = encoder.combine(pooling, views)
        whitening = fit_whitening(vectors, n_components=config.components)
    write(config.output, encoder, pooling, whitening, max_length=config.max_length)
    kept = whitening.kernel.shape[1]
    print(f"{config.output}: {encoder.name}, {pooling.name}, whitened on {len(texts):,} sentences, {kept} components")


def _texts(config: Export) -> list[str]:
    """Sentences that give mean and covariance."""
    if config.file is not None:
        return sources.read_sentences(config.file)
    (data,) = sources.load([config.data or "sample"], data_dir=config.data_dir)
    return list(dict.fromkeys(sets.sentences(data.parts)))


def write(folder: Path, encoder: BertSentences, pooling: Pooling, whitening: Whitening, *, max_length: int) -> None:
    """Write the folder of sentence-transformers: encoder, layers, pooling and dense layer."""
    from safetensors.numpy import save_file

    saving.save_folder(folder, encoder.model, encoder.tokenizer)
    longest = min(max_length, encoder.model.config.longest)
    _json(folder / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False})
    width, kind = encoder.width, pooling.views[0].kind
    modules = ["Transformer"]
    layers = [view.layer for view in pooling.views]
    if layers != [encoder.layers]:
        place = _add(folder, modules, "WeightedLayerPooling")
        first = min(layers)
        weights = np.zeros(encoder.layers + 1 - first, np.float32)
        weights[np.array(layers) - first] = 1
        settings = {"num_hidden_layers": encoder.layers, "layer_start": first}
        _json(place / "config.json", {"word_embedding_dimension": width, **settings})
        save_file({"layer_weights": weights}, place / "model.safetensors")
        model = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        _json(folder / "config.json", {**model, "output_hidden_states": True})
    place = _add(folder, modules, "Pooling")
    modes = {f"pooling_mode_{name}_token{'' if name == 'cls' else 's'}": name == kind for name in KIND_NAMES}
    _json(place / "config.json", {"word_embedding_dimension": width, **modes})
    place = _add(folder, modules, "Dense")
    weight, bias = dense_of(encoder, pooling, whitening)
    activation = "torch.nn.modules.linear.Identity"
    shape = {"in_features": width, "out_features": len(weight), "bias": True, "activation_function": activation}
    _json(place / "config.json", shape)
    save_file({"linear.weight": weight, "linear.bias": bias}, place / "model.safetensors")
    listed = [
        {"idx": number, "name": str(number), "path": f"{number}_{kind}" if number else "", "type": f"{MODULE}.{kind}"}
        for number, kind in enumerate(modules)
    ]
    _json(folder / "modules.json", listed)


def dense_of(encoder: BertSentences, pooling: Pooling, whitening: Whitening) -> tuple[np.ndarray, np.ndarray]:
    """Weight (k, d) and bias (k,) that whiten pooled vectors; a pooler, which is linear, is folded in."""
    kernel, mean = whitening.kernel.astype(np.float64), whitening.mean.astype(np.float64)
    weight, bias = kernel.T, -mean @ kernel
    if pooling.pooler and encoder.pooler is not None:
        bias = bias + encoder.pooler[1] @ kernel
        weight = weight @ encoder.pooler[0]
    return np.ascontiguousarray(weight, np.float32), bias.astype(np.float32)


def _add(folder: Path, modules: list[str], kind: str) -> Path:
    place = folder / f"{len(modules)}_{kind}"
    place.mkdir(parents=True, exist_ok=True)
    modules.append(kind)
    return place


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
